package spel

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
)

// java.lang.Math.

// ofKinds makes the overloads of a function for int, long, float and double,
// the kinds as Go computes them.
func ofKinds(name string, params int, ints func(a, b int32) int32, longs func(a, b int64) int64, reals func(a, b float64) float64) []member {
	kinds := []struct {
		name string
		call func(x, y any) any
	}{
		{"int", func(x, y any) any { return ints(asInt32(x), asInt32(y)) }},
		{"long", func(x, y any) any { return longs(asInt64(x), asInt64(y)) }},
		{"float", func(x, y any) any { return float32(reals(asFloat64(x), asFloat64(y))) }},
		{"double", func(x, y any) any { return double(reals(asFloat64(x), asFloat64(y))) }},
	}
	var out []member
	for _, k := range kinds {
		signature := "static " + name + "(" + k.name
		if params == 2 {
			signature += "," + k.name
		}
		out = append(out, member{signature + ")", pure(func(args []any) any { return k.call(args[0], args[len(args)-1]) })})
	}
	return out
}

func abs[T int32 | int64](a T) T {
	if a < 0 {
		return -a
	}
	return a
}

// exactInts makes the overloads of a function for int and long that fails
// where the result does not fit.
func exactInts(name string, params int, f func(a, b int64) (int64, bool)) []member {
	var out []member
	for _, t := range [...]*javaType{typeInt, typeLong} {
		signature := "static " + name + "(" + t.name
		if params == 2 {
			signature += "," + t.name
		}
		out = append(out, member{signature + ")", static(func(args []any) (any, error) {
			n, ok := f(asInt64(args[0]), asInt64(args[len(args)-1]))
			if !ok {
				return nil, fmt.Errorf("the result does not fit %s", t.name)
			}
			return inRange(n, t)
		})})
	}
	return out
}

func addFits(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}

