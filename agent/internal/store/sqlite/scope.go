package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"
)

// scope is the connection as one transaction may use it. It is over when the transaction's function has returned.
type scope struct {
	conn *conn
	// ctx is looked at before each statement; it does not interrupt one.
	ctx  context.Context
	over atomic.Bool
}

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
	return s.conn.exec(query, args...)
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

func (s *scope) query(query string, args ...any) (*sql.Rows, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	return s.conn.query(query, args...)
}

// list runs a query and scans its rows.
func list[T any](s *scope, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := s.query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, explain(rows.Err())
}

// one runs a query for one row; when there is none, the error is missing.
func one[T any](s *scope, missing error, scan func(*sql.Rows) (T, error), query string, args ...any) (T, error) {
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
func scanned[T any](rows *sql.Rows) (value T, err error) {
	err = rows.Scan(&value)
	return value, err
}

// limited turns "0 means all" into what LIMIT understands.
func limited(limit int) int {
	if limit <= 0 {
		return -1
	}
	return limit
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
