package helm

import (
	"bytes"
	"regexp"
)

// chartKey is a chart's name at the start of its section, as Helm writes it.
var chartKey = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*):$`)

// topKey is a member of the index beside entries; what it holds does not matter.
var topKey = regexp.MustCompile(`^[A-Za-z]+:( |$)`)

// otherBreaks are characters that end lines too, for YAML.
const otherBreaks = "\r\u0085\u2028\u2029"

// split cuts an index that is laid out as Helm writes it into the sections of its charts, without taking them apart:
//
//	entries:
//	  shop:
//	  - version: 1.0.0
//
// It gives up, and ok is false, on anything that might mean something else.
func split(data []byte) (sections map[string]section, ok bool) {
	s := splitter{sections: map[string]section{}, rest: data}
	for line := range bytes.Lines(data) {
		s.number++
		s.rest = s.rest[len(line):]
		if !s.line(line) {
			return nil, false
		}
	}
	s.end(0)
	return s.sections, s.seen && !s.twice
}

type splitter struct {
	sections map[string]section
	// rest is what comes after the line being looked at, number that line's.
	rest   []byte
	number int
	// below says whether the line is below any key, inside whether below entries, seen whether those were there.
	below, inside, seen bool
	// indent is how far the names are indented; 0 before the first.
	indent int
	// name is the chart being read, text and start its section.
	name  string
	text  []byte
	start int
	twice bool
}

// line looks at one line, and says whether it is as it should be.
func (s *splitter) line(line []byte) bool {
	content := bytes.TrimLeft(line, " ")
	indent := len(line) - len(content)
	content = bytes.TrimRight(content, " \r\n")
	switch {
	case len(content) == 0 || content[0] == '#':
		return true
	case bytes.ContainsAny(bytes.TrimRight(line, "\r\n"), otherBreaks), content[0] == '\t' && indent <= s.indent, indent == 0 && string(content) == "...":
		return false
	case indent == 0:
		return s.top(content, len(line))
	case !s.inside:
		return s.below
	case s.indent == 0:
		s.indent = indent
	}
	if indent > s.indent || s.name != "" && indent == s.indent && isItem(content) {
		return s.name != ""
	}
	key := chartKey.FindSubmatch(content)
	if indent < s.indent || key == nil {
		return false
	}
	s.end(len(line))
	s.name, s.text, s.start = string(key[1]), s.rest, s.number+1
	return true
}

// top looks at a line that is not indented.
func (s *splitter) top(content []byte, length int) bool {
	s.end(length)
	s.below, s.inside = true, false
	if string(content) != "entries:" {
		return topKey.Match(content) || s.number == 1 && string(content) == "---"
	}
	s.twice = s.twice || s.seen
	s.inside, s.seen = true, true
	return true
}

// end keeps the section being read, which ended before a line of that length.
func (s *splitter) end(length int) {
	if s.name == "" {
		return
	}
	if _, ok := s.sections[s.name]; ok {
		s.twice = true
	}
	s.sections[s.name] = section{text: s.text[:max(len(s.text)-len(s.rest)-length, 0)], line: s.start}
	s.name = ""
}

func isItem(content []byte) bool {
	return content[0] == '-' && (len(content) == 1 || content[1] == ' ')
}
