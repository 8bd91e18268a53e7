package spel_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/agent/spel/conformance"
)

type benchExpression struct{ name, text string }

// benchExpressions are the kinds of expression most used in pipelines; the
// script bench-spel measures the same ones in a warm JVM.
func benchExpressions(tb testing.TB) []benchExpression {
	tb.Helper()
	text, err := os.ReadFile("testdata/bench.txt")
	if err != nil {
		tb.Fatal(err)
	}
	var all []benchExpression
	for line := range strings.Lines(string(text)) {
		name, expression, _ := strings.Cut(strings.TrimSpace(line), "=")
		all = append(all, benchExpression{name, expression})
	}
	return all
}

func benchEnv(tb testing.TB) *spel.Env {
	tb.Helper()
	all, err := conformance.LoadExecutions("testdata/executions.json")
	if err != nil {
		tb.Fatal(err)
	}
	ex, err := spel.ExecutionFromJSON(all["execution-01"])
	if err != nil {
		tb.Fatal(err)
	}
	return &spel.Env{Execution: ex, Stage: ex.StageByID("s-now")}
}

// benchDocument is the context of a deploy stage.
func benchDocument(tb testing.TB) any {
	tb.Helper()
	text, err := os.ReadFile("testdata/deploy-stage.json")
	if err != nil {
		tb.Fatal(err)
	}
	doc, err := spel.Decode(text)
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

func BenchmarkEval(b *testing.B) {
	engine := spel.New(spel.Config{})
	env := benchEnv(b)
	for _, e := range benchExpressions(b) {
		b.Run(e.name, func(b *testing.B) {
			x, err := engine.Parse(e.text)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Eval(b.Context(), env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDocument(b *testing.B) {
	engine := spel.New(spel.Config{})
	ex := benchEnv(b).Execution
	doc := benchDocument(b)
	b.ReportAllocs()
	for b.Loop() {
		env := &spel.Env{Execution: ex, Stage: ex.StageByID("s-now")}
		if _, summary := engine.EvalDocument(b.Context(), doc, env); !summary.OK() {
			b.Fatal(summary.Warnings)
		}
	}
}

// BenchmarkPlainDocument is a pipeline of 200 keys without any expression.
func BenchmarkPlainDocument(b *testing.B) {
	engine := spel.New(spel.Config{})
	env := benchEnv(b)
	doc := spel.NewMap(200)
	for i := range 200 {
		doc.Set("key"+strconv.Itoa(i), strings.Repeat("value ", 10))
	}
	b.ReportAllocs()
	for b.Loop() {
		engine.EvalDocument(b.Context(), doc, env)
	}
}

func BenchmarkParse(b *testing.B) {
	engine := spel.New(spel.Config{CacheSize: 1})
	expressions := benchExpressions(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := engine.Parse(expressions[i%len(expressions)].text); err != nil {
			b.Fatal(err)
		}
	}
}

// TestPropertyChainsDoNotAllocate guards the evaluator's fast path.
func TestPropertyChainsDoNotAllocate(t *testing.T) {
	engine := spel.New(spel.Config{})
	env := benchEnv(t)
	for _, e := range benchExpressions(t)[:2] {
		x, err := engine.Parse(e.text)
		if err != nil {
			t.Fatal(err)
		}
		allocs := testing.AllocsPerRun(1000, func() {
			if _, err := x.Eval(t.Context(), env); err != nil {
				t.Fatal(err)
			}
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations", e.text, allocs)
		}
	}
}
