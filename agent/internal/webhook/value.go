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

// longestName is how long a name, an address or a hash may be in bytes. A longer one is none: artifacts are made of them, many
// of one, and a body must not make events that are much larger than it is.
const longestName = 4 << 10

// textAt is the text or number at the first of the paths where there is one.
func textAt(value any, paths ...string) string {
	for _, path := range paths {
		if text := bodyAt(value, path); text != "" && len(text) <= longestName {
			return text
		}
	}
	return ""
}

// bodyAt is the text or number at a path, however long.
func bodyAt(value any, path string) string {
	switch v := at(value, path).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		return ""
	}
}

// listAt is the list at a path.
func listAt(value any, path string) []any {
	list, _ := at(value, path).([]any)
	return list
}

// branchName is a reference without what says that it is a branch.
func branchName(ref string) string { return strings.TrimPrefix(ref, "refs/heads/") }
