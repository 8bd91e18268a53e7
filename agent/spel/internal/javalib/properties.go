package javalib

import (
	"bufio"
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Property is one line of a property file.
type Property struct{ Key, Value string }

// ReadProperties reads java.util.Properties' text format: comments, continued
// lines, escapes, and "=", ":" or white space between key and value.
func ReadProperties(text string) ([]Property, error) {
	var all []Property
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	lines.Split(splitLines)
	for lines.Scan() {
		line := strings.TrimLeft(lines.Text(), " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		for endsInEscape(line) {
			line = line[:len(line)-1]
			if !lines.Scan() {
				break
			}
			line += strings.TrimLeft(lines.Text(), " \t\f")
		}
		p, err := property(line)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, lines.Err()
}

// splitLines cuts at \n, \r and \r\n.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	for i, c := range data {
		if c == '\n' {
			return i + 1, data[:i], nil
		}
		if c == '\r' {
			if i+1 < len(data) && data[i+1] == '\n' {
				return i + 2, data[:i], nil
			}
			if i+1 < len(data) || atEOF {
				return i + 1, data[:i], nil
			}
			return 0, nil, nil
		}
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func endsInEscape(line string) bool {
	n := len(line) - len(strings.TrimRight(line, `\`))
	return n%2 == 1
}

func property(line string) (Property, error) {
	end := 0
	for end < len(line) && strings.IndexByte("=: \t\f", line[end]) < 0 {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(line))
	rest := strings.TrimLeft(line[end:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	key, err1 := unescape(line[:end])
	value, err2 := unescape(rest)
	return Property{key, value}, errors.Join(err1, err2)
}

// unicodeEscape reads uXXXX, or both halves of a pair with the backslash between.
func unicodeEscape(s string) (r rune, length int, err error) {
	unit := func(s string) (rune, error) {
		if len(s) < 5 || s[0] != 'u' {
			return 0, errors.New(`malformed \uxxxx encoding`)
		}
		n, err := strconv.ParseUint(s[1:5], 16, 16)
		if err != nil {
			return 0, errors.New(`malformed \uxxxx encoding`)
		}
		return rune(n), nil
	}
	high, err := unit(s)
	if err != nil || !utf16.IsSurrogate(high) || !strings.HasPrefix(s[5:], `\u`) {
		return high, 5, err
	}
	low, err := unit(s[6:])
	if r := utf16.DecodeRune(high, low); err == nil && r != utf8.RuneError {
		return r, 11, nil
	}
	return high, 5, nil
}

var propertyEscapes = map[byte]byte{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f'}

func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			break
		}
		if s[i] == 'u' {
			r, length, err := unicodeEscape(s[i:])
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
			i += length - 1
			continue
		}
		if c, ok := propertyEscapes[s[i]]; ok {
			b.WriteByte(c)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String(), nil
}
