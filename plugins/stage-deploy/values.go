package main

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// flag is a boolean that may be given as text, as Spinnaker takes it, and that may still be an expression when the
// pipeline is saved.
type flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	switch v := value.(type) {
	case nil:
		*f = false
		return nil
	case bool:
		*f = flag(v)
		return nil
	case string:
		switch {
		case strings.EqualFold(v, "true"):
			*f = true
			return nil
		case v == "" || strings.EqualFold(v, "false") || isExpression(v):
			*f = false
			return nil
		}
	}
	return mismatch[bool](text)
}

// mismatch is an error to which encoding/json adds the field's path.
func mismatch[expected any](text []byte) error {
	return &json.UnmarshalTypeError{Value: "value " + string(text), Type: reflect.TypeFor[expected]()}
}

// minutes is a number of minutes that may be given as text; zero when nothing is said or it is still an expression.
type minutes float64

// UnmarshalJSON implements json.Unmarshaler.
func (m *minutes) UnmarshalJSON(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	switch v := value.(type) {
	case nil:
		return nil
	case float64:
		*m = minutes(v)
	case string:
		if v == "" || isExpression(v) {
			return nil
		}
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return mismatch[minutes](text)
		}
		*m = minutes(n)
	default:
		return mismatch[minutes](text)
	}
	const week = 7 * 24 * 60
	if *m < 0 || *m > week {
		return mismatch[minutes](text)
	}
	return nil
}

// isExpression says whether a text is only known when the pipeline runs.
func isExpression(text string) bool { return strings.Contains(text, "${") }

// hasExpression says whether a JSON value holds an expression somewhere.
func hasExpression(value any) bool {
	switch v := value.(type) {
	case string:
		return isExpression(v)
	case []any:
		for _, element := range v {
			if hasExpression(element) {
				return true
			}
		}
	case map[string]any:
		for key, element := range v {
			if isExpression(key) || hasExpression(element) {
				return true
			}
		}
	}
	return false
}
