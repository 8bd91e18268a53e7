package spel

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strconv"
)

// Value is the result of an expression.
type Value struct{ v any }

// Type is the kind of value: null, Boolean, String, Integer, Long, BigInteger,
// Float, Double, Byte, Short, Character, List, Map, Set, Collection, an array
// as "String[]", or the name of a Java class.
func (v Value) Type() string { return typeName(v.v) }

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.v == nil }

// Bool is the value of a Boolean.
func (v Value) Bool() (value, ok bool) {
	value, ok = v.v.(bool)
	return value, ok
}

// Text is what the value becomes inside a longer template. Maps, and lists that
// hold one, have no such form.
func (v Value) Text() (text string, err error) {
	defer catchLimit(&err)
	s, e := convert(v.v, typeString)
	if e != nil {
		return "", failure(0, codeTypeConversionError, "%s has no text form", describe(v.v))
	}
	return toString(s), nil
}

// string is Java's toString() of the value.
func (v Value) string() (text string, err error) {
	defer catchLimit(&err)
	return toString(v.v), nil
}

// Plain is the value as data that encoding/json makes with UseNumber: nil,
// bool, string, json.Number, []any, map[string]any. It is a copy. The error is
// that the value is nested too deep, as cyclic data is.
func (v Value) Plain() (plain any, err error) {
	defer catchLimit(&err)
	return newExporter(false).export(v.v), nil
}

// MarshalJSON writes the value as JSON, maps in their order.
func (v Value) MarshalJSON() (data []byte, err error) {
	defer catchLimit(&err)
	return json.Marshal(newExporter(true).export(v.v))
}

// exporter turns values into data for callers.
type exporter struct {
	ordered bool // maps become *Map, else map[string]any
	jackson bool // as #toJson writes: entries become maps, char[] a text, byte[] base64
	*walk
}

func newExporter(ordered bool) exporter { return exporter{ordered: ordered, walk: new(walk)} }

func (x exporter) export(v any) any {
	x.enter()
	defer x.leave()
	switch n := v.(type) {
	case nil, bool, string, json.Number:
		return v
	case int32, int64, int8, int16:
		return json.Number(strconv.FormatInt(asInt64(v), 10))
	case *big.Int:
		return json.Number(n.String())
	case double, float32:
		if s := toString(v); isDigit(rune(s[len(s)-1])) {
			return json.Number(s)
		}
		return toString(v) // NaN and the infinities
	case *object:
		return x.export(n.data)
	case *array:
		if text, ok := n.jsonText(); ok && x.jackson {
			return text
		}
	case entry:
		if x.jackson {
			m := NewMap(1)
			m.Set(toString(n.key), x.export(n.value))
			return m
		}
		return toString(n)
	case exportable:
		return x.export(n.exported())
	case javaObject:
		return n.text()
	}
	if items, ok := elements(v); ok {
		out := make([]any, len(items))
		for i, item := range items {
			out[i] = x.export(normal(item))
		}
		return out
	}
	if x.ordered {
		out := NewMap(mapLen(v))
		for k, v := range mapEntries(v) {
			if k == nil && x.jackson {
				panic(nullKey)
			}
			out.Set(toString(k), x.export(v))
		}
		return out
	}
	out := make(map[string]any, mapLen(v))
	for k, v := range mapEntries(v) {
		out[toString(k)] = x.export(v)
	}
	return out
}

// jsonText is what Jackson makes of arrays that it does not write as lists.
func (a *array) jsonText() (string, bool) {
	switch a.elem {
	case "char":
		s, err := charsToString(a)
		return toString(s), err == nil
	case "byte":
		return base64.StdEncoding.EncodeToString(asBytes(a)), true
	}
	return "", false
}

// exportable is a Java object whose JSON form is not its text.
type exportable interface{ exported() any }
