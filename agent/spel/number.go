package spel

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

func isNumber(v any) bool {
	switch v.(type) {
	case int32, int64, double, float32, int8, int16, *big.Int:
		return true
	}
	return false
}

// rank orders the kinds of number: the widest operand decides what an
// operation computes with. Byte and Short count as int.
type rank uint8

const (
	rankInt rank = iota
	rankLong
	rankBig
	rankFloat
	rankDouble
)

func rankOf(v any) rank {
	switch v.(type) {
	case double:
		return rankDouble
	case float32:
		return rankFloat
	case *big.Int:
		return rankBig
	case int64:
		return rankLong
	}
	return rankInt
}

// asInt64 is a number cut to 64 bits, as Java's longValue.
func asInt64(v any) int64 {
	switch n := v.(type) {
	case int32:
		return int64(n)
	case int64:
		return n
	case int8:
		return int64(n)
	case int16:
		return int64(n)
	case double:
		return cut(float64(n), math.MinInt64, math.MaxInt64)
	case float32:
		return cut(float64(n), math.MinInt64, math.MaxInt64)
	case *big.Int:
		return int64(new(big.Int).And(n, maxUint64).Uint64())
	}
	return 0
}

var maxUint64 = new(big.Int).SetUint64(math.MaxUint64)

// cut is Java's conversion of a real to an integer kind.
func cut(f float64, low, high int64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f <= float64(low):
		return low
	case f >= float64(high):
		return high
	}
	return int64(f)
}

// asInt32 is a number cut to 32 bits, as Java's intValue.
func asInt32(v any) int32 {
	switch n := v.(type) {
	case double:
		return int32(cut(float64(n), math.MinInt32, math.MaxInt32))
	case float32:
		return int32(cut(float64(n), math.MinInt32, math.MaxInt32))
	}
	return int32(asInt64(v))
}

func asFloat64(v any) float64 {
	switch n := v.(type) {
	case double:
		return float64(n)
	case float32:
		return float64(n)
	case *big.Int:
		f, _ := new(big.Float).SetInt(n).Float64()
		return f
	}
	return float64(asInt64(v))
}

func asFloat32(v any) float32 {
	switch n := v.(type) {
	case float32:
		return n
	case int32:
		return float32(n)
	case int64:
		return float32(n)
	}
	return float32(asFloat64(v))
}

func asBig(v any) *big.Int {
	switch n := v.(type) {
	case *big.Int:
		return n
	case double, float32:
		i, _ := big.NewFloat(asFloat64(v)).Int(nil)
		return i
	}
	return big.NewInt(asInt64(v))
}

// formatReal writes a real as Java does: at least one decimal, plain between
// 10⁻³ and 10⁷, else with an exponent; always the shortest digits.
func formatReal(f float64, bits int) string {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		s := strconv.FormatFloat(f, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") { // two digits at least, so 4.9E-324
		mantissa, exponent, _ = strings.Cut(strconv.FormatFloat(f, 'e', 1, bits), "e")
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}
