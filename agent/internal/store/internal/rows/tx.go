package rows

import (
	"context"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// Dialect is what databases say differently. A database with one writer leaves the locks empty.
type Dialect struct {
	// Among is a condition: the column (first) is among the texts of a List (second).
	Among string
	// RowID orders the rows of verdict by when they were first written.
	RowID string
	// Hold, behind a query for one row, keeps other transactions from changing that row, and from holding it, until this
	// one ends; Share only keeps them from changing it. Holding takes the row as the last transaction left it.
	Hold, Share string
	// TryHold is Hold, but passes over a row that another transaction holds. Unused holds rows that no other transaction
	// holds, changes or refers to, and passes over others.
	TryHold, Unused string
	// Turns is a statement that has transactions that name the same thing take turns. Those that run Together instead wait
	// for one that has its turn, but not for each other.
	Turns, Together string
}

// Reader reads one state of the store.
type Reader struct {
	scope
	dialect Dialect
	now     func() time.Time
	// hold and share are the dialect's locks in a transaction that may write, and empty in others.
	hold, share string
	// seen are the executions read so far, as they are stored. Only transactions that may write keep them.
	seen map[string]*executionRow
}

// Tx reads and writes in one transaction.
type Tx struct {
	Reader
	// generation returns a number that no state of applications and pipelines has had.
	generation func() (int64, error)
	due        bool
	after      []func()
}

var (
	_ store.Reader = (*Reader)(nil)
	_ store.Tx     = (*Tx)(nil)
)

// NewReader makes a Reader. now is the database's time, always the same. ctx is looked at before each statement.
func NewReader(ctx context.Context, conn Conn, dialect Dialect, now func() time.Time) *Reader {
	return &Reader{scope: scope{conn: conn, ctx: ctx}, dialect: dialect, now: now}
}

// NewTx makes a Tx. now is the database's time, always the same. generation returns a number that no state of applications and
// pipelines has had.
func NewTx(ctx context.Context, conn Conn, dialect Dialect, now func() time.Time, generation func() (int64, error)) *Tx {
	return &Tx{generation: generation, Reader: Reader{
		scope: scope{conn: conn, ctx: ctx}, dialect: dialect, now: now,
		hold: dialect.Hold, share: dialect.Share, seen: map[string]*executionRow{},
	}}
}

// Due says whether the transaction leaves work due, now or later.
func (t *Tx) Due() bool { return t.due }

// AfterCommit implements store.Tx.
func (t *Tx) AfterCommit(f func()) { t.after = append(t.after, f) }

// Committed runs what waits for the commit.
func (t *Tx) Committed() {
	for _, f := range t.after {
		f()
	}
}

// Now implements store.Reader.
func (r *Reader) Now() time.Time { return r.now() }

// Probe writes a row under a name that nobody else uses, and takes it back: does it commit, the store can be written to.
func (t *Tx) Probe(name string) error {
	if err := t.queue("INSERT INTO counter (name, value) VALUES ($1, 0)", name); err != nil {
		return err
	}
	return t.queue("DELETE FROM counter WHERE name = $1", name)
}

// orNow returns when, or the transaction's time if it is not set.
func (t *Tx) orNow(when time.Time) any {
	if when.IsZero() {
		when = t.Now()
	}
	return micros(when)
}

// turns runs one of the dialect's statements of that kind.
func (t *Tx) turns(statement, thing string) error {
	if statement == "" {
		return nil
	}
	return t.queue(statement, thing)
}
