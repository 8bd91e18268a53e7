package spel_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/spel"
)

// TestHostileExpressions are stopped soon, with an error at a place.
func TestHostileExpressions(t *testing.T) {
	cyclic := map[string]any{"n": 1}
	cyclic["self"] = cyclic
	cyclicList := []any{1}
	cyclicList[0] = cyclicList
	var many, other any = "x", "x"
	for range 8 {
		many = []any{many, many, many, many, many, many, many, many, many, many}
		other = []any{other, other, other, other, other, other, other, other, other, other}
	}
	root := map[string]any{"many": many, "other": other, "m": cyclic, "l": cyclicList, "long": strings.Repeat("a", 1000)}
	tests := []struct{ name, expression, code string }{
		{"too long", "'" + strings.Repeat("x", 10_000) + "'", "MAX_EXPRESSION_LENGTH_EXCEEDED"},
		{"parentheses", strings.Repeat("(", 4000) + "1", "NESTING_TOO_DEEP"},
		{"signs", strings.Repeat("-", 1) + strings.Repeat("!", 9000) + "1", "NESTING_TOO_DEEP"},
		{"lists", strings.Repeat("{", 9000), "NESTING_TOO_DEEP"},
		{"indexes", "m" + strings.Repeat("[m", 3000), "NESTING_TOO_DEEP"},
		{"ternaries", strings.Repeat("true?1:", 1400) + "1", "NESTING_TOO_DEEP"},
		{"a cyclic map as text", "m.toString()", "NESTING_TOO_DEEP"},
		{"a cyclic list as text", "'' + l", "NESTING_TOO_DEEP"},
		{"a cyclic map as JSON", "#toJson(m)", "EXCEPTION_DURING_FUNCTION_CALL"},
		{"a cyclic map compared", "m == {n: 1, self: m}", "NESTING_TOO_DEEP"},
		{"a cyclic map's hash", "m.hashCode()", "NESTING_TOO_DEEP"},
		{"a list of the same list again and again as text", "many.toString()", "RESULT_TOO_LARGE"},
		{"and compared", "many == other", "RESULT_TOO_LARGE"},
		{"and as JSON", "#toJson(many)", "EXCEPTION_DURING_FUNCTION_CALL"},
		{"and its hash", "many.hashCode()", "RESULT_TOO_LARGE"},
		{"growing text", strings.Repeat("long.repeat(1000).", 1) + "repeat(1000)", "RESULT_TOO_LARGE"},
		{"growing replacement", "long.replace('a', long).replace('a', long)", "RESULT_TOO_LARGE"},
		{"growing replacement by pattern", "long.replaceAll('a', long).replaceAll('a', long)", ""},
		{"wide format", "T(String).format('%99999999d', 1)", ""},
		{"indent", "'a'.indent(2000000000)", "RESULT_TOO_LARGE"},
		{"power", "123456789012345678901234567890 ^ 1000000", "NOT_AN_INTEGER"},
		{"array", "new int[2147483647]", "MAX_ARRAY_ELEMENTS_THRESHOLD_EXCEEDED"},
		{"array of arrays", "new int[50000][50000]", "MAX_ARRAY_ELEMENTS_THRESHOLD_EXCEEDED"},
		{"operations", "long.split('').![#root.long.split('').![#this]]", "MAX_OPERATIONS_EXCEEDED"},
		{"regular expression", "long matches '(a+)+b'", "FLAWED_PATTERN"},
		{"regular expression by method", "long.matches('(a|a)*b')", ""},
		{"split", "long.split('(a*)*b').length", ""},
		{"not UTF-8", "'\xff' == \xfe", "UNSUPPORTED_CHARACTER"},
		{"NUL", "1\x00+\x00", "RIGHT_OPERAND_PROBLEM"},
		{"deep JSON", "#readJson('" + strings.Repeat("[", 9900) + "')", "EXCEPTION_DURING_FUNCTION_CALL"},
		{"deep YAML", "#readYaml('" + strings.Repeat("[", 9900) + "')", "EXCEPTION_DURING_FUNCTION_CALL"},
	}
	engine := spel.New(spel.Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			_, err := engine.Eval(t.Context(), tt.expression, &spel.Env{Root: root})
			var e *spel.Error
			if !errors.As(err, &e) {
				t.Fatalf("no error, but %v", err)
			}
			if string(e.Code) != tt.code || strings.Contains(e.Message, "internal error") {
				t.Errorf("%s: %v", e.Code, e)
			}
			if d := time.Since(start); d > time.Minute { // a hang; speed is measured in benchmarks
				t.Errorf("took %v", d)
			}
			if e.Detail() == "" {
				t.Error("no detail")
			}
		})
	}
}

func TestHostileDocuments(t *testing.T) {
	cyclic := map[string]any{"x": "${1}"}
	cyclic["self"] = cyclic
	for name, doc := range map[string]any{
		"cyclic":         cyclic,
		"cyclic list":    []any{"${m}", "${l}"},
		"broken strings": []any{"${", "${}", "${ }", "${${1}}", "$${", "${'}", "${[}]}", "\xff${1}", "${\xff}", "${a}${", "}${1"},
	} {
		list := []any{0}
		list[0] = list
		m := map[string]any{}
		m["m"] = m
		done := make(chan struct{})
		go func() {
			defer close(done)
			spel.New(spel.Config{}).EvalDocument(t.Context(), doc, &spel.Env{Root: map[string]any{"m": m, "l": list}})
		}()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("%s: hangs", name)
		}
	}
}

func TestContextStopsEvaluation(t *testing.T) {
	engine := spel.New(spel.Config{Limits: spel.Limits{Operations: 1 << 40}})
	x, err := engine.Parse("l.![#root.l.![#root.l.![#root.l.![#this + 1]]]]")
	if err != nil {
		t.Fatal(err)
	}
	list := make([]any, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for i := range list {
		list[i] = i
	}
	_, err = x.Eval(ctx, &spel.Env{Root: map[string]any{"l": list}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	engine := spel.New(spel.Config{CacheSize: 4})
	first, err := engine.Parse("1 + 1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := engine.Parse("1 + 1")
	if err != nil || again != first {
		t.Errorf("parsed twice: %v", err)
	}
	for i := range 100 {
		if _, err := engine.Parse(strings.Repeat("1 + ", i) + "2"); err != nil {
			t.Fatal(err)
		}
	}
	if again, err = engine.Parse("1 + 1"); err != nil || again == first {
		t.Errorf("kept for ever: %v", err)
	}
}
