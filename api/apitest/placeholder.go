package apitest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// variables are what the names of a conversation stand for.
type variables map[string]string

var (
	placeholder = regexp.MustCompile(`\{\{([^{}]*)\}\}`)
	repetition  = regexp.MustCompile(`^(\d+) times (.+)$`)
	// namedKind is `name: kind`, or one word that may be either.
	namedKind = regexp.MustCompile(`^(?:([a-zA-Z][a-zA-Z0-9]*): *)?([a-zA-Z][a-zA-Z0-9]*)$`)
)

// textKinds are the kinds that stand inside a text, with what they match.
var textKinds = map[string]string{
	"any":    `(?s:.*)`,
	"text":   `(?s:.+)`,
	"digits": `[0-9]+`,
	"ulid":   `[0-9A-HJKMNP-TV-Z]{26}`,
	"uuid":   `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
	"time":   `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\+00:00`,
}

// fill replaces the placeholders of a part of a request.
func (v variables) fill(text string) (string, error) {
	var failed error
	filled := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		inside := strings.TrimSpace(found[2 : len(found)-2])
		if parts := repetition.FindStringSubmatch(inside); parts != nil {
			times, err := strconv.Atoi(parts[1])
			if err != nil {
				failed = fmt.Errorf("%s: %w", found, err)
				return found
			}
			return strings.Repeat(parts[2], times)
		}
		value, known := v[inside]
		if !known {
			failed = fmt.Errorf("%s stands for nothing yet", found)
		}
		return value
	})
	return filled, failed
}

// parse takes the inside of a placeholder of an answer apart. With a value, it stands for that.
func (v variables) parse(inside string) (name, kind, value string, err error) {
	parts := namedKind.FindStringSubmatch(strings.TrimSpace(inside))
	if parts == nil {
		return "", "", "", fmt.Errorf("{{%s}}: expected {{name: kind}}, {{kind}} or {{name}}", inside)
	}
	if bound, known := v[parts[2]]; known && parts[1] == "" {
		return "", "", bound, nil
	}
	return parts[1], parts[2], "", nil
}

// matchText compares a text with an expected one that may hold placeholders, and takes what they name into v.
func (v variables) matchText(want, got string) error {
	var pattern strings.Builder
	var names []string
	pattern.WriteString("^")
	at := 0
	for _, found := range placeholder.FindAllStringSubmatchIndex(want, -1) {
		pattern.WriteString(regexp.QuoteMeta(want[at:found[0]]))
		at = found[1]
		name, kind, value, err := v.parse(want[found[2]:found[3]])
		if err != nil {
			return err
		}
		if kind == "" {
			pattern.WriteString(regexp.QuoteMeta(value))
			continue
		}
		matches, known := textKinds[kind]
		if !known {
			return fmt.Errorf("{{%s}}: a name that stands for nothing yet, and no kind of text", kind)
		}
		pattern.WriteString("(" + matches + ")")
		names = append(names, name)
	}
	pattern.WriteString(regexp.QuoteMeta(want[at:]) + "$")
	match := regexp.MustCompile(pattern.String()).FindStringSubmatch(got)
	if match == nil {
		return fmt.Errorf("found %s, expected %s", quote(got), quote(want))
	}
	for i, name := range names {
		if name != "" {
			v[name] = match[i+1]
		}
	}
	return nil
}

// quote shows a text, cut to a readable length.
func quote(text string) string { return strconv.Quote(cut(text, 400)) }

// cut shortens a text.
func cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
