package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

// pool holds the connections that read.
type pool struct {
	db     *sql.DB
	idle   chan *conn
	opened int
}

func openPool(ctx context.Context, path string, use use, size int) (*pool, error) {
	p := &pool{db: sql.OpenDB(connector{path, use}), idle: make(chan *conn, size)}
	for range size {
		c, err := newConn(ctx, p.db)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.idle <- c
		p.opened++
	}
	return p, nil
}

// close waits for the reads under way.
func (p *pool) close() error {
	var errs []error
	for range p.opened {
		errs = append(errs, (<-p.idle).close())
	}
	return errors.Join(append(errs, p.db.Close())...)
}

// View implements store.Store. ctx ends the wait for a connection, and the reading between two statements.
func (s *Store) View(ctx context.Context, read func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closing:
		return fmt.Errorf("store %q: %w", s.path, ErrClosed)
	default:
	}
	select {
	case c := <-s.readers.idle:
		defer func() { s.readers.idle <- c }()
		return s.named(view(ctx, c, s.time(), read))
	case <-ctx.Done():
		return fmt.Errorf("store %q: wait for a reader: %w", s.path, context.Cause(ctx))
	case <-s.closing:
		return fmt.Errorf("store %q: %w", s.path, ErrClosed)
	}
}

// view runs read on the state that a connection sees now.
func view(ctx context.Context, c *conn, now time.Time, read func(store.Reader) error) (err error) {
	if _, err := c.Exec("BEGIN"); err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	r := rows.NewReader(ctx, c, dialect, at(now))
	defer func() {
		r.End()
		if _, end := c.Exec("ROLLBACK"); end != nil && err == nil {
			err = fmt.Errorf("end reading: %w", end)
		}
	}()
	return read(r)
}
