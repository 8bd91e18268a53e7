package spel

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// toString is Java's toString().
func toString(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	var w textWriter
	w.write(v)
	return w.String()
}

// textWriter collects the text form of a value.
type textWriter struct {
	strings.Builder
	walk
}

func (w *textWriter) add(s string) {
	if w.Len()+len(s) > maxText {
		panic(tooLong)
	}
	w.WriteString(s)
}

func (w *textWriter) write(v any) {
	w.enter()
	defer w.leave()
	switch v := v.(type) {
	case nil:
		w.add("null")
	case string:
		w.add(v)
	case bool:
		w.add(strconv.FormatBool(v))
	case int32, int64, int8, int16:
		w.add(strconv.FormatInt(asInt64(v), 10))
	case double:
		w.add(formatReal(float64(v), 64))
	case float32:
		w.add(formatReal(float64(v), 32))
	case *big.Int:
		w.add(v.String())
	case entry:
		w.write(v.key)
		w.add("=")
		w.write(v.value)
	case *array:
		w.add(v.elem + "[" + strconv.Itoa(len(v.items)) + "]")
	case *object:
		w.add(string(v.kind))
		w.write(v.data)
	case javaObject:
		w.add(v.text())
	default:
		w.aggregate(v)
	}
}

func (w *textWriter) aggregate(v any) {
	separate := func(first bool) {
		if !first {
			w.add(", ")
		}
	}
	if isMap(v) {
		first := true
		w.add("{")
		for k, v := range mapEntries(v) {
			separate(first)
			first = false
			w.write(entry{k, v})
		}
		w.add("}")
		return
	}
	items, _ := elements(v)
	w.add("[")
	for i, item := range items {
		separate(i == 0)
		w.write(normal(item))
	}
	w.add("]")
}

// join writes a list as Spring converts it to text: elements separated by commas,
// nested lists in the same way.
func (w *textWriter) join(items []any) error {
	w.enter()
	defer w.leave()
	for i, item := range items {
		if i > 0 {
			w.add(",")
		}
		item = normal(item)
		if s, ok := item.(*set); ok && s.entries {
			return fmt.Errorf("element %d is a set of entries", i)
		}
		if nested, ok := elements(item); ok {
			if err := w.join(nested); err != nil {
				return err
			}
			continue
		}
		switch u, isUnit := item.(chronoUnit); {
		case isUnit:
			w.add(chronoUnits[u].name)
		case item != nil && !hasText(item):
			return fmt.Errorf("element %d is %s", i, describe(item))
		default:
			w.write(item)
		}
	}
	return nil
}

// concatText is what + makes of an operand that is not a string: the converted
// text, or toString() where there is no conversion.
func concatText(v any) (string, error) {
	if v == nil || !canConvert(v, typeString) {
		return toString(v), nil
	}
	s, err := convert(v, typeString)
	if err != nil {
		return "", err
	}
	return toString(s), nil
}
