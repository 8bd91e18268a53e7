package app

import (
	"strings"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/spel/javaregex"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// searchPage is how many executions are looked through at a time.
const searchPage = 200

// searchTriggers lists the executions that a query selects and whose trigger meets a pattern.
func searchTriggers(r store.Reader, query store.ExecutionQuery, pattern map[string]any) ([]*spinnaker.Execution, error) {
	skip, want := query.Offset, query.Limit
	query.Offset, query.Limit = 0, searchPage
	var found []*spinnaker.Execution
	for {
		page, err := r.Executions(query)
		if err != nil {
			return nil, err
		}
		for _, execution := range page {
			if !meets(pattern, map[string]any(execution.Trigger)) {
				continue
			}
			if skip > 0 {
				skip--
				continue
			}
			if found = append(found, execution); len(found) == want {
				return found, nil
			}
		}
		if len(page) < searchPage {
			return found, nil
		}
		query.Offset += searchPage
	}
}

// meets says whether a JSON value meets a pattern: an object has its members, a list an element of its own for each of the
// pattern's, texts are equal but for case or match as a regular expression, all else is equal.
//
// Source: spinnaker/spinnaker orca/orca-web controllers/TaskController.groovy, checkObjectMatchesSubset.
func meets(pattern, value any) bool {
	switch p := pattern.(type) {
	case map[string]any:
		object, ok := value.(map[string]any)
		if !ok {
			return false
		}
		for key, wanted := range p {
			if got, there := object[key]; !there || !meets(wanted, got) {
				return false
			}
		}
		return true
	case []any:
		list, ok := value.([]any)
		return ok && contains(list, p)
	case string:
		text, ok := value.(string)
		return ok && (strings.EqualFold(p, text) || matches(p, text))
	default:
		return pattern == value
	}
}

// contains says whether each of the wanted values has an element of its own in the list.
func contains(list, wanted []any) bool {
	if len(wanted) > len(list) {
		return false
	}
	taken := make([]bool, len(list))
	for _, want := range wanted {
		at := -1
		for i, item := range list {
			if !taken[i] && meets(want, item) {
				at = i
				break
			}
		}
		if at < 0 {
			return false
		}
		taken[at] = true
	}
	return true
}

func matches(pattern, text string) bool {
	expression, err := javaregex.Compile(pattern)
	if err != nil {
		return false
	}
	ok, err := expression.Match(text)
	return ok && err == nil
}
