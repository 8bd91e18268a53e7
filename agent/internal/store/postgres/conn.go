package postgres

import (
	"cmp"
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
	// failed is the first error: the transaction is lost with it.
	failed error
}

func newConn(ctx context.Context, c *pgx.Conn) *conn {
	return &conn{ctx: ctx, pgx: c, queued: &pgx.Batch{}}
}

// begin starts a transaction, with the first statement that is sent.
func (c *conn) begin(statement string) {
	c.add(nil, statement)
	c.add(func(found rows.Rows) error {
		if !found.Next() {
			return found.Err()
		}
		return found.Scan(&c.now)
	}, "SELECT now()")
}

// time is the transaction's time; zero when the database does not say it, which loses the transaction.
func (c *conn) time() time.Time {
	if c.now.IsZero() && c.flush() != nil {
		return time.Time{}
	}
	return c.now.UTC()
}

func (c *conn) add(found func(rows.Rows) error, query string, args ...any) {
	c.queued.Queue(query, storable(args)...)
	c.found = append(c.found, found)
}

// Queue implements rows.Conn.
func (c *conn) Queue(query string, args ...any) error { return c.Ask(nil, query, args...) }

// Ask implements rows.Conn.
func (c *conn) Ask(found func(rows.Rows) error, query string, args ...any) error {
	if c.failed != nil {
		return c.failed
	}
	c.add(found, query, args...)
	if c.queued.Len() < maxQueued {
		return nil
	}
	return c.flush()
}

// flush runs what is queued.
func (c *conn) flush() error {
	if c.failed != nil || c.queued.Len() == 0 {
		return c.failed
	}
	results, err := c.send(c.found)
	if err != nil {
		return err
	}
	return c.check(results.Close())
}

// send sends what is queued and reads the results of the first statements.
func (c *conn) send(first []func(rows.Rows) error) (pgx.BatchResults, error) {
	batch := c.queued
	c.queued, c.found = &pgx.Batch{}, nil
	c.sent = true
	results := c.pgx.SendBatch(c.ctx, batch)
	for _, found := range first {
		if err := receive(results, found); err != nil {
			return nil, c.check(errors.Join(err, ignoreSame(results.Close(), err)))
		}
		c.answered = true
	}
	return results, nil
}

// receive reads the result of the next statement of a batch.
func receive(results pgx.BatchResults, found func(rows.Rows) error) error {
	if found == nil {
		_, err := results.Exec()
		return err
	}
	answer, err := results.Query()
	if err != nil {
		return err
	}
	err = found(unread{answer})
	answer.Close()
	return cmp.Or(answer.Err(), err)
}

// unread are rows that the batch closes.
type unread struct{ pgx.Rows }

// Close implements rows.Rows.
func (unread) Close() error { return nil }

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

// Exec implements rows.Conn.
func (c *conn) Exec(query string, args ...any) (int64, error) {
	tag, err := c.last(query, args...)
	return tag.RowsAffected(), err
}

// last runs what is queued and then a statement.
func (c *conn) last(query string, args ...any) (tag pgconn.CommandTag, err error) {
	if c.failed != nil {
		return tag, c.failed
	}
	before := c.found
	c.add(nil, query, args...)
	results, err := c.send(before)
	if err != nil {
		return tag, err
	}
	tag, err = results.Exec()
	if closed := results.Close(); err == nil {
		err = closed
	}
	c.answered = c.answered || err == nil
	return tag, c.check(err)
}

// Query implements rows.Conn.
func (c *conn) Query(query string, args ...any) (rows.Rows, error) {
	if c.failed != nil {
		return nil, c.failed
	}
	before := c.found
	c.add(nil, query, args...)
	results, err := c.send(before)
	if err != nil {
		return nil, err
	}
	found, err := results.Query()
	if err != nil {
		return nil, c.check(errors.Join(err, ignoreSame(results.Close(), err)))
	}
	c.answered = true
	return &answer{Rows: found, conn: c, results: results}, nil
}

// value reads the one value that a query finds.
func (c *conn) value(query string, into any) error {
	found, err := c.Query(query)
	if err != nil {
		return err
	}
	if found.Next() {
		err = found.Scan(into)
	}
	return errors.Join(err, found.Err(), found.Close())
}

// answer are the rows of the last statement of a round trip.
type answer struct {
	pgx.Rows
	conn    *conn
	results pgx.BatchResults
}

// Err implements rows.Rows.
func (a *answer) Err() error { return a.conn.check(a.Rows.Err()) }

// Close implements rows.Rows.
func (a *answer) Close() error {
	a.Rows.Close()
	return a.conn.check(a.results.Close())
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
