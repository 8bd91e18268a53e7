package postgres_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/postgres"
	"github.com/gennaker/gennaker/agent/internal/store/postgres/postgrestest"
	"github.com/gennaker/gennaker/agent/internal/store/storetest"
)

// cluster is the server of all tests.
var cluster postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	status := m.Run()
	if err := cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// connections is how many updates of a test's store run at once.
const connections = 4

func TestStore(t *testing.T) { storetest.Run(t, open, connections) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }

// open opens an empty store in a database of its own.
func open(tb testing.TB) store.Store {
	tb.Helper()
	return openAt(tb, postgres.Options{URL: cluster.Database(tb), Connections: connections})
}

func openAt(tb testing.TB, o postgres.Options) *postgres.Store {
	tb.Helper()
	o.Logger = slog.New(slog.NewTextHandler(tb.Output(), nil))
	s, err := postgres.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// An inspector reads beside an agent, and can change nothing.
func TestInspect(t *testing.T) {
	url := cluster.Database(t)
	empty, err := postgres.Inspect(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := empty.Schema(t.Context()); err == nil || !strings.Contains(err.Error(), "schema_migration") {
		t.Errorf("an empty database was taken for a store: %v", err)
	}
	if err := empty.Close(); err != nil {
		t.Error(err)
	}
	s := openAt(t, postgres.Options{URL: url, Connections: connections})
	err = s.Update(t.Context(), func(tx store.Tx) error { return tx.AddAudit(store.AuditRow{Action: "seen"}) })
	if err != nil {
		t.Fatal(err)
	}
	i, err := postgres.Inspect(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if found, known, err := i.Schema(t.Context()); err != nil || found != known || known == 0 {
		t.Errorf("found schema %d of %d, %v", found, known, err)
	}
	err = i.View(t.Context(), func(r store.Reader) error {
		rows, err := r.Audit(0)
		if len(rows) != 1 {
			t.Errorf("found rows %v", rows)
		}
		return err
	})
	if err := errors.Join(err, i.Close()); err != nil {
		t.Error(err)
	}
}
