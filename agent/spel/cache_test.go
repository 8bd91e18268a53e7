package spel

import (
	"fmt"
	"strings"
	"testing"
)

// TestCachesAreBounded: however many texts an engine meets, and however long
// they are, it keeps a bounded part of them.
func TestCachesAreBounded(t *testing.T) {
	const noLimit = 1 << 20
	tests := []struct {
		name     string
		capacity int
		text     func(i int) string // an expression
	}{
		{"many", 20, func(i int) string { return fmt.Sprintf("'a%d' matches 'a%d'", i, i) }},
		{"long", noLimit, func(i int) string { return fmt.Sprintf("'%d%s' matches '.*'", i, strings.Repeat("x", 9000)) }},
		{"large patterns", noLimit, func(i int) string {
			return fmt.Sprintf("'a%d'.replaceAll('a%d%s', '')", i, i, strings.Repeat("(?:b|c)", 1200))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := New(Config{CacheSize: tt.capacity})
			for i := range 120 {
				text := tt.text(i)
				if _, err := e.Eval(t.Context(), text, &Env{}); err != nil {
					t.Fatal(err)
				}
				if _, summary := e.EvalTemplate(t.Context(), "${"+text+"}", &Env{}); !summary.OK() {
					t.Fatal(summary.Warnings)
				}
			}
			bounded(t, "expressions", &e.exprs)
			bounded(t, "templates", &e.templates)
			bounded(t, "patterns", &e.patterns)
		})
	}
}

// bounded fails the test if a cache holds more than it may, or nothing at all.
func bounded[T any](t *testing.T, name string, c *cache[T]) {
	t.Helper()
	for generation, kept := range []map[string]T{c.young, c.old} {
		size := 0
		for _, v := range kept {
			size += c.size(v)
		}
		if len(kept) > c.capacity || size > maxCached || generation == 0 && len(kept) == 0 {
			t.Errorf("%s: generation %d holds %d texts of size %d; %d and %d are allowed", name, generation, len(kept), size, c.capacity, maxCached)
		}
	}
}
