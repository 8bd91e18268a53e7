package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

// Backup writes what the database at path holds now into a new file, also while an agent uses it, and sees that the copy
// can be read. A file that is there already is not replaced; a backup that fails leaves none.
func Backup(ctx context.Context, path, target string) error {
	if err := backup(ctx, path, target); err != nil {
		return fmt.Errorf("back %q up to %q: %w", path, target, err)
	}
	return nil
}

func backup(ctx context.Context, path, target string) (err error) {
	source, err := existing(path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(target); err == nil {
		return fmt.Errorf("the target: %w: choose another name", fs.ErrExist)
	}
	folder, err := filepath.Abs(filepath.Dir(target))
	if err != nil {
		return err
	}
	// SQLite makes files that everybody may read, but writes into one that is there and empty.
	partial, err := os.CreateTemp(folder, filepath.Base(target)+".partial-*")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the folder %s: %w: make it first", folder, fs.ErrNotExist)
	}
	if err != nil {
		return refusedByTheSystem(err)
	}
	defer func() { err = errors.Join(err, partial.Close(), os.Remove(partial.Name())) }()
	if err := vacuumInto(ctx, source, partial.Name()); err != nil {
		return err
	}
	if err := soundCopy(ctx, partial.Name()); err != nil {
		return fmt.Errorf("check the copy: %w", err)
	}
	if err := partial.Sync(); err != nil {
		return err
	}
	// Unlike a rename, a link never replaces a file.
	if err := os.Link(partial.Name(), target); err != nil {
		return err
	}
	return syncFolder(folder)
}

// existing is the absolute path of a database file that is there.
func existing(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", refusedByTheSystem(err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%q is no regular file", path)
	}
	return filepath.Abs(path)
}

func vacuumInto(ctx context.Context, source, target string) error {
	db := sql.OpenDB(connector{source, copying})
	_, err := db.ExecContext(ctx, "VACUUM INTO $1", target)
	return errors.Join(explain(err), db.Close())
}

func soundCopy(ctx context.Context, path string) error {
	i, err := Inspect(ctx, path)
	if err != nil {
		return err
	}
	faults, err := i.pragma(ctx, "quick_check(1)", "ok")
	if len(faults) > 0 {
		err = errors.Join(err, errors.New(faults[0]))
	}
	return errors.Join(err, i.Close())
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Compact rewrites the database at path without its free pages, and says how large it was and is, in bytes. It needs the
// file for itself, and for a while as much space again.
func Compact(ctx context.Context, path string) (before, after int64, err error) {
	if before, after, err = compact(ctx, path); err != nil {
		return before, after, fmt.Errorf("compact %q: %w", path, err)
	}
	return before, after, nil
}

func compact(ctx context.Context, path string) (before, after int64, err error) {
	name, err := existing(path)
	if err != nil {
		return 0, 0, err
	}
	held, err := lock(name)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	if before, err = Size(name); err != nil {
		return 0, 0, err
	}
	db := sql.OpenDB(connector{name, writing})
	db.SetMaxOpenConns(1)
	for _, statement := range []string{"VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return before, 0, errors.Join(explain(err), db.Close())
		}
	}
	if err := db.Close(); err != nil {
		return before, 0, err
	}
	after, err = Size(name)
	return before, after, err
}

// Size is how many bytes a database takes, with its log.
func Size(path string) (int64, error) {
	var total int64
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil && !(errors.Is(err, fs.ErrNotExist) && name != path) {
			return 0, err
		}
		if err == nil {
			total += info.Size()
		}
	}
	return total, nil
}

// Inspector reads a database that may be in use by an agent, or a backup, and leaves it as it is.
type Inspector struct {
	rows.Bodies
	path string
	db   *sql.DB
	conn *conn
}

// Inspect opens a database for inspection. Its schema may be another one than this agent's: ask Schema before View.
func Inspect(ctx context.Context, path string) (*Inspector, error) {
	name, err := existing(path)
	if err != nil {
		return nil, fmt.Errorf("store %q: %w", path, err)
	}
	i := &Inspector{path: path, db: sql.OpenDB(connector{name, inspecting})}
	if i.conn, err = newConn(ctx, i.db); err != nil {
		return nil, fmt.Errorf("store %q: %w", path, errors.Join(explain(err), i.db.Close()))
	}
	i.Bodies = rows.Bodies{Store: i}
	return i, nil
}

// Update refuses: an Inspector changes nothing.
func (i *Inspector) Update(context.Context, func(store.Tx) error) error {
	return fmt.Errorf("store %q: it was opened for reading only", i.path)
}

// Close gives the file back.
func (i *Inspector) Close() error { return errors.Join(i.conn.close(), i.db.Close()) }

// View runs read on a consistent snapshot.
func (i *Inspector) View(ctx context.Context, read func(store.Reader) error) error {
	if err := view(ctx, i.conn, time.Now().UTC(), read); err != nil {
		return fmt.Errorf("store %q: %w", i.path, err)
	}
	return nil
}

// Schema says which version the database's schema has, and which one this agent knows. A file without one is no store.
func (i *Inspector) Schema(ctx context.Context) (found, known int, err error) {
	steps, err := rows.Migrations(migrations)
	if err != nil {
		return 0, 0, err
	}
	if found, err = schemaVersion(ctx, i.conn.sql); err != nil {
		return 0, len(steps), fmt.Errorf("store %q: %w", i.path, err)
	}
	return found, len(steps), nil
}

// Faults are what SQLite finds wrong with the file, and references that lead nowhere; up to a hundred of each.
func (i *Inspector) Faults(ctx context.Context) ([]string, error) {
	faults, err := i.pragma(ctx, "integrity_check(100)", "ok")
	if err != nil {
		return nil, fmt.Errorf("store %q: check the file: %w", i.path, err)
	}
	found, err := i.conn.sql.QueryContext(ctx, `SELECT "table" || ' row ' || ifnull(rowid, '') || ' refers to a row of ' || parent || ' that is gone'
		FROM pragma_foreign_key_check LIMIT 100`)
	if err != nil {
		return faults, fmt.Errorf("store %q: check the references: %w", i.path, explain(err))
	}
	dangling, err := texts(found)
	return append(faults, dangling...), explain(err)
}

// pragma returns the lines that a pragma gives, but for one that says that all is well.
func (i *Inspector) pragma(ctx context.Context, name, well string) ([]string, error) {
	found, err := i.conn.sql.QueryContext(ctx, "PRAGMA "+name)
	if err != nil {
		return nil, explain(err)
	}
	lines, err := texts(found)
	if len(lines) == 1 && lines[0] == well {
		lines = nil
	}
	return lines, explain(err)
}

func texts(found *sql.Rows) (out []string, err error) {
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var text string
		if err := found.Scan(&text); err != nil {
			return out, err
		}
		out = append(out, text)
	}
	return out, found.Err()
}