func multiplyFits(a, b int64) (int64, bool) {
	high, low := bits.Mul64(uint64(a), uint64(b))
	signed := int64(high) - a>>63&b - b>>63&a
	return int64(low), signed == int64(low)>>63
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// floored makes floorDiv and floorMod; the result has the type of the widest
// argument, that of floorMod the type of the divisor.
func floored(name string, f func(a, b int64) int64, result func(t1, t2 *javaType) *javaType) []member {
	var out []member
	for _, pair := range [...][2]*javaType{{typeInt, typeInt}, {typeLong, typeInt}, {typeLong, typeLong}} {
		out = append(out, member{"static " + name + "(" + pair[0].name + "," + pair[1].name + ")", static(func(args []any) (any, error) {
			if asInt64(args[1]) == 0 {
				return nil, fmt.Errorf("an integer is divided by zero")
			}
			n := f(asInt64(args[0]), asInt64(args[1]))
			if result(pair[0], pair[1]) == typeInt {
				return int32(n), nil
			}
			return n, nil
		})})
	}
	return out
}

// roundHalfUp is Math.round: halves go up, and the result is cut to the range.
func roundHalfUp(f float64) float64 {
	if math.IsNaN(f) || math.Abs(f) >= 1<<52 {
		return f
	}
	floor := math.Floor(f)
	if f-floor >= 0.5 {
		return floor + 1
	}
	return floor
}

// javaMax and javaMin are NaN if an argument is; math.Max and math.Min prefer
// an infinity.
func javaMax(a, b float64) float64 { return max(a, b) }
func javaMin(a, b float64) float64 { return min(a, b) }

func signum(a float64) float64 {
	switch {
	case a > 0:
		return 1
	case a < 0:
		return -1
	}
	return a
}

var mathMembers = [][]member{
	neighbours,
	ofKinds("abs", 1, func(a, _ int32) int32 { return abs(a) }, func(a, _ int64) int64 { return abs(a) }, func(a, _ float64) float64 { return math.Abs(a) }),
	ofKinds("max", 2, func(a, b int32) int32 { return max(a, b) }, func(a, b int64) int64 { return max(a, b) }, javaMax),
	ofKinds("min", 2, func(a, b int32) int32 { return min(a, b) }, func(a, b int64) int64 { return min(a, b) }, javaMin),
	exactInts("addExact", 2, addFits),
	exactInts("subtractExact", 2, func(a, b int64) (int64, bool) {
		d := a - b
		return d, (d < a) == (b > 0)
	}),
	exactInts("multiplyExact", 2, multiplyFits),
	{{"static multiplyExact(long,int)", static(func(args []any) (any, error) {
		n, ok := multiplyFits(asInt64(args[0]), asInt64(args[1]))
		if !ok {
			return nil, errors.New("the result does not fit long")
		}
		return n, nil
	})}},
	exactInts("incrementExact", 1, func(a, _ int64) (int64, bool) { return a + 1, a != math.MaxInt64 }),
	exactInts("decrementExact", 1, func(a, _ int64) (int64, bool) { return a - 1, a != math.MinInt64 }),
	exactInts("negateExact", 1, func(a, _ int64) (int64, bool) { return -a, a != math.MinInt64 }),
	exactInts("absExact", 1, func(a, _ int64) (int64, bool) { return abs(a), a != math.MinInt64 }),
	floored("floorDiv", floorDiv, func(t1, _ *javaType) *javaType { return t1 }),
	floored("floorMod", func(a, b int64) int64 { return a - floorDiv(a, b)*b }, func(_, t2 *javaType) *javaType { return t2 }),
	{
		{"static toIntExact(long)", static(func(args []any) (any, error) { return inRange(args[0].(int64), typeInt) })},
		{"static round(float)", pure(func(args []any) any { return asInt32(double(roundHalfUp(asFloat64(args[0])))) })},
		{"static round(double)", pure(func(args []any) any { return asInt64(double(roundHalfUp(asFloat64(args[0])))) })},
		{"static floor(double)", real1(math.Floor)},
		{"static ceil(double)", real1(math.Ceil)},
		{"static rint(double)", real1(math.RoundToEven)},
		{"static sqrt(double)", real1(math.Sqrt)},
		{"static cbrt(double)", real1(math.Cbrt)},
		{"static exp(double)", real1(math.Exp)},
		{"static expm1(double)", real1(math.Expm1)},
		{"static log(double)", real1(math.Log)},
		{"static log10(double)", real1(math.Log10)},
		{"static log1p(double)", real1(math.Log1p)},
		{"static sin(double)", real1(math.Sin)},
		{"static cos(double)", real1(math.Cos)},
		{"static tan(double)", real1(math.Tan)},
		{"static asin(double)", real1(math.Asin)},
		{"static acos(double)", real1(math.Acos)},
		{"static atan(double)", real1(math.Atan)},
		{"static sinh(double)", real1(math.Sinh)},
		{"static cosh(double)", real1(math.Cosh)},
		{"static tanh(double)", real1(math.Tanh)},
		{"static toRadians(double)", real1(func(a float64) float64 { return a * (math.Pi / 180) })},
		{"static toDegrees(double)", real1(func(a float64) float64 { return a * (180 / math.Pi) })},
		{"static pow(double,double)", real2(pow)},
		{"static atan2(double,double)", real2(math.Atan2)},
		{"static hypot(double,double)", real2(math.Hypot)},
		{"static IEEEremainder(double,double)", real2(math.Remainder)},
		{"static signum(double)", real1(signum)},
		{"static signum(float)", pure(func(args []any) any { return float32(signum(asFloat64(args[0]))) })},
		{"static multiplyFull(int,int)", pure(func(args []any) any { return asInt64(args[0]) * asInt64(args[1]) })},
		{"static multiplyHigh(long,long)", pure(func(args []any) any {
			a, b := args[0].(int64), args[1].(int64)
			high, _ := bits.Mul64(uint64(a), uint64(b))
			return int64(high) - a>>63&b - b>>63&a
		})},
		{"static random()", func(s *state, _ any, _ []any) (any, error) { return double(rand.Float64()), nil }},
	},
}

// neighbours are the functions about the numbers next to a real one, and those
// that only Float and Double have; each comes for both.
var neighbours = []member{
	{"static nextUp(double)", real1(func(a float64) float64 { return math.Nextafter(a, math.Inf(1)) })},
	{"static nextUp(float)", float1(func(a float32) float32 { return math.Nextafter32(a, float32(math.Inf(1))) })},
	{"static nextDown(double)", real1(func(a float64) float64 { return math.Nextafter(a, math.Inf(-1)) })},
	{"static nextDown(float)", float1(func(a float32) float32 { return math.Nextafter32(a, float32(math.Inf(-1))) })},
	{"static nextAfter(double,double)", real2(math.Nextafter)},
	{"static nextAfter(float,double)", pure(func(args []any) any {
		a, toward := args[0].(float32), float64(args[1].(double))
		switch {
		case float64(a) == toward:
			return a
		case math.IsNaN(toward):
			return float32(toward)
		}
		return math.Nextafter32(a, float32(math.Inf(2*b2i(toward > float64(a))-1)))
	})},
	{"static ulp(double)", real1(func(a float64) float64 {
		if math.IsInf(a, 0) {
			return math.Inf(1)
		}
		return math.Nextafter(math.Abs(a), math.Inf(1)) - math.Abs(a)
	})},
	{"static ulp(float)", float1(func(a float32) float32 {
		a = float32(math.Abs(float64(a)))
		if math.IsInf(float64(a), 0) {
			return a
		}
		return math.Nextafter32(a, float32(math.Inf(1))) - a
	})},
	{"static copySign(double,double)", real2(math.Copysign)},
	{"static copySign(float,float)", pure(func(args []any) any {
		return float32(math.Copysign(asFloat64(args[0]), asFloat64(args[1])))
	})},
	{"static scalb(double,int)", pure(func(args []any) any { return double(math.Ldexp(asFloat64(args[0]), int(args[1].(int32)))) })},
	{"static scalb(float,int)", pure(func(args []any) any { return float32(math.Ldexp(asFloat64(args[0]), int(args[1].(int32)))) })},
	{"static getExponent(double)", pure(func(args []any) any { return integer(exponent(asFloat64(args[0]), -1023, 1024)) })},
	{"static getExponent(float)", pure(func(args []any) any { return integer(exponent(asFloat64(args[0]), -127, 128)) })},
	{"static fma(double,double,double)", pure(func(args []any) any {
		return double(math.FMA(asFloat64(args[0]), asFloat64(args[1]), asFloat64(args[2])))
	})},
	{"static fma(float,float,float)", pure(func(args []any) any {
		return float32(asFloat64(args[0])*asFloat64(args[1]) + asFloat64(args[2]))
	})},
}

func float1(f func(a float32) float32) callable {
	return pure(func(args []any) any { return f(args[0].(float32)) })
}

// exponent is a number's binary exponent, low for those too small for one and
// high for those that are none.
func exponent(f float64, low, high int) int {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return high
	}
	if f == 0 {
		return low
	}
	_, e := math.Frexp(f)
	return max(e-1, low)
}

