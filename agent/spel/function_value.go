package spel

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Functions that need nothing but their arguments (spinnaker/spinnaker
// kork-expressions functions/*, orca-core ContextFunctions).
var valueFunctions = map[string]*function{
	"toInt": define("Converts a text to an Integer", func(_ *state, args []any) (any, error) {
		s, err := needText(args[0])
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(asciiDigits(s), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s is no whole number of 32 bits", quote(s))
		}
		return int32(n), nil
	}, Parameter{"value", "a text, like '42'", "String"}),

	"toFloat": define("Converts a text to a Float", func(_ *state, args []any) (any, error) {
		s, err := needText(args[0])
		if err != nil {
			return nil, err
		}
		f, err := parseReal(strings.TrimFunc(s, javaTrim), 32)
		return float32(f), err
	}, Parameter{"value", "a text, like '1.5'", "String"}),

	"toBoolean": define("Converts a text to a Boolean", func(_ *state, args []any) (any, error) {
		s, _ := args[0].(string)
		return strings.EqualFold(s, "true"), nil
	}, Parameter{"value", "true in any case, or anything else", "String"}),

	"toBase64": define("Encodes a text as base64", func(_ *state, args []any) (any, error) {
		s, err := needText(args[0])
		return base64.StdEncoding.EncodeToString([]byte(s)), err
	}, Parameter{"text", "the text to encode", "String"}),

	"fromBase64": define("Decodes base64 to a text", func(_ *state, args []any) (any, error) {
		s, err := needText(args[0])
		if err != nil {
			return nil, err
		}
		if strings.ContainsAny(s, "\r\n") { // which Go would skip
			return nil, errors.New("there is a line break in the base64")
		}
		encoding := base64.StdEncoding
		if len(s)%4 != 0 {
			encoding = base64.RawStdEncoding
		}
		decoded, err := encoding.DecodeString(s)
		return strings.ToValidUTF8(string(decoded), "\ufffd"), err
	}, Parameter{"text", "the text to decode", "String"}),

	"alphanumerical": define("Drops all characters but letters and digits", func(_ *state, args []any) (any, error) {
		s, err := needText(args[0])
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, s), err
	}, Parameter{"text", "the text to strip", "String"}),

	"fetchReference": define("The content of an artifact reference", func(_ *state, args []any) (any, error) {
		return args[0], nil
	}, Parameter{"reference", "the reference", "String"}),

	"doNotEval": define("Marks a value whose expressions #toJson shall keep", func(_ *state, args []any) (any, error) {
		return &unevaluated{args[0]}, nil
	}, Parameter{"value", "the value", "Object"}),

	"toJson": define("Writes a value as JSON", toJSON, Parameter{"value", "the value", "Object"}),

	"readJson": define("Reads JSON: a map, or a list if the text begins with [", func(_ *state, args []any) (any, error) {
		s, err := needText(args[0])
		if err != nil {
			return nil, err
		}
		return readJSON(s)
	}, Parameter{"text", "JSON", "String"}),

	"readYaml": define("Reads a YAML document", func(_ *state, args []any) (any, error) {
		s, err := needText(args[0])
		if err != nil {
			return nil, err
		}
		return readYAML(s)
	}, Parameter{"text", "YAML", "String"}),

	"readAllYaml": define("Reads all documents of a YAML text", func(_ *state, args []any) (any, error) {
		s, err := needText(args[0])
		if err != nil {
			return nil, err
		}
		return readAllYAML(s)
	}, Parameter{"text", "YAML", "String"}),
}

func needText(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", errors.New("the argument is null")
	}
	return s, nil
}

// unevaluated is what #doNotEval returns.
type unevaluated struct{ value any }

func (u *unevaluated) javaClass() string { return "NotEvaluableExpression" }
func (u *unevaluated) text() string      { return toString(u.value) }
func (u *unevaluated) exported() any     { return u.value }

func toJSON(_ *state, args []any) (text any, err error) {
	defer catchLimit(&err)
	marked, literal := args[0].(*unevaluated)
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if literal {
		args = []any{marked.value}
	}
	if err := enc.Encode(exporter{ordered: true, jackson: true, walk: new(walk)}.export(args[0])); err != nil {
		return nil, err
	}
	s := strings.TrimSuffix(b.String(), "\n")
	if !literal && strings.Contains(s, opening) {
		return nil, errors.New("the result would hold an expression; mark it with #doNotEval(...)")
	}
	return s, nil
}

// readJSON reads a map, or a list if the text begins with one. What follows the
// value is ignored, as Jackson does.
func readJSON(s string) (any, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	v, err := decodeValue(d)
	if err != nil {
		return nil, fmt.Errorf("this is no JSON: %w", err)
	}
	if v == nil {
		return nil, nil
	}
	if _, isList := v.([]any); isList != strings.HasPrefix(s, "[") || !isList && !isMap(v) {
		return nil, fmt.Errorf("want a JSON object, or a list from the first character on, got %s", describe(normal(v)))
	}
	return v, nil
}
