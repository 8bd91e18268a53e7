package properties

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseJSON reads one JSON object.
func parseJSON(data []byte) (map[string]any, *Error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &Error{Reason: ErrEmpty}
	}
	if !utf8.Valid(data) {
		return nil, malformed(lineAt(data, invalidUTF8(data)), "not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var root any
	if err := decoder.Decode(&root); err != nil {
		return nil, jsonProblem(data, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed(lineAt(data, int(decoder.InputOffset())), "text after the JSON object")
	}
	object, ok := root.(map[string]any)
	if !ok {
		return nil, malformed(1, "the root is %s, want an object", jsonKind(root))
	}
	count := 0
	return object, plainNumbers(object, 1, &count)
}

func jsonProblem(data []byte, err error) *Error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return malformed(lineAt(data, int(syntax.Offset)-1), "%v", err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed(lineAt(data, len(data)), "the file ends in the middle of a value")
	}
	return malformed(0, "%v", err)
}

func jsonKind(root any) string {
	switch root.(type) {
	case []any:
		return "a list"
	case string:
		return "a text"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	default:
		return "null"
	}
}

// plainNumbers replaces the numbers of a container in place and checks bounds.
func plainNumbers(value any, depth int, count *int) *Error {
	*count++
	if depth > maxDepth {
		return malformed(0, "nested deeper than %d levels", maxDepth)
	}
	if *count > maxValues {
		return malformed(0, "more than %d values", maxValues)
	}
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if strings.ContainsRune(key, 0) {
				return malformed(0, `\u0000 is no text`)
			}
			plain, err := plainValue(member, depth, count)
			if err != nil {
				return err
			}
			v[key] = plain
		}
	case []any:
		for i, member := range v {
			plain, err := plainValue(member, depth, count)
			if err != nil {
				return err
			}
			v[i] = plain
		}
	}
	return nil
}

func plainValue(value any, depth int, count *int) (any, *Error) {
	switch v := value.(type) {
	case json.Number:
		return number(v.String()), nil
	case string:
		if strings.ContainsRune(v, 0) {
			return nil, malformed(0, `\u0000 is no text`)
		}
	}
	return value, plainNumbers(value, depth+1, count)
}

// number turns decimal text into int64 or float64 where that loses nothing of
// the magnitude, else keeps the digits.
func number(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if strings.ContainsAny(s, ".eE") {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
	}
	return json.Number(s)
}

func invalidUTF8(data []byte) int {
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return len(data)
}
