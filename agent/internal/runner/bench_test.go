package runner_test

import (
	"sync/atomic"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// TestCommits counts the durable changes of an execution of three zero waits: one stores it, one runs it.
func TestCommits(t *testing.T) {
	counted := &mortal{Store: openStore(t)}
	b := start(t, counted, &plugins{})
	before := counted.commits.Load()
	b.ended(b.launch(pipeline(t, threeWaits), nil))
	b.stop()
	if n := counted.commits.Load() - before; n > 3 {
		t.Errorf("an execution took %d updates, expected at most 3", n)
	}
}

// BenchmarkStageOverhead measures what the engine adds to a stage: two zero waits in a row, each kept durably. The time
// of one operation is that of an execution, from its start to its durable end; ms/stage is half of it.
func BenchmarkStageOverhead(b *testing.B) {
	p := pipeline(b, `{"application":"shop","name":"p","stages":[{"type":"wait","waitTime":0},{"type":"wait","waitTime":0}]}`)
	benchmarkExecutions(b, p, 2)
}

// BenchmarkPluginSteps measures two steps that run outside transactions, each with a claim and a result.
func BenchmarkPluginSteps(b *testing.B) {
	p := pipeline(b, `{"application":"shop","name":"p","stages":[{"type":"work"},{"type":"work"}]}`)
	benchmarkExecutions(b, p, 2)
}

func benchmarkExecutions(b *testing.B, p spinnaker.Pipeline, stages int) {
	counted := &mortal{Store: openStore(b)}
	ended := make(chan string, 64)
	bench := start(b, counted, &plugins{run: succeed}, func(o *runner.Options) {
		o.Ended = func(_ store.Tx, ex *spinnaker.Execution) error {
			ended <- ex.ID
			return nil
		}
	})
	before := counted.commits.Load()
	for b.Loop() {
		bench.launch(p, nil)
		<-ended
	}
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N*stages), "ms/stage")
	b.ReportMetric(float64(counted.commits.Load()-before)/float64(b.N), "updates/execution")
}

// BenchmarkThroughput runs executions of three zero waits, many at the same time.
func BenchmarkThroughput(b *testing.B) {
	s := openStore(b)
	p := pipeline(b, threeWaits)
	var left atomic.Int64
	done := make(chan struct{})
	bench := start(b, s, &plugins{run: succeed}, func(o *runner.Options) {
		o.Ended = func(store.Tx, *spinnaker.Execution) error {
			if left.Add(-1) == 0 {
				close(done)
			}
			return nil
		}
	})
	left.Store(int64(b.N))
	b.ResetTimer()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			bench.launch(p, nil)
		}
	})
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
}
