package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gennaker/gennaker/agent/spel"
)

// Case is one line of a case file. The corpus's README says what the fields
// mean.
type Case struct {
	ID               string `json:"id"`
	Kind             string `json:"kind"`
	Level            string `json:"level"`
	Quirk            bool   `json:"quirk"`
	AllowUnknownKeys *bool  `json:"allowUnknownKeys"`

	Expression   string    `json:"expression"`
	Template     string    `json:"template"`
	URL          string    `json:"url"`
	Root         data      `json:"root"`
	Source       *spel.Map `json:"source"`
	Context      data      `json:"context"`
	Trigger      data      `json:"trigger"`
	StageEnabled data      `json:"stageEnabled"`
	Execution    string    `json:"execution"` // a name in executions.json
	StageID      string    `json:"stageId"`
	User         string    `json:"user"`

	Expect Expect `json:"expect"`

	executions map[string]any
	input      string
}

// Want is what the case expects, as it stands in the file.
func (c *Case) Want() string {
	var line struct {
		Expect json.RawMessage `json:"expect"`
	}
	if err := json.Unmarshal([]byte(c.input), &line); err != nil {
		return err.Error()
	}
	return string(line.Expect)
}

// Expect is what a case must give. Raw fields are nil if they do not matter.
type Expect struct {
	Value    json.RawMessage   `json:"value"`
	AnyValue bool              `json:"anyValue"`
	Type     string            `json:"type"`
	Text     json.RawMessage   `json:"text"`
	Error    string            `json:"error"`
	Phase    string            `json:"phase"`
	Types    map[string]string `json:"types"`
	Failures *int              `json:"failures"`
	Total    *int              `json:"total"`
	Summary  map[string][]Note `json:"summary"`

	Variables        json.RawMessage `json:"variables"`
	Failed           []string        `json:"failed"`
	Context          json.RawMessage `json:"context"`
	Status           string          `json:"status"`
	ExpressionResult json.RawMessage `json:"expressionResult"`
	Skipped          *bool           `json:"skipped"`
	Allowed          *bool           `json:"allowed"`
}

// Note is one expected entry of the summary.
type Note struct {
	Level       string `json:"level"`
	Description string `json:"description"` // exact
	Prefix      string `json:"prefix"`      // begins the description
}

// data is JSON in the form that expressions read.
type data struct{ v any }

func (d *data) UnmarshalJSON(text []byte) (err error) {
	d.v, err = spel.Decode(text)
	return err
}

// Load reads a case file. Executions that cases name are looked up in
// executions.json beside it.
func Load(file string) ([]Case, error) {
	executions, err := LoadExecutions(filepath.Join(filepath.Dir(file), "executions.json"))
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var cases []Case
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		c, err := Parse(line, executions)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		cases = append(cases, *c)
	}
	return cases, lines.Err()
}

// Parse reads one case; executions are those that it may name, decoded by
// [spel.Decode].
func Parse(line []byte, executions map[string]any) (*Case, error) {
	c := &Case{executions: executions, input: string(line)}
	return c, json.Unmarshal(line, c)
}

// LoadExecutions reads a file of executions by name; none if it is not there.
func LoadExecutions(file string) (map[string]any, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := spel.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	byName := map[string]any{}
	for name, execution := range all.(*spel.Map).All() {
		byName[name.(string)] = execution
	}
	return byName, nil
}

// Input is what the case evaluates, for reports.
func (c *Case) Input() string {
	switch {
	case c.Expression != "":
		return c.Expression
	case c.Template != "":
		return c.Template
	case c.URL != "":
		return c.URL
	case c.Source != nil:
		text, _ := json.Marshal(c.Source)
		return string(text)
	}
	return c.input
}
