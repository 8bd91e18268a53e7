package postgres_test

import (
	"fmt"
	"os"
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
