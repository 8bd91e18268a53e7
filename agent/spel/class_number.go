package spel

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
	"unicode"
)

// What can be called on numbers, Booleans and Characters.

func number(f func(v any) any) callable {
	return func(_ *state, target any, _ []any) (any, error) { return f(target), nil }
}

// numberMembers are those of every number.
var numberMembers = []member{
	{"byteValue()", number(func(v any) any { return int8(asInt32(v)) })},
	{"shortValue()", number(func(v any) any { return int16(asInt32(v)) })},
	{"intValue()", number(func(v any) any { return asInt32(v) })},
	{"longValue()", number(func(v any) any { return asInt64(v) })},
	{"floatValue()", number(func(v any) any { return asFloat32(v) })},
	{"doubleValue()", number(func(v any) any { return double(asFloat64(v)) })},
}

// comparable makes compareTo for objects of one class.
func comparable(class string) []member {
	return []member{{"compareTo(" + class + ")", anything(func(v any, args []any) (any, error) {
		c, err := compare(v, args[0])
		if class == "Byte" || class == "Short" {
			c = int(asInt32(v)) - int(asInt32(args[0]))
		}
		if args[0] == nil {
			err = incomparable{}
		}
		return integer(c), err
	})}}
}

// integral are the static functions that Integer and Long share: kind is the
// name in parseInt and so on, t the primitive type, T its Go type.
func integral[T int32 | int64](kind, t string, width int) []member {
	parse := func(args []any, base int) (any, error) {
		s, err := str(args[0])
		if err != nil {
			return nil, err
		}
		return parseRadix[T](s, base, width)
	}
	unsigned := func(v any) uint64 { return uint64(asInt64(v)) & (1<<(width-1)<<1 - 1) }
	radix := func(base int) callable {
		return pure(func(args []any) any { return strconv.FormatUint(unsigned(args[0]), base) })
	}
	two := func(f func(a, b T) any) callable {
		return pure(func(args []any) any { return f(args[0].(T), args[1].(T)) })
	}
	one := func(f func(a T) any) callable {
		return pure(func(args []any) any { return f(args[0].(T)) })
	}
	unsignedDivision := func(f func(a, b uint64) uint64) callable {
		return static(func(args []any) (any, error) {
			if asInt64(args[1]) == 0 {
				return nil, errors.New("an integer is divided by zero")
			}
			return T(f(unsigned(args[0]), unsigned(args[1]))), nil
		})
	}
	rotate := func(sign int) callable {
		return pure(func(args []any) any {
			n, by := unsigned(args[0]), uint(sign*int(args[1].(int32)))%uint(width)
			return T(n<<by | n>>(uint(width)-by))
		})
	}
	return []member{
		{"static parse" + kind + "(String)", static(func(args []any) (any, error) { return parse(args, 10) })},
		{"static parse" + kind + "(String,int)", static(func(args []any) (any, error) { return parse(args, int(args[1].(int32))) })},
		{"static valueOf(String)", static(func(args []any) (any, error) { return parse(args, 10) })},
		{"static valueOf(String,int)", static(func(args []any) (any, error) { return parse(args, int(args[1].(int32))) })},
		{"static valueOf(" + t + ")", one(func(a T) any { return a })},
		{"static decode(String)", static(func(args []any) (any, error) {
			s, err := str(args[0])
			if err != nil {
				return nil, err
			}
			return decodeInteger[T](s, width)
		})},
		{"static toString(" + t + ")", one(func(a T) any { return toString(a) })},
		{"static toString(" + t + ",int)", pure(func(args []any) any {
			return strconv.FormatInt(asInt64(args[0]), radixOr10(args[1]))
		})},
		{"static toHexString(" + t + ")", radix(16)},
		{"static toOctalString(" + t + ")", radix(8)},
		{"static toBinaryString(" + t + ")", radix(2)},
		{"static toUnsignedString(" + t + ")", radix(10)},
		{"static toUnsignedString(" + t + ",int)", pure(func(args []any) any {
			return strconv.FormatUint(unsigned(args[0]), radixOr10(args[1]))
		})},
		{"static parseUnsigned" + kind + "(String)", static(func(args []any) (any, error) { return parseUnsigned[T](args[0], 10, width) })},
		{"static parseUnsigned" + kind + "(String,int)", static(func(args []any) (any, error) {
			return parseUnsigned[T](args[0], int(args[1].(int32)), width)
		})},
		{"static compareUnsigned(" + t + "," + t + ")", two(func(a, b T) any { return integer(cmp.Compare(unsigned(a), unsigned(b))) })},
		{"static divideUnsigned(" + t + "," + t + ")", unsignedDivision(func(a, b uint64) uint64 { return a / b })},
		{"static remainderUnsigned(" + t + "," + t + ")", unsignedDivision(func(a, b uint64) uint64 { return a % b })},
		{"static rotateLeft(" + t + ",int)", rotate(1)},
		{"static rotateRight(" + t + ",int)", rotate(-1)},
		{"static max(" + t + "," + t + ")", two(func(a, b T) any { return max(a, b) })},
		{"static min(" + t + "," + t + ")", two(func(a, b T) any { return min(a, b) })},
		{"static sum(" + t + "," + t + ")", two(func(a, b T) any { return a + b })},
		{"static compare(" + t + "," + t + ")", two(func(a, b T) any { return integer(cmp.Compare(a, b)) })},
		{"static signum(" + t + ")", one(func(a T) any { return integer(cmp.Compare(a, 0)) })},
		{"static hashCode(" + t + ")", one(func(a T) any { return hashOf(a) })},
		{"static bitCount(" + t + ")", one(func(a T) any { return integer(bits.OnesCount64(unsigned(a))) })},
		{"static highestOneBit(" + t + ")", one(func(a T) any {
			if a == 0 {
				return a
			}
			return T(uint64(1) << (bits.Len64(unsigned(a)) - 1))
		})},
		{"static lowestOneBit(" + t + ")", one(func(a T) any { return a & -a })},
		{"static numberOfLeadingZeros(" + t + ")", one(func(a T) any { return integer(width - bits.Len64(unsigned(a))) })},
		{"static numberOfTrailingZeros(" + t + ")", one(func(a T) any {
			return integer(min(bits.TrailingZeros64(unsigned(a)), width))
		})},
		{"static reverse(" + t + ")", one(func(a T) any { return T(bits.Reverse64(unsigned(a)) >> (64 - width)) })},
		{"static reverseBytes(" + t + ")", one(func(a T) any { return T(bits.ReverseBytes64(unsigned(a)) >> (64 - width)) })},
		{"new(" + t + ")", one(func(a T) any { return a })},
		{"new(String)", static(func(args []any) (any, error) { return parse(args, 10) })},
	}
}

