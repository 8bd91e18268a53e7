package spel

import (
	"encoding/json"
	"iter"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
)

// What expressions compute with. The kinds of number are kept apart, because
// wrap-around, division, equality inside collections and text form depend on
// them:
//
//	null         nil
//	Boolean      bool
//	String       string (valid UTF-8; lengths and indexes count UTF-16 units)
//	Integer      int32
//	Long         int64
//	BigInteger   *big.Int
//	Double       double
//	Float        float32
//	Byte, Short  int8, int16
//	Character    char
//	List         []any
//	Map          *Map, map[string]any (in the order of its keys), *scope
//	Set          *set
//	Collection   *collection
//	array        *array
//	Class        *class
//	Java objects *object, status, and the types of package javalib
//
// Data that callers pass in may also hold json.Number, float64, the other
// integer types, and whatever encoding/json can encode; normal turns each into
// one of the above when it is read.
type (
	double float64
	char   uint16

	// array is a Java array: elem is the name of its element type.
	array struct {
		elem  string
		items []any
	}
	// set is an ordered Java Set.
	set struct {
		items   []any
		entries bool // an entrySet(): Java knows that its elements are entries
	}
	// collection is what map.values() returns.
	collection struct{ items []any }
	// entry is an element of a map's entry set.
	entry struct{ key, value any }
)

// normal gives a value read from the caller's data its kind.
func normal(v any) any {
	switch n := v.(type) {
	case nil, string, bool, int32, int64, double, float32, []any, map[string]any, *Map,
		int8, int16, char, *big.Int, *array, *set, *collection, entry, *class, *object, status, *scope:
		return v
	case json.Number:
		return numberFrom(string(n))
	case float64:
		if n == math.Trunc(n) && math.Abs(n) <= 1<<53 {
			return smallest(int64(n))
		}
		return double(n)
	case int:
		return smallest(int64(n))
	}
	return foreign(v)
}

// foreign reads a value of a type that JSON decoding does not make.
func foreign(v any) any {
	if _, ok := v.(javaObject); ok {
		return v
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return smallest(r.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return numberFrom(strconv.FormatUint(r.Uint(), 10))
	case reflect.String:
		return r.String()
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	decoded, err := Decode(data)
	if err != nil {
		return nil
	}
	return decoded
}

// numberFrom reads a JSON number: the smallest integer kind that fits, or a
// Double.
func numberFrom(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return smallest(n)
	}
	if n, ok := new(big.Int).SetString(s, 10); ok {
		return n
	}
	f, _ := strconv.ParseFloat(s, 64)
	return double(f)
}

func smallest(n int64) any {
	if n == int64(int32(n)) {
		return int32(n)
	}
	return n
}

// typeName is the kind of a value as error messages and Value.Type say it.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "Boolean"
	case string:
		return "String"
	case int32:
		return "Integer"
	case int64:
		return "Long"
	case *big.Int:
		return "BigInteger"
	case double:
		return "Double"
	case float32:
		return "Float"
	case int8:
		return "Byte"
	case int16:
		return "Short"
	case []any:
		return "List"
	case map[string]any, *Map, *scope:
		return "Map"
	case *set:
		return "Set"
	case *collection:
		return "Collection"
	case *array:
		return v.elem + "[]"
	case entry:
		return "Entry"
	case javaObject:
		return v.javaClass()
	}
	return "Object"
}

func isMap(v any) bool {
	switch v.(type) {
	case map[string]any, *Map, *scope:
		return true
	}
	return false
}

// mapGet is Java's Map.get and containsKey in one.
func mapGet(m, key any) (any, bool) {
	switch m := m.(type) {
	case map[string]any:
		if s, ok := key.(string); ok {
			v, ok := m[s]
			return normal(v), ok
		}
		return nil, false
	case *Map:
		v, ok := m.lookup(key)
		return normal(v), ok
	case *scope:
		return m.get(key)
	}
	return nil, false
}

func mapLen(m any) int {
	switch m := m.(type) {
	case map[string]any:
		return len(m)
	case *Map:
		return m.Len()
	case *scope:
		return m.fields().Len()
	}
	return 0
}

// mapEntries iterates over a map in its order; a Go map's is that of its keys.
func mapEntries(m any) iter.Seq2[any, any] {
	return func(yield func(any, any) bool) {
		switch m := m.(type) {
		case map[string]any:
			keys := make([]string, 0, len(m))
			for k := range m {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range keys {
				if !yield(k, normal(m[k])) {
					return
				}
			}
		case *Map:
			for k, v := range m.All() {
				if !yield(normal(k), normal(v)) {
					return
				}
			}
		case *scope:
			for k, v := range m.fields().All() {
				if !yield(k, normal(v)) {
					return
				}
			}
		}
	}
}

// MarshalJSON writes the number so that it stays a real.
func (d double) MarshalJSON() ([]byte, error) {
	return json.Marshal(newExporter(false).export(d))
}

// elements returns the elements of a list, set, collection or array.
func elements(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case *set:
		return v.items, true
	case *collection:
		return v.items, true
	case *array:
		return v.items, true
	}
	return nil, false
}
