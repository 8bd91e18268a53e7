package spel_test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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

// measure runs a benchmark's loop. Beside the time that passes it reports the
// processor's, of all threads, which means something on a busy machine too.
func measure(b *testing.B, run func()) {
	b.Helper()
	b.ReportAllocs()
	start := processorTime(b)
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64(processorTime(b)-start)/float64(b.N), "cpu-ns/op")
}

func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
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
			measure(b, func() {
				if _, err := x.Eval(b.Context(), env); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkDocument(b *testing.B) {
	engine := spel.New(spel.Config{})
	ex := benchEnv(b).Execution
	doc := benchDocument(b)
	measure(b, func() {
		env := &spel.Env{Execution: ex, Stage: ex.StageByID("s-now")}
		if _, summary := engine.EvalDocument(b.Context(), doc, env); !summary.OK() {
			b.Fatal(summary.Warnings)
		}
	})
}

// BenchmarkPlainDocument is a pipeline of 200 keys without any expression.
func BenchmarkPlainDocument(b *testing.B) {
	engine := spel.New(spel.Config{})
	env := benchEnv(b)
	doc := spel.NewMap(200)
	for i := range 200 {
		doc.Set("key"+strconv.Itoa(i), strings.Repeat("value ", 10))
	}
	measure(b, func() { engine.EvalDocument(b.Context(), doc, env) })
}

func BenchmarkParse(b *testing.B) {
	engine := spel.New(spel.Config{CacheSize: 1})
	expressions := benchExpressions(b)
	i := 0
	measure(b, func() {
		if _, err := engine.Parse(expressions[i%len(expressions)].text); err != nil {
			b.Fatal(err)
		}
		i++
	})
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