// radixOr10 is a base for writing numbers; Java takes 10 for an impossible one.
func radixOr10(v any) int {
	if base := int(v.(int32)); base >= 2 && base <= 36 {
		return base
	}
	return 10
}

func parseUnsigned[T int32 | int64](v any, base, width int) (any, error) {
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	if base < 2 || base > 36 {
		return nil, fmt.Errorf("there are no numbers of base %d", base)
	}
	n, err := strconv.ParseUint(asciiDigits(strings.TrimPrefix(s, "+")), base, width)
	if err != nil {
		return nil, fmt.Errorf("%s is no unsigned number of %d bits in base %d", quote(s), width, base)
	}
	return T(n), nil
}

// asciiDigits writes the decimal digits of other scripts, which Java reads too,
// as 0 to 9.
func asciiDigits(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		for _, block := range unicode.Nd.R16 {
			if r >= rune(block.Lo) && r <= rune(block.Hi) {
				return '0' + (r-rune(block.Lo))%10
			}
		}
		return r
	}, s)
}

func parseRadix[T int32 | int64](s string, base, width int) (any, error) {
	if base < 2 || base > 36 {
		return nil, fmt.Errorf("there are no numbers of base %d", base)
	}
	n, err := strconv.ParseInt(asciiDigits(s), base, width)
	if err != nil || strings.Contains(s, "_") {
		return nil, fmt.Errorf("%s is no whole number of %d bits in base %d", quote(s), width, base)
	}
	return T(n), nil
}

