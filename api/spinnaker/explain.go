package spinnaker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// explained says in words what is wrong with JSON.
func explained(data []byte, err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("there is no JSON value")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: the JSON ends too early", position(data, int64(len(data))))
	}
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return fmt.Errorf("%s: %w", position(data, syntax.Offset-1), err)
	}
	if mismatch := (*json.UnmarshalTypeError)(nil); errors.As(err, &mismatch) {
		text := fmt.Sprintf("found %s, expected %s", valueWords(mismatch.Value), typeWords(mismatch.Type))
		if mismatch.Field != "" {
			text = mismatch.Field + ": " + text
		}
		return errors.New(text)
	}
	return err
}

// position names a place in a text for people.
func position(data []byte, offset int64) string {
	before := data[:min(max(offset, 0), int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

// valueWords says what encoding/json found.
func valueWords(value string) string {
	switch value {
	case "object":
		return "an object"
	case "array":
		return "a list"
	case "string":
		return "a text"
	case "bool":
		return "a boolean"
	case "number":
		return "a number"
	default:
		return "the " + value // number 1.5
	}
}

// typeWords says what JSON a Go type takes.
func typeWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeWords(t.Elem())
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	default:
		return strings.ToLower(t.Kind().String())
	}
}

// bytesWords is a size for people.
func bytesWords(n int64) string {
	const mebi, kibi = 1 << 20, 1 << 10
	switch {
	case n >= mebi && n%mebi == 0:
		return fmt.Sprintf("%d MiB", n/mebi)
	case n >= kibi && n%kibi == 0:
		return fmt.Sprintf("%d KiB", n/kibi)
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}
