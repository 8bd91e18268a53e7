package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// seed is a case of the corpus, which the generator varies.
type seed struct {
	Kind       string          `json:"kind"`
	Expression string          `json:"expression"`
	Template   string          `json:"template"`
	Root       json.RawMessage `json:"root"`
	Source     json.RawMessage `json:"source"`
	Context    json.RawMessage `json:"context"`
	Execution  string          `json:"execution"`
	Stage      string          `json:"stageId"`
	Strict     *bool           `json:"allowUnknownKeys"`
}

// loadSeeds reads the cases that lie beside the executions.
func loadSeeds(dir string) ([]seed, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []seed
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, len(text)+1)
		for lines.Scan() {
			var s seed
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if len(s.text()) < 400 && (s.Kind != "document" || s.Execution != "") && s.Kind != "urlAllowed" {
				all = append(all, s)
			}
		}
	}
	return all, nil
}

func (s seed) text() string { return s.Expression + s.Template + string(s.Source) }

// varied is a case of the corpus with a few changes.
func (g *generator) varied(id int) request {
	s := g.seeds[g.IntN(len(g.seeds))]
	r := request{id: id, kind: s.Kind, input: s.text(), root: "null", strict: s.Strict != nil && !*s.Strict}
	if s.Root != nil {
		r.root = string(s.Root)
	}
	if r.kind != "document" {
		for range 1 + g.IntN(2) {
			r.input = g.vary(r.input)
		}
		return r
	}
	r.execution, r.stage, r.context = s.Execution, s.Stage, string(s.Context)
	g.document = true
	r.input = quoted.ReplaceAllStringFunc(r.input, func(text string) string {
		var plain string
		if json.Unmarshal([]byte(text), &plain) != nil || !strings.Contains(plain, "${") {
			return text
		}
		return quote(g.vary(plain))
	})
	return r
}

var (
	// word is a token of an expression, roughly.
	word = regexp.MustCompile(`'[^']*'|[#\w]+|\S`)
	// quoted is a string of JSON.
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// quote writes a string of JSON.
func quote(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err) // a string always has a JSON form
	}
	return strings.TrimSpace(b.String())
}

// vary changes one place of a text.
func (g *generator) vary(s string) string {
	words := word.FindAllStringIndex(s, -1)
	if len(words) == 0 {
		return s
	}
	at := words[g.IntN(len(words))]
	before, here, after := s[:at[0]], s[at[0]:at[1]], s[at[1]:]
	switch g.IntN(8) {
	case 0: // another token of the same text
		other := words[g.IntN(len(words))]
		return before + s[other[0]:other[1]] + after
	case 1:
		other := g.seeds[g.IntN(len(g.seeds))]
		if tokens := word.FindAllString(other.Expression+other.Template, -1); len(tokens) > 0 {
			return before + tokens[g.IntN(len(tokens))] + after
		}
		return s
	case 2:
		return before + g.any() + after
	case 3:
		return before + g.step() + here + after
	case 4:
		return before + here + g.step() + after
	case 5:
		return before + "(" + here + ")" + after
	case 6:
		return before + here + " " + g.pick("+", "==", "?:", "<", "*", "and", "matches") + " " + g.any() + after
	default:
		return before + after
	}
}
