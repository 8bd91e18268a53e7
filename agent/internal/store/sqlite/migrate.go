package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to what this agent knows, each step in a transaction with the row that records it. A
// newer schema is refused.
func migrate(ctx context.Context, db *sql.Conn, steps []rows.Migration) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_migration (
		version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT`)
	if err != nil {
		return fmt.Errorf("create the table of migrations: %w", explain(err))
	}
	present, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	missing, err := rows.Missing(steps, present)
	if err != nil {
		return err
	}
	for _, step := range missing {
		if err := apply(ctx, db, step); err != nil {
			return fmt.Errorf("migration %s: %w", step.Name, explain(err))
		}
	}
	return nil
}

// schemaVersion is the number of the last migration that was applied.
func schemaVersion(ctx context.Context, db *sql.Conn) (version int, err error) {
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_migration").Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", explain(err))
	}
	return version, nil
}

func apply(ctx context.Context, db *sql.Conn, step rows.Migration) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, step.Script); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO schema_migration (version, name, applied_at) VALUES ($1, $2, $3)",
		step.Version, step.Name, time.Now().UnixMicro())
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
