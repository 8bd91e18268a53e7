package spel

import (
	"cmp"
	"math"
	"math/big"
	"slices"
)

func (n *compareNode) eval(s *state, active any) (any, error) {
	x, y, err := s.both(n.x, n.y, active)
	if err != nil {
		return nil, err
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	switch n.op {
	case tokEq:
		return looseEquals(x, y), nil
	case tokNe:
		return !looseEquals(x, y), nil
	}
	if isNumber(x) && isNumber(y) {
		c, ordered := compareNumbers(x, y)
		return ordered && n.holds(c), nil // NaN is neither less nor greater
	}
	c, err := compare(sequence(x), sequence(y))
	if err != nil {
		return nil, notComparable(n, x, y)
	}
	return n.holds(c), nil
}

func notComparable(n node, x, y any) *Error {
	return failure(n.position(), codeNotComparable, "%s cannot be compared with %s", describe(x), describe(y))
}

func (n *compareNode) holds(c int) bool {
	switch n.op {
	case tokLt:
		return c < 0
	case tokLe:
		return c <= 0
	case tokGt:
		return c > 0
	default:
		return c >= 0
	}
}

// sequence is the text of a value that is a character sequence.
func sequence(v any) any {
	if s, ok := v.(status); ok {
		return string(s)
	}
	return v
}

// compareNumbers compares in the wider kind; ordered is false for NaN.
func compareNumbers(x, y any) (c int, ordered bool) {
	switch max(rankOf(x), rankOf(y)) {
	case rankDouble:
		return compareReals(asFloat64(x), asFloat64(y))
	case rankFloat:
		return compareReals(float64(asFloat32(x)), float64(asFloat32(y)))
	case rankBig:
		return asBig(x).Cmp(asBig(y)), true
	}
	return cmp.Compare(asInt64(x), asInt64(y)), true
}

func compareReals(x, y float64) (int, bool) {
	return b2i(x > y) - b2i(x < y), x == x && y == y
}

// sortReals is Double.compare: -0.0 comes before 0.0, NaN behind everything.
func sortReals(x, y float64) int {
	if x != x || y != y {
		return b2i(x != x) - b2i(y != y)
	}
	if x == y {
		return b2i(math.Signbit(y)) - b2i(math.Signbit(x))
	}
	return cmp.Compare(x, y)
}

type incomparable struct{}

func (incomparable) Error() string { return "not comparable" }

// comparer is a Java object with an order.
type comparer interface {
	compareTo(other any) (int, bool)
}

// compare orders two values: null first, then what Java's compareTo says.
func compare(x, y any) (int, error) {
	if x == nil || y == nil {
		return cmp.Compare(b2i(x != nil), b2i(y != nil)), nil
	}
	if isNumber(x) && isNumber(y) {
		switch max(rankOf(x), rankOf(y)) {
		case rankDouble:
			return sortReals(asFloat64(x), asFloat64(y)), nil
		case rankFloat:
			return sortReals(float64(asFloat32(x)), float64(asFloat32(y))), nil
		}
		c, _ := compareNumbers(x, y)
		return c, nil
	}
	switch x := x.(type) {
	case string:
		if y, ok := y.(string); ok {
			return compareStrings(x, y), nil
		}
	case bool:
		if y, ok := y.(bool); ok {
			return b2i(x) - b2i(y), nil
		}
	case char:
		if y, ok := y.(char); ok {
			return int(x) - int(y), nil
		}
	case comparer:
		if c, ok := x.compareTo(y); ok {
			return c, nil
		}
	}
	return 0, incomparable{}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// looseEquals is the operator ==: numbers by value across kinds, strings and
// statuses by content, everything else as Java's equals.
func looseEquals(x, y any) bool {
	if s, ok := x.(string); ok {
		if t, ok := y.(string); ok {
			return s == t
		}
	}
	if isNumber(x) && isNumber(y) {
		c, ordered := compareNumbers(x, y)
		return ordered && c == 0
	}
	return javaEquals(sequence(x), sequence(y))
}

// javaEquals is Java's equals: kinds of number matter, lists are compared
// element by element, maps by entries, arrays by content.
func javaEquals(x, y any) bool {
	if s, ok := x.(string); ok {
		return s == y
	}
	var w walk
	return w.equal(x, y)
}

func (w *walk) equal(x, y any) bool {
	w.enter()
	defer w.leave()
	switch x := x.(type) {
	case nil:
		return y == nil
	case string, bool, int32, int64, int8, int16, char, status:
		return x == y
	case double:
		y, ok := y.(double)
		return ok && sortReals(float64(x), float64(y)) == 0
	case float32:
		y, ok := y.(float32)
		return ok && sortReals(float64(x), float64(y)) == 0
	case *big.Int:
		y, ok := y.(*big.Int)
		return ok && x.Cmp(y) == 0
	case *collection:
		return any(x) == y
	case entry:
		y, ok := y.(entry)
		return ok && w.equal(x.key, y.key) && w.equal(x.value, y.value)
	case *set:
		y, ok := y.(*set)
		return ok && len(x.items) == len(y.items) && w.containsAll(y.items, x.items)
	case *object:
		y, ok := y.(*object)
		return ok && x.kind == y.kind && w.equal(x.data, y.data)
	case comparer:
		c, ok := x.compareTo(y)
		return ok && c == 0
	}
	if isMap(x) {
		return isMap(y) && w.equalMaps(x, y)
	}
	if items, ok := elements(x); ok {
		others, ok := elements(y)
		_, xArray := x.(*array)
		_, yArray := y.(*array)
		_, yList := y.([]any)
		return ok && (xArray && yArray || !xArray && yList) && slices.EqualFunc(items, others, func(a, b any) bool {
			return w.equal(normal(a), normal(b))
		})
	}
	return x == y
}

func (w *walk) equalMaps(x, y any) bool {
	if mapLen(x) != mapLen(y) {
		return false
	}
	for k, v := range mapEntries(x) {
		if other, ok := mapGet(y, k); !ok || !w.equal(v, other) {
			return false
		}
	}
	return true
}

func equalElements(x, y any) bool { return javaEquals(normal(x), normal(y)) }

func contains(items []any, v any) bool {
	var w walk
	return w.contains(items, v)
}

func (w *walk) contains(items []any, v any) bool {
	return slices.ContainsFunc(items, func(item any) bool { return w.equal(normal(item), v) })
}

func (w *walk) containsAll(items, wanted []any) bool {
	return !slices.ContainsFunc(wanted, func(v any) bool { return !w.contains(items, normal(v)) })
}

func (n *betweenNode) eval(s *state, active any) (any, error) {
	x, y, err := s.both(n.x, n.y, active)
	if err != nil {
		return nil, err
	}
	bounds, ok := y.([]any)
	if !ok || len(bounds) != 2 {
		return nil, failure(n.y.position(), codeBetweenNeedsTwoElements, `"between" needs a list of two bounds, but this is %s`, describe(y)).
			suggest("write between {low, high}")
	}
	if err := s.count(n.at); err != nil {
		return nil, err
	}
	low, err := compare(x, normal(bounds[0]))
	if err != nil {
		return nil, notComparable(n, x, bounds[0])
	}
	if low < 0 {
		return false, nil
	}
	high, err := compare(x, normal(bounds[1]))
	if err != nil {
		return nil, notComparable(n, x, bounds[1])
	}
	return high <= 0, nil
}

func (n *instanceofNode) eval(s *state, active any) (any, error) {
	x, y, err := s.both(n.x, n.y, active)
	if err != nil {
		return nil, err
	}
	c, ok := y.(*class)
	if !ok {
		return nil, failure(n.y.position(), codeInstanceofNeedsClass, `"instanceof" needs a type, but this is %s`, describe(y)).
			suggest("write T(String), T(Integer) and so on")
	}
	return x != nil && typeName(x) == c.name, s.count(n.at)
}

// compareStrings is Java's compareTo: the difference of the first UTF-16 units
// that differ, else of the lengths.
func compareStrings(x, y string) int {
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	if n == len(x) || n == len(y) || isASCII(x) && isASCII(y) {
		if n < len(x) && n < len(y) {
			return int(x[n]) - int(y[n])
		}
		return utf16Len(x) - utf16Len(y)
	}
	return compareUnits(utf16Units(x), utf16Units(y))
}

func compareUnits(x, y []uint16) int {
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return int(x[i]) - int(y[i])
		}
	}
	return len(x) - len(y)
}
