package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// connectionAge is how long a connection is used at most. Its row is kept for a day.
const connectionAge = time.Hour

// session is what a connection and its row in the table of sessions have in common.
type session struct {
	id string
	// change is the number of its latest transaction.
	change int64
}

// sessionKey is where a connection holds its session.
const sessionKey = "session"

func sessionOf(c *pgx.Conn) *session { return c.PgConn().CustomData()[sessionKey].(*session) }

// prepare makes a new connection ready for updates. What it commits is durable before the server says so; a stronger
// setting of the server's stays.
func prepare(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
	if err != nil {
		return err
	}
	own := &session{id: rand.Text()}
	_, err = c.Exec(ctx, `WITH old AS (DELETE FROM session WHERE opened_at < now() - interval '1 day')
		INSERT INTO session (id, change) VALUES ($1, 0)`, own.id)
	if err != nil {
		return fmt.Errorf("register the connection: %w", err)
	}
	c.PgConn().CustomData()[sessionKey] = own
	return nil
}

// sign has a transaction leave its number when it commits.
func (own *session) sign(c *conn) error {
	return c.Queue("UPDATE session SET change = $2 WHERE id = $1", own.id, own.change)
}

// resolve asks what became of the latest transaction of a session whose connection was lost while it committed. It waits
// for the transaction to end if the server still has it, and keeps it from committing if it has not yet come that far.
func (s *Store) resolve(ctx context.Context, lost *session) (kept bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTime)
	defer cancel()
	for tries := 0; ; tries++ {
		change, err := s.close(ctx, lost)
		switch {
		case err == nil:
			return change == lost.change, nil
		case errors.Is(err, pgx.ErrNoRows):
			return false, errors.New("the connection's row is gone")
		}
		if waiting := pause(ctx, tries); waiting != nil {
			return false, errors.Join(err, waiting)
		}
	}
}

// close closes a session's row and returns the number of its last transaction.
func (s *Store) close(ctx context.Context, lost *session) (change int64, err error) {
	pooled, err := s.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer pooled.Release()
	err = pooled.QueryRow(ctx, "UPDATE session SET closed = change WHERE id = $1 RETURNING change", lost.id).Scan(&change)
	return change, err
}
