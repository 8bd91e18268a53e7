package spel

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gennaker/gennaker/agent/spel/internal/javalib"
)

// #readYaml reads YAML 1.1 as SnakeYAML's SafeConstructor does: yes and on are
// true, 010 is eight, dates are Dates.

// readYAML reads one document, null if there is none.
func readYAML(text string) (any, error) {
	all, err := readAllYAML(text)
	if err != nil {
		return nil, err
	}
	switch docs := all.([]any); len(docs) {
	case 0:
		return nil, nil
	case 1:
		return docs[0], nil
	}
	return nil, errors.New("there is more than one document; use #readAllYaml(...)")
}

func readAllYAML(text string) (any, error) {
	docs := []any{}
	d := yaml.NewDecoder(strings.NewReader(text))
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
		r := yamlReader{done: map[*yaml.Node]any{}, open: map[*yaml.Node]bool{}}
		v, err := r.value(&n)
		if err != nil {
			return nil, err
		}
		docs = append(docs, v)
	}
}

// maxYAMLAliases bounds the aliases of maps and lists, as SnakeYAML does.
const maxYAMLAliases = 50

// yamlReader turns the nodes of one document into values.
type yamlReader struct {
	done    map[*yaml.Node]any // what anchors stand for
	open    map[*yaml.Node]bool
	aliases int
}

func (r *yamlReader) value(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return r.value(n.Content[0])
	case yaml.AliasNode:
		return r.alias(n)
	case yaml.ScalarNode:
		return scalar(n)
	}
	r.open[n] = true
	v, err := r.aggregate(n)
	delete(r.open, n)
	if n.Anchor != "" {
		r.done[n] = v
	}
	return v, err
}

func (r *yamlReader) alias(n *yaml.Node) (any, error) {
	target := n.Alias
	if r.open[target] {
		return nil, fmt.Errorf("line %d: *%s contains itself", n.Line, n.Value)
	}
	if target.Kind == yaml.ScalarNode {
		return scalar(target)
	}
	if r.aliases++; r.aliases > maxYAMLAliases {
		return nil, fmt.Errorf("line %d: more than %d aliases", n.Line, maxYAMLAliases)
	}
	return r.done[target], nil
}

func (r *yamlReader) aggregate(n *yaml.Node) (any, error) {
	switch tag := n.ShortTag(); {
	case n.Kind == yaml.SequenceNode && tag == "!!seq":
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			v, err := r.value(item)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case n.Kind == yaml.MappingNode && tag == "!!map":
		return r.mapping(n)
	case n.Kind == yaml.MappingNode && tag == "!!set":
		m, err := r.mapping(n)
		if err != nil {
			return nil, err
		}
		return &set{items: m.keys}, nil
	default:
		return nil, fmt.Errorf("line %d: the tag %s is not allowed", n.Line, tag)
	}
}

