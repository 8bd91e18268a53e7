package replicas

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gennaker/gennaker/agent/internal/store/postgres/postgrestest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// durable are the settings of a PostgreSQL that keeps what it has answered, whatever happens to its machine.
var durable = []string{"fsync=on", "full_page_writes=on", "synchronous_commit=on"}

// BenchmarkThroughput runs executions of three stages that do nothing through the API of an agent on PostgreSQL. It reports
// their rate, the commits for each, and the rate of raw commits of rows as large as what one commit of the agent writes.
func BenchmarkThroughput(b *testing.B) {
	a, database := startWithWaits(b)
	for _, atOnce := range []int{1, 32} {
		b.Run(fmt.Sprintf("%d at once", atOnce), func(b *testing.B) {
			commits, written, synced := a.metric(b, "gennaker_store_commits_total"), walBytes(b, database), walSyncs(b, database)
			var running sync.WaitGroup
			slots := make(chan struct{}, atOnce)
			b.ResetTimer()
			for range b.N {
				slots <- struct{}{}
				running.Go(func() {
					defer func() { <-slots }()
					a.runOnce(b, "waits", time.Duration(atOnce)*time.Millisecond)
				})
			}
			running.Wait()
			b.StopTimer()
			commits = a.metric(b, "gennaker_store_commits_total") - commits
			written, synced = walBytes(b, database)-written, walSyncs(b, database)-synced
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
			b.ReportMetric(commits/float64(b.N), "commits/execution")
			b.ReportMetric(synced/commits, "syncs/commit")
			b.ReportMetric(rawRate(b, database, int(written/commits)), "raw-commits/s")
		})
	}
}

// startWithWaits starts an agent on a durable PostgreSQL of its own. It has a pipeline "waits" of three stages that do nothing.
func startWithWaits(b *testing.B) (a *agent, database string) {
	own := &postgrestest.Cluster{Settings: durable}
	b.Cleanup(func() {
		if err := own.Stop(); err != nil {
			b.Error(err)
		}
	})
	database = own.Database(b)
	a = newAgent(b, "a", postgres(database), 15*time.Second).start()
	wait := map[string]any{"waitTime": 0}
	a.save("waits", stageOf("1", "wait", wait), stageOf("2", "wait", wait, "1"), stageOf("3", "wait", wait, "2"))
	return a, database
}

// runOnce starts an execution and looks, with pauses, until it has ended.
func (a *agent) runOnce(b *testing.B, pipeline string, pause time.Duration) {
	id, err := a.client.Start(b.Context(), "shop", pipeline, spinnaker.Trigger{})
	if err != nil {
		b.Error(err)
		return
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		execution, err := a.client.Execution(b.Context(), id)
		if err != nil {
			b.Error(err)
			return
		}
		if execution.Status.Complete() {
			return
		}
		<-tick.C
	}
}

// metric reads a metric without labels.
func (a *agent) metric(b *testing.B, name string) (value float64) {
	b.Helper()
	answer, err := http.Get(a.url + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(rest, &value); err != nil {
				b.Fatalf("metric %s: %v", name, err)
			}
			return value
		}
	}
	b.Fatalf("the agent has no metric %s", name)
	return 0
}

// walBytes is how much the server has ever written to its write-ahead log.
func walBytes(b *testing.B, database string) float64 {
	b.Helper()
	return ask(b, database, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8")
}

// walSyncs is how often the server has had the disk written for its write-ahead log.
func walSyncs(b *testing.B, database string) float64 {
	b.Helper()
	return ask(b, database, "SELECT wal_sync::float8 FROM pg_stat_wal")
}

func ask(b *testing.B, database, statement string) (value float64) {
	b.Helper()
	query(b, database, func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, statement).Scan(&value) })
	return value
}

// rawRate is how many durable commits of a row of some bytes the server takes in a second from one connection.
func rawRate(b *testing.B, database string, size int) float64 {
	b.Helper()
	const commits = 300
	var took time.Duration
	query(b, database, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS raw_rate (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)"); err != nil {
			return err
		}
		body := strings.Repeat("x", max(size, 1))
		began := time.Now()
		for range commits {
			if _, err := conn.Exec(ctx, "INSERT INTO raw_rate (body) VALUES ($1)", body); err != nil {
				return err
			}
		}
		took = time.Since(began)
		return nil
	})
	return commits / took.Seconds()
}

func query(b *testing.B, database string, work func(ctx context.Context, conn *pgx.Conn) error) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), database)
	if err != nil {
		b.Fatal(err)
	}
	if err := work(b.Context(), conn); err != nil {
		b.Error(err)
	}
	if err := conn.Close(b.Context()); err != nil {
		b.Error(err)
	}
}
