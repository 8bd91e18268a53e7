package spel

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// Conversions as Spring's DefaultConversionService makes them, between the
// types that expressions can reach.

// errNoConversion says that there is no way from one type to the other at all.
var errNoConversion = errors.New("no conversion")

// convert turns a value into one of the type.
func convert(v any, t *javaType) (any, error) {
	if v == nil {
		if t.primitive {
			return nil, fmt.Errorf("null is no %s", t.name)
		}
		return nil, nil
	}
	switch v.(type) {
	case string:
		if t == typeString {
			return v, nil
		}
	case int32:
		if t == typeInt {
			return v, nil
		}
	}
	if ok, _ := t.accepts(v); ok {
		return v, nil
	}
	items, many := elements(v)
	switch {
	case t.convert == nil && !many:
		return nil, errNoConversion
	case many && t.name != "String" && t.elem == nil && t.name != "Collection" && t.name != "List":
		return convertFirst(items, t)
	}
	converted, err := t.convert(v, t)
	if err == nil && converted == nil && t.primitive {
		return nil, fmt.Errorf("an empty text is no %s", t.name)
	}
	return converted, err
}

// convertFirst stands the first element in for a list, or that of a list which
// is its first element, and so on.
func convertFirst(items []any, t *javaType) (any, error) {
	for range maxDataDepth {
		if len(items) == 0 {
			return convert(nil, t)
		}
		first := normal(items[0])
		nested, ok := elements(first)
		if !ok {
			return convert(first, t)
		}
		items = nested
	}
	panic(tooDeep)
}

// canConvert reports whether a conversion exists for the value's class,
// whatever becomes of the value itself.
func canConvert(v any, t *javaType) bool {
	if ok, _ := t.accepts(v); ok || v == nil {
		return true
	}
	if _, many := elements(v); many {
		if s, isSet := v.(*set); isSet && s.entries {
			return t.elem != nil || t.name == "Collection" || t.name == "List"
		}
		a, isArray := v.(*array)
		return !isArray || a.elem == "Object" || t.elem != nil || canConvert(anyElement(a), t)
	}
	if t.convert == nil {
		return false
	}
	_, err := t.convert(v, t)
	return !errors.Is(err, errNoConversion)
}

// anyElement is an element of an array or, if there is none, one that it could
// have; nil if that is not known.
func anyElement(a *array) any {
	if len(a.items) > 0 {
		return normal(a.items[0])
	}
	if inner, ok := strings.CutSuffix(a.elem, "[]"); ok {
		return &array{elem: inner}
	}
	for primitive, box := range boxes {
		if a.elem == primitive || a.elem == box {
			return zero(typeNamed(primitive))
		}
	}
	return nil
}

// toText converts to String: elements joined by commas; a map has no text.
func toText(v any, _ *javaType) (any, error) {
	if s, ok := v.(*set); ok && s.entries {
		return nil, errNoConversion
	}
	if items, ok := elements(v); ok {
		var w textWriter
		if err := w.join(items); err != nil {
			return nil, err
		}
		return w.String(), nil
	}
	if u, ok := v.(chronoUnit); ok {
		return chronoUnits[u].name, nil // enums convert by name
	}
	if !hasText(v) {
		return nil, errNoConversion
	}
	return toString(v), nil
}

// hasText reports whether Spring converts objects of the class to String.
func hasText(v any) bool {
	switch typeName(v) {
	case "String", "Boolean", "Integer", "Long", "Double", "Float", "Byte", "Short", "BigInteger", "Character",
		"ExecutionStatus", "DayOfWeek", "ChronoUnit", "UUID", "Date", "SimpleDateFormat":
		return true
	}
	return false
}

func toBoolean(v any, _ *javaType) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errNoConversion
	}
	switch strings.ToLower(strings.TrimFunc(s, javaTrim)) {
	case "":
		return nil, nil
	case "true", "on", "yes", "1":
		return true, nil
	case "false", "off", "no", "0":
		return false, nil
	}
	return nil, fmt.Errorf("%s is neither true nor false", quote(s))
}

// javaTrim is what String.trim cuts.
func javaTrim(r rune) bool { return r <= ' ' }

// toInteger converts to the integer kinds, which the type's class names. Here
// and below an empty text becomes null.
func toInteger(v any, t *javaType) (any, error) {
	switch n := v.(type) {
	case string:
		return parseInteger(n, t)
	case char:
		return inRange(int64(n), t)
	case enum:
		if t.boxed == "Integer" {
			return int32(n.ordinal()), nil
		}
	case double, float32:
		if t.boxed == "BigInteger" {
			return big.NewInt(asInt64(v)), nil // cut to a long first, as Spring does
		}
		return realInRange(asFloat64(v), t)
	case *big.Int:
		if t.boxed == "BigInteger" {
			return n, nil
		}
		if !n.IsInt64() {
			return nil, fmt.Errorf("%s is out of the range of %s", n, t.name)
		}
		return inRange(n.Int64(), t)
	case int32, int64, int16, int8:
		return inRange(asInt64(v), t)
	}
	return nil, errNoConversion
}

