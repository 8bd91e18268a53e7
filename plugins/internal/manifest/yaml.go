package manifest

import (
	"fmt"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

const (
	// maxNodes bounds what aliases may expand to in one text.
	maxNodes = 2_000_000
	// maxDepth bounds nesting.
	maxDepth = 200
)

// composer turns YAML nodes into JSON values by the YAML 1.1 rules.
type composer struct {
	document int
	budget   int
	warnings []string
}

func (c *composer) value(n *yaml.Node, depth int) (any, error) {
	if c.budget--; c.budget < 0 {
		return nil, fmt.Errorf("line %d: aliases expand to more than %d values", n.Line, maxNodes)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: nested deeper than %d levels", n.Line, maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.value(n.Alias, depth+1)
	case yaml.ScalarNode:
		return scalar(n)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, element := range n.Content {
			v, err := c.value(element, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return c.mapping(n, depth)
	default:
		return nil, fmt.Errorf("line %d: unexpected YAML node", n.Line)
	}
}

func (c *composer) mapping(n *yaml.Node, depth int) (any, error) {
	object := make(map[string]any, len(n.Content)/2)
	merged := make(map[string]any)
	for i := 0; i+1 < len(n.Content); i += 2 {
		keyNode, valueNode := n.Content[i], n.Content[i+1]
		value, err := c.value(valueNode, depth+1)
		if err != nil {
			return nil, err
		}
		if keyNode.ShortTag() == "!!merge" {
			if err := merge(merged, value); err != nil {
				return nil, fmt.Errorf("line %d: %w", keyNode.Line, err)
			}
			continue
		}
		key, err := c.key(keyNode, depth)
		if err != nil {
			return nil, err
		}
		if _, twice := object[key]; twice {
			c.warnings = append(c.warnings, fmt.Sprintf("document %d, line %d: key %q is given twice in one mapping; the last one counts", c.document, keyNode.Line, key))
		}
		object[key] = value
	}
	for key, value := range merged {
		if _, own := object[key]; !own {
			object[key] = value
		}
	}
	return object, nil
}

// merge adds the pairs of a `<<` value, a mapping or a list of them; what came first stays.
func merge(into map[string]any, value any) error {
	switch v := value.(type) {
	case map[string]any:
		for key, element := range v {
			if _, present := into[key]; !present {
				into[key] = element
			}
		}
		return nil
	case []any:
		for _, element := range v {
			object, ok := element.(map[string]any)
			if !ok {
				return fmt.Errorf("a list under << must hold mappings only")
			}
			if err := merge(into, object); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("<< needs a mapping or a list of mappings")
	}
}

// key is the text of a mapping's key, as kubectl writes it to JSON.
func (c *composer) key(n *yaml.Node, depth int) (string, error) {
	value, err := c.value(n, depth+1)
	if err != nil {
		return "", err
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case nil:
		return "null", nil
	default:
		return "", fmt.Errorf("line %d: a mapping's key must be a scalar", n.Line)
	}
}

func scalar(n *yaml.Node) (any, error) {
	switch tag := n.ShortTag(); tag {
	case "!!null":
		return nil, nil
	case "!!str", "!!timestamp", "!!merge":
		if n.Style == 0 {
			if b, ok := oldBool(n.Value); ok {
				return b, nil
			}
		}
		return n.Value, nil
	case "!!bool", "!!int", "!!float", "!!binary":
		var v any
		if err := n.Decode(&v); err != nil {
			return nil, fmt.Errorf("line %d: %q is no %s", n.Line, n.Value, tag)
		}
		return number(v, n)
	default:
		return nil, fmt.Errorf("line %d: unknown tag %s", n.Line, n.Tag)
	}
}

func number(value any, n *yaml.Node) (any, error) {
	switch v := value.(type) {
	case int:
		return int64(v), nil
	case uint64:
		return float64(v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("line %d: %s has no JSON form", n.Line, n.Value)
		}
		return v, nil
	default:
		return v, nil
	}
}

// oldBool knows the booleans of YAML 1.1 that YAML 1.2 reads as text.
func oldBool(text string) (value, ok bool) {
	switch text {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}
