package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock keeps a second agent from migrating at the same time: PostgreSQL's advisory locks are numbers.
const migrationLock = 0x67656e6e616b6572

// migrate brings the schema up to what this agent knows, each step in a transaction with the row that records it. A newer
// schema is refused. Agents that start at the same time do it one after the other.
func migrate(ctx context.Context, c *pgx.Conn, steps []rows.Migration) (err error) {
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return fmt.Errorf("wait for the turn to migrate: %w", err)
	}
	defer func() {
		_, unlocked := c.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrationLock))
		err = errors.Join(err, unlocked)
	}()
	_, err = c.Exec(ctx, `CREATE TABLE IF NOT EXISTS schema_migration (
		version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())`)
	if err != nil {
		return fmt.Errorf("create the table of migrations: %w", err)
	}
	var present int
	if err := c.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM schema_migration").Scan(&present); err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	missing, err := rows.Missing(steps, present)
	if err != nil {
		return err
	}
	for _, step := range missing {
		if err := apply(ctx, c, step); err != nil {
			return fmt.Errorf("migration %s: %w", step.Name, err)
		}
	}
	return nil
}

func apply(ctx context.Context, c *pgx.Conn, step rows.Migration) error {
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, step.Script, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO schema_migration (version, name) VALUES ($1, $2)", step.Version, step.Name)
		return err
	})
}
