package spinnaker

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Encode writes a value as json.Marshal does, byte for byte. It writes executions, stages and plain values in one pass:
// json.Marshal goes once more over what a type writes itself, at each level.
func Encode(value any) ([]byte, error) {
	to, err := appendValue(make([]byte, 0, 512), value, 0)
	if err != nil {
		return nil, err
	}
	return to, nil
}

// appendValue appends the JSON of a value that is nested so deep.
func appendValue(to []byte, value any, depth int) ([]byte, error) {
	const deep = 1000 // from here on encoding/json finds out whether the value ends at all
	if depth > deep {
		return appendMarshaled(to, value)
	}
	switch v := value.(type) {
	case nil:
		return append(to, "null"...), nil
	case bool:
		return strconv.AppendBool(to, v), nil
	case string:
		return appendText(to, v), nil
	case json.Number:
		if isNumber(v) {
			return append(to, v...), nil
		}
	case map[string]any:
		return appendObject(to, v, depth)
	case Trigger:
		return appendObject(to, v, depth)
	case Pipeline:
		return appendObject(to, v.Document, depth)
	case []any, []*Execution, []*Stage, []Pipeline:
		return appendField(to, reflect.ValueOf(v), depth)
	case Execution:
		return appendValue(to, &v, depth)
	case *Execution:
		if v != nil {
			filled := v.filled()
			return appendWith(to, reflect.ValueOf(&filled).Elem(), v.Extra, depth)
		}
	case Stage:
		return appendValue(to, &v, depth)
	case *Stage:
		if v != nil {
			filled := v.filled()
			return appendWith(to, reflect.ValueOf(&filled).Elem(), v.Extra, depth)
		}
	}
	return appendMarshaled(to, value)
}

func appendMarshaled(to []byte, value any) ([]byte, error) {
	data, err := json.Marshal(value)
	return append(to, data...), err
}

// appendObject appends an object, its members sorted.
func appendObject(to []byte, object map[string]any, depth int) ([]byte, error) {
	if object == nil {
		return append(to, "null"...), nil
	}
	type entry struct {
		name  string
		value any
	}
	entries := make([]entry, 0, len(object))
	for name, value := range object {
		entries = append(entries, entry{name, value})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	to = append(to, '{')
	for i, e := range entries {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(appendText(to, e.name), ':')
		var err error
		if to, err = appendValue(to, e.value, depth+1); err != nil {
			return nil, err
		}
	}
	return append(to, '}'), nil
}

// appendWith appends a struct with more members. Members of the struct win.
func appendWith(to []byte, v reflect.Value, extra map[string]any, depth int) ([]byte, error) {
	start := len(to)
	to, err := appendStruct(to, v, depth)
	if err != nil || len(extra) == 0 {
		return to, err
	}
	data, err := withExtra(to[start:], extra)
	return append(to[:start], data...), err
}

func appendStruct(to []byte, v reflect.Value, depth int) ([]byte, error) {
	to = append(to, '{')
	for _, m := range structs[v.Type()].members {
		field := v.Field(m.field)
		if m.omitEmpty && isEmpty(field) {
			continue
		}
		if to[len(to)-1] != '{' {
			to = append(to, ',')
		}
		to = append(appendText(to, m.name), ':')
		var err error
		if to, err = appendField(to, field, depth); err != nil {
			return nil, err
		}
	}
	return append(to, '}'), nil
}

func isEmpty(v reflect.Value) bool {
	if v.Kind() == reflect.Map || v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	return v.IsZero()
}

// appendField appends a value of one of the types that are in executions.
func appendField(to []byte, v reflect.Value, depth int) ([]byte, error) {
	switch v.Kind() {
	case reflect.String:
		return appendText(to, v.String()), nil
	case reflect.Bool:
		return strconv.AppendBool(to, v.Bool()), nil
	case reflect.Int, reflect.Int64:
		return strconv.AppendInt(to, v.Int(), 10), nil
	case reflect.Slice:
		return appendSlice(to, v, depth)
	case reflect.Struct, reflect.Pointer:
		value := reflect.Indirect(v)
		if value.IsValid() && structs[value.Type()] != nil && structs[value.Type()].extra < 0 {
			return appendStruct(to, value, depth)
		}
	}
	return appendValue(to, v.Interface(), depth+1)
}

func appendSlice(to []byte, v reflect.Value, depth int) ([]byte, error) {
	if v.IsNil() {
		return append(to, "null"...), nil
	}
	to = append(to, '[')
	for i := range v.Len() {
		if i > 0 {
			to = append(to, ',')
		}
		var err error
		if to, err = appendField(to, v.Index(i), depth); err != nil {
			return nil, err
		}
	}
	return append(to, ']'), nil
}

// appendText appends a text with the escapes that encoding/json writes.
func appendText(to []byte, text string) []byte {
	if needed := len(text) + 2; cap(to)-len(to) < needed {
		to = slices.Grow(to, len(to)+needed) // append adds a quarter only and copies more often
	}
	start, done := len(to), 0
	to = append(to, '"')
	for i := range len(text) {
		c := text[i]
		if letters[c] == 0 {
			continue
		}
		if c >= utf8.RuneSelf {
			data, _ := json.Marshal(text) // every text has a JSON form
			return append(to[:start], data...)
		}
		to = append(append(to, text[done:i]...), '\\', letters[c])
		if letters[c] == 'u' {
			const digits = "0123456789abcdef"
			to = append(to, '0', '0', digits[c>>4], digits[c&15])
		}
		done = i + 1
	}
	return append(append(to, text[done:]...), '"')
}

// letters are what follows the backslash of what does not stand in a text as it is; after u comes the code.
var letters = func() (letters [256]byte) {
	for c := range letters {
		if c < ' ' || c >= utf8.RuneSelf || strings.ContainsRune("<>&", rune(c)) {
			letters[c] = 'u'
		}
	}
	for letter, c := range escapes {
		if c != 0 && c != '/' {
			letters[c] = byte(letter)
		}
	}
	return letters
}()
