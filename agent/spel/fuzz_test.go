package spel_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/spel"
)

// seed adds the inputs of the corpus and some hostile ones.
func seed(f *testing.F, field string) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			f.Fatal(err)
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for n := 0; lines.Scan(); n++ {
			var c map[string]any
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				f.Fatal(err)
			}
			if text, ok := c[field].(string); ok && n%7 == 0 && len(text) < 200 {
				f.Add(text)
			}
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			f.Fatal(err)
		}
	}
	for _, text := range []string{"${", "'", "((((", "{{{{", "a.?[b.![c]]", "\xff", "\x00", "T(", "new ", "#", "1e", "0x", "${${}}", "l.![#this]"} {
		f.Add(text)
	}
}

// fuzzRoot has a value of every kind that JSON gives.
func fuzzRoot() map[string]any {
	return map[string]any{
		"a": map[string]any{"b": 1, "c": "x", "d": []any{1, 2, map[string]any{"e": nil}}}, "l": []any{1, 2, 3}, "s": "str",
		"i": 5, "d": 2.5, "t": true, "n": nil, "big": json.Number("123456789012345678901234567890"), "e": "", "y": "a: [1, 2]",
	}
}

// check fails the fuzz test for everything but a value or a proper error, in
// time.
func check(t *testing.T, text string, start time.Time, v spel.Value, err error) {
	t.Helper()
	if d := time.Since(start); d > time.Minute {
		t.Errorf("%q took %v", text, d)
	}
	if err != nil {
		var e *spel.Error
		if !errors.As(err, &e) {
			t.Errorf("%q: error of type %T: %v", text, err, err)
		} else if e.Detail(); len(e.Message) >= 8 && e.Message[:8] == "internal" {
			t.Errorf("%q: %v", text, e)
		}
		return
	}
	if _, err := json.Marshal(v); err != nil && v.Type() == "String" {
		t.Errorf("%q: %v", text, err)
	}
}

func FuzzParse(f *testing.F) {
	seed(f, "expression")
	engine := spel.New(spel.Config{CacheSize: 16})
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		_, err := engine.Parse(text)
		check(t, text, start, spel.Value{}, err)
	})
}

func FuzzEval(f *testing.F) {
	seed(f, "expression")
	engine := spel.New(spel.Config{CacheSize: 16})
	root := fuzzRoot()
	before, err := json.Marshal(root)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		v, err := engine.Eval(t.Context(), text, &spel.Env{Root: root})
		check(t, text, start, v, err)
		if after, err := json.Marshal(root); err != nil || string(after) != string(before) {
			t.Errorf("%q changed its root to %s (%v)", text, after, err)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	seed(f, "template")
	engine := spel.New(spel.Config{CacheSize: 16})
	env := benchEnv(f)
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		v, summary := engine.EvalTemplate(t.Context(), text, env)
		check(t, text, start, v, nil)
		for _, w := range summary.Warnings {
			if w.Err != nil {
				check(t, text, start, v, w.Err)
			}
		}
		doc := map[string]any{text: []any{text}}
		if out, _ := engine.EvalDocument(t.Context(), doc, env); out == nil {
			t.Errorf("%q: no document", text)
		}
	})
}

// FuzzLibrary runs the parsers of other formats that functions reach.
func FuzzLibrary(f *testing.F) {
	for _, text := range []string{"a: &x [1, *x]", "{\"a\": 1}", "%5.2f|%-3s", "yyyy-MM-dd'T'HH", "2024-02-29T10:15:30Z", "a=b\\\nc", "0x1p3", "(?<n>a)\\k<n>"} {
		f.Add(text)
	}
	engine := spel.New(spel.Config{})
	f.Fuzz(func(t *testing.T, text string) {
		for _, expression := range []string{
			"#readYaml(s)", "#readAllYaml(s)", "#readJson(s)", "T(String).format(s, 1, 2.5, 'x', true)", "new java.text.SimpleDateFormat(s).format(0L)",
			"new java.text.SimpleDateFormat('yyyy-MM-dd HH:mm:ss.SSS Z EEE MMM').parse(s)", "T(java.time.LocalDateTime).parse(s)", "T(Double).valueOf(s)",
			"T(Integer).decode(s)", "'abc 123'.replaceAll(s, s)", "s.split(s)", "T(java.util.UUID).fromString(s)", "s.translateEscapes()", "s.stripIndent()",
			"#fromBase64(s)", "new java.util.Date(s)", "T(java.time.LocalDate).now(s)",
		} {
			start := time.Now()
			v, err := engine.Eval(t.Context(), expression, &spel.Env{Root: map[string]any{"s": text}})
			check(t, expression+" of "+text, start, v, err)
		}
	})
}
