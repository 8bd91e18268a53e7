package wire

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// written cuts text into pieces of a size and returns the lines that come out.
func written(text string, size int) []string {
	var lines []string
	o := newOutput(func(line string) { lines = append(lines, line) })
	for rest := text; rest != ""; {
		n := min(size, len(rest))
		if _, err := o.stderr.Write([]byte(rest[:n])); err != nil {
			panic(err)
		}
		rest = rest[n:]
	}
	o.close()
	return lines
}

func TestOutputLines(t *testing.T) {
	long := strings.Repeat("x", MaxOutputLine+10)
	tests := []struct {
		text string
		want []string
	}{
		{"", nil},
		{"a\nb\r\n\nc", []string{"a", "b", "c"}},
		{long + "\nnext\n", []string{long[:MaxOutputLine], "next"}},
		{"\xff\n", []string{"\uFFFD"}},
	}
	for _, test := range tests {
		if got := written(test.text, 7); !slices.Equal(got, test.want) {
			t.Errorf("%.20q: got %.100q", test.text, got)
		}
	}
}

func TestOutputAfterItsEnd(t *testing.T) {
	var lines []string
	o := newOutput(func(line string) { lines = append(lines, line) })
	o.close()
	if _, err := o.stdout.Write([]byte("late\n")); err != nil || len(lines) != 0 {
		t.Errorf("got %q, %v", lines, err)
	}
}

// FuzzOutput holds that lines do not depend on how they were cut on the way, and are short and clean.
func FuzzOutput(f *testing.F) {
	f.Add("a\nb\r\n", 1)
	f.Add("\xf0\x9f\x98\x80\n\n\r", 2)
	f.Add(strings.Repeat("long ", 5000), 4096)
	f.Fuzz(func(t *testing.T, text string, size int) {
		size = max(size, 1)
		whole, pieces := written(text, len(text)+1), written(text, size)
		if !slices.Equal(whole, pieces) {
			t.Errorf("at once %q, in pieces of %d %q", whole, size, pieces)
		}
		for _, line := range whole {
			if !utf8.ValidString(line) || strings.Contains(line, "\n") || len(line) > 3*MaxOutputLine {
				t.Errorf("line %q", line)
			}
		}
	})
}
