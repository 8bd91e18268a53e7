package httpcheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxQuote is how much of an answer stands in a message.
const maxQuote = 200

// answer is what a server said.
type answer struct {
	status  int
	headers http.Header
	body    []byte
	// cut says that the body was longer than what was read.
	cut bool
}

// mismatch says what is wrong with an answer; empty when it is as expected.
func (e expect) mismatch(got answer) string {
	if !e.Status.fits(got.status) {
		return fmt.Sprintf("got %d %s, expected %s; the body begins with %q", got.status, http.StatusText(got.status), e.Status,
			quote(got.body))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		values := got.headers.Values(name)
		if len(values) == 0 {
			return fmt.Sprintf("got no header %s, expected it to %s", name, e.Headers[name])
		}
		if !slices.ContainsFunc(values, e.Headers[name].fits) {
			return fmt.Sprintf("got header %s %.*q, expected it to %s", name, maxQuote, strings.Join(values, ", "), e.Headers[name])
		}
	}
	return e.Body.mismatch(got)
}

// statuses are expected status codes: a number, "2xx", or a list of them.
type statuses []string

func (s *statuses) UnmarshalJSON(text []byte) error {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return err
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	*s = nil
	for _, item := range list {
		code := strings.ToLower(fmt.Sprint(item))
		if !regexp.MustCompile(`^[1-5]([0-9][0-9]|xx)$`).MatchString(code) {
			return fmt.Errorf("found %.100q, expected a status code such as 200, or 2xx", code)
		}
		*s = append(*s, code)
	}
	return nil
}

func (s statuses) fits(code int) bool {
	if len(s) == 0 {
		return code/100 == 2
	}
	return slices.ContainsFunc(s, func(want string) bool {
		return want == strconv.Itoa(code) || want == fmt.Sprintf("%dxx", code/100)
	})
}

func (s statuses) String() string {
	if len(s) == 0 {
		return "2xx"
	}
	return strings.Join(s, " or ")
}

// textMatch is what a text must look like: the text itself, or an object with one or more of these fields.
type textMatch struct {
	Equals   *string  `json:"equals"`
	Contains string   `json:"contains"`
	Matches  *pattern `json:"matches"`
}

func (m *textMatch) UnmarshalJSON(text []byte) error {
	var equals string
	if json.Unmarshal(text, &equals) == nil {
		m.Equals = &equals
		return nil
	}
	type plain textMatch
	return json.Unmarshal(text, (*plain)(m))
}

func (m textMatch) fits(text string) bool {
	return (m.Equals == nil || text == *m.Equals) && strings.Contains(text, m.Contains) &&
		(m.Matches == nil || m.Matches.MatchString(text))
}

func (m textMatch) String() string {
	var all []string
	if m.Equals != nil {
		all = append(all, fmt.Sprintf("be %q", *m.Equals))
	}
	if m.Contains != "" {
		all = append(all, fmt.Sprintf("contain %q", m.Contains))
	}
	if m.Matches != nil {
		all = append(all, fmt.Sprintf("match %q", m.Matches))
	}
	if len(all) == 0 {
		return "be there"
	}
	return strings.Join(all, " and ")
}

// pattern is a regular expression in Go's syntax.
type pattern struct{ *regexp.Regexp }

func (p *pattern) UnmarshalJSON(text []byte) (err error) {
	var source string
	if err := json.Unmarshal(text, &source); err != nil {
		return errors.New("expected a regular expression as text")
	}
	p.Regexp, err = regexp.Compile(source)
	return err
}

// texts is a text or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = texts{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(text, &many); err != nil {
		return errors.New("expected a text or a list of texts")
	}
	*t = many
	return nil
}

// bodyMatch is what a body must look like; all that is said must hold.
type bodyMatch struct {
	Contains    texts       `json:"contains"`
	NotContains texts       `json:"notContains"`
	Matches     *pattern    `json:"matches"`
	JSON        []jsonMatch `json:"json"`
}

func (m bodyMatch) mismatch(got answer) string {
	text := string(got.body)
	for _, want := range m.Contains {
		if !strings.Contains(text, want) {
			return fmt.Sprintf("the body does not contain %q%s; it begins with %q", want, inTheFirstPart(got), quote(got.body))
		}
	}
	for _, unwanted := range m.NotContains {
		if strings.Contains(text, unwanted) {
			return fmt.Sprintf("the body contains %q", unwanted)
		}
	}
	if m.Matches != nil && !m.Matches.MatchString(text) {
		return fmt.Sprintf("the body does not match %q%s; it begins with %q", m.Matches, inTheFirstPart(got), quote(got.body))
	}
	if len(m.JSON) == 0 {
		return ""
	}
	var doc any
	decoder := json.NewDecoder(bytes.NewReader(got.body))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		return fmt.Sprintf("the body is not JSON%s (%v); it begins with %q", inTheFirstPart(got), err, quote(got.body))
	}
	for _, want := range m.JSON {
		if wrong := want.mismatch(doc); wrong != "" {
			return wrong
		}
	}
	return ""
}

