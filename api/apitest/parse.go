package apitest

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Conversation is a file of exchanges.
type Conversation struct {
	// Name is the file's.
	Name      string
	Exchanges []Exchange
}

// Exchange is a request and the answer that must come back.
type Exchange struct {
	Title string
	// Line is where the title stands.
	Line int

	Method, Target string
	Header         []Field
	Body           string

	Want Answer
}

// Answer is what must come back.
type Answer struct {
	Status int
	// Eventually: the request is repeated until the answer fits.
	Eventually bool
	Header     []Field
	Body       string
}

// Field is a line of a header.
type Field struct{ Name, Value string }

//go:embed testdata
var files embed.FS

// Load reads the conversations of a folder of testdata: "open" are for an agent without sign-in, "guarded" for one with
// tokens and limits.
func Load(folder string) ([]Conversation, error) {
	names, err := fs.Glob(files, path.Join("testdata", folder, "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no conversations in testdata/%s", folder)
	}
	conversations := make([]Conversation, len(names))
	for i, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if conversations[i], err = Parse(name, string(text)); err != nil {
			return nil, err
		}
	}
	return conversations, nil
}

const titleMark = "### "

// Parse reads a conversation. Errors begin with the name and the line.
func Parse(name, text string) (Conversation, error) {
	conversation := Conversation{Name: name}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	start := -1
	for i := 0; i <= len(lines); i++ {
		if i < len(lines) && !strings.HasPrefix(lines[i], titleMark) {
			continue
		}
		if start >= 0 {
			exchange, err := parseExchange(lines[start:i])
			if err != nil {
				return Conversation{}, fmt.Errorf("%s:%d: %w", name, start+1, err)
			}
			exchange.Line = start + 1
			conversation.Exchanges = append(conversation.Exchanges, exchange)
		}
		start = i
	}
	if len(conversation.Exchanges) == 0 {
		return Conversation{}, fmt.Errorf("%s: no exchange: none of its lines begins with %q", name, titleMark)
	}
	return conversation, nil
}

var (
	requestLine = regexp.MustCompile(`^([A-Z]+) (\S+)$`)
	answerLine  = regexp.MustCompile(`^HTTP (\d{3})( eventually)?$`)
	fieldLine   = regexp.MustCompile(`^([A-Za-z0-9-]+): ?(.*)$`)
)

// parseExchange reads an exchange, whose first line is its title.
func parseExchange(lines []string) (Exchange, error) {
	exchange := Exchange{Title: strings.TrimSpace(strings.TrimPrefix(lines[0], titleMark))}
	lines = lines[1:]
	for len(lines) > 0 && (strings.TrimSpace(lines[0]) == "" || strings.HasPrefix(lines[0], "#")) {
		lines = lines[1:]
	}
	if len(lines) == 0 {
		return exchange, fmt.Errorf("%q has no request", exchange.Title)
	}
	request := requestLine.FindStringSubmatch(lines[0])
	if request == nil {
		return exchange, fmt.Errorf("%q: found %q, expected a request such as `GET /version`", exchange.Title, lines[0])
	}
	exchange.Method, exchange.Target = request[1], request[2]
	answerAt := -1
	for i, line := range lines {
		if answerLine.MatchString(line) {
			answerAt = i
		}
	}
	if answerAt < 0 {
		return exchange, fmt.Errorf("%q has no answer: expected a line such as `HTTP 200`", exchange.Title)
	}
	answer := answerLine.FindStringSubmatch(lines[answerAt])
	status, err := strconv.Atoi(answer[1])
	if err != nil {
		return exchange, err
	}
	exchange.Want.Status, exchange.Want.Eventually = status, answer[2] != ""
	if exchange.Header, exchange.Body, err = parseMessage(lines[1:answerAt]); err != nil {
		return exchange, fmt.Errorf("%q: request: %w", exchange.Title, err)
	}
	if exchange.Want.Header, exchange.Want.Body, err = parseMessage(lines[answerAt+1:]); err != nil {
		return exchange, fmt.Errorf("%q: answer: %w", exchange.Title, err)
	}
	return exchange, nil
}

// parseMessage reads a header and, after an empty line, a body.
func parseMessage(lines []string) (header []Field, body string, err error) {
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			return header, strings.TrimSpace(strings.Join(lines[i:], "\n")), nil
		}
		field := fieldLine.FindStringSubmatch(line)
		if field == nil {
			return nil, "", fmt.Errorf("found %q, expected a header field, or an empty line before a body", line)
		}
		header = append(header, Field{field[1], field[2]})
	}
	return header, "", nil
}
