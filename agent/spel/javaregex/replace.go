package javaregex

import (
	"errors"
	"fmt"
	"strings"
)

// Split cuts a text around the matches, as Java's String.split does: a match
// of no width at the start gives no empty first part; with limit 0 empty parts
// at the end are dropped, with a positive one there are at most that many parts.
func (re *Regexp) Split(text string, limit int) ([]string, error) {
	var parts []string
	from := 0
	for span, err := range re.All(text) {
		if err != nil {
			return nil, err
		}
		if limit > 0 && len(parts) == limit-1 {
			break
		}
		if span[1] == 0 {
			continue // nothing before, and nothing cut
		}
		parts = append(parts, text[from:span[0]])
		from = span[1]
	}
	if parts == nil {
		return []string{text}, nil
	}
	parts = append(parts, text[from:])
	if limit == 0 {
		for len(parts) > 0 && parts[len(parts)-1] == "" {
			parts = parts[:len(parts)-1]
		}
	}
	return parts, nil
}

// ReplaceAll replaces every match, as Java's String.replaceAll does: in the
// replacement $1 and ${name} stand for groups, and a backslash makes the next
// character literal.
func (re *Regexp) ReplaceAll(text, replacement string) (string, error) {
	return re.replace(text, replacement, -1)
}

// ReplaceFirst replaces the first match.
func (re *Regexp) ReplaceFirst(text, replacement string) (string, error) {
	return re.replace(text, replacement, 1)
}

func (re *Regexp) replace(text, replacement string, most int) (string, error) {
	var b strings.Builder
	from := 0
	for span, err := range re.All(text) {
		if err != nil {
			return "", err
		}
		b.WriteString(text[from:span[0]])
		if err := re.expand(&b, text, replacement, span); err != nil {
			return "", err
		}
		if b.Len() > maxReplaced {
			return "", fmt.Errorf("the replaced text would be longer than %d bytes", maxReplaced)
		}
		from = span[1]
		if most--; most == 0 {
			break
		}
	}
	b.WriteString(text[from:])
	return b.String(), nil
}

// maxReplaced is the longest text that replacing may build.
const maxReplaced = 4 << 20

// expand writes the replacement of one match.
func (re *Regexp) expand(b *strings.Builder, text, replacement string, span Span) error {
	for i := 0; i < len(replacement); i++ {
		switch c := replacement[i]; c {
		case '\\':
			if i++; i == len(replacement) {
				return errors.New("the replacement ends with a backslash")
			}
			b.WriteByte(replacement[i])
		case '$':
			group, length, err := re.reference(replacement[i+1:])
			if err != nil {
				return err
			}
			s, _ := span.Text(text, group)
			b.WriteString(s)
			i += length
		default:
			b.WriteByte(c)
		}
	}
	return nil
}

// reference reads what follows a $: digits as long as there are that many
// groups, or a name in braces.
func (re *Regexp) reference(s string) (group, length int, err error) {
	if strings.HasPrefix(s, "{") {
		name, _, closed := strings.Cut(s[1:], "}")
		if group = re.Group(name); !closed || group == 0 {
			return 0, 0, fmt.Errorf("the replacement names the unknown group {%s}", name)
		}
		return group, len(name) + len("{}"), nil
	}
	if s == "" || !asciiDigit(rune(s[0])) {
		return 0, 0, errors.New("a $ in the replacement must be followed by a group; write \\$ for the character")
	}
	group, length = int(s[0]-'0'), 1
	if group > re.Groups() {
		return 0, 0, fmt.Errorf("the replacement refers to group %d, but there are %d", group, re.Groups())
	}
	for length < len(s) && asciiDigit(rune(s[length])) && group*10+int(s[length]-'0') <= re.Groups() {
		group = group*10 + int(s[length]-'0')
		length++
	}
	return group, length, nil
}
