package spel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// upper is Java's full upper case: some characters become several.
func upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	var b strings.Builder
	for _, r := range s {
		if special, ok := upperSpecials[r]; ok {
			b.WriteString(special)
			continue
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

// upperSpecials are the characters of Unicode's SpecialCasing.txt whose upper
// case is several characters.
var upperSpecials = map[rune]string{
	'ß': "SS", 'ŉ': "ʼN", 'ǰ': "J̌", 'ΐ': "Ϊ́", 'ΰ': "Ϋ́", 'և': "ԵՒ", 'ẖ': "H̱", 'ẗ': "T̈", 'ẘ': "W̊", 'ẙ': "Y̊", 'ẚ': "Aʾ",
	'ﬀ': "FF", 'ﬁ': "FI", 'ﬂ': "FL", 'ﬃ': "FFI", 'ﬄ': "FFL", 'ﬅ': "ST", 'ﬆ': "ST",
}

// lower is Java's lower case: İ becomes two characters, and Σ at the end of a
// word its final form.
func lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	runes := []rune(s)
	var b strings.Builder
	for i, r := range runes {
		switch {
		case r == 'İ':
			b.WriteString("i̇")
		case r == 'Σ' && i > 0 && unicode.IsLetter(runes[i-1]) && (i+1 == len(runes) || !unicode.IsLetter(runes[i+1])):
			b.WriteRune('ς')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// lines cuts a text at its line ends, without an empty last line.
func lines(s string) []string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	s = strings.TrimSuffix(s, "\n")
	return strings.Split(s, "\n")
}

// indent adds or removes white space at the start of each line.
func indent(s string, n int) string {
	if s == "" {
		return ""
	}
	var w textWriter
	for _, line := range lines(s) {
		if n > 0 {
			if n > maxText {
				panic(tooLong)
			}
			w.add(strings.Repeat(" ", n))
		}
		for k := 0; k < -n; k++ {
			trimmed := strings.TrimLeftFunc(line, isJavaSpace)
			if len(trimmed) == len(line) {
				break
			}
			_, line, _ = cutRune(line)
		}
		w.add(line + "\n")
	}
	return w.String()
}

func cutRune(s string) (first rune, rest string, ok bool) {
	for i, r := range s {
		if i > 0 {
			return first, s[i:], true
		}
		first, ok = r, true
	}
	return first, "", ok
}

// stripIndent removes the white space that all lines begin with, and that at
// their ends.
func stripIndent(s string) string {
	if s == "" {
		return ""
	}
	all := lines(s)
	closed := strings.HasSuffix(s, "\n") || strings.HasSuffix(s, "\r")
	least := -1
	if closed {
		least = 0
	}
	for i, line := range all {
		trimmed := strings.TrimLeftFunc(line, isJavaSpace)
		if trimmed == "" && (i < len(all)-1 || closed) {
			continue
		}
		if n := len(line) - len(trimmed); least < 0 || n < least {
			least = n
		}
	}
	for i, line := range all {
		if len(line) >= least && least > 0 {
			line = line[min(least, len(line)-len(strings.TrimLeftFunc(line, isJavaSpace))):]
		}
		all[i] = strings.TrimRightFunc(line, isJavaSpace)
	}
	stripped := strings.Join(all, "\n")
	if closed {
		stripped += "\n"
	}
	return stripped
}

var simpleEscapes = map[byte]string{
	'b': "\b", 't': "\t", 'n': "\n", 'f': "\f", 'r': "\r", 's': " ", '"': `"`, '\'': "'", '\\': `\`, '\n': "",
}

// translateEscapes reads the escapes of Java's string literals.
func translateEscapes(s string) (any, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return nil, errors.New("the text ends with a backslash")
		}
		if escaped, ok := simpleEscapes[s[i]]; ok {
			b.WriteString(escaped)
			continue
		}
		if s[i] < '0' || s[i] > '7' {
			return nil, fmt.Errorf(`unknown escape \%c`, s[i])
		}
		most := 3
		if s[i] > '3' {
			most = 2
		}
		n := rune(0)
		for ; most > 0 && i < len(s) && s[i] >= '0' && s[i] <= '7'; most-- {
			n = n*8 + rune(s[i]-'0')
			i++
		}
		i--
		b.WriteRune(n)
	}
	return b.String(), nil
}

func charArray(s string) *array {
	return &array{"char", anySlice(asChars(utf16Units(s)))}
}

func asChars(units []uint16) []char {
	out := make([]char, len(units))
	for i, u := range units {
		out[i] = char(u)
	}
	return out
}

func byteArray(bytes []byte) *array {
	items := make([]any, len(bytes))
	for i, b := range bytes {
		items[i] = int8(b)
	}
	return &array{"byte", items}
}

func asBytes(a *array) []byte {
	bytes := make([]byte, len(a.items))
	for i, b := range a.items {
		bytes[i] = byte(b.(int8))
	}
	return bytes
}

func charsToString(v any) (any, error) {
	a, ok := v.(*array)
	if !ok {
		return nil, errors.New("the argument is null")
	}
	units := make([]uint16, len(a.items))
	for i, c := range a.items {
		units[i] = uint16(c.(char))
	}
	return fromUnits(units), nil
}

// charset is the name of a character encoding.
type charset string

func (c charset) javaClass() string { return "Charset" }
func (c charset) text() string      { return string(c) }

var charsets = map[string]charset{
	"UTF-8": "UTF-8", "UTF8": "UTF-8", "US-ASCII": "US-ASCII", "ASCII": "US-ASCII", "ISO-8859-1": "ISO-8859-1",
	"LATIN1": "ISO-8859-1", "UTF-16": "UTF-16", "UTF-16BE": "UTF-16BE", "UTF-16LE": "UTF-16LE",
}

func toCharset(v any, _ *javaType) (any, error) {
	name, ok := v.(string)
	if !ok {
		return nil, errNoConversion
	}
	if c, ok := charsets[strings.ToUpper(name)]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("unknown character set %s", quote(name))
}

// encode is a string's bytes; what the character set lacks becomes "?".
func encode(s, name string) (any, error) {
	set, ok := charsets[strings.ToUpper(name)]
	if !ok {
		return nil, fmt.Errorf("unknown character set %s", quote(name))
	}
	most := rune(0xff)
	switch set {
	case "UTF-8":
		return byteArray([]byte(s)), nil
	case "UTF-16", "UTF-16BE":
		var order []byte
		if set == "UTF-16" && s != "" {
			order = []byte{0xfe, 0xff}
		}
		return byteArray(appendUnits(order, s, binary.BigEndian)), nil
	case "UTF-16LE":
		return byteArray(appendUnits(nil, s, binary.LittleEndian)), nil
	case "US-ASCII":
		most = 0x7f
	}
	var out []byte
	for _, r := range s {
		if r > most {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return byteArray(out), nil
}

func appendUnits(out []byte, s string, order binary.AppendByteOrder) []byte {
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return out
}

func bytesToString(v any, name string) (any, error) {
	a, ok := v.(*array)
	if !ok {
		return nil, errors.New("the argument is null")
	}
	bytes := asBytes(a)
	switch set := charsets[strings.ToUpper(name)]; set {
	case "UTF-8":
		return strings.ToValidUTF8(string(bytes), "\ufffd"), nil
	case "US-ASCII", "ISO-8859-1":
		runes := make([]rune, len(bytes))
		for i, b := range bytes {
			runes[i] = rune(b)
			if set == "US-ASCII" && b > 0x7f {
				runes[i] = '\ufffd'
			}
		}
		return string(runes), nil
	case "UTF-16", "UTF-16BE", "UTF-16LE":
		return decodeUnits(bytes, set == "UTF-16LE"), nil
	}
	return nil, fmt.Errorf("unknown character set %s", quote(name))
}

func decodeUnits(bytes []byte, little bool) string {
	units := make([]uint16, len(bytes)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(bytes[2*i:])
		if little {
			units[i] = binary.LittleEndian.Uint16(bytes[2*i:])
		}
	}
	if len(units) > 0 && units[0] == 0xfeff && !little {
		units = units[1:]
	}
	return fromUnits(units)
}
