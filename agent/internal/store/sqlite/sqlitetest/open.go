// Package sqlitetest opens stores for tests.
package sqlitetest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
)

// Open opens an empty store on a file of its own, which is closed when the test ends.
func Open(tb testing.TB) *sqlite.Store {
	tb.Helper()
	return OpenAt(tb, nil)
}

// OpenAt is Open with a clock for the store.
func OpenAt(tb testing.TB, now func() time.Time) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), sqlite.Options{Path: filepath.Join(tb.TempDir(), "gennaker.db"), Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	return s
}
