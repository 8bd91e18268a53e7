package properties

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// parseJava reads the format of java.util.Properties.load.
func parseJava(data []byte) (map[string]any, *Error) {
	values := map[string]any{}
	lines := javaLines{rest: text(data)}
	for {
		line, number, ok := lines.next()
		if !ok {
			break
		}
		key, value, err := splitJava(line)
		if err != nil {
			err.Line = number
			return nil, err
		}
		values[key] = value
	}
	if len(values) == 0 {
		return nil, &Error{Reason: ErrEmpty}
	}
	return values, nil
}

// javaLines cuts a text into logical lines: comments and blank lines left out,
// lines that end in a backslash joined with the next.
type javaLines struct {
	rest string
	line int // natural lines read so far
}

// next returns a logical line and the number of its first natural line.
func (l *javaLines) next() (logical string, number int, ok bool) {
	var joined strings.Builder
	continued := false
	for l.rest != "" {
		natural := strings.TrimLeft(l.natural(), " \t\f")
		if joined.Len() == 0 && natural == "" {
			continued = false
			continue
		}
		if !continued {
			if natural[0] == '#' || natural[0] == '!' {
				continue
			}
			number = l.line
		}
		body, more := cutContinuation(natural)
		joined.WriteString(body)
		if !more {
			return joined.String(), number, true
		}
		continued = true
	}
	return joined.String(), number, joined.Len() > 0
}

// natural takes one line off the text; it may end in \n, \r or \r\n.
func (l *javaLines) natural() string {
	l.line++
	end := strings.IndexAny(l.rest, "\r\n")
	if end < 0 {
		line := l.rest
		l.rest = ""
		return line
	}
	line, after := l.rest[:end], end+1
	if strings.HasPrefix(l.rest[end:], "\r\n") {
		after++
	}
	l.rest = l.rest[after:]
	return line
}

// cutContinuation drops the last backslash of a line that ends in an odd
// number of them.
func cutContinuation(line string) (body string, more bool) {
	backslashes := len(line) - len(strings.TrimRight(line, `\`))
	if backslashes%2 == 0 {
		return line, false
	}
	return line[:len(line)-1], true
}

// splitJava cuts a logical line at the first unescaped '=', ':' or blank.
func splitJava(line string) (key, value string, err *Error) {
	end := 0
	for end < len(line) && !strings.ContainsRune("=: \t\f", rune(line[end])) {
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
	if key, err = unescapeJava(line[:end]); err != nil {
		return "", "", err
	}
	value, err = unescapeJava(rest)
	return key, value, err
}

func unescapeJava(s string) (string, *Error) {
	if !strings.ContainsRune(s, '\\') {
		return s, nil
	}
	var out strings.Builder
	for {
		plain, escaped, found := strings.Cut(s, `\`)
		out.WriteString(plain)
		if !found || escaped == "" {
			return out.String(), nil
		}
		if escaped[0] != 'u' {
			out.WriteByte(javaEscape(escaped[0]))
			s = escaped[1:]
			continue
		}
		r, rest, err := unicodeEscapes(escaped)
		if err != nil {
			return "", err
		}
		out.WriteRune(r)
		s = rest
	}
}

// javaEscape gives the byte that a backslash and c stand for. For a character
// of several bytes c is its first one, which stands for itself like the rest.
func javaEscape(c byte) byte {
	switch c {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	default:
		return c
	}
}

// unicodeEscapes reads "uXXXX" and, for the first half of a surrogate pair, the
// `\uXXXX` that follows. A half without its other half is U+FFFD.
func unicodeEscapes(s string) (r rune, rest string, err *Error) {
	r, rest, err = codeUnit(s)
	if err != nil {
		return 0, "", err
	}
	if !utf16.IsSurrogate(r) {
		return r, rest, nil
	}
	if strings.HasPrefix(rest, `\u`) {
		low, after, lowErr := codeUnit(rest[1:])
		if lowErr != nil {
			return 0, "", lowErr
		}
		if pair := utf16.DecodeRune(r, low); pair != '\uFFFD' {
			return pair, after, nil
		}
	}
	return '\uFFFD', rest, nil
}

func codeUnit(s string) (rune, string, *Error) {
	if len(s) < 5 {
		return 0, "", malformed(0, `\%s is not a \uXXXX escape`, s)
	}
	unit, err := strconv.ParseUint(s[1:5], 16, 16)
	if err != nil {
		return 0, "", malformed(0, `\%s is not a \uXXXX escape`, strings.ToValidUTF8(s[:5], "?"))
	}
	if unit == 0 {
		return 0, "", malformed(0, `\u0000 is no text`)
	}
	return rune(unit), s[5:], nil
}
