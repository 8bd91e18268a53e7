package spel

import (
	"math"
	"math/big"
	"strings"
)

func (n *arithmeticNode) eval(s *state, active any) (any, error) {
	x, y, err := s.both(n.x, n.y, active)
	if err != nil {
		return nil, err
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	if text, ok := x.(string); ok && n.op == tokStar {
		if count, ok := y.(int32); ok {
			return n.repeat(text, int(count))
		}
	}
	return n.compute(x, y)
}

// operation is one arithmetic operator at its place.
type operation struct {
	at
	op tokenKind
}

// compute applies the operator to two numbers.
func (n operation) compute(x, y any) (any, error) {
	if a, ok := x.(int32); ok {
		if b, ok := y.(int32); ok && n.op != tokPower {
			return integers(n, a, b)
		}
	}
	if !isNumber(x) || !isNumber(y) {
		return nil, n.unsupported(x, y)
	}
	return n.numbers(x, y)
}

func (n operation) unsupported(x, y any) *Error {
	e := failure(n.position(), codeOperatorNotSupported, `"%c" does not work between %s and %s`, sign(n.op), describe(x), describe(y))
	switch null := x == nil || y == nil; {
	case null && n.op == tokPlus:
		e.suggest(`give null a default with "?:"`)
	case null && n.op == tokMinus:
		e.suggest(`if "-" belongs to a key, write ['some-key']`)
	}
	return e
}

// maxRepeated is the longest result of text * n.
const maxRepeated = 256

func (n operation) repeat(text string, count int) (any, error) {
	if count < 0 {
		return nil, failure(n.position(), codeNegativeRepeatedTextCount, "text cannot be repeated %d times", count)
	}
	if utf16Len(text)*count > maxRepeated {
		return nil, failure(n.position(), codeMaxRepeatedTextSizeExceeded, "the repeated text would be longer than %d characters", maxRepeated)
	}
	return strings.Repeat(text, count), nil
}

func (n operation) numbers(x, y any) (any, error) {
	if n.op == tokPower {
		return n.power(x, y)
	}
	switch max(rankOf(x), rankOf(y)) {
	case rankDouble:
		return double(reals(n.op, asFloat64(x), asFloat64(y))), nil
	case rankFloat:
		return reals(n.op, asFloat32(x), asFloat32(y)), nil
	case rankBig:
		return n.bigs(asBig(x), asBig(y))
	case rankLong:
		v, err := integers(n, asInt64(x), asInt64(y))
		return v, err
	default:
		v, err := integers(n, asInt32(x), asInt32(y))
		return v, err
	}
}

func reals[T float32 | float64](op tokenKind, x, y T) T {
	switch op {
	case tokPlus:
		return x + y
	case tokMinus:
		return x - y
	case tokStar:
		return x * y
	case tokDiv:
		return x / y
	default:
		return T(math.Mod(float64(x), float64(y)))
	}
}

// integers computes with wrap-around; division truncates.
func integers[T int32 | int64](n operation, x, y T) (any, error) {
	switch n.op {
	case tokPlus:
		return x + y, nil
	case tokMinus:
		return x - y, nil
	case tokStar:
		return x * y, nil
	}
	if y == 0 {
		return nil, n.divisionByZero()
	}
	if n.op == tokDiv {
		return x / y, nil
	}
	return x % y, nil
}

func (n operation) divisionByZero() *Error {
	return javaFailure(n.position(), "java.lang.ArithmeticException", "an integer is divided by zero")
}

func (n operation) bigs(x, y *big.Int) (any, error) {
	z := new(big.Int)
	switch n.op {
	case tokPlus:
		return z.Add(x, y), nil
	case tokMinus:
		return z.Sub(x, y), nil
	case tokStar:
		return z.Mul(x, y), nil
	}
	if y.Sign() == 0 {
		return nil, n.divisionByZero()
	}
	if n.op == tokDiv {
		return z.Quo(x, y), nil
	}
	return z.Rem(x, y), nil
}

// maxBigBits bounds what a power of a BigInteger may grow to.
const maxBigBits = 1 << 16

// power computes in double and cuts the result to an integer kind, unless an
// operand is real or the base is a BigInteger.
func (n operation) power(x, y any) (any, error) {
	if base, ok := x.(*big.Int); ok {
		exponent := asInt32(y)
		if exponent < 0 {
			return nil, javaFailure(n.position(), "java.lang.ArithmeticException", "the exponent %d is negative", exponent)
		}
		if base.BitLen()*int(exponent) > maxBigBits {
			return nil, failure(n.position(), codeResultTooLarge, "the power would have more than %d bits", maxBigBits)
		}
		return new(big.Int).Exp(base, big.NewInt(int64(exponent)), nil), nil
	}
	f := pow(asFloat64(x), asFloat64(y))
	wide := max(rankOf(x), rankOf(y))
	switch {
	case rankOf(x) >= rankFloat || rankOf(y) >= rankFloat:
		return double(f), nil
	case f > math.MaxInt32 || wide == rankLong:
		return asInt64(double(f)), nil
	default:
		return asInt32(double(f)), nil
	}
}

func negate(x any) any {
	switch n := x.(type) {
	case double:
		return 0 - n
	case float32:
		return 0 - n
	case int64:
		return -n
	case *big.Int:
		return new(big.Int).Neg(n)
	}
	return -asInt32(x)
}
