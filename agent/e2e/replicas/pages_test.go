package replicas

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// BenchmarkPages reads pages of an agent on a PostgreSQL that holds 100,000 executions: 500 that ran and copies of them. It
// reports the median time of each.
func BenchmarkPages(b *testing.B) {
	const ran, atOnce, stored, looks = 500, 25, 100_000, 200
	a, database := startWithWaits(b)
	var running sync.WaitGroup
	for range atOnce {
		running.Go(func() {
			for range ran / atOnce {
				a.runOnce(b, "waits", time.Millisecond)
			}
		})
	}
	running.Wait()
	id, err := a.client.Start(b.Context(), "shop", "waits", spinnaker.Trigger{})
	if err != nil {
		b.Fatal(err)
	}
	multiply(b, database, stored/ran-1)
	for _, page := range []struct{ name, path string }{
		{"list of 30, without details", "/applications/shop/pipelines?limit=30&expand=false"},
		{"list of 30, whole", "/applications/shop/pipelines?limit=30&expand=true"},
		{"search by trigger type and status", "/applications/shop/executions/search?triggerTypes=manual&statuses=SUCCEEDED&size=30"},
		{"one execution", "/pipelines/" + id},
	} {
		b.Run(page.name, func(b *testing.B) {
			var times []time.Duration
			for range looks {
				began := time.Now()
				answer, err := http.Get(a.url + page.path)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
					b.Fatalf("%s: %s, %v", page.path, answer.Status, err)
				}
				answer.Body.Close()
				times = append(times, time.Since(began))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[looks/2])/float64(time.Millisecond), "ms/page")
		})
	}
}

// multiply adds copies of all executions, each built an hour before the one that it was made of. The statistics, by which the
// server chooses its ways, it would make by itself within a minute.
func multiply(b *testing.B, database string, copies int) {
	query(b, database, func(ctx context.Context, conn *pgx.Conn) error {
		for i := range copies {
			suffix := fmt.Sprint("-", i)
			_, err := conn.Exec(ctx, `INSERT INTO execution SELECT id || $1, type, application, name, config_id, status, finished, waiting,
				build_time - $2, trigger_type, event_id, correlation_id, replace(head, id, id || $1), stage_order
				FROM execution WHERE id NOT LIKE '%-%'`, suffix, (i+1)*3_600_000)
			if err != nil {
				return err
			}
			_, err = conn.Exec(ctx, `INSERT INTO stage SELECT execution_id || $1, id, head, work, state, phase, due_at, NULL, epoch
				FROM stage WHERE execution_id NOT LIKE '%-%'`, suffix)
			if err != nil {
				return err
			}
			_, err = conn.Exec(ctx, `INSERT INTO part SELECT execution_id || $1, stage_id, name, document
				FROM part WHERE execution_id NOT LIKE '%-%'`, suffix)
			if err != nil {
				return err
			}
		}
		_, err := conn.Exec(ctx, "ANALYZE")
		return err
	})
}
