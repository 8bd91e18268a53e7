package javaregex_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/spel/javaregex"
)

// answer is a line of testdata/java17.jsonl: what Java 17 does with a pattern.
type answer struct {
	Pattern     string      `json:"pattern"`
	Text        string      `json:"text"`
	Error       bool        `json:"error"` // the pattern does not compile
	Matches     bool        `json:"matches"`
	Find        [][]*string `json:"find"` // all matches with their groups
	Split       []string    `json:"split"`
	SplitInTwo  []string    `json:"splitInTwo"` // limit 2
	SplitAll    []string    `json:"splitAll"`   // limit -1
	Replacement string      `json:"replacement"`
	Replaced    *string     `json:"replaced"` // null: the replacement is wrong
}

func TestAsJavaDoes(t *testing.T) {
	file, err := os.Open("testdata/java17.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var want answer
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		re, err := javaregex.Compile(want.Pattern)
		if want.Error || err != nil {
			var syntax *javaregex.SyntaxError
			if want.Error != errors.As(err, &syntax) {
				t.Errorf("%q: %v", want.Pattern, err)
			}
			continue
		}
		if got := observe(t, re, want); !reflect.DeepEqual(got, want) {
			g, _ := json.Marshal(got)
			t.Errorf("%q\n got  %s\n want %s", want.Pattern, g, lines.Bytes())
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// observe does with a pattern what the answer did.
func observe(t *testing.T, re *javaregex.Regexp, want answer) answer {
	t.Helper()
	got := answer{Pattern: want.Pattern, Text: want.Text, Replacement: want.Replacement, Find: [][]*string{}}
	must := func(err error) {
		if err != nil {
			t.Errorf("%q: %v", want.Pattern, err)
		}
	}
	var err error
	got.Matches, err = re.Match(want.Text)
	must(err)
	for span, err := range re.All(want.Text) {
		must(err)
		groups := make([]*string, re.Groups()+1)
		for i := range groups {
			if text, ok := span.Text(want.Text, i); ok {
				groups[i] = &text
			}
		}
		got.Find = append(got.Find, groups)
	}
	for limit, into := range map[int]*[]string{0: &got.Split, 2: &got.SplitInTwo, -1: &got.SplitAll} {
		*into, err = re.Split(want.Text, limit)
		must(err)
	}
	if found, err := re.Find(want.Text); err != nil || found != (len(got.Find) > 0) {
		t.Errorf("%q: Find is %v, %v", want.Pattern, found, err)
	}
	if replaced, err := re.ReplaceAll(want.Text, want.Replacement); err == nil {
		got.Replaced = &replaced
	}
	return got
}

func TestReplaceFirst(t *testing.T) {
	re, err := javaregex.Compile(`a(.)`)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := re.ReplaceFirst("xabab", "<$1>"); err != nil || got != "x<b>ab" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLargePatternsAreRefused(t *testing.T) {
	for _, pattern := range []string{
		strings.Repeat("(", 1000), strings.Repeat("[", 1000), strings.Repeat("(?:", 300) + strings.Repeat(")", 300),
		"a{99999999999}", strings.Repeat("(ab)?", 10_000), "(?<=(ab)*)c",
	} {
		var syntax *javaregex.SyntaxError
		if _, err := javaregex.Compile(pattern); !errors.As(err, &syntax) {
			t.Errorf("%.20s: %v", pattern, err)
		}
	}
	re, err := javaregex.Compile("((a{1000}){1000}){1000}")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := re.Match("aaa"); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestErrorsNameTheFault(t *testing.T) {
	for pattern, want := range map[string]string{
		`a(b`:           "the group is not closed",
		`a)`:            "no opening one",
		`[a`:            "the class is not closed",
		`*a`:            "nothing for the quantifier to repeat",
		`a{2,1}`:        "the wrong way round",
		`[z-a]`:         "the wrong way round",
		`\p{Nope}`:      "unknown property {Nope}",
		`(?<a>x)(?<a>)`: "used twice",
		`\q`:            `unknown escape \q`,
		`(?<=(ab)+)c`:   "upper bound",
	} {
		_, err := javaregex.Compile(pattern)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
}

func FuzzRegexp(f *testing.F) {
	for _, s := range []string{"a+b", "(a|b)*\\1", "[a-z&&[^b]]", "(?<=a)b", "\\Q(\\E", "(?i)é", "(?x) a#", "\\p{L}{2,}+"} {
		f.Add(s, "aab", "$1")
	}
	f.Fuzz(func(t *testing.T, pattern, text, replacement string) {
		re, err := javaregex.Compile(pattern)
		if err != nil {
			var syntax *javaregex.SyntaxError
			if !errors.As(err, &syntax) {
				t.Errorf("%q: %T", pattern, err)
			}
			return
		}
		start := time.Now()
		matched, err := re.Match(text)
		if err != nil {
			return
		}
		if found, err := re.Find(text); matched && err == nil && !found {
			t.Errorf("%q matches %q, but is not found", pattern, text)
		}
		parts, err := re.Split(text, -1)
		if err == nil && len(strings.Join(parts, "")) > len(text) {
			t.Errorf("%q splits %q into %q", pattern, text, parts)
		}
		if _, err := re.ReplaceAll(text, replacement); err == nil && time.Since(start) > time.Minute {
			t.Errorf("%q takes long on %q", pattern, text)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	re, err := javaregex.Compile(`^release-(\d+\.)+\d+$`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := re.Match("release-1.22.333"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