// realInRange cuts a real's fraction; NumberUtils checks the range of what
// Number.longValue gives.
func realInRange(f float64, t *javaType) (any, error) {
	return inRange(cut(f, math.MinInt64, math.MaxInt64), t)
}

func inRange(n int64, t *javaType) (any, error) {
	fits := true
	var v any
	switch t.boxed {
	case "Integer":
		v, fits = int32(n), n == int64(int32(n))
	case "Short":
		v, fits = int16(n), n == int64(int16(n))
	case "Byte":
		v, fits = int8(n), n == int64(int8(n))
	case "BigInteger":
		v = big.NewInt(n)
	default:
		v = n
	}
	if !fits {
		return nil, fmt.Errorf("%d is out of the range of %s", n, t.name)
	}
	return v, nil
}

// parseInteger reads a decimal or hexadecimal number, ignoring white space
// anywhere in it.
func parseInteger(s string, t *javaType) (any, error) {
	digits := trimAllSpace(s)
	if s == "" {
		return nil, nil
	}
	base, sign := 10, ""
	rest := digits
	if strings.HasPrefix(rest, "-") {
		sign, rest = "-", rest[1:]
	}
	for _, prefix := range [...]string{"0x", "0X", "#"} {
		if hex, ok := strings.CutPrefix(rest, prefix); ok {
			base, digits = 16, sign+hex
		}
	}
	n, ok := new(big.Int).SetString(asciiDigits(strings.TrimPrefix(digits, "+")), base)
	if !ok || strings.Contains(digits, "_") || strings.HasPrefix(digits, "+-") {
		return nil, fmt.Errorf("%s is no whole number", quote(s))
	}
	if t.boxed != "BigInteger" && !n.IsInt64() {
		return nil, fmt.Errorf("%s is out of the range of %s", quote(s), t.name)
	}
	if t.boxed == "BigInteger" {
		return n, nil
	}
	return inRange(n.Int64(), t)
}

func trimAllSpace(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

func toReal(v any, t *javaType) (any, error) {
	bits := 64
	if t.boxed == "Float" {
		bits = 32
	}
	var f float64
	switch n := v.(type) {
	case string:
		if n == "" {
			return nil, nil
		}
		var err error
		if f, err = parseReal(trimAllSpace(n), bits); err != nil {
			return nil, err
		}
	case char:
		f = float64(n)
	default:
		if !isNumber(v) {
			return nil, errNoConversion
		}
		f = asFloat64(v)
	}
	if bits == 32 {
		return float32(f), nil
	}
	return double(f), nil
}

// parseReal reads a number as Java's Double.parseDouble does, without the
// white space around it.
func parseReal(s string, bits int) (float64, error) {
	body := strings.TrimLeft(s, "+-")
	if len(s)-len(body) > 1 || body == "" {
		return 0, fmt.Errorf("%s is no number", quote(s))
	}
	switch body {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1 - 2*strings.Count(s, "-")), nil
	}
	hex := strings.HasPrefix(body, "0x") || strings.HasPrefix(body, "0X")
	if last := body[len(body)-1]; strings.IndexByte("fFdD", last) >= 0 && (!hex || strings.ContainsAny(body, "pP")) {
		s = s[:len(s)-1]
	}
	if !isDigit(rune(body[0])) && body[0] != '.' || strings.Contains(s, "_") || hex && !strings.ContainsAny(body, "pP") {
		return 0, fmt.Errorf("%s is no number", quote(s))
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is no number", quote(s))
	}
	return f, nil
}

func toCharacter(v any, _ *javaType) (any, error) {
	switch n := v.(type) {
	case string:
		if n == "" {
			return nil, nil
		}
		if units := utf16Units(n); len(units) == 1 {
			return char(units[0]), nil
		}
		return nil, fmt.Errorf("%s is not one character", quote(n))
	default:
		if isNumber(v) {
			return char(asInt64(v)), nil
		}
	}
	return nil, errNoConversion
}

// toList converts to List and Collection: a string is split at its commas, any
// other single value becomes a list of one.
func toList(v any, _ *javaType) (any, error) {
	switch v := v.(type) {
	case string:
		return splitCommas(v), nil
	case *collection, *set, *array:
		items, _ := elements(v)
		return items, nil
	}
	return []any{v}, nil
}

func splitCommas(s string) []any {
	out := []any{}
	if s == "" {
		return out
	}
	for part := range strings.SplitSeq(s, ",") {
		out = append(out, strings.TrimFunc(part, javaTrim))
	}
	return out
}

func toArray(v any, t *javaType) (any, error) {
	items, ok := elements(v)
	if s, isString := v.(string); isString {
		items = splitCommas(s)
	} else if !ok {
		items = []any{v}
	}
	out := make([]any, len(items))
	for i, item := range items {
		converted, err := convert(normal(item), t.elem)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		out[i] = converted
	}
	return &array{t.elem.name, out}, nil
}
