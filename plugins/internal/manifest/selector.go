package manifest

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// LabelSelector is one of a stage's `labelSelectors.selectors` (clouddriver-kubernetes
// security/KubernetesSelector.java).
type LabelSelector struct {
	// Kind is ANY, EQUALS, NOT_EQUALS, CONTAINS, NOT_CONTAINS, EXISTS or NOT_EXISTS.
	Kind   string   `json:"kind"`
	Key    string   `json:"key"`
	Values []string `json:"values"`
}

// Selector joins label selectors into Kubernetes' form; it selects everything when there is none.
func Selector(selectors []LabelSelector) (labels.Selector, error) {
	var terms []string
	for i, s := range selectors {
		term, err := s.term()
		if err != nil {
			return nil, fmt.Errorf("labelSelectors.selectors[%d]: %w", i, err)
		}
		if term != "" {
			terms = append(terms, term)
		}
	}
	return labels.Parse(strings.Join(terms, ","))
}

func (s LabelSelector) term() (string, error) {
	kind := strings.ToUpper(s.Kind)
	if kind == "ANY" {
		return "", nil
	}
	if s.Key == "" {
		return "", fmt.Errorf("kind %s needs a key", s.Kind)
	}
	switch kind {
	case "EXISTS":
		return s.Key, nil
	case "NOT_EXISTS":
		return "!" + s.Key, nil
	case "EQUALS", "NOT_EQUALS", "CONTAINS", "NOT_CONTAINS":
		if len(s.Values) == 0 {
			return "", fmt.Errorf("kind %s needs values", s.Kind)
		}
	default:
		return "", fmt.Errorf("kind %q is unknown; there are ANY, EQUALS, NOT_EQUALS, CONTAINS, NOT_CONTAINS, EXISTS, NOT_EXISTS", s.Kind)
	}
	switch list := strings.Join(s.Values, ", "); kind {
	case "EQUALS":
		return s.Key + " = " + s.Values[0], nil
	case "NOT_EQUALS":
		return s.Key + " != " + s.Values[0], nil
	case "CONTAINS":
		return s.Key + " in (" + list + ")", nil
	default:
		return s.Key + " notin (" + list + ")", nil
	}
}
