package helm

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/strvals"
)

// Overrides are single values in the notation of Helm's --set flags.
type Overrides struct {
	// Entries maps keys such as `ingress.hosts[0].host` to JSON values.
	Entries map[string]any
	// Raw lets Helm guess types as --set does; otherwise every text and number stays text, as with --set-string.
	Raw bool
	// MergeLists keeps the rest of a default list when an entry sets one element of it. Helm drops the rest.
	MergeLists bool
}

// apply writes the entries into values, in the order of their keys. effective are the values without the overrides,
// the chart's own included.
//
// Each entry is parsed by itself, so a comma in a value is a comma; Spinnaker joins all entries into one flag, where
// a comma had to be escaped. Values written for that (`a\,b`, `{a,b}`) mean the same as there.
func (o Overrides) apply(values, effective map[string]any) (warnings []string, err error) {
	for _, key := range slices.Sorted(maps.Keys(o.Entries)) {
		value := o.Entries[key]
		path, index := keyPath(key)
		if index {
			if defaults, lost := lostList(path, values, effective); lost {
				if o.MergeLists {
					setPath(values, path, defaults)
				} else {
					warnings = append(warnings, fmt.Sprintf("override %q replaces the chart's default list %q: what the default has besides is lost. "+
						"Give the list in a values file, or set mergeListOverrides", key, strings.Join(path, ".")))
				}
			}
		}
		if text, lies := o.textOfBool(value, path, effective); lies {
			warnings = append(warnings, fmt.Sprintf("override %q is the text %q, which templates take for true. Set rawOverrides to pass a boolean", key, text))
		}
		if err := o.set(values, key, value); err != nil {
			return warnings, fmt.Errorf("override %q: %w", key, err)
		}
	}
	return warnings, nil
}

func (o Overrides) set(values map[string]any, key string, value any) error {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case nil:
		return fmt.Errorf("it has no value (null). Remove it, or use the text \"null\" with rawOverrides to remove a default")
	case map[string]any, []any:
		encoded, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return strvals.ParseJSON(key+"="+string(encoded), values)
	default:
		text = fmt.Sprint(v)
	}
	entry := key + "=" + escapeCommas(text)
	if o.Raw {
		return strvals.ParseInto(entry, values)
	}
	return strvals.ParseIntoString(entry, values)
}

// escapeCommas makes commas of a value literal, except those that already are and those of a list `{a,b}`.
func escapeCommas(value string) string {
	if strings.HasPrefix(value, "{") {
		return value
	}
	var out strings.Builder
	escaped := false
	for _, r := range value {
		if r == ',' && !escaped {
			out.WriteByte('\\')
		}
		escaped = r == '\\' && !escaped
		out.WriteRune(r)
	}
	return out.String()
}

// textOfBool says whether an override sets the text "false" where the values have a boolean.
func (o Overrides) textOfBool(value any, path []string, effective map[string]any) (string, bool) {
	if o.Raw || fmt.Sprint(value) != "false" {
		return "", false
	}
	_, isBool := getPath(effective, path).(bool)
	return "false", isBool
}

// keyPath is a key's path of table keys, up to the first list index if it has one.
func keyPath(key string) (path []string, index bool) {
	parsed, err := strvals.ParseString(key + "=x")
	if err != nil {
		return nil, false // set reports it
	}
	var at any = parsed
	for {
		switch v := at.(type) {
		case map[string]any:
			if len(v) != 1 {
				return nil, false
			}
			for k, below := range v {
				path, at = append(path, k), below
			}
		case []any:
			return path, true
		default:
			return path, false
		}
	}
}

// lostList finds the default list at path that Helm would drop because the values files have none there.
func lostList(path []string, values, effective map[string]any) ([]any, bool) {
	if getPath(values, path) != nil {
		return nil, false
	}
	list, _ := getPath(effective, path).([]any)
	return list, len(list) > 0
}

func getPath(values map[string]any, path []string) any {
	var at any = values
	for _, key := range path {
		table, _ := at.(map[string]any)
		at = table[key]
	}
	return at
}

// setPath sets a value, making the tables on the way.
func setPath(values map[string]any, path []string, value any) {
	for _, key := range path[:len(path)-1] {
		table, ok := values[key].(map[string]any)
		if !ok {
			table = map[string]any{}
			values[key] = table
		}
		values = table
	}
	values[path[len(path)-1]] = value
}
