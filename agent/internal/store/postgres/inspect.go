package postgres

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

// Inspector reads a database beside the agents that use it, and leaves it as it is.
type Inspector struct{ store *Store }

// Inspect connects to a database for inspection. Its schema may be another one than this agent's: ask Schema before View.
func Inspect(ctx context.Context, o Options) (*Inspector, error) {
	s, config, err := prepared(o)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	if err := s.inspect(ctx, config, o); err != nil {
		return nil, fmt.Errorf("store %q: %w", s.name, explain(err))
	}
	return &Inspector{s}, nil
}

func (s *Store) inspect(ctx context.Context, config *pgxpool.Config, o Options) (err error) {
	s.configure(config, o)
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	err = s.pool.AcquireFunc(ctx, func(pooled *pgxpool.Conn) error { return s.check(ctx, pooled.Conn()) })
	if err != nil {
		s.pool.Close()
	}
	return err
}

// Close closes the connections.
func (i *Inspector) Close() error {
	i.store.pool.Close()
	return nil
}

// View runs read on a consistent snapshot.
func (i *Inspector) View(ctx context.Context, read func(store.Reader) error) error {
	return i.store.View(ctx, read)
}

// OpenBlob reads a body as a stream.
func (i *Inspector) OpenBlob(ctx context.Context, sha256 string) (io.ReadCloser, store.Blob, error) {
	return i.store.OpenBlob(ctx, sha256)
}

// Schema says which version the database's schema has, and which one this agent knows. A database without one is no store.
func (i *Inspector) Schema(ctx context.Context) (found, known int, err error) {
	steps, err := rows.Migrations(migrations)
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err = i.store.pool.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM schema_migration").Scan(&found)
	if err != nil {
		return 0, len(steps), fmt.Errorf("store %q: read the schema's version: %w", i.store.name, explain(err))
	}
	return found, len(steps), nil
}
