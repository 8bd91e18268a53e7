package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Bench measures what the agent's throughput hangs on.
func Bench(b *testing.B, open Open) {
	b.Run("Update/one after the other", func(b *testing.B) { benchUpdates(b, open(b), 0) })
	b.Run("Update/64 at once", func(b *testing.B) { benchUpdates(b, open(b), 64) })
	b.Run("Step", func(b *testing.B) { benchStep(b, open(b), 0) })
	b.Run("Step/64 at once", func(b *testing.B) { benchStep(b, open(b), 64) })
	b.Run("Read an execution", func(b *testing.B) { benchRead(b, open(b)) })
	b.Run("List", func(b *testing.B) { benchList(b, open(b)) })
}

// perSecond reports the rate.
func perSecond(b *testing.B, unit string) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit+"/s")
}

// spread runs work b.N times, so many at once; 0 means one after the other.
func spread(b *testing.B, atOnce int, work func()) {
	b.ResetTimer()
	if atOnce == 0 {
		for range b.N {
			work()
		}
		return
	}
	b.SetParallelism(atOnce)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			work()
		}
	})
}

// benchUpdates commits the smallest row there is: the raw rate of durable commits, alone and in groups.
func benchUpdates(b *testing.B, s store.Store, atOnce int) {
	spread(b, atOnce, func() {
		if err := s.Update(b.Context(), func(tx store.Tx) error { return audit(tx, "x") }); err != nil {
			b.Error(err)
		}
	})
	perSecond(b, "updates")
}

// benchStep does to an execution of three stages what the end of a step does: read, change, save.
func benchStep(b *testing.B, s store.Store, atOnce int) {
	const executions = 64
	for i := range executions {
		save(b, s, execution(fmt.Sprint(i), stage("a"), stage("b"), stage("c")))
	}
	var next atomic.Int64
	spread(b, atOnce, func() {
		n := next.Add(1)
		err := s.Update(b.Context(), func(tx store.Tx) error {
			ex, err := tx.Execution(fmt.Sprint(n % executions))
			if err != nil {
				return err
			}
			ex.Stages[1].Status = spinnaker.Running
			ex.Stages[1].Outputs["n"] = n
			*ex.Work["b"] = engine.Work{Phase: engine.PhaseRun, Due: tx.Now(), Step: int(n)}
			return tx.SaveExecution(ex)
		})
		if err != nil {
			b.Error(err)
		}
	})
	perSecond(b, "steps")
}

func benchRead(b *testing.B, s store.Store) {
	save(b, s, rich(b, "ex"))
	for b.Loop() {
		load(b, s, "ex")
	}
}

// benchList lists a page of an application among 20,000 executions.
func benchList(b *testing.B, s store.Store) {
	const total, batch = 20_000, 1000
	for first := 0; first < total; first += batch {
		update(b, s, func(tx store.Tx) error {
			for i := first; i < first+batch; i++ {
				ex := execution(fmt.Sprintf("%06d", i), stage("a"), stage("b"), stage("c"))
				ex.Application, ex.PipelineConfigID = fmt.Sprint("app", i%20), fmt.Sprint("config", i%100)
				ex.BuildTime = spinnaker.MillisOf(base().Add(time.Duration(i) * time.Second))
				ex.Status = spinnaker.Succeeded
				if err := tx.SaveExecution(ex); err != nil {
					return err
				}
			}
			return nil
		})
	}
	queries := map[string]store.ExecutionQuery{
		"brief page of 30":   {Application: "app7", Limit: 30, Brief: true},
		"whole page of 30":   {Application: "app7", Limit: 30},
		"newest two of each": {PipelineConfigIDs: []string{"config7", "config27"}, Limit: 2},
		"running ones":       {Application: "app7", Statuses: []spinnaker.Status{spinnaker.Running}},
		"deep page":          {Offset: total / 2, Limit: 30, Brief: true},
	}
	for name, query := range queries {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				list(b, s, query)
			}
		})
	}
}
