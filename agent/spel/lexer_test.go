package spel

import (
	"strings"
	"testing"
)

// FuzzLex checks what the parser relies on: tokens follow one another, nothing
// but white space lies between them, the last one is the end, and an error
// points into the text.
func FuzzLex(f *testing.F) {
	for _, text := range []string{
		"a.b['c'] + 1.5e-3f", "'it''s' \"q\"", "0x1FL + 3000000000L", "a?.b ?: c ?: !d", "l.?[x ge 1].![y].^[z].$[w]", "#f(1, 2L)", "T(java.lang.Math)",
		"{a: 1, 'b': {2}}", "1e", "0x", "'", "\"", "\\", "|", "é + 日本", "\xff", "\x00", "a--b++", "a mod b DIV c not d", "1.", ".5", "1..2", "1.5L",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := lex(text)
		if err != nil {
			if err.Pos < 0 || err.Pos > len(text) || err.Phase != PhaseParse || err.Code == "" {
				t.Errorf("%q: error %+v", text, err)
			}
			return
		}
		end := 0
		for i, tok := range tokens {
			if tok.pos < end || tok.end < tok.pos || tok.end > len(text) || (tok.kind == tokEnd) != (i == len(tokens)-1) {
				t.Fatalf("%q: token %d is %+v", text, i, tok)
			}
			if gap := text[end:tok.pos]; strings.Trim(gap, " \t\r\n\x00") != "" {
				t.Errorf("%q: %q lies between tokens", text, gap)
			}
			end = tok.end
		}
	})
}
