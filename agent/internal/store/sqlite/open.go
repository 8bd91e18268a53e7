package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

// readers is how many reads run at once.
const readers = 4

// Options say where the file is and how it is used.
type Options struct {
	// Path of the database file. It and its folder are made if they are not there; only this user may read them.
	Path string
	// MaxBatch is how many updates share a commit at most; 0 means 64.
	MaxBatch int
	// Logger gets what an operator should know; nil means slog's default.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Store keeps everything in one SQLite file.
type Store struct {
	rows.Bodies
	path     string
	log      *slog.Logger
	now      func() time.Time
	maxBatch int

	lock    *lockFile
	writeDB *sql.DB
	writer  *conn
	readers *pool

	updates chan *update
	due     chan struct{}
	// closing is closed when Close is called, stopped when the writer has ended.
	closing, stopped chan struct{}
	closeOnce        sync.Once
	closeErr         error

	// damaged is the first damage of the file that a statement has met, nil before.
	damaged          atomic.Pointer[fault]
	generation       atomic.Int64
	queued           atomic.Int64
	commits, changes atomic.Uint64
}

var _ store.Store = (*Store)(nil)

// Open opens the file, brings its schema up to date and buries the incarnations of earlier agents: the lock proves that
// they are dead.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("store %q: %w", o.Path, err)
	}
	return s, nil
}

func open(ctx context.Context, o Options) (*Store, error) {
	path, err := create(o.Path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: o.Path, log: o.Logger, now: o.Now, maxBatch: cmp.Or(o.MaxBatch, 64),
		updates: make(chan *update), due: make(chan struct{}, 1),
		closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	s.Bodies.Store = s
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.lock, err = lock(path); err != nil {
		return nil, err
	}
	if err := s.connect(ctx, path); err != nil {
		return nil, errors.Join(explain(err), s.disconnect())
	}
	go s.write()
	if err := s.bury(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// create makes the folder and the file, readable by this user only, and returns the file's absolute path.
func create(name string) (string, error) {
	if name == "" {
		return "", errors.New("no path given")
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", refusedByTheSystem(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", refusedByTheSystem(err)
	}
	return path, file.Close()
}

// connect opens the writer, migrates, and opens the readers.
func (s *Store) connect(ctx context.Context, path string) (err error) {
	s.writeDB = sql.OpenDB(connector{path: path})
	if s.writer, err = newConn(ctx, s.writeDB); err != nil {
		return err
	}
	steps, err := rows.Migrations(migrations)
	if err != nil {
		return err
	}
	if err := migrate(ctx, s.writer.sql, steps); err != nil {
		return err
	}
	if err := s.recallGeneration(ctx); err != nil {
		return err
	}
	s.readers, err = openPool(ctx, path, reading, readers)
	return err
}

// bury releases what the agents before this one held.
func (s *Store) bury(ctx context.Context) error {
	return s.Update(ctx, func(t store.Tx) error {
		dead, err := t.Incarnations()
		if err != nil || len(dead) == 0 {
			return err
		}
		for _, i := range dead {
			s.log.Info("released what an earlier agent held", "incarnation", i.ID, "pid", i.PID, "renewed", i.RenewedAt)
		}
		_, err = s.writer.Exec("DELETE FROM incarnation")
		return err
	})
}

// Close waits for the update and the reads under way and closes the file. Later calls return what the first did.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		<-s.stopped
		if err := s.disconnect(); err != nil {
			s.closeErr = fmt.Errorf("store %q: close: %w", s.path, err)
		}
	})
	return s.closeErr
}

// disconnect closes what is open. The last connection to go, the writer's, moves the log into the database file.
func (s *Store) disconnect() error {
	var errs []error
	if s.readers != nil {
		errs = append(errs, s.readers.close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	if s.writeDB != nil {
		errs = append(errs, s.writeDB.Close())
	}
	return errors.Join(append(errs, s.lock.release())...)
}

// Due implements store.Store.
func (s *Store) Due() <-chan struct{} { return s.due }

// Announce implements store.Store: there is no other agent.
func (s *Store) Announce() {}

// Ping writes a row and waits until it is durable. A store that has met damage is not ready, although it may still serve
// what is not damaged.
func (s *Store) Ping(ctx context.Context) error {
	if damage := s.damaged.Load(); damage != nil {
		return fmt.Errorf("store %q: %w", s.path, damage)
	}
	err := s.Update(ctx, func(t store.Tx) error { return t.(*rows.Tx).Probe("probe") })
	if err != nil {
		return fmt.Errorf("not writable: %w", err)
	}
	return nil
}

// Stats implements store.Store.
func (s *Store) Stats() store.Stats {
	return store.Stats{Updates: s.changes.Load(), Commits: s.commits.Load(), Queued: s.queued.Load()}
}
