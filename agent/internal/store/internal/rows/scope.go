package rows

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// Conn runs the statements of one transaction.
type Conn interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(query string, args ...any) (int64, error)
	// Queue runs a statement of which only the success counts. It may run as late as with the next statement or the
	// commit, which then report its error.
	Queue(query string, args ...any) error
	// Ask runs a query and has found read its rows. Both may happen as late as with the next statement or the commit.
	Ask(found func(Rows) error, query string, args ...any) error
	// Flush runs what has not run yet.
	Flush() error
}

// List is an argument for Dialect.Among.
type List []string

// listOf makes a List of texts of any type.
func listOf[T ~string](texts []T) List {
	list := make(List, len(texts))
	for i, text := range texts {
		list[i] = string(text)
	}
	return list
}

// Rows are what a query found, as in database/sql.
type Rows interface {
	Next() bool
	Scan(into ...any) error
	Err() error
}

// errOver is returned by a transaction or reader that is used after its function has returned.
var errOver = errors.New("transaction used after its function returned")

// scope is the connection as one transaction may use it. It is over when the transaction's function has returned.
type scope struct {
	conn Conn
	// ctx is looked at before each statement.
	ctx  context.Context
	over atomic.Bool
}

// End says that the transaction's function has returned.
func (s *scope) End() { s.over.Store(true) }

func (s *scope) usable() error {
	if s.over.Load() {
		return errOver
	}
	return s.ctx.Err()
}

// exec runs a statement and returns how many rows it changed.
func (s *scope) exec(query string, args ...any) (int64, error) {
	if err := s.usable(); err != nil {
		return 0, err
	}
	return s.conn.Exec(query, args...)
}

// queue runs a statement of which only the success counts.
func (s *scope) queue(query string, args ...any) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.conn.Queue(query, args...)
}

// question is a query for one thing that is asked along with others.
type question struct {
	found func(Rows) error
	query string
	arg   any
}

// ask runs a query and has found read its rows, with the next statement of which the result is wanted.
func (s *scope) ask(found func(Rows) error, query string, args ...any) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.conn.Ask(found, query, args...)
}

// change runs a statement that must change a row; when it changes none, the error is missing.
func (s *scope) change(missing error, query string, args ...any) error {
	switch changed, err := s.exec(query, args...); {
	case err != nil:
		return err
	case changed == 0:
		return missing
	default:
		return nil
	}
}

// read runs a query and has found read its rows.
func (s *scope) read(found func(Rows) error, query string, args ...any) error {
	if err := s.ask(found, query, args...); err != nil {
		return err
	}
	return s.conn.Flush()
}

// each reads rows one by one.
func each(scan func(Rows) error) func(Rows) error {
	return func(rows Rows) error {
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}

// list runs a query and scans its rows.
func list[T any](s *scope, scan func(Rows) (T, error), query string, args ...any) (out []T, err error) {
	err = s.read(each(func(rows Rows) error {
		item, err := scan(rows)
		out = append(out, item)
		return err
	}), query, args...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// one runs a query for one row; when there is none, the error is missing.
func one[T any](s *scope, missing error, scan func(Rows) (T, error), query string, args ...any) (T, error) {
	items, err := list(s, scan, query, args...)
	if err != nil || len(items) > 0 {
		return first(items), err
	}
	return first(items), missing
}

func first[T any](items []T) (item T) {
	if len(items) > 0 {
		item = items[0]
	}
	return item
}

// scanned scans rows of one column.
func scanned[T any](rows Rows) (value T, err error) {
	err = rows.Scan(&value)
	return value, err
}

// limited turns "0 means all" into what LIMIT understands.
func limited(limit int) int64 {
	if limit <= 0 {
		return math.MaxInt64
	}
	return int64(limit)
}

// textOf encodes a value as a JSON text column.
func textOf(value any) (string, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	return string(data), nil
}

// micros is a time as a column holds it; the zero time is NULL. It rounds up, so that nothing is ever due too early.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Add(time.Microsecond - time.Nanosecond).UnixMicro()
}

// timeOf reads such a column.
func timeOf(micros sql.NullInt64) time.Time {
	if !micros.Valid {
		return time.Time{}
	}
	return time.UnixMicro(micros.Int64).UTC()
}

// flag is a truth as a column holds it.
func flag(value bool) int64 {
	if value {
		return 1
	}
	return 0
}

// notFound is store.ErrNotFound with what was looked for.
func notFound(what, name string) error { return fmt.Errorf("%s %q: %w", what, name, store.ErrNotFound) }

// exists is store.ErrExists with what is there already.
func exists(what, name string) error { return fmt.Errorf("%s %q: %w", what, name, store.ErrExists) }
