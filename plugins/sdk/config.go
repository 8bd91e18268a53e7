package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// ConfigError says which field of a configuration could not be read.
type ConfigError struct {
	// Path names the field; empty for the configuration as a whole.
	Path string
	// Message says what was found and what was expected.
	Message string
}

func (e *ConfigError) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return "field " + e.Path + ": " + e.Message
}

// Decode reads the configuration into a struct by the rules of encoding/json; numbers in an `any` stay json.Number. Unknown fields are ignored, because a
// stage's context holds more than the stage's own fields. The error is a *ConfigError.
func (c Config) Decode(into any) error {
	text, err := json.Marshal(map[string]any(c))
	if err != nil {
		return &ConfigError{Message: err.Error()}
	}
	err = decodeValue(string(text), into)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return &ConfigError{
			Path:    mismatch.Field,
			Message: fmt.Sprintf("found %s, expected %s", found(mismatch.Value), expected(mismatch.Type)),
		}
	}
	if err != nil {
		return &ConfigError{Message: err.Error()}
	}
	return nil
}

// found puts encoding/json's word for a value into a sentence.
func found(value string) string {
	switch value {
	case "string":
		return "a text"
	case "object", "array":
		return "an " + value
	case "bool":
		return "true or false"
	case "number":
		return "a number"
	}
	return value // for example "number 1.5"
}

// expected says in words which JSON value a Go type holds.
func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Pointer:
		return expected(t.Elem())
	}
	return "a whole number"
}

// decodeObject reads a JSON object; an empty text is an empty object. Numbers stay as they are written.
func decodeObject(text string) (map[string]any, error) {
	if text == "" {
		return map[string]any{}, nil
	}
	object := map[string]any{}
	if err := decodeValue(text, &object); err != nil {
		return nil, err
	}
	return object, nil
}

func decodeValue(text string, into any) error {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func encodeObject(object map[string]any) (string, error) {
	if len(object) == 0 {
		return "", nil
	}
	text, err := json.Marshal(object)
	return string(text), err
}
