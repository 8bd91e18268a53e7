package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migration is a step of the schema, from a file named like 0001_init.sql. Steps only go forward.
type migration struct {
	version int
	name    string
	script  string
}

func loadMigrations() ([]migration, error) {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	var steps []migration
	for i, entry := range entries {
		number, _, _ := strings.Cut(entry.Name(), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %q: expected number %04d in front", entry.Name(), i+1)
		}
		script, err := migrations.ReadFile(path.Join("migrations", entry.Name()))
		if err != nil {
			return nil, err
		}
		steps = append(steps, migration{version, entry.Name(), string(script)})
	}
	return steps, nil
}

// migrate brings the schema up to what this agent knows, each step in a transaction with the row that records it. A
// newer schema is refused.
func migrate(ctx context.Context, db *sql.Conn, steps []migration) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_migration (
		version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT`)
	if err != nil {
		return fmt.Errorf("create the table of migrations: %w", explain(err))
	}
	var present int
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_migration").Scan(&present)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", explain(err))
	}
	if present > len(steps) {
		return fmt.Errorf("the database was written by a newer agent (schema %d, this one knows up to %d): run that agent, or restore a backup from before",
			present, len(steps))
	}
	for _, step := range steps[present:] {
		if err := step.apply(ctx, db); err != nil {
			return fmt.Errorf("migration %s: %w", step.name, explain(err))
		}
	}
	return nil
}

func (m migration) apply(ctx context.Context, db *sql.Conn) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, m.script); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO schema_migration (version, name, applied_at) VALUES ($1, $2, $3)",
		m.version, m.name, time.Now().UnixMicro())
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
