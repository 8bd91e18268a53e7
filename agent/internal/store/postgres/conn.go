package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

// dialect is what PostgreSQL says in its own way.
var dialect = rows.Dialect{
	Among: "%s = ANY(%s)", RowID: "seq",
	// Not FOR UPDATE: a row that refers to the held one may be added meanwhile, as users' events are to an execution.
	Hold: " FOR NO KEY UPDATE", TryHold: " FOR NO KEY UPDATE SKIP LOCKED", Share: " FOR SHARE",
	Unused:   " FOR UPDATE SKIP LOCKED",
	Turns:    "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
	Together: "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))",
}

// maxQueued bounds the statements that wait for the next round trip.
const maxQueued = 200

// conn runs the statements of a transaction. Statements whose result is not needed at once wait for the next one whose
// result is: all of them are one round trip.
type conn struct {
	ctx    context.Context
	pgx    *pgx.Conn
	queued *pgx.Batch
	// found are the readers of what is queued, nil for a statement of which only the success counts.
	found []func(rows.Rows) error
	// now is the database's time once it has said so; sent says that it has been asked for anything, answered that it
	// has answered.
	now            time.Time
	sent, answered bool
	// failed is the first error of the database: the transaction is lost with it.
	failed error
}

func newConn(ctx context.Context, c *pgx.Conn) *conn {
	return &conn{ctx: ctx, pgx: c, queued: &pgx.Batch{}}
}

// begin starts a transaction, with the first statement that is sent.
func (c *conn) begin(statement string) {
	c.add(nil, statement)
	c.add(one(&c.now), "SELECT now()")
}

// time is the transaction's time; zero when the database does not say it, which loses the transaction.
func (c *conn) time() time.Time {
	if c.now.IsZero() && c.Flush() != nil {
		return time.Time{}
	}
	return c.now.UTC()
}

// value reads the one value that a query finds.
func (c *conn) value(query string, into any) error {
	c.add(one(into), query)
	return c.Flush()
}

// one reads one value.
func one(into any) func(rows.Rows) error {
	return func(found rows.Rows) error {
		if !found.Next() {
			return found.Err()
		}
		return found.Scan(into)
	}
}

// Queue implements rows.Conn.
func (c *conn) Queue(query string, args ...any) error { return c.Ask(nil, query, args...) }

// Ask implements rows.Conn.
func (c *conn) Ask(found func(rows.Rows) error, query string, args ...any) error {
	c.add(found, query, args...)
	if c.failed == nil && c.queued.Len() < maxQueued {
		return nil
	}
	return c.Flush()
}

// Exec implements rows.Conn.
func (c *conn) Exec(query string, args ...any) (int64, error) {
	tag, err := c.last(query, args...)
	return tag.RowsAffected(), err
}

// last runs what is queued and then a statement.
func (c *conn) last(query string, args ...any) (pgconn.CommandTag, error) {
	c.add(nil, query, args...)
	return c.run()
}

// Flush implements rows.Conn.
func (c *conn) Flush() error {
	_, err := c.run()
	return err
}

func (c *conn) add(found func(rows.Rows) error, query string, args ...any) {
	c.queued.Queue(query, storable(args)...)
	c.found = append(c.found, found)
}

// run sends what is queued, has the answers read, and returns the last one's tag. The error of a reader is its own: the
// transaction is not lost with it.
func (c *conn) run() (tag pgconn.CommandTag, err error) {
	if c.failed != nil || len(c.found) == 0 {
		return tag, c.failed
	}
	batch, found := c.queued, c.found
	c.queued, c.found = &pgx.Batch{}, nil
	c.sent = true
	results := c.pgx.SendBatch(c.ctx, batch)
	var unread error
	for _, read := range found {
		answer, _ := results.Query() // its error is the answer's too
		if read != nil && unread == nil {
			unread = read(answer)
		}
		answer.Close()
		if err := answer.Err(); err != nil {
			return tag, c.check(errors.Join(err, ignoreSame(results.Close(), err)))
		}
		tag, c.answered = answer.CommandTag(), true
	}
	if err := c.check(results.Close()); err != nil {
		return tag, err
	}
	return tag, unread
}

// ignoreSame returns an error unless it only repeats an earlier one.
func ignoreSame(err, earlier error) error {
	if err != nil && err.Error() == earlier.Error() {
		return nil
	}
	return err
}

// check notes that the transaction is lost with an error.
func (c *conn) check(err error) error {
	if err == nil {
		return nil
	}
	if c.pgx.IsClosed() {
		err = errors.Join(err, errBroken)
	}
	if c.failed == nil {
		c.failed = err
	}
	return explain(err)
}

// lost is the error of a transaction that goes on after it has been lost.
func (c *conn) lost() error {
	if c.failed == nil {
		return nil
	}
	return fmt.Errorf("the transaction was lost with an earlier error: %w", explain(c.failed))
}

// storable are arguments as PostgreSQL takes them.
func storable(args []any) []any {
	for i, arg := range args {
		switch value := arg.(type) {
		case string:
			args[i] = text(value)
		case rows.List:
			list := make([]string, len(value))
			for j, item := range value {
				list[j] = text(item)
			}
			args[i] = list
		}
	}
	return args
}

// text is a text without what PostgreSQL's cannot hold: bytes that are no UTF-8, and the character NUL, which becomes its
// picture. Equal texts stay equal.
func text(value string) string {
	if utf8.ValidString(value) && !strings.Contains(value, "\x00") {
		return value
	}
	return strings.ReplaceAll(strings.ToValidUTF8(value, "\uFFFD"), "\x00", "\u2400")
}
