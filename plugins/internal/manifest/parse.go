package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is one document of a manifest text.
type Document struct {
	// Value is nil, bool, string, int64, float64, []any or map[string]any.
	Value any
	// Origin says where the document stands, for people: "document 2, line 14".
	Origin string
}

// Parse reads all documents of a YAML or JSON text; documents without content are left out. YAML is read by the 1.1
// rules that kubectl and Spinnaker use: a plain `y`, `on` or `no` is a boolean. The warnings name keys that are given
// twice in one mapping (the last one counts). An error names document and line.
func Parse(text []byte) (docs []Document, warnings []string, err error) {
	if docs, ok := parseJSON(text); ok {
		return docs, nil, nil
	}
	c := composer{budget: maxNodes}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for index := 1; ; index++ {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return docs, c.warnings, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("document %d, %s", index, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if len(node.Content) == 0 {
			continue
		}
		root := node.Content[0]
		c.document = index
		value, err := c.value(root, 0)
		if err != nil {
			return nil, nil, fmt.Errorf("document %d, %w", index, err)
		}
		if value != nil {
			docs = append(docs, Document{Value: value, Origin: fmt.Sprintf("document %d, line %d", index, root.Line)})
		}
	}
}

// parseJSON reads one or more JSON values; not ok means that the text is not JSON, so it may be YAML.
func parseJSON(text []byte) ([]Document, bool) {
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	if len(trimmed) == 0 || (trimmed[0] != '{' && trimmed[0] != '[') {
		return nil, false
	}
	var docs []Document
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for index := 1; ; index++ {
		var value any
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return docs, true
		}
		if err != nil {
			return nil, false
		}
		value, err = Normalize(value)
		if err != nil {
			return nil, false
		}
		if value != nil {
			docs = append(docs, Document{Value: value, Origin: fmt.Sprintf("document %d", index)})
		}
	}
}

// Normalize returns a copy of a JSON value in the form this package works on: every number is an int64 if it is whole
// and fits, else a float64. It takes json.Number, Go's number types and values that json.Unmarshal made.
func Normalize(value any) (any, error) {
	switch v := value.(type) {
	case nil, bool, string, int64:
		return v, nil
	case int:
		return int64(v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v is not a JSON number", v)
		}
		return v, nil
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return whole, nil
		}
		number, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("number %s is out of range", v)
		}
		return number, nil
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			normal, err := Normalize(element)
			if err != nil {
				return nil, err
			}
			list[i] = normal
		}
		return list, nil
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, element := range v {
			normal, err := Normalize(element)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			object[key] = normal
		}
		return object, nil
	default:
		return nil, fmt.Errorf("%T is not a JSON value", value)
	}
}
