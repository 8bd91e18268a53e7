package sqlite

import (
	"time"
)

// tx reads and writes in the writer's transaction.
type tx struct {
	reader
	store *Store
	now   time.Time
	// due is set when the transaction leaves work due, now or later.
	due bool
}

// Now implements store.Tx.
func (t *tx) Now() time.Time { return t.now }

// orNow returns when, or the transaction's time if it is not set.
func (t *tx) orNow(when time.Time) any {
	if when.IsZero() {
		when = t.now
	}
	return micros(when)
}