func inTheFirstPart(got answer) string {
	if got.cut {
		return fmt.Sprintf(" in its first %d bytes, the only ones read", len(got.body))
	}
	return ""
}

// jsonMatch is what a value inside a JSON body must be. Without Equals and Matches it must only be there.
type jsonMatch struct {
	// Path as `a.b[0].c`; empty is the whole body.
	Path    string          `json:"path"`
	Equals  json.RawMessage `json:"equals"`
	Matches *pattern        `json:"matches"`
}

func (m *jsonMatch) UnmarshalJSON(text []byte) error {
	type plain jsonMatch
	if err := json.Unmarshal(text, (*plain)(m)); err != nil {
		return errors.New("expected an object with path and equals or matches")
	}
	_, err := parsePath(m.Path)
	return err
}

func (m jsonMatch) mismatch(doc any) string {
	value, ok := at(doc, m.Path)
	if !ok {
		return fmt.Sprintf("the JSON body has nothing at %q", m.Path)
	}
	if m.Matches != nil && !m.Matches.MatchString(scalarText(value)) {
		return fmt.Sprintf("the JSON body has %s at %q, expected a match of %q", jsonText(value), m.Path, m.Matches)
	}
	if m.Equals == nil {
		return ""
	}
	var want any
	decoder := json.NewDecoder(bytes.NewReader(m.Equals))
	decoder.UseNumber()
	if err := decoder.Decode(&want); err != nil {
		return fmt.Sprintf("the expected value at %q is not JSON: %v", m.Path, err)
	}
	if !equal(value, want) {
		return fmt.Sprintf("the JSON body has %s at %q, expected %s", jsonText(value), m.Path, jsonText(want))
	}
	return ""
}

// parsePath cuts `a.b[0].c` into keys (string) and indexes (int). A leading `$` is ignored.
func parsePath(path string) ([]any, error) {
	rest := strings.TrimPrefix(path, "$")
	var steps []any
	for rest != "" {
		if inner, ok := strings.CutPrefix(rest, "["); ok {
			number, after, closed := strings.Cut(inner, "]")
			index, err := strconv.Atoi(number)
			if !closed || err != nil || index < 0 {
				return nil, fmt.Errorf("path %q: expected an index such as [0] at %q", path, rest)
			}
			steps, rest = append(steps, index), after
			continue
		}
		rest = strings.TrimPrefix(rest, ".")
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return nil, fmt.Errorf("path %q: expected a name at %q", path, rest)
		}
		steps, rest = append(steps, rest[:end]), rest[end:]
	}
	return steps, nil
}

// at follows a path.
func at(value any, path string) (any, bool) {
	steps, err := parsePath(path)
	if err != nil {
		return nil, false
	}
	for _, step := range steps {
		switch step := step.(type) {
		case int:
			list, ok := value.([]any)
			if !ok || step >= len(list) {
				return nil, false
			}
			value = list[step]
		case string:
			object, ok := value.(map[string]any)
			if !ok {
				return nil, false
			}
			if value, ok = object[step]; !ok {
				return nil, false
			}
		}
	}
	return value, true
}

// equal compares JSON values; numbers by what they are worth, not how they are written.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		other, ok := b.(json.Number)
		if !ok {
			return false
		}
		left, okLeft := number(a)
		right, okRight := number(other)
		return okLeft && okRight && left.Cmp(right) == 0 || a == other
	case []any:
		other, ok := b.([]any)
		return ok && slices.EqualFunc(a, other, equal)
	case map[string]any:
		other, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, other, equal)
	}
	return a == b
}

// number refuses numbers so large that comparing them exactly would be costly.
func number(n json.Number) (*big.Rat, bool) {
	if f, err := n.Float64(); err != nil || len(n) > 100 || f != 0 && (f > 1e100 || f < -1e100 || (f < 1e-100 && f > -1e-100)) {
		return nil, false
	}
	return new(big.Rat).SetString(n.String())
}

// scalarText is a JSON text without its quotes, and every other value as JSON.
func scalarText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return jsonText(value)
}

func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return quote(text)
}

func quote(text []byte) string {
	if len(text) <= maxQuote {
		return strings.ToValidUTF8(string(text), "\uFFFD")
	}
	return strings.ToValidUTF8(string(text[:maxQuote]), "\uFFFD") + "…"
}
