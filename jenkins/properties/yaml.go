package properties

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads one YAML document whose root is a map.
//
// Plain scalars are typed as by SnakeYAML (YAML 1.1: yes, no, on, off are
// booleans, a leading 0 is octal), which is what pipelines written for Igor
// expect, with two exceptions that would destroy version strings: dates
// (2026-01-02) and base-60 numbers (10:30) stay text.
func parseYAML(data []byte) (map[string]any, *Error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &Error{Reason: ErrEmpty}
	}
	if !utf8.Valid(data) {
		return nil, malformed(lineAt(data, invalidUTF8(data)), "not UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Error{Reason: ErrEmpty}
		}
		return nil, yamlProblem(err)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, malformed(second.Line, "a second document; want one")
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlProblem(err)
	}
	reader := yamlReader{open: map[*yaml.Node]bool{}}
	root, problem := reader.value(&document, 0)
	if problem != nil {
		return nil, problem
	}
	switch root := root.(type) {
	case map[string]any:
		return root, nil
	case nil:
		return nil, &Error{Reason: ErrEmpty}
	default:
		return nil, malformed(document.Line, "the root is %s, want a map", yamlKind(root))
	}
}

func yamlKind(root any) string {
	if _, list := root.([]any); list {
		return "a list"
	}
	return "a single value"
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// yamlProblem moves the line number from the library's text into Error.Line.
func yamlProblem(err error) *Error {
	message := err.Error()
	match := yamlLine.FindStringSubmatch(message)
	line, convErr := strconv.Atoi(match[1])
	if convErr != nil {
		line = 0
	}
	return malformed(line, "%s", strings.TrimPrefix(message, match[0]))
}

// yamlReader turns nodes into values. It expands aliases itself, so that it can
// count what they expand to.
type yamlReader struct {
	count int
	open  map[*yaml.Node]bool // anchors being expanded, to find cycles
}

func (r *yamlReader) value(node *yaml.Node, depth int) (any, *Error) {
	r.count++
	if r.count > maxValues {
		return nil, malformed(node.Line, "more than %d values after aliases are expanded", maxValues)
	}
	if depth > maxDepth {
		return nil, malformed(node.Line, "nested deeper than %d levels", maxDepth)
	}
	switch node.Kind {
	case yaml.DocumentNode:
		return r.value(node.Content[0], depth)
	case yaml.AliasNode:
		return r.alias(node, depth)
	case yaml.MappingNode:
		return r.mapping(node, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			value, err := r.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	default:
		return scalar(node)
	}
}

func (r *yamlReader) alias(node *yaml.Node, depth int) (any, *Error) {
	if r.open[node.Alias] {
		return nil, malformed(node.Line, "alias *%s contains itself", node.Value)
	}
	r.open[node.Alias] = true
	defer delete(r.open, node.Alias)
	return r.value(node.Alias, depth+1)
}

func (r *yamlReader) mapping(node *yaml.Node, depth int) (any, *Error) {
	result := make(map[string]any, len(node.Content)/2)
	merged := map[string]any{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		keyNode, valueNode := node.Content[i], node.Content[i+1]
		value, err := r.value(valueNode, depth+1)
		if err != nil {
			return nil, err
		}
		if keyNode.Tag == "!!merge" {
			if err := merge(merged, value, keyNode.Line); err != nil {
				return nil, err
			}
			continue
		}
		key, err := r.key(keyNode)
		if err != nil {
			return nil, err
		}
		result[key] = value
	}
	for key, value := range merged {
		if _, own := result[key]; !own {
			result[key] = value
		}
	}
	return result, nil
}

// merge adds what `<<` names; of several maps the first that has a key wins.
func merge(into map[string]any, value any, line int) *Error {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if _, earlier := into[key]; !earlier {
				into[key] = member
			}
		}
		return nil
	case []any:
		for _, member := range v {
			object, ok := member.(map[string]any)
			if !ok {
				return malformed(line, "<< needs a map or a list of maps")
			}
			if err := merge(into, object, line); err != nil {
				return err
			}
		}
		return nil
	default:
		return malformed(line, "<< needs a map or a list of maps")
	}
}

// key gives the text of a map key; 1 and true are the keys "1" and "true".
func (r *yamlReader) key(node *yaml.Node) (string, *Error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.ScalarNode {
		return "", malformed(node.Line, "a map key that is itself a map or a list")
	}
	if strings.ContainsRune(node.Value, 0) {
		return "", malformed(node.Line, "NUL character in a key")
	}
	return node.Value, nil
}

var (
	yamlInt   = regexp.MustCompile(`^[-+]?(?:0|[1-9][0-9_]*|0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+)$`)
	yamlFloat = regexp.MustCompile(`^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+|\.[0-9][0-9_]*[eE][-+]?[0-9]+)$`)
)

func scalar(node *yaml.Node) (any, *Error) {
	if strings.ContainsRune(node.Value, 0) {
		return nil, malformed(node.Line, "NUL character in a value")
	}
	const notPlain = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
	if node.Style&notPlain != 0 {
		return taggedScalar(node)
	}
	return plainScalar(node.Value), nil
}

// taggedScalar honours !!str, !!int, !!float, !!bool and !!null; quoted text
// without a tag is text.
func taggedScalar(node *yaml.Node) (any, *Error) {
	if node.Style&yaml.TaggedStyle == 0 {
		return node.Value, nil
	}
	switch node.Tag {
	case "!!str", "!":
		return node.Value, nil
	case "!!null":
		return nil, nil
	case "!!int", "!!float", "!!bool":
		value := plainScalar(node.Value)
		if _, text := value.(string); !text && value != nil {
			return value, nil
		}
		return nil, malformed(node.Line, "%q is no %s", node.Value, strings.TrimPrefix(node.Tag, "!!"))
	default:
		return nil, malformed(node.Line, "tag %s is not supported", node.Tag)
	}
}

func plainScalar(s string) any {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return false
	}
	digits := strings.ReplaceAll(s, "_", "")
	if yamlInt.MatchString(s) {
		return integer(digits)
	}
	if yamlFloat.MatchString(s) {
		if f, err := strconv.ParseFloat(digits, 64); err == nil {
			return f
		}
	}
	return s
}

// integer reads a YAML 1.1 integer; base 0 knows the prefixes 0, 0b and 0x.
func integer(digits string) any {
	if n, err := strconv.ParseInt(digits, 0, 64); err == nil {
		return n
	}
	if n, ok := new(big.Int).SetString(digits, 0); ok {
		return json.Number(n.String())
	}
	return digits
}