// decodeInteger reads decimal, 0x, # and octal numbers.
func decodeInteger[T int32 | int64](s string, width int) (any, error) {
	rest, sign := s, ""
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		sign, rest = strings.TrimPrefix(rest[:1], "+"), rest[1:]
	}
	base := 10
	for _, p := range [...]struct {
		prefix string
		base   int
	}{{"0x", 16}, {"0X", 16}, {"#", 16}, {"0", 8}} {
		if digits, ok := strings.CutPrefix(rest, p.prefix); ok && (digits != "" || p.base == 16) {
			rest, base = digits, p.base
			break
		}
	}
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return nil, fmt.Errorf("%s has its sign in the wrong place", quote(s))
	}
	return parseRadix[T](sign+rest, base, width)
}

func real2(f func(a, b float64) float64) callable {
	return pure(func(args []any) any { return double(f(float64(args[0].(double)), float64(args[1].(double)))) })
}

func real1(f func(a float64) float64) callable {
	return pure(func(args []any) any { return double(f(float64(args[0].(double)))) })
}

func test1(f func(a float64) bool) callable {
	return pure(func(args []any) any { return f(asFloat64(args[0])) })
}

// doubleStatics are Double's static functions.
var doubleStatics = []member{
	{"static parseDouble(String)", static(func(args []any) (any, error) { return parseDouble(args[0]) })},
	{"static valueOf(String)", static(func(args []any) (any, error) { return parseDouble(args[0]) })},
	{"static valueOf(double)", pure(func(args []any) any { return args[0] })},
	{"static toString(double)", pure(func(args []any) any { return toString(args[0]) })},
	{"static toHexString(double)", pure(func(args []any) any { return hexReal(float64(args[0].(double))) })},
	{"static max(double,double)", real2(javaMax)},
	{"static min(double,double)", real2(javaMin)},
	{"static sum(double,double)", real2(func(a, b float64) float64 { return a + b })},
	{"static compare(double,double)", pure(compareTwoReals)},
	{"static isNaN(double)", test1(math.IsNaN)},
	{"static isInfinite(double)", test1(func(a float64) bool { return math.IsInf(a, 0) })},
	{"static isFinite(double)", test1(func(a float64) bool { return !math.IsInf(a, 0) && !math.IsNaN(a) })},
	{"static doubleToLongBits(double)", pure(func(args []any) any {
		if v := asFloat64(args[0]); v == v {
			return int64(math.Float64bits(v))
		}
		return int64(canonicalNaN)
	})},
	{"static doubleToRawLongBits(double)", pure(func(args []any) any { return int64(math.Float64bits(asFloat64(args[0]))) })},
	{"static longBitsToDouble(long)", pure(func(args []any) any { return double(math.Float64frombits(uint64(args[0].(int64)))) })},
	{"static hashCode(double)", pure(func(args []any) any { return hashOf(args[0]) })},
	{"new(String)", static(func(args []any) (any, error) { return parseDouble(args[0]) })},
	{"new(double)", pure(func(args []any) any { return args[0] })},
}

// realMembers are those of Double and Float objects.
var realMembers = []member{
	{"isNaN()", number(func(v any) any { return math.IsNaN(asFloat64(v)) })},
	{"isInfinite()", number(func(v any) any { return math.IsInf(asFloat64(v), 0) })},
}

