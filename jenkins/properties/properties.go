package properties

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxSize is the largest property file in bytes that Parse accepts.
const MaxSize = 1 << 20

// Bounds on structured files: beyond them a file is malformed, so that a few
// bytes of YAML aliases cannot become gigabytes of values.
const (
	maxDepth  = 100
	maxValues = 100_000
)

// What can be wrong with a property file. Every error of this package, and
// every error about the content of a property file elsewhere, wraps one of
// them.
var (
	// ErrMissing: the build archived no file of that name. Parse never returns
	// it; it is for those who look the file up.
	ErrMissing = errors.New("not among the archived artifacts")
	// ErrEmpty: the file has no bytes, or nothing but blanks and comments. An
	// explicit empty object ({} in JSON or YAML) is not empty in this sense.
	ErrEmpty = errors.New("empty")
	// ErrMalformed: the content does not follow the format its name announces.
	ErrMalformed = errors.New("malformed")
	// ErrTooLarge: the file is larger than MaxSize.
	ErrTooLarge = errors.New("larger than 1 MiB")
)

// Error says which property file is wrong, where and how.
type Error struct {
	File   string // the requested name
	Line   int    // first line is 1; 0 when no line is to blame
	Detail string // what was found; empty when Reason says it all
	Reason error  // ErrMissing, ErrEmpty, ErrMalformed or ErrTooLarge
}

// Error gives `property file "build.yml", line 3: malformed: …`.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "property file %q", e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ", line %d", e.Line)
	}
	b.WriteString(": " + e.what())
	return b.String()
}

// Brief is Error without the file, for texts that name it already:
// `line 3: malformed: …`.
func (e *Error) Brief() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.what())
	}
	return e.what()
}

func (e *Error) what() string {
	if e.Detail == "" {
		return e.Reason.Error()
	}
	return e.Reason.Error() + ": " + e.Detail
}

// Unwrap returns the reason, for errors.Is.
func (e *Error) Unwrap() error { return e.Reason }

// File is the content of a property file.
type File struct {
	// Values by key, never nil. Java properties give strings only. YAML and
	// JSON give string, bool, int64, float64, nil, []any, map[string]any, and
	// json.Number for numbers that fit neither int64 nor float64.
	Values map[string]any
	// Hints name suspicious spots that are no errors, in words for the user.
	Hints []string
}

// Parse reads data as the format that the suffix of file announces: YAML for
// .yml and .yaml, JSON for .json, Java properties for everything else. Suffixes
// are compared with case, as Igor does. Errors are of type *Error.
func Parse(file string, data []byte) (File, error) {
	if len(data) > MaxSize {
		return File{Values: map[string]any{}}, &Error{File: file, Reason: ErrTooLarge}
	}
	values, err := parse(file, data)
	if err != nil {
		err.File = file
		return File{Values: map[string]any{}}, err
	}
	return File{Values: values, Hints: hints(values)}, nil
}

func parse(file string, data []byte) (map[string]any, *Error) {
	if err := binaryProblem(data); err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case strings.HasSuffix(file, ".yml"), strings.HasSuffix(file, ".yaml"):
		return parseYAML(data)
	case strings.HasSuffix(file, ".json"):
		return parseJSON(data)
	default:
		return parseJava(data)
	}
}

// binaryProblem refuses what is no text in any of the formats. Bytes of zero
// are legal in Java properties, but no database column and no label takes them.
func binaryProblem(data []byte) *Error {
	if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
		return malformed(1, "the file is UTF-16; write it as UTF-8")
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return malformed(lineAt(data, at), "NUL byte, not a text file")
	}
	return nil
}

func malformed(line int, format string, args ...any) *Error {
	return &Error{Line: line, Reason: ErrMalformed, Detail: fmt.Sprintf(format, args...)}
}

// lineAt counts lines up to the byte offset; a CRLF counts once.
func lineAt(data []byte, offset int) int {
	offset = min(max(offset, 0), len(data))
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}

// hints finds values whose quotes were probably meant as syntax, a habit of
// shell-style files. Quotes are part of the value in Java properties.
func hints(values map[string]any) []string {
	var found []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		text, ok := values[key].(string)
		if ok && quoted(text) {
			found = append(found, fmt.Sprintf("the value of %q is wrapped in quotes, which are part of the value", key))
		}
	}
	return found
}

func quoted(s string) bool {
	return len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0]
}

// text decodes Java properties bytes: UTF-8, or ISO-8859-1 when that fails.
// Java itself reads ISO-8859-1 only, which garbles what today's builds write.
func text(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return string(runes)
}
