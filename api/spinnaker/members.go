package spinnaker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// readMembers reads an object into the fields of the struct that into points to, and returns the members that none of
// them has. It reads as Jackson does in Spinnaker: names are exact, where encoding/json ignores case, and scalars of
// another type are taken when they can mean nothing else ("true" for true, "3" for 3, 3 for "3").
func readMembers(data []byte, into any) (others map[string]any, err error) {
	object, ok := rawMembers(data)
	if !ok {
		if err := decodeSlowly(data, &object); err != nil {
			return nil, err
		}
	}
	value := reflect.ValueOf(into).Elem()
	for i := range value.NumField() {
		name, isMember := memberName(value.Type().Field(i))
		if !isMember {
			continue
		}
		raw, there := object[name]
		delete(object, name)
		if !there {
			continue
		}
		if err := Decode(coerced(raw, value.Field(i).Type()), value.Field(i).Addr().Interface()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return decodeAll(object)
}

// readSlowly is how encoding/json reads an object into the struct that known points to, and its other members into extra.
func readSlowly(data []byte, known any, extra *map[string]any) error {
	if err := decodeSlowly(data, known); err != nil {
		return err
	}
	var object map[string]any
	if err := decodeSlowly(data, &object); err != nil {
		return err
	}
	structType := reflect.TypeOf(known).Elem()
	for i := range structType.NumField() {
		if name, isMember := memberName(structType.Field(i)); isMember {
			delete(object, name)
		}
	}
	if len(object) > 0 {
		*extra = object
	}
	return nil
}

// memberName is the name of the member that a field is read from, if it is.
func memberName(field reflect.StructField) (name string, isMember bool) {
	name, _, _ = strings.Cut(field.Tag.Get("json"), ",")
	return name, name != "-"
}

func decodeAll(object map[string]json.RawMessage) (map[string]any, error) {
	if len(object) == 0 {
		return nil, nil
	}
	values := make(map[string]any, len(object))
	for name, raw := range object {
		var value any
		if err := Decode(raw, &value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		values[name] = value
	}
	return values, nil
}

var (
	booleanText = regexp.MustCompile(`^"(?i:true|false)"$`)
	integerText = regexp.MustCompile(`^"-?(?:0|[1-9][0-9]*)"$`)
)

// coerced turns a scalar into one of the wanted type when its text is one.
func coerced(raw json.RawMessage, wanted reflect.Type) json.RawMessage {
	if wanted.Kind() == reflect.Pointer {
		wanted = wanted.Elem()
	}
	inside := bytes.Trim(raw, `"`)
	switch wanted.Kind() {
	case reflect.Bool:
		if booleanText.Match(raw) {
			return bytes.ToLower(inside)
		}
	case reflect.Int, reflect.Int64:
		if integerText.Match(raw) {
			return inside
		}
	case reflect.String:
		if isScalar := raw[0] != '"' && raw[0] != '{' && raw[0] != '['; isScalar && string(raw) != "null" {
			return json.RawMessage(strconv.Quote(string(raw)))
		}
	}
	return raw
}
