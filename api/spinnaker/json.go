package spinnaker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Decode reads one JSON value into v. Numbers inside values of type any become json.Number, so that 41 and 41.0 and
// integers beyond 2⁵³ stay what they are. Anything after the value is an error. Errors say where, and what was expected.
func Decode(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return explained(data, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: unexpected text after the JSON value", position(data, dec.InputOffset()))
	}
	return nil
}

// MaxNesting is how deep lists and objects that come from outside may be nested: deeper than anybody writes them, and so much
// less than Decode reads that they can stand in an execution, and that in others.
const MaxNesting = 1000

// DecodeForeign is Decode for a text from outside: one that is nested deeper than MaxNesting is refused.
func DecodeForeign(data []byte, v any) error {
	depth, inText := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth > MaxNesting {
			return fmt.Errorf("%s: lists and objects are nested more than %d deep", position(data, int64(i)), MaxNesting)
		}
	}
	return Decode(data, v)
}

// Nested says whether a JSON value is nested deeper than MaxNesting.
func Nested(value any) bool { return nested(value, MaxNesting) }

func nested(value any, most int) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, item := range v {
			if nested(item, most-1) {
				return true
			}
		}
		return most <= 0
	case []any:
		return most <= 0 || slices.ContainsFunc(v, func(item any) bool { return nested(item, most-1) })
	default:
		return false
	}
}

// Clone copies a JSON value deeply: maps and slices are new, the rest is shared.
func Clone[T any](value T) T {
	cloned, _ := clone(value).(T)
	return cloned
}

func clone(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = clone(item)
		}
		return out
	case Trigger:
		return Trigger(clone(map[string]any(v)).(map[string]any))
	case []any:
		if v == nil {
			return v
		}
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	default:
		return value
	}
}

// Numbers copies a decoded JSON value with int64 and float64 in place of json.Number, for what has to compare numbers. One
// that neither can hold stays as it is.
func Numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = Numbers(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = Numbers(item)
		}
		return out
	default:
		return value
	}
}

// Plain turns any value that encodes as JSON into plain JSON values: maps, slices, strings, json.Number, bool, nil.
func Plain(value any) (any, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var plain any
	if err := Decode(data, &plain); err != nil {
		return nil, err
	}
	return plain, nil
}

// marshalWith encodes known, a struct, as an object that has the members of extra too. Known members win.
func marshalWith(known any, extra map[string]any) ([]byte, error) {
	data, err := json.Marshal(known)
	if err != nil || len(extra) == 0 {
		return data, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, err
	}
	for key, value := range extra {
		if _, taken := object[key]; taken {
			continue
		}
		if object[key], err = json.Marshal(value); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return json.Marshal(object)
}

// text returns the member key of object as text: strings as they are, numbers as written, all else "".
func text(object map[string]any, key string) string {
	switch v := object[key].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		return ""
	}
}

// texts returns the member key of object as a list of texts.
func texts(object map[string]any, key string) []string {
	list, _ := object[key].([]any)
	var out []string
	for _, item := range list {
		switch v := item.(type) {
		case string:
			out = append(out, v)
		case json.Number:
			out = append(out, v.String())
		}
	}
	return out
}