// floatStatics are Float's static functions, which its objects have too; T(Float)
// is not open.
var floatStatics = []member{
	{"static parseFloat(String)", static(func(args []any) (any, error) {
		f, err := parseDouble(args[0])
		if err != nil {
			return nil, err
		}
		return asFloat32(f), nil
	})},
	{"static toString(float)", pure(func(args []any) any { return toString(args[0]) })},
	{"static compare(float,float)", pure(compareTwoReals)},
	{"static isNaN(float)", test1(math.IsNaN)},
	{"static isInfinite(float)", test1(func(a float64) bool { return math.IsInf(a, 0) })},
	{"static isFinite(float)", test1(func(a float64) bool { return !math.IsInf(a, 0) && !math.IsNaN(a) })},
	{"static hashCode(float)", pure(func(args []any) any { return hashOf(args[0]) })},
}

func compareTwoReals(args []any) any {
	return integer(sortReals(asFloat64(args[0]), asFloat64(args[1])))
}

func parseDouble(v any) (any, error) {
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	f, err := parseReal(strings.TrimFunc(s, javaTrim), 64)
	return double(f), err
}

// hexReal is Double.toHexString.
func hexReal(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return formatReal(f, 64)
	}
	s := strconv.FormatFloat(f, 'x', -1, 64)
	mantissa, exponent, _ := strings.Cut(s, "p")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	if f == 0 {
		n = 0
	}
	return mantissa + "p" + strconv.Itoa(n)
}

// canonicalNaN are the bits of Java's NaN.
const canonicalNaN = 0x7ff8000000000000

func hashDouble(v double) int32 {
	b := math.Float64bits(float64(v))
	if v != v {
		b = canonicalNaN
	}
	return int32(b ^ b>>32)
}

func hashFloat(v float32) int32 { return int32(math.Float32bits(v)) }

func hashBig(v *big.Int) int32 {
	h := uint32(0)
	bytes := new(big.Int).Abs(v).Bytes()
	for len(bytes)%4 != 0 {
		bytes = append([]byte{0}, bytes...)
	}
	for i := 0; i < len(bytes); i += 4 {
		h = 31*h + uint32(bytes[i])<<24 + uint32(bytes[i+1])<<16 + uint32(bytes[i+2])<<8 + uint32(bytes[i+3])
	}
	return int32(h) * int32(v.Sign())
}

// intMembers are Integer's own.
var intMembers = []member{
	{"static toUnsignedLong(int)", pure(func(args []any) any { return int64(uint32(args[0].(int32))) })},
}

var bigMembers = []member{
	{"signum()", get(func(n *big.Int) any { return integer(n.Sign()) })},
	{"getLowestSetBit()", get(func(n *big.Int) any { return integer(int(n.TrailingZeroBits()) - b2i(n.Sign() == 0)) })},
	{"isProbablePrime(int)", on(func(n *big.Int, args []any) (any, error) {
		return args[0].(int32) <= 0 || new(big.Int).Abs(n).ProbablyPrime(20), nil
	})},
	{"bitCount()", get(func(n *big.Int) any { return integer(bitCount(n)) })},
	{"toByteArray()", get(func(n *big.Int) any { return byteArray(twosComplement(n)) })},
	{"bitLength()", get(func(n *big.Int) any { return integer(n.BitLen()) })},
	{"toString(int)", on(func(n *big.Int, args []any) (any, error) {
		base := int(args[0].(int32))
		if base < 2 || base > 36 {
			base = 10
		}
		return n.Text(base), nil
	})},
	{"intValueExact()", on(func(n *big.Int, _ []any) (any, error) { return exactly(n, javaTypes["int"]) })},
	{"longValueExact()", on(func(n *big.Int, _ []any) (any, error) { return exactly(n, javaTypes["long"]) })},
	{"testBit(int)", on(func(n *big.Int, args []any) (any, error) {
		if args[0].(int32) < 0 {
			return nil, fmt.Errorf("the bit %d is negative", args[0])
		}
		return n.Bit(int(args[0].(int32))) == 1, nil
	})},
}

// bitCount counts the bits that differ from the sign.
func bitCount(n *big.Int) int {
	if n.Sign() < 0 {
		n = new(big.Int).Not(n)
	}
	count := 0
	for _, word := range n.Bits() {
		count += bits.OnesCount(uint(word))
	}
	return count
}

