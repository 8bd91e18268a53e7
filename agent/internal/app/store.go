package app

import (
	"context"
	"log/slog"
	"net/url"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/postgres"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
)

// openStore opens the store that the configuration names.
func openStore(ctx context.Context, c config.Store, log *slog.Logger) (store.Store, error) {
	if !c.Postgres.Enabled() {
		return sqlite.Open(ctx, sqlite.Options{Path: c.Path, Logger: log})
	}
	return postgres.Open(ctx, postgres.Options{URL: c.Postgres.URL, Password: c.Postgres.Password.Reveal(),
		Connections: c.Postgres.Connections, Logger: log})
}

// storeName is the store as the log names it.
func storeName(c config.Store) string {
	if !c.Postgres.Enabled() {
		return c.Path
	}
	address, err := url.Parse(c.Postgres.URL)
	if err != nil {
		return "postgres" // refused by the configuration
	}
	address.RawQuery = ""
	return address.Redacted()
}
