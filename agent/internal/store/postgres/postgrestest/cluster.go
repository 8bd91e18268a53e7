package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// startTimeout bounds starting a server, and each command to it.
const startTimeout = 2 * time.Minute

// errMissing says that there is no PostgreSQL on this machine.
var errMissing = errors.New("no PostgreSQL: neither on PATH nor in /usr/lib/postgresql are initdb and postgres (Debian: apt-get install postgresql)")

// Cluster is a server that starts when a test needs its first database. The zero value is ready for use.
type Cluster struct {
	// Settings are lines of its postgresql.conf. What is not set is made for tests that run fast: fsync is off.
	Settings []string

	start  sync.Once
	failed error
	bin    string
	folder string
	user   *account

	mu     sync.Mutex
	server *process

	databases atomic.Int64
}

// Database makes an empty database that is dropped when the test ends, and returns its URL. Without PostgreSQL the test is
// skipped, but fails where CI is set.
func (c *Cluster) Database(tb testing.TB) string {
	tb.Helper()
	c.Start(tb)
	name := fmt.Sprintf("test%d", c.databases.Add(1))
	c.Command(tb, "postgres", "CREATE DATABASE "+name)
	tb.Cleanup(func() { c.Command(tb, "postgres", "DROP DATABASE "+name+" WITH (FORCE)") })
	return c.URL(name)
}

// Start starts the server unless it has been started.
func (c *Cluster) Start(tb testing.TB) {
	tb.Helper()
	c.start.Do(func() { c.failed = c.make() })
	if errors.Is(c.failed, errMissing) && os.Getenv("CI") == "" {
		tb.Skip(c.failed)
	}
	if c.failed != nil {
		tb.Fatal(c.failed)
	}
}

// URL is where a database of the cluster is, for its superuser, who needs no password.
func (c *Cluster) URL(database string) string {
	address := url.URL{Scheme: "postgres", User: url.User("gennaker"), Path: "/" + database,
		RawQuery: url.Values{"host": {c.folder}}.Encode()}
	return address.String()
}

// Command runs statements as the superuser, outside of transactions.
func (c *Cluster) Command(tb testing.TB, database string, statements ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), startTimeout)
	defer cancel()
	if err := c.command(ctx, database, statements...); err != nil {
		tb.Fatal(err)
	}
}

func (c *Cluster) command(ctx context.Context, database string, statements ...string) error {
	conn, err := pgx.Connect(ctx, c.URL(database))
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", statement, err), conn.Close(ctx))
		}
	}
	return conn.Close(ctx)
}

// make makes the cluster and starts the server.
func (c *Cluster) make() (err error) {
	if c.bin, err = programs(); err != nil {
		return err
	}
	if c.user, err = accountForServer(); err != nil {
		return err
	}
	if c.folder, err = os.MkdirTemp(socketFolder(), "gennaker-pg-"); err != nil {
		return err
	}
	if err := c.user.own(c.folder); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	initdb := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), "--pgdata", c.data(), "--username", "gennaker",
		"--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	c.user.run(initdb, c.folder)
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// A user "guarded" needs a password; everybody else does not.
	hba := "local all guarded scram-sha-256\nlocal all all trust\n"
	if err := c.user.write(filepath.Join(c.data(), "pg_hba.conf"), hba); err != nil {
		return err
	}
	return c.Resume()
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

// settings are those of the server.
func (c *Cluster) settings() []string {
	defaults := []string{"listen_addresses=", "unix_socket_directories=" + c.folder, "max_connections=300",
		"shared_buffers=64MB", "fsync=off", "full_page_writes=off", "log_line_prefix=%m [%p] %d "}
	return slices.Concat(defaults, c.Settings)
}

// Resume starts the server after Crash, and returns when it answers.
func (c *Cluster) Resume() error {
	args := []string{"-D", c.data()}
	for _, setting := range c.settings() {
		args = append(args, "-c", setting)
	}
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), args...)
	c.user.run(cmd, c.folder)
	server, err := start(cmd, filepath.Join(c.folder, "log"))
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.server = server
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.command(ctx, "postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-server.ended:
			return fmt.Errorf("PostgreSQL ended: %w\n%s", server.err, server.log())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("PostgreSQL does not answer: %w", err), server.end())
		}
	}
}

// Crash has the server break off all connections and end at once, without putting anything in order.
func (c *Cluster) Crash() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server.crash()
}

// Stop ends the server, if it was started, and removes the cluster.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.server != nil {
		err = c.server.end()
	}
	if c.folder != "" {
		err = errors.Join(err, os.RemoveAll(c.folder))
	}
	return err
}

// Folder makes a folder whose path is short enough for a socket in it. It is removed when the test ends.
func Folder(tb testing.TB) string {
	tb.Helper()
	folder, err := os.MkdirTemp(socketFolder(), "gennaker-pg-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			tb.Error(err)
		}
	})
	return folder
}