func twosComplement(n *big.Int) []byte {
	size := n.BitLen()/8 + 1
	if n.Sign() < 0 {
		size = new(big.Int).Not(n).BitLen()/8 + 1
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return n.FillBytes(make([]byte, size))
}

func exactly(n *big.Int, t *javaType) (any, error) {
	if !n.IsInt64() {
		return nil, fmt.Errorf("%s is out of the range of %s", n, t.name)
	}
	return inRange(n.Int64(), t)
}

func logical(f func(a, b bool) bool) callable {
	return pure(func(args []any) any { return f(args[0].(bool), args[1].(bool)) })
}

var booleanMembers = []member{
	{"booleanValue()", number(func(v any) any { return v })},
	{"static parseBoolean(String)", pure(func(args []any) any { return isTrue(args[0]) })},
	{"static valueOf(String)", pure(func(args []any) any { return isTrue(args[0]) })},
	{"static valueOf(boolean)", pure(func(args []any) any { return args[0] })},
	{"static toString(boolean)", pure(func(args []any) any { return toString(args[0]) })},
	{"static hashCode(boolean)", pure(func(args []any) any { return hashOf(args[0]) })},
	{"static compare(boolean,boolean)", pure(func(args []any) any { return integer(b2i(args[0].(bool)) - b2i(args[1].(bool))) })},
	{"static logicalAnd(boolean,boolean)", logical(func(a, b bool) bool { return a && b })},
	{"static logicalOr(boolean,boolean)", logical(func(a, b bool) bool { return a || b })},
	{"static logicalXor(boolean,boolean)", logical(func(a, b bool) bool { return a != b })},
	{"new(String)", pure(func(args []any) any { return isTrue(args[0]) })},
	{"new(boolean)", pure(func(args []any) any { return args[0] })},
}

func isTrue(v any) bool {
	s, _ := v.(string)
	return strings.EqualFold(s, "true")
}

var byteStatics = []member{
	{"static parseByte(String)", static(func(args []any) (any, error) { return parseByte(args[0], 10) })},
	{"static parseByte(String,int)", static(func(args []any) (any, error) { return parseByte(args[0], int(args[1].(int32))) })},
	{"static valueOf(String)", static(func(args []any) (any, error) { return parseByte(args[0], 10) })},
	{"static valueOf(String,int)", static(func(args []any) (any, error) { return parseByte(args[0], int(args[1].(int32))) })},
	{"static valueOf(byte)", pure(func(args []any) any { return args[0] })},
	{"static toString(byte)", pure(func(args []any) any { return toString(args[0]) })},
	{"static toUnsignedInt(byte)", pure(func(args []any) any { return int32(uint8(args[0].(int8))) })},
	{"static toUnsignedLong(byte)", pure(func(args []any) any { return int64(uint8(args[0].(int8))) })},
	{"static decode(String)", static(func(args []any) (any, error) {
		s, err := str(args[0])
		if err != nil {
			return nil, err
		}
		n, err := decodeInteger[int32](s, 8)
		if err != nil {
			return nil, err
		}
		return int8(n.(int32)), nil
	})},
	{"static compareUnsigned(byte,byte)", pure(func(args []any) any {
		return integer(int(uint8(args[0].(int8))) - int(uint8(args[1].(int8))))
	})},
	{"static compare(byte,byte)", pure(func(args []any) any { return integer(int(args[0].(int8)) - int(args[1].(int8))) })},
	{"static hashCode(byte)", pure(func(args []any) any { return hashOf(args[0]) })},
	{"new(String)", static(func(args []any) (any, error) { return parseByte(args[0], 10) })},
	{"new(byte)", pure(func(args []any) any { return args[0] })},
}

func parseByte(v any, base int) (any, error) {
	s, err := str(v)
	if err != nil {
		return nil, err
	}
	n, err := parseRadix[int32](s, base, 8)
	if err != nil {
		return nil, err
	}
	return int8(n.(int32)), nil
}
