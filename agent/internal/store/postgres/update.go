package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

const (
	// transactionTimeout bounds one transaction, whatever the caller's context says: once it runs, that does not count.
	transactionTimeout = 30 * time.Second
	// endTimeout bounds giving up a transaction.
	endTimeout = 5 * time.Second
	// maxCollisions is how often an update is run again that others were in the way of.
	maxCollisions = 25
	// reconnectTime is how long an update waits for a database that is gone, resolveTime how long for what became of a
	// commit.
	reconnectTime = 3 * time.Second
	resolveTime   = 10 * time.Second
	// firstPause and lastPause bound the pause before something is tried again.
	firstPause = 2 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, change func(store.Tx) error) error {
	return s.named(s.update(ctx, change, reconnectTime))
}

// update runs a change until it is committed, fails by itself, or cannot be run for too long.
func (s *Store) update(ctx context.Context, change func(store.Tx) error, patience time.Duration) error {
	var gone time.Time // since when the database has been
	for collisions, tries := 0, 0; ; tries++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		outcome, err := s.try(ctx, change)
		if outcome == disconnection && gone.IsZero() {
			gone = time.Now()
		}
		switch {
		case outcome == collision && collisions < maxCollisions:
			collisions++
			s.repeated.Add(1)
		case outcome == disconnection && time.Since(gone) < patience:
		default:
			return err
		}
		if waiting := pause(ctx, tries); waiting != nil {
			return errors.Join(err, waiting)
		}
	}
}

// pause waits before something is tried again: longer each time, and never for a time that others wait too.
func pause(ctx context.Context, tries int) error {
	longest := min(firstPause<<min(tries, 10), lastPause)
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// outcome is how a try to run an update ended.
type outcome int

const (
	// final: it was committed, or its function's error is its own.
	final outcome = iota
	// collision: another transaction was in the way. disconnection: the database is gone. Nothing was kept.
	collision
	disconnection
)

// outcomeOf says what an error of a transaction that was not committed means.
func outcomeOf(err error) outcome {
	switch {
	case collided(err):
		return collision
	case lost(err):
		return disconnection
	default:
		return final
	}
}

// try runs a change once.
func (s *Store) try(ctx context.Context, change func(store.Tx) error) (outcome, error) {
	pooled, err := s.acquire(ctx)
	if err != nil {
		return outcomeOf(err), explain(err)
	}
	defer pooled.Release()
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactionTimeout)
	defer cancel()
	c := newConn(detached, pooled.Conn())
	own := sessionOf(pooled.Conn())
	own.change++
	c.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
	t := rows.NewTx(context.WithoutCancel(ctx), c, dialect, c.time, func() (int64, error) { return nextGeneration(c) })
	if err := s.run(ctx, c, t, change); err != nil {
		if c.failed != nil {
			return outcomeOf(c.failed), err
		}
		return final, err
	}
	return s.commit(ctx, c, t, own)
}

// nextGeneration takes a number from a sequence, which no rollback turns back.
func nextGeneration(c *conn) (number int64, err error) {
	err = c.value("SELECT nextval('generation')", &number)
	return number, err
}

// run runs the function. The transaction is given up unless it returns without an error, also when it panics or ends its
// goroutine.
func (s *Store) run(ctx context.Context, c *conn, t *rows.Tx, change func(store.Tx) error) (err error) {
	returned := false
	defer func() {
		t.End()
		if !returned || err != nil {
			s.rollback(ctx, c)
		}
	}()
	err = change(t)
	returned = true
	if err == nil {
		err = c.lost()
	}
	return err
}

// rollback gives a transaction up. A connection on which that is not possible is closed, which gives it up too.
func (s *Store) rollback(ctx context.Context, c *conn) {
	if !c.sent || c.pgx.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if _, err := c.pgx.Exec(ctx, "ROLLBACK"); err != nil {
		s.log.Debug("roll back", "error", err)
		_ = c.pgx.Close(ctx) // it is not used again in any case
	}
}

// commit makes a transaction durable.
func (s *Store) commit(ctx context.Context, c *conn, t *rows.Tx, own *session) (outcome, error) {
	if err := own.sign(c); err != nil {
		s.rollback(ctx, c)
		return outcomeOf(c.failed), err
	}
	tag, err := c.last("COMMIT")
	switch {
	case err == nil && tag.String() != "COMMIT":
		return final, fmt.Errorf("commit: the database answered %q", tag.String())
	case err == nil:
		s.committed(t)
		return final, nil
	case code(c.failed) != "" && !c.pgx.IsClosed():
		// A statement before the commit failed, or the commit itself: nothing was kept.
		s.rollback(ctx, c)
		return outcomeOf(c.failed), fmt.Errorf("commit: %w", err)
	}
	s.log.Warn("the connection to the database was lost during a commit", "error", err)
	kept, unknown := s.resolve(ctx, own)
	switch {
	case unknown != nil:
		// Not an ErrUnavailable, of which nothing was kept.
		return final, fmt.Errorf("%w: %v", ErrUnknownOutcome, errors.Join(err, unknown))
	case kept:
		s.committed(t)
		return final, nil
	default:
		return disconnection, fmt.Errorf("commit: %w", err)
	}
}

// committed counts a transaction, signals the work that it left and runs what waited for the commit.
func (s *Store) committed(t *rows.Tx) {
	s.commits.Add(1)
	if t.Due() {
		s.signal()
	}
	t.Committed()
}

// acquire takes a connection from the pool.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	limited, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	pooled, err := s.pool.Acquire(limited)
	switch {
	case err == nil:
		return pooled, nil
	case s.closed.Load():
		return nil, ErrClosed
	case ctx.Err() != nil:
		return nil, fmt.Errorf("wait for a connection: %w", context.Cause(ctx))
	case limited.Err() != nil:
		return nil, errNoneFree
	default:
		return nil, err
	}
}
