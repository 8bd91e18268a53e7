package javaregex

import (
	"errors"
	"strings"
	"testing"
)

// hostile are patterns that take exponentially many steps on hostileText.
var (
	hostile = []string{
		`(a+)+b`, `(a|a)*b`, `(a*)*b`, `(.*)*x`, `(?:a?){30}a{30}b`, `^(([a-z])+.)+[A-Z]([a-z])+$`, `(x+x+)+y`, `(?=(a+))+\1b`,
		`(?:(?:a+)+)+b`, `(a+?)+?b`, `(?<=(a|aa|aaa){0,30})b`, `(?:.{0,50}){0,50}b`, `(a{0,50}){50}b`, `((a+)\2?)+b`, `(?:(?=a*)a*)*b`,
		`(?:(a)\1*)+b`, `(?i)(?:A+)+b`, `(?:[a-z&&[^b]]+)+b`, `(?:(?!b)a+)+b`, `(?:(?>a+?))+b`,
	}
	hostileText = strings.Repeat("a", 60) + "!"
)

// TestHostilePatternsStopAtTheLimit counts steps, not time: no pattern takes
// more than it may, however it is written.
func TestHostilePatternsStopAtTheLimit(t *testing.T) {
	gaveUp := 0
	for _, pattern := range hostile {
		re, err := Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for name, run := range map[string]func(m *machine) (bool, error){
			"match": func(m *machine) (bool, error) { m.whole = true; return m.run(0) },
			"find":  func(m *machine) (bool, error) { return m.search(0) },
		} {
			m := re.machine(hostileText)
			found, err := run(m)
			if found || err != nil && !errors.Is(err, ErrTooComplex) {
				t.Errorf("%s: %s gave %v, %v", pattern, name, found, err)
			}
			if most := m.limit + len(hostileText); m.steps > most {
				t.Errorf("%s: %s took %d steps, more than %d", pattern, name, m.steps, most)
			}
			if err != nil {
				gaveUp++
			}
		}
	}
	if gaveUp < len(hostile) {
		t.Errorf("only %d of %d matches gave up: the patterns are not hostile", gaveUp, 2*len(hostile))
	}
}

// BenchmarkHostile is what giving up costs.
func BenchmarkHostile(b *testing.B) {
	for _, pattern := range hostile {
		re, err := Compile(pattern)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(pattern, func(b *testing.B) {
			for b.Loop() {
				if found, err := re.Find(hostileText); found || err != nil && !errors.Is(err, ErrTooComplex) {
					b.Fatal(found, err)
				}
			}
		})
	}
}
