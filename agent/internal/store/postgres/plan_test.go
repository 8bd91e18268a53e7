package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
	"github.com/gennaker/gennaker/agent/internal/store/postgres/postgrestest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// recorder notes how PostgreSQL would run the queries that go through it.
type recorder struct {
	*conn
	plans []string
}

func (r *recorder) Ask(found func(rows.Rows) error, query string, args ...any) error {
	var plan []string
	err := r.conn.Ask(func(lines rows.Rows) error {
		for lines.Next() {
			var line string
			if err := lines.Scan(&line); err != nil {
				return err
			}
			plan = append(plan, line)
		}
		return lines.Err()
	}, "EXPLAIN "+query, slices.Clone(args)...)
	if err := errors.Join(err, r.conn.Flush()); err != nil {
		return err
	}
	r.plans = append(r.plans, strings.Join(plan, "\n"))
	return r.conn.Ask(found, query, args...)
}

// What the agent asks often is found by an index, in its order.
func TestQueriesUseAnIndex(t *testing.T) {
	cluster := &postgrestest.Cluster{}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	database := cluster.Database(t)
	s, err := Open(t.Context(), Options{URL: database, Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	// Empty tables would be read from end to end, and sorted.
	for _, statement := range []string{"SET enable_seqscan = off", "SET enable_sort = off", "SET enable_bitmapscan = off"} {
		if _, err := c.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	list := func(query store.ExecutionQuery) func(store.Reader) error {
		return func(r store.Reader) error {
			_, err := r.Executions(query)
			return err
		}
	}
	cases := []struct {
		index string
		query int
		read  func(store.Reader) error
	}{
		{"execution_built", 0, list(store.ExecutionQuery{})},
		{"execution_built", 0, list(store.ExecutionQuery{BuiltFrom: time.Now()})},
		{"execution_application", 0, list(store.ExecutionQuery{Application: "shop"})},
		{"execution_application", 0, list(store.ExecutionQuery{Application: "shop", OldestFirst: true, BuiltTo: time.Now()})},
		{"execution_config", 0, list(store.ExecutionQuery{PipelineConfigIDs: []string{"x"}})},
		{"execution_name", 0, list(store.ExecutionQuery{PipelineName: "deploy"})},
		{"execution_unfinished", 0, list(store.ExecutionQuery{Application: "shop", Statuses: []spinnaker.Status{spinnaker.Running}})},
		{"stage_due", 0, func(r store.Reader) error { _, err := r.DueStages(time.Now(), 1); return err }},
		{"stage_due", 0, func(r store.Reader) error { _, err := r.NextDue(); return err }},
		{"candidate_due", 1, func(r store.Reader) error { _, err := r.NextDue(); return err }},
		{"execution_slot", 0, func(r store.Reader) error { _, err := r.Slots("x"); return err }},
		{"execution_correlated", 0, func(r store.Reader) error { _, err := r.ExecutionByCorrelation("x"); return err }},
	}
	for n, c2 := range cases {
		t.Run(fmt.Sprint(n, " ", c2.index), func(t *testing.T) {
			r := &recorder{conn: newConn(t.Context(), c)}
			if err := c2.read(rows.NewReader(t.Context(), r, dialect, time.Now)); err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			plan := r.plans[c2.query]
			if !strings.Contains(plan, " using "+c2.index+" ") || strings.Contains(plan, "Sort") {
				t.Errorf("expected index %s and no sorting, found\n%s", c2.index, plan)
			}
		})
	}
}