func (r *yamlReader) mapping(n *yaml.Node) (*Map, error) {
	m := NewMap(len(n.Content) / 2)
	var merges []any
	for i := 0; i+1 < len(n.Content); i += 2 {
		value, err := r.value(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		if k := n.Content[i]; k.Kind == yaml.ScalarNode && k.Style == 0 && k.Value == "<<" {
			merges = append(merges, value)
			continue
		}
		key, err := r.value(n.Content[i])
		if err != nil {
			return nil, err
		}
		m.put(key, value)
	}
	for _, merge := range merges {
		if err := mergeInto(m, merge); err != nil {
			return nil, fmt.Errorf("line %d: %w", n.Line, err)
		}
	}
	return m, nil
}

// mergeInto adds the entries that a map does not have yet.
func mergeInto(m *Map, merge any) error {
	sources, ok := merge.([]any)
	if !ok {
		sources = []any{merge}
	}
	for _, source := range sources {
		from, ok := source.(*Map)
		if !ok {
			return errors.New("<< needs a map, or a list of maps")
		}
		for k, v := range from.All() {
			if _, known := m.lookup(k); !known {
				m.put(k, v)
			}
		}
	}
	return nil
}

var (
	yamlInt   = regexp.MustCompile(`^[-+]?(0b_*[01][01_]*|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(:[0-5]?[0-9])+)$`)
	yamlFloat = regexp.MustCompile(`^([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|` +
		`[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	yamlDay  = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	yamlTime = regexp.MustCompile(`^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?[ \t]*(Z|[-+]\d\d?(?::\d\d)?)?$`)
)

var yamlWords = map[string]any{
	"yes": true, "true": true, "on": true, "no": false, "false": false, "off": false, "null": nil, "~": nil, "": nil,
}

// scalar resolves a scalar by its tag, or if it is plain by what it looks like.
func scalar(n *yaml.Node) (any, error) {
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if n.Style&yaml.TaggedStyle != 0 {
		return tagged(n)
	}
	if quoted {
		return n.Value, nil
	}
	return plainScalar(n.Value)
}

func tagged(n *yaml.Node) (any, error) {
	switch tag := n.ShortTag(); tag {
	case "!!str", "!":
		return n.Value, nil
	case "!!int", "!!float", "!!bool", "!!null", "!!timestamp":
		v, err := plainScalar(n.Value)
		if i, ok := v.(int32); ok && tag == "!!float" {
			v = double(i)
		}
		return v, err
	default:
		return nil, fmt.Errorf("line %d: the tag %s is not allowed", n.Line, tag)
	}
}

func plainScalar(s string) (any, error) {
	if word := strings.ToLower(s); s == word || s == strings.ToUpper(s) || s == strings.ToUpper(word[:1])+word[1:] {
		if v, ok := yamlWords[word]; ok {
			return v, nil
		}
	}
	switch {
	case yamlInt.MatchString(s):
		return yamlInteger(strings.ReplaceAll(s, "_", ""))
	case yamlFloat.MatchString(s):
		return yamlReal(strings.ToLower(strings.ReplaceAll(s, "_", "")))
	case yamlDay.MatchString(s):
		t, err := time.Parse("2006-01-02", s)
		return dateOf(t), err
	}
	if m := yamlTime.FindStringSubmatch(s); m != nil {
		return yamlTimestamp(m)
	}
	return s, nil
}

func yamlInteger(s string) (any, error) {
	negative := strings.HasPrefix(s, "-")
	digits := strings.TrimLeft(s, "+-")
	base := 10
	switch {
	case strings.HasPrefix(digits, "0b"):
		base, digits = 2, digits[2:]
	case strings.HasPrefix(digits, "0x"):
		base, digits = 16, digits[2:]
	case strings.Contains(digits, ":"):
		digits = strconv.FormatFloat(sexagesimal(digits), 'f', 0, 64)
	case len(digits) > 1 && digits[0] == '0':
		base = 8
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return nil, fmt.Errorf("%s is no number", quote(s))
	}
	if negative {
		n.Neg(n)
	}
	if n.IsInt64() {
		return smallest(n.Int64()), nil
	}
	return n, nil
}

// sexagesimal reads 1:30:00.
func sexagesimal(s string) float64 {
	total := 0.0
	for part := range strings.SplitSeq(s, ":") {
		n, _ := strconv.ParseFloat(part, 64)
		total = total*60 + n
	}
	return total
}

func yamlReal(s string) (any, error) {
	sign := 1.0
	if strings.HasPrefix(s, "-") {
		sign = -1
	}
	digits := strings.TrimLeft(s, "+-")
	switch {
	case digits == ".inf":
		return double(sign * math.Inf(1)), nil
	case digits == ".nan":
		return double(math.NaN()), nil
	case strings.Contains(digits, ":"):
		return double(sign * sexagesimal(digits)), nil
	}
	f, err := parseReal(digits, 64)
	return double(sign * f), err
}

func yamlTimestamp(m []string) (any, error) {
	var n [7]int
	for i := range 6 {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	millis, _ := strconv.Atoi((m[7] + "000")[:3])
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], millis*1e6, time.UTC)
	if m[8] != "" && m[8] != "Z" {
		offset, err := zoneOffset(m[8])
		if err != nil {
			return nil, err
		}
		t = t.Add(-time.Duration(offset) * time.Second)
	}
	return dateOf(t), nil
}

// readProperties reads a Java property file to a map of texts.
func readProperties(text string) (any, error) {
	all, err := javalib.ReadProperties(text)
	if err != nil {
		return nil, err
	}
	m := NewMap(len(all))
	for _, p := range all {
		m.Set(p.Key, p.Value)
	}
	return m, nil
}
