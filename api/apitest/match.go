package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// rest is the member or element that stands for any others.
const rest = "..."

// absent is the kind that matches only what is not there.
const absent = "absent"

// isJSON says whether an expected body is compared as JSON.
func isJSON(want string) bool {
	return strings.HasPrefix(want, "[") || strings.HasPrefix(want, `"`) ||
		strings.HasPrefix(want, "{") && !strings.HasPrefix(want, "{{")
}

// matchBody compares a whole body.
func (v variables) matchBody(want string, got []byte) error {
	if !isJSON(want) {
		return v.matchText(want, strings.TrimSpace(string(got)))
	}
	wanted, err := decode([]byte(want))
	if err != nil {
		return fmt.Errorf("the expected body is not JSON: %w", err)
	}
	found, err := decode(got)
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	return v.match("", wanted, found)
}

// decode reads one JSON value, numbers as they are spelt.
func decode(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text after the JSON value")
	}
	return value, nil
}

// match compares JSON values at a path.
func (v variables) match(path string, want, got any) error {
	switch w := want.(type) {
	case map[string]any:
		return v.matchObject(path, w, got)
	case []any:
		list, ok := got.([]any)
		if !ok {
			return mismatch(path, want, got)
		}
		return v.matchList(path, w, list, 0)
	case string:
		return v.matchString(path, w, got)
	default:
		if want != got {
			return mismatch(path, want, got)
		}
		return nil
	}
}

func (v variables) matchObject(path string, want map[string]any, got any) error {
	object, ok := got.(map[string]any)
	if !ok {
		return mismatch(path, want, got)
	}
	_, open := want[rest]
	if !open {
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if _, listed := want[key]; !listed {
				return fmt.Errorf("%s/%s: found %s, expected no such member", path, key, show(object[key]))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if key == rest {
			continue
		}
		value, there := object[key]
		if want[key] == "{{"+absent+"}}" {
			if there {
				return fmt.Errorf("%s/%s: found %s, expected no such member", path, key, show(value))
			}
			continue
		}
		if !there {
			return fmt.Errorf("%s/%s: it is not there, expected %s", path, key, show(want[key]))
		}
		if err := v.match(path+"/"+key, want[key], value); err != nil {
			return err
		}
	}
	return nil
}

// matchList compares lists from a position on; an element "..." of want stands for any number of elements.
func (v variables) matchList(path string, want, got []any, at int) error {
	if len(want) == 0 {
		if len(got) > at {
			return fmt.Errorf("%s: found %s, expected no more elements", path, show(got[at:]))
		}
		return nil
	}
	if want[0] != rest {
		if len(got) == at {
			return fmt.Errorf("%s/%d: it is not there, expected %s", path, at, show(want[0]))
		}
		if err := v.match(fmt.Sprintf("%s/%d", path, at), want[0], got[at]); err != nil {
			return err
		}
		return v.matchList(path, want[1:], got, at+1)
	}
	var nearest error
	for next := at; next <= len(got); next++ {
		tried := maps.Clone(v)
		err := tried.matchList(path, want[1:], got, next)
		if err == nil {
			maps.Copy(v, tried)
			return nil
		}
		if nearest == nil || depth(err) >= depth(nearest) {
			nearest = err
		}
	}
	return nearest
}

// depth says how far into the value a mismatch is: the deeper, the more of it fitted.
func depth(err error) int {
	path, _, _ := strings.Cut(err.Error(), ":")
	return strings.Count(path, "/")
}

// matchString compares a value with an expected text that may be a placeholder for any JSON value.
func (v variables) matchString(path, want string, got any) error {
	if text, isText := got.(string); isText && !wholeKind(want, "number", "millis", "bool", "object", "list") {
		if err := v.matchText(want, text); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	found := placeholder.FindStringSubmatch(want)
	if found == nil || found[0] != want {
		return mismatch(path, want, got)
	}
	name, kind, _, err := v.parse(found[1])
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if !isOf(kind, got) {
		return mismatch(path, want, got)
	}
	if name != "" {
		v[name] = fmt.Sprint(got)
	}
	return nil
}

// wholeKind says whether want is a placeholder of one of the kinds.
func wholeKind(want string, kinds ...string) bool {
	found := placeholder.FindStringSubmatch(want)
	if found == nil || found[0] != want {
		return false
	}
	parts := namedKind.FindStringSubmatch(strings.TrimSpace(found[1]))
	return parts != nil && slices.Contains(kinds, parts[2])
}

// isOf says whether a JSON value that is not a text is of a kind.
func isOf(kind string, value any) bool {
	switch kind {
	case "any":
		return true
	case "number":
		_, ok := value.(json.Number)
		return ok
	case "millis":
		const digits = 13 // from 2001 to 2286
		number, ok := value.(json.Number)
		return ok && len(number) == digits && !strings.ContainsAny(number.String(), ".eE-")
	case "bool":
		_, ok := value.(bool)
		return ok
	case "object":
		_, ok := value.(map[string]any)
		return ok
	case "list":
		_, ok := value.([]any)
		return ok
	default:
		return false
	}
}

func mismatch(path string, want, got any) error {
	return fmt.Errorf("%s: found %s, expected %s", path, show(got), show(want))
}

// show is a JSON value for an error text.
func show(value any) string {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return cut(strings.TrimSpace(buffer.String()), 400)
}
