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
	var object map[string]json.RawMessage
	if err := Decode(data, &object); err != nil {
		return nil, err
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

// otherMembers returns the members of an object, which has been read already, that are not known.
func otherMembers(data []byte, known map[string]bool) (map[string]any, error) {
	if !hasOthers(data, known) {
		return nil, nil
	}
	var object map[string]json.RawMessage
	if err := Decode(data, &object); err != nil {
		return nil, err
	}
	for name := range known {
		delete(object, name)
	}
	return decodeAll(object)
}

// hasOthers says whether an object has a member that is not known, by its names alone. One with an escape may be taken for
// another.
func hasOthers(object []byte, known map[string]bool) bool {
	depth, name := 0, false // name: the next text is a member's
	for i := 0; i < len(object); i++ {
		switch object[i] {
		case '{', '[':
			depth++
			name = depth == 1
		case '}', ']':
			depth--
		case ',':
			name = depth == 1
		case '"':
			start := i + 1
			for i = start; object[i] != '"'; i++ {
				if object[i] == '\\' {
					i++
				}
			}
			if name && !known[string(object[start:i])] {
				return true
			}
			name = false
		}
	}
	return false
}

// memberNames are the names of the members that a struct has fields for.
func memberNames(known any) map[string]bool {
	names := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeOf(known)) {
		if name, isMember := memberName(field); isMember {
			names[name] = true
		}
	}
	return names
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
