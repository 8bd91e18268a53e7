package sqlite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// AwaitQueue returns once that many updates wait for the writer.
func (s *Store) AwaitQueue(ctx context.Context, waiting int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.queued.Load() < int64(waiting) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// pragma sets a pragma of the writer's connection.
func (s *Store) pragma(tb testing.TB, text string) {
	tb.Helper()
	err := s.Update(tb.Context(), func(store.Tx) error {
		_, err := s.writer.Exec("PRAGMA " + text)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// LimitPages lets the database grow by that many pages only, as on a full disk.
func (s *Store) LimitPages(tb testing.TB, more int) (restore func()) {
	tb.Helper()
	var present int
	c := <-s.readers.idle
	defer func() { s.readers.idle <- c }()
	if err := c.sql.QueryRowContext(tb.Context(), "PRAGMA page_count").Scan(&present); err != nil {
		tb.Fatal(err)
	}
	s.pragma(tb, fmt.Sprint("max_page_count = ", present+more))
	return func() { s.pragma(tb, "max_page_count = 1073741823") }
}

// MakeReadOnly refuses writes from now on, as a read-only file does.
func (s *Store) MakeReadOnly(tb testing.TB) {
	tb.Helper()
	s.pragma(tb, "query_only = 1")
}
