package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

const (
	// connectTimeout bounds making a connection, acquireTimeout waiting for a free one.
	connectTimeout = 5 * time.Second
	acquireTimeout = 10 * time.Second
	// statementTimeout, lockTimeout and idleTimeout are what the server does not let a session exceed: one statement, the
	// wait for another transaction's lock, and a transaction in which nothing happens, as of a replica that hangs.
	statementTimeout = 25 * time.Second
	lockTimeout      = 5 * time.Second
	idleTimeout      = 5 * time.Second
	// pingTimeout bounds looking whether the database can be written to.
	pingTimeout = 5 * time.Second
	// oldest is the oldest version of PostgreSQL that it is meant for.
	oldest = 130000
)

// Options say which database is used, and how.
type Options struct {
	// URL names the server, user and database: postgres://user@host:port/database, with the parameters of libpq.
	URL string
	// Password of the user; empty when the server asks for none.
	Password string
	// Connections is how many are open at most, apart from the one that listens; 0 means 20.
	Connections int
	// Logger gets what an operator should know; nil means slog's default.
	Logger *slog.Logger
}

// Store keeps everything in a PostgreSQL database.
type Store struct {
	rows.Bodies
	// id tells the announcements of this store from those of others.
	id   string
	name string
	log  *slog.Logger
	pool *pgxpool.Pool

	due, announce chan struct{}
	// stop ends the sender and the listener, which background waits for.
	stop       context.CancelFunc
	background sync.WaitGroup
	closed     atomic.Bool
	closeOnce  sync.Once

	waiting           atomic.Int64
	commits, repeated atomic.Uint64
}

var _ store.Store = (*Store)(nil)

// Open connects to the database and brings its schema up to date.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, config, err := prepared(o)
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx, config, o); err != nil {
		return nil, fmt.Errorf("store %q: %w", s.name, explain(err))
	}
	return s, nil
}

// prepared is a store that is not connected yet.
func prepared(o Options) (*Store, *pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, nil, fmt.Errorf("store: the database's URL: %w", err)
	}
	s := &Store{id: rand.Text(), name: nameOf(config.ConnConfig), log: cmp.Or(o.Logger, slog.Default()),
		due: make(chan struct{}, 1), announce: make(chan struct{}, 1)}
	s.Bodies.Store = s
	return s, config, nil
}

func (s *Store) open(ctx context.Context, config *pgxpool.Config, o Options) (err error) {
	s.configure(config, o)
	if err := s.migrate(ctx, config.ConnConfig.Copy()); err != nil {
		return err
	}
	config.AfterConnect = prepare
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.background.Go(func() { s.send(background) })
	s.background.Go(func() { s.listen(background, config.ConnConfig.Copy()) })
	return nil
}

// configure sets what every connection has.
func (s *Store) configure(config *pgxpool.Config, o Options) {
	if o.Password != "" {
		config.ConnConfig.Password = o.Password
	}
	config.MaxConns = int32(cmp.Or(o.Connections, 20))
	config.MaxConnLifetime, config.MaxConnLifetimeJitter = connectionAge, connectionAge/10
	config.ConnConfig.ConnectTimeout = connectTimeout
	parameters := config.ConnConfig.RuntimeParams
	parameters["application_name"] = cmp.Or(parameters["application_name"], "gennaker")
	parameters["statement_timeout"] = milliseconds(statementTimeout)
	parameters["lock_timeout"] = milliseconds(lockTimeout)
	parameters["idle_in_transaction_session_timeout"] = milliseconds(idleTimeout)
}

// migrate brings the schema up to date, on a connection of its own on which a step may take as long as it takes.
func (s *Store) migrate(ctx context.Context, config *pgx.ConnConfig) (err error) {
	steps, err := rows.Migrations(migrations)
	if err != nil {
		return err
	}
	for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		config.RuntimeParams[limit] = "0"
	}
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	if err := s.check(ctx, c); err != nil {
		return err
	}
	return migrate(ctx, c, steps)
}

// check looks whether the server can be worked with.
func (s *Store) check(ctx context.Context, c *pgx.Conn) error {
	var version int
	var fsync string
	err := c.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, current_setting('fsync')").Scan(&version, &fsync)
	if err != nil {
		return err
	}
	if version < oldest {
		return fmt.Errorf("the server is PostgreSQL %d, expected %d or newer", version/10000, oldest/10000)
	}
	if fsync != "on" {
		s.log.Warn("the database may lose what it has acknowledged when its machine loses power", "fsync", fsync)
	}
	return nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// nameOf is the database as errors name it.
func nameOf(c *pgx.ConnConfig) string {
	if strings.HasPrefix(c.Host, "/") {
		return fmt.Sprintf("postgres:///%s?host=%s", c.Database, c.Host)
	}
	return fmt.Sprintf("postgres://%s/%s", net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.Database)
}

// Close waits for the updates and the reads under way and closes the connections.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.closed.Store(true)
		s.stop()
		s.background.Wait()
		s.pool.Close()
	})
	return nil
}

// Due implements store.Store.
func (s *Store) Due() <-chan struct{} { return s.due }

// signal says that there may be work.
func (s *Store) signal() {
	select {
	case s.due <- struct{}{}:
	default:
	}
}

// Ping writes a row and waits until it is durable. Replicas do not wait for each other's.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := s.update(ctx, func(t store.Tx) error { return t.(*rows.Tx).Probe("ping of " + s.id) }, 0)
	if err != nil {
		return fmt.Errorf("not writable: %w", s.named(err))
	}
	return nil
}

// View implements store.Store. ctx ends the wait for a connection, and the reading between two statements.
func (s *Store) View(ctx context.Context, read func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	giveUp := time.Now().Add(reconnectTime)
	for tries := 0; ; tries++ {
		began, err := s.view(ctx, read)
		if began || !lost(err) || time.Now().After(giveUp) || ctx.Err() != nil {
			return s.named(err)
		}
		if waiting := pause(ctx, tries); waiting != nil {
			return s.named(errors.Join(err, waiting))
		}
	}
}

// view runs read on a snapshot; began says whether the database answered anything.
func (s *Store) view(ctx context.Context, read func(store.Reader) error) (began bool, err error) {
	pooled, err := s.acquire(ctx)
	if err != nil {
		return false, explain(err)
	}
	defer pooled.Release()
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactionTimeout)
	defer cancel()
	c := newConn(detached, pooled.Conn())
	defer s.rollback(ctx, c)
	c.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	r := rows.NewReader(ctx, c, dialect, c.time)
	defer r.End()
	err = read(r)
	if err == nil {
		err = c.lost()
	}
	return c.answered, err
}

// Stats implements store.Store.
func (s *Store) Stats() store.Stats {
	commits := s.commits.Load()
	return store.Stats{Updates: commits, Commits: commits, Repeated: s.repeated.Load(), Queued: s.waiting.Load()}
}
