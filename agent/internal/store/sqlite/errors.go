package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// ErrClosed is returned by a Store that was closed.
var ErrClosed = errors.New("the store is closed")

// errAborted is what the writer sees of an update that panicked or ended its goroutine.
var errAborted = errors.New("the update did not return")

// fault is a failure of SQLite that is no fault of the statement: the whole store is concerned.
type fault struct {
	// meaning says what has happened and what to do.
	meaning string
	cause   error
	damage  bool
}

func (f *fault) Error() string { return f.meaning + ": " + f.cause.Error() }

// Unwrap makes a fault a store.ErrUnavailable.
func (f *fault) Unwrap() []error { return []error{store.ErrUnavailable, f.cause} }

// explain adds to an error of SQLite what it means to the person who reads it.
func explain(err error) error {
	var cause *sqlite.Error
	if !errors.As(err, &cause) {
		return err
	}
	const primary = 0xff // the rest of the code is detail
	switch cause.Code() & primary {
	case sqlite3.SQLITE_FULL:
		return &fault{meaning: "the disk is full, free some space", cause: err}
	case sqlite3.SQLITE_READONLY:
		return &fault{meaning: "the database file or its folder is read-only, give the agent's user the right to write", cause: err}
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return &fault{meaning: "the database file is damaged, restore a backup", cause: err, damage: true}
	case sqlite3.SQLITE_IOERR:
		return &fault{meaning: "the disk failed or a limit on file sizes was reached, check the disk, its mount and the limit", cause: err}
	case sqlite3.SQLITE_CANTOPEN:
		return &fault{meaning: "the database file cannot be opened, check the path and its rights", cause: err}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return &fault{meaning: "another program holds the database file, end it", cause: err}
	default:
		return err
	}
}

// named adds the store's name to a fault, and remembers damage: from then on the store is not ready.
func (s *Store) named(err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	if f.damage {
		s.damaged.CompareAndSwap(nil, f)
	}
	return fmt.Errorf("store %q: %w", s.path, err)
}

// refusedByTheSystem adds to an error of opening or making a file what to do about it.
func refusedByTheSystem(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: give the agent's user the right to read and write it", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: mount it writable, or choose another path with store.path", err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: free some space", err)
	default:
		return err
	}
}