// pow is Java's: 1 to the power of NaN or infinity is NaN. Whole and half
// exponents, which are nearly all, are computed with twice the precision and
// rounded once; math.Pow may be off by some of the last digits.
func pow(a, b float64) float64 {
	if a == 1 && (math.IsNaN(b) || math.IsInf(b, 0)) || a == -1 && math.IsInf(b, 0) {
		return math.NaN()
	}
	const most = 1 << 12
	twice := 2 * b
	if twice != math.Trunc(twice) || math.Abs(twice) > most || math.IsInf(a, 0) || a <= 0 && b != math.Trunc(b) {
		return math.Pow(a, b)
	}
	high, low := wholePower(a, int64(math.Abs(b)))
	if b != math.Trunc(b) {
		root := math.Sqrt(a)
		high, low = multiplyLong(high, low, root, math.FMA(-root, root, a)/(2*root))
	}
	if math.IsInf(high, 0) || math.IsNaN(high) || math.Abs(high) < 1e-290 {
		return math.Pow(a, b) // at the edge of the range there is no second half
	}
	if b < 0 {
		inverse := 1 / high
		return inverse + inverse*(math.FMA(-high, inverse, 1)-low*inverse)
	}
	return high + low
}

// wholePower is a power as a sum of two numbers.
func wholePower(a float64, n int64) (high, low float64) {
	high = 1
	baseHigh, baseLow := a, 0.0
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			high, low = multiplyLong(high, low, baseHigh, baseLow)
		}
		baseHigh, baseLow = multiplyLong(baseHigh, baseLow, baseHigh, baseLow)
	}
	return high, low
}

// multiplyLong multiplies two numbers that are each a sum of two.
func multiplyLong(aHigh, aLow, bHigh, bLow float64) (high, low float64) {
	product := aHigh * bHigh
	rest := math.FMA(aHigh, bHigh, -product) + (aHigh*bLow + aLow*bHigh)
	high = product + rest
	return high, rest - (high - product)
}
