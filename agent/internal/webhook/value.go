package webhook

import (
	"encoding/json"
	"strconv"
	"strings"
)

// at is the value at a path in a JSON value, such as push.changes.0.new; nil when there is none.
func at(value any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// textAt is the text or number at the first of the paths where there is one.
func textAt(value any, paths ...string) string {
	for _, path := range paths {
		switch v := at(value, path).(type) {
		case string:
			if v != "" {
				return v
			}
		case json.Number:
			return v.String()
		}
	}
	return ""
}

// listAt is the list at a path.
func listAt(value any, path string) []any {
	list, _ := at(value, path).([]any)
	return list
}

// branchName is a reference without what says that it is a branch.
func branchName(ref string) string { return strings.TrimPrefix(ref, "refs/heads/") }
