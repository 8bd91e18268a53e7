package sqlite

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

// slowUpdate is how long an update may hold the writer before the log says so.
const slowUpdate = 500 * time.Millisecond

// update is a function waiting for its turn in the writer's transaction. The function runs in its caller's goroutine, so
// that a panic is the caller's, and the writer survives it.
type update struct {
	ctx       context.Context // for its values; it interrupts nothing
	turn      chan turn       // the writer hands its transaction over
	ran       chan error      // the caller hands it back
	committed chan error      // the writer says how the commit went
}

type turn struct {
	tx  *rows.Tx
	err error
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, change func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u := &update{ctx: context.WithoutCancel(ctx), turn: make(chan turn), ran: make(chan error), committed: make(chan error, 1)}
	if err := s.enqueue(ctx, u); err != nil {
		return fmt.Errorf("store %q: %w", s.path, err)
	}
	turn := <-u.turn
	if turn.err != nil {
		return s.named(turn.err)
	}
	if err := u.run(turn.tx, change); err != nil {
		return s.named(err)
	}
	if err := <-u.committed; err != nil {
		return s.named(err)
	}
	turn.tx.Committed()
	return nil
}

// enqueue waits until the writer takes the update.
func (s *Store) enqueue(ctx context.Context, u *update) error {
	s.queued.Add(1)
	defer s.queued.Add(-1)
	select {
	case s.updates <- u:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the writer: %w", context.Cause(ctx))
	case <-s.closing:
		return ErrClosed
	}
}

// run runs the function and hands the transaction back, also when the function panics or ends its goroutine.
func (u *update) run(t *rows.Tx, change func(store.Tx) error) (err error) {
	err = errAborted
	defer func() {
		t.End()
		u.ran <- err
	}()
	return change(t)
}

// write is the writer: it commits until the store closes.
func (s *Store) write() {
	defer close(s.stopped)
	for {
		select {
		case u := <-s.updates:
			s.commit(u)
		case <-s.closing:
			return
		}
	}
}

// commit runs an update and those that wait behind it in one transaction and answers all of them.
func (s *Store) commit(first *update) {
	if err := s.begin(); err != nil {
		first.turn <- turn{err: fmt.Errorf("begin: %w", err)}
		return
	}
	var members []*update
	var err error
	due := false
	for u, ran := first, 1; u != nil && err == nil; ran++ {
		var t *rows.Tx
		if t, err = s.admit(u); t != nil {
			members = append(members, u)
			due = due || t.Due()
		}
		u = nil
		if err == nil && ran < s.maxBatch {
			u = s.waiting()
		}
	}
	if err == nil {
		_, err = s.writer.Exec("COMMIT")
	}
	if err != nil {
		err = fmt.Errorf("commit: %w", err)
		s.rollback()
	} else if len(members) > 0 {
		s.commits.Add(1)
		s.changes.Add(uint64(len(members)))
		if due {
			s.signal()
		}
	}
	for _, u := range members {
		u.committed <- err
	}
}

// waiting returns an update that waits, or nil. One that is just about to wait is waited for.
func (s *Store) waiting() *update {
	for s.queued.Load() > 0 {
		select {
		case u := <-s.updates:
			return u
		default:
			runtime.Gosched()
		}
	}
	return nil
}

// admit gives an update its turn under a savepoint. It returns the update's transaction if it is to be committed; an
// error means that the transaction of the whole group is lost.
func (s *Store) admit(u *update) (*rows.Tx, error) {
	if _, err := s.writer.Exec("SAVEPOINT member"); err != nil {
		u.turn <- turn{err: fmt.Errorf("begin: %w", err)}
		return nil, err
	}
	t := rows.NewTx(u.ctx, s.writer, dialect, at(s.time()), s.nextGeneration)
	began := s.now()
	u.turn <- turn{tx: t}
	failed := <-u.ran
	if took := s.now().Sub(began); took > slowUpdate {
		s.log.Warn("an update held up all others", "took", took)
	}
	if failed != nil {
		if _, err := s.writer.Exec("ROLLBACK TO member"); err != nil {
			return nil, err
		}
		t = nil
	}
	_, err := s.writer.Exec("RELEASE member")
	return t, err
}

// begin starts the writer's transaction. A transaction that a failing disk left behind is cleared away first.
func (s *Store) begin() error {
	_, err := s.writer.Exec("BEGIN IMMEDIATE")
	if err == nil {
		return nil
	}
	s.rollback()
	_, err = s.writer.Exec("BEGIN IMMEDIATE")
	return err
}

// rollback gives the writer's transaction up. SQLite may have done so by itself, which is the only way it can fail.
func (s *Store) rollback() {
	if _, err := s.writer.Exec("ROLLBACK"); err != nil {
		s.log.Debug("roll back", "error", err)
	}
}

// at is a clock that stands still.
func at(now time.Time) func() time.Time { return func() time.Time { return now } }

// time is what the database says that it is.
func (s *Store) time() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// nextGeneration counts in memory, so that a number whose update was rolled back is never given out again.
func (s *Store) nextGeneration() (int64, error) { return s.generation.Add(1), nil }

// recallGeneration reads the generation at start.
func (s *Store) recallGeneration(ctx context.Context) error {
	var generation int64
	err := s.writer.sql.QueryRowContext(ctx, "SELECT value FROM counter WHERE name = 'generation'").Scan(&generation)
	if err != nil {
		return fmt.Errorf("read the generation: %w", err)
	}
	s.generation.Store(generation)
	return nil
}

// signal says that there may be work.
func (s *Store) signal() {
	select {
	case s.due <- struct{}{}:
	default:
	}
}
