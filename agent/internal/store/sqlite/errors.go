package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrClosed is returned by a Store that was closed.
var ErrClosed = errors.New("the store is closed")

// errAborted is what the writer sees of an update that panicked or ended its goroutine.
var errAborted = errors.New("the update did not return")

// explain adds to an error of SQLite what it means to the person who reads it.
func explain(err error) error {
	var cause *sqlite.Error
	if !errors.As(err, &cause) {
		return err
	}
	const primary = 0xff // the rest of the code is detail
	switch cause.Code() & primary {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("the disk is full, free some space: %w", err)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("the database file or its folder is read-only, give the agent's user the right to write: %w", err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the database file is damaged, restore a backup: %w", err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("the disk failed, check it and its mount: %w", err)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("the database file cannot be opened, check the path and its rights: %w", err)
	default:
		return err
	}
}
