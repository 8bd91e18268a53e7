package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/doctor"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
	"github.com/gennaker/gennaker/agent/internal/store/transfer"
)

// BackupStore writes the store of a configuration into a new file, and returns the copy's size in bytes.
func BackupStore(ctx context.Context, c config.Config, target string) (size int64, err error) {
	if c.Store.Postgres.Enabled() {
		return 0, fmt.Errorf("the store is the database %s: back it up with pg_dump", storeName(c.Store))
	}
	if err := sqlite.Backup(ctx, c.Store.Path, target); err != nil {
		return 0, err
	}
	return sqlite.Size(target)
}

// CompactStore gives the free space of the store of a configuration back, and returns its size before and after, in bytes.
func CompactStore(ctx context.Context, c config.Config) (before, after int64, err error) {
	if c.Store.Postgres.Enabled() {
		return 0, 0, fmt.Errorf("the store is the database %s: PostgreSQL uses free space again by itself", storeName(c.Store))
	}
	return sqlite.Compact(ctx, c.Store.Path)
}

// CheckStore examines the store of a configuration and all that it keeps. It changes nothing.
func CheckStore(ctx context.Context, c config.Config) (report doctor.Report, err error) {
	checks, done := storeChecks(ctx, c, true)
	defer func() { err = errors.Join(err, done()) }()
	return doctor.Examine(ctx, checks), nil
}

// CopyStore copies one store into another, empty one, and tells now and then how far it is. A store is "sqlite:" and a file,
// or the URL of a PostgreSQL database.
func CopyStore(ctx context.Context, from, to string, progress io.Writer) (counts transfer.Counts, err error) {
	if from == to {
		return counts, fmt.Errorf("--to: it is the store that is read, %s: copy into a new one", from)
	}
	source, err := openNamed(ctx, from, false)
	if err != nil {
		return counts, fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := openNamed(ctx, to, true)
	if err != nil {
		return counts, fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	for what, s := range map[string]store.Store{"--from": source, "--to": target} {
		if err := unused(ctx, s); err != nil {
			return counts, fmt.Errorf("%s: %w", what, err)
		}
	}
	const pause = 5 * time.Second
	told := time.Now()
	counts, err = transfer.Copy(ctx, source, target, func(c transfer.Counts) {
		if time.Since(told) > pause {
			told = time.Now()
			fmt.Fprintf(progress, "copied %d executions, %d events so far\n", c.Executions, c.Events)
		}
	})
	switch {
	case errors.Is(err, transfer.ErrFull):
		return counts, fmt.Errorf("--to: %w", err)
	case err != nil:
		return counts, fmt.Errorf("copy the store: %w: the target holds a part of it: empty it before the next attempt", err)
	}
	return counts, nil
}

func openNamed(ctx context.Context, name string, mayBeNew bool) (store.Store, error) {
	named, err := storeNamed(name, mayBeNew)
	if err != nil {
		return nil, err
	}
	return openStore(ctx, named, slog.New(slog.DiscardHandler))
}

// storeNamed is the store that a text names. A SQLite file is made only if it may be new.
func storeNamed(name string, mayBeNew bool) (config.Store, error) {
	named := config.Default().Store
	switch scheme, rest, _ := strings.Cut(name, ":"); scheme {
	case "sqlite":
		named.Path = rest
		if _, err := os.Stat(rest); err != nil && !mayBeNew {
			return named, err
		}
	case "postgres", "postgresql":
		named.Postgres.URL = name
		named.Postgres.Password = config.NewSecret(os.Getenv("PGPASSWORD"))
	default:
		return named, errors.New("found a store that is neither sqlite:FILE nor postgres://user@host/database")
	}
	return named, nil
}

// unused refuses a store that an agent uses.
func unused(ctx context.Context, s store.Store) error {
	return s.View(ctx, func(r store.Reader) error {
		known, err := r.Incarnations()
		for _, i := range known {
			if r.Now().Sub(i.RenewedAt) < time.Duration(config.Default().Runner.Lease) {
				return fmt.Errorf("agent %s on %s uses it: stop all agents first", i.ID, i.Host)
			}
		}
		return err
	})
}
