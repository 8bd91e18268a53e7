package stage

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
)

// fields reads the members of a stage's configuration, or of an object in it, and notes what is wrong with them.
type fields struct {
	of map[string]any
	// path is where the object is: "" for the stage itself, else for example "variables[1].".
	path string
	// saved: the configuration is being saved. Its expressions stand for values that nobody knows yet.
	saved bool
	// found says what is wrong, each text with the field it is about. Objects inside share it.
	found *[]string
}

// running reads the configuration of a stage that runs: its expressions are evaluated.
func running(config map[string]any) fields { return fields{of: config, found: new([]string)} }

// saving reads the configuration of a stage that is saved.
func saving(config map[string]any) fields {
	f := running(config)
	f.saved = true
	return f
}

// wrong notes that a field is not as it should be.
func (f fields) wrong(key, format string, args ...any) {
	*f.found = append(*f.found, f.path+key+": "+fmt.Sprintf(format, args...))
}

// value returns a member; absent for one that is missing, null, or not known yet.
func (f fields) value(key string) (value any, present bool) {
	value = f.of[key]
	if value == nil || f.saved && isExpression(value) {
		return nil, false
	}
	return value, true
}

// missing says that a member is not there; it is for an expression whose value is not known yet.
func (f fields) missing(key string) bool {
	written, isText := f.of[key].(string)
	return f.of[key] == nil || isText && strings.TrimSpace(written) == ""
}

// isExpression says whether a value is a text with an expression in it.
func isExpression(value any) bool {
	written, ok := value.(string)
	return ok && strings.Contains(written, "${")
}

// text reads a text, trimmed. Numbers and booleans are texts, too.
func (f fields) text(key string) string {
	value, ok := f.value(key)
	if !ok {
		return ""
	}
	switch value.(type) {
	case map[string]any, []any:
		f.wrong(key, "found %s, expected a text", kindOf(value))
		return ""
	}
	return text(f.of, key)
}

// flag reads a boolean.
func (f fields) flag(key string) bool {
	value, ok := f.value(key)
	if !ok || value == "" {
		return false
	}
	set, isBool := engine.Bool(value)
	if !isBool {
		f.wrong(key, "found %s, expected true or false", shown(value))
	}
	return set
}

// span reads a length of time.
func (f fields) span(key string, unit time.Duration, unitName string) time.Duration {
	value, ok := f.value(key)
	if !ok || value == "" {
		return 0
	}
	length, isNumber := engine.Span(value, unit)
	if !isNumber {
		f.wrong(key, "found %s, expected a number of %s", shown(value), unitName)
	}
	return length
}

// choice reads one of some words, in any case, and returns it as it is listed.
func (f fields) choice(key string, allowed ...string) string {
	word := f.text(key)
	if word == "" {
		return ""
	}
	at := slices.IndexFunc(allowed, func(w string) bool { return strings.EqualFold(w, word) })
	if at < 0 {
		f.wrong(key, "found %q, expected one of %s", word, strings.Join(allowed, ", "))
		return ""
	}
	return allowed[at]
}

// address reads the URL of something that is asked by HTTP.
func (f fields) address(key string) string {
	address := f.text(key)
	if address == "" {
		return ""
	}
	if isExpression(address) {
		f.wrong(key, "its expression could not be evaluated: %s", address)
		return ""
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
		f.wrong(key, "found %q, expected an address that begins with http:// or https://", withoutSecrets(address))
		return ""
	}
	return address
}

// codes reads a list of HTTP status codes.
func (f fields) codes(key string, otherwise ...int) []int {
	value, ok := f.value(key)
	if !ok {
		return otherwise
	}
	items, isList := value.([]any)
	if !isList {
		f.wrong(key, "found %s, expected a list of status codes", kindOf(value))
	}
	var codes []int
	for i, item := range items {
		if f.saved && isExpression(item) {
			continue
		}
		code, isNumber := engine.Number(item)
		if !isNumber || code != float64(int(code)) || code < 100 || code > 999 {
			f.wrong(fmt.Sprintf("%s[%d]", key, i), "found %s, expected a status code", shown(item))
			continue
		}
		codes = append(codes, int(code))
	}
	return codes
}

// object reads an object inside; an absent one has no members.
func (f fields) object(key string) fields {
	inner := fields{path: f.path + key + ".", saved: f.saved, found: f.found}
	value, ok := f.value(key)
	if !ok {
		return inner
	}
	object, isObject := value.(map[string]any)
	if !isObject {
		f.wrong(key, "found %s, expected an object", kindOf(value))
	}
	inner.of = object
	return inner
}

// list reads a list of texts.
func (f fields) list(key string) {
	value, ok := f.value(key)
	if !ok {
		return
	}
	items, isList := value.([]any)
	if !isList {
		f.wrong(key, "found %s, expected a list of texts", kindOf(value))
	}
	for i, item := range items {
		if _, isText := item.(string); !isText {
			f.wrong(fmt.Sprintf("%s[%d]", key, i), "found %s, expected a text", kindOf(item))
		}
	}
}

// objects reads a list of objects.
func (f fields) objects(key string) []fields {
	value, ok := f.value(key)
	if !ok {
		return nil
	}
	items, isList := value.([]any)
	if !isList {
		f.wrong(key, "found %s, expected a list", kindOf(value))
	}
	var list []fields
	for i, item := range items {
		if f.saved && isExpression(item) {
			continue
		}
		object, isObject := item.(map[string]any)
		if !isObject {
			f.wrong(fmt.Sprintf("%s[%d]", key, i), "found %s, expected an object", kindOf(item))
			continue
		}
		list = append(list, fields{of: object, path: fmt.Sprintf("%s%s[%d].", f.path, key, i), saved: f.saved, found: f.found})
	}
	return list
}

// kindOf names the kind of a JSON value, for messages.
func kindOf(value any) string {
	switch value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case bool:
		return "a boolean"
	case string:
		return "a text"
	case nil:
		return "null"
	default:
		return "a number"
	}
}

// withoutSecrets is an address as messages show it, without its user and password and what its query says. It may be no
// address.
func withoutSecrets(address string) string {
	const hidden = "xxxxx"
	address, query, hasQuery := strings.Cut(address, "?")
	scheme, rest, _ := strings.Cut(address, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		address = scheme + "://" + hidden + rest[at:]
	}
	if !hasQuery {
		return address
	}
	shown := strings.Split(query, "&")
	for i, part := range shown {
		if name, _, named := strings.Cut(part, "="); named {
			shown[i] = name + "=" + hidden
		} else {
			shown[i] = hidden
		}
	}
	return address + "?" + strings.Join(shown, "&")
}

// unusable is the result of a stage whose configuration can not be used.
func unusable(problems []string) engine.Result {
	result := failed("the stage's configuration can not be used: %s", problems[0])
	result.Errors = problems[1:]
	return result
}
