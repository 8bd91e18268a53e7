package enginetest

import (
	"fmt"
	"strconv"
	"strings"
)

// command is a line of a script, cut into words. Texts in quotes are one word, and so is a JSON value.
type command struct {
	line  int
	words []string
}

func (c command) String() string {
	return fmt.Sprintf("line %d: %s", c.line, strings.Join(c.words, " "))
}

// word returns the nth word, or "".
func (c command) word(n int) string {
	if n < len(c.words) {
		return c.words[n]
	}
	return ""
}

// parse reads a script.
func parse(script string) ([]command, error) {
	var commands []command
	for i, line := range strings.Split(script, "\n") {
		words, err := cut(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if len(words) > 0 {
			commands = append(commands, command{line: i + 1, words: words})
		}
	}
	return commands, nil
}

// cut cuts a line into words.
func cut(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
			return words, nil
		case line[0] == '{' || line[0] == '[':
			return append(words, line), nil
		case line[0] == '"':
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", quoted, err)
			}
			words, line = append(words, text), line[len(quoted):]
		default:
			end := strings.IndexAny(line, " \t")
			if end < 0 {
				end = len(line)
			}
			words, line = append(words, line[:end]), line[end:]
		}
	}
}
