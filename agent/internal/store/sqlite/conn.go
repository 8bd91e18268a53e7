package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"modernc.org/sqlite"

	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
)

// dialect is what SQLite says in its own way. One writer needs no locks.
var dialect = rows.Dialect{Among: "%s IN (SELECT value FROM json_each(%s))", RowID: "rowid"}

// pragma is a setting and what reading it back must give.
type pragma struct{ name, value string }

// use is what a connection is for.
type use int

const (
	// writing is what the agent's writer does; reading is beside it.
	writing use = iota
	reading
	// inspecting reads a file that may be another agent's or a copy, and leaves it as it is.
	inspecting
	// copying writes another file only.
	copying
)

// pragmas are the settings of a connection. With WAL and synchronous FULL (2) a commit is on the disk when it returns.
func pragmas(use use) []pragma {
	list := []pragma{{"busy_timeout", "5000"}, {"foreign_keys", "1"}, {"temp_store", "2"}}
	if use == writing || use == reading {
		list = append(list, pragma{"journal_mode", "wal"}, pragma{"synchronous", "2"}, pragma{"journal_size_limit", "67108864"})
	}
	if use == reading || use == inspecting {
		list = append(list, pragma{"query_only", "1"})
	}
	return list
}

// connector opens connections that have all their pragmas, or none.
type connector struct {
	path string
	use  use
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	dsn := url.URL{Scheme: "file", Path: c.path}
	if c.use == inspecting || c.use == copying {
		dsn.RawQuery = "mode=rw" // a file that is not there is not made
	}
	conn, err := c.Driver().Open(dsn.String())
	if err != nil {
		return nil, err
	}
	for _, p := range pragmas(c.use) {
		if err := assert(ctx, conn, p); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// Driver implements driver.Connector.
func (connector) Driver() driver.Driver { return &sqlite.Driver{} }

// assert sets a pragma and reads it back: SQLite says nothing when it does not take one.
func assert(ctx context.Context, conn driver.Conn, p pragma) error {
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, "PRAGMA "+p.name+" = "+p.value, nil); err != nil {
		return fmt.Errorf("set %s to %s: %w", p.name, p.value, err)
	}
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "PRAGMA "+p.name, nil)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.name, err)
	}
	defer rows.Close()
	value := make([]driver.Value, 1)
	if err := rows.Next(value); err != nil {
		return fmt.Errorf("read %s: %w", p.name, err)
	}
	if found := fmt.Sprint(value[0]); found != p.value {
		return fmt.Errorf("%s is %s, expected %s: is the file on a local disk?", p.name, found, p.value)
	}
	return nil
}

// conn is a connection with its prepared statements. One goroutine uses it at a time.
type conn struct {
	sql   *sql.Conn
	stmts map[string]*sql.Stmt
}

func newConn(ctx context.Context, db *sql.DB) (*conn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{sql: c, stmts: map[string]*sql.Stmt{}}, nil
}

// maxStatements bounds the prepared statements of a connection. The queries of this package are fewer, but for the lists
// with their many combinations of conditions.
const maxStatements = 200

// prepared returns the statement for a query, prepared once.
//
// Statements run without a context: interrupting one would roll back the work of others in the same transaction.
func (c *conn) prepared(query string) (*sql.Stmt, error) {
	if stmt := c.stmts[query]; stmt != nil {
		return stmt, nil
	}
	if len(c.stmts) >= maxStatements {
		if err := c.forgetOne(); err != nil {
			return nil, err
		}
	}
	stmt, err := c.sql.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	c.stmts[query] = stmt
	return stmt, nil
}

// forgetOne closes any one of the statements.
func (c *conn) forgetOne() error {
	for query, stmt := range c.stmts {
		delete(c.stmts, query)
		return stmt.Close()
	}
	return nil
}

// Exec runs a statement and returns how many rows it changed.
func (c *conn) Exec(query string, args ...any) (int64, error) {
	stmt, err := c.prepared(query)
	if err != nil {
		return 0, explain(err)
	}
	result, err := stmt.Exec(storable(args)...)
	if err != nil {
		return 0, explain(err)
	}
	return result.RowsAffected()
}

// storable are arguments as SQLite takes them.
func storable(args []any) []any {
	for i, arg := range args {
		if list, ok := arg.(rows.List); ok {
			args[i] = jsonList(list)
		}
	}
	return args
}

// jsonList is a list as json_each reads it.
type jsonList []string

// Value implements driver.Valuer.
func (l jsonList) Value() (driver.Value, error) {
	text, err := json.Marshal([]string(l))
	return string(text), err
}

// Queue implements rows.Conn: nothing is gained by waiting.
func (c *conn) Queue(query string, args ...any) error {
	_, err := c.Exec(query, args...)
	return err
}

// Ask implements rows.Conn.
func (c *conn) Ask(found func(rows.Rows) error, query string, args ...any) error {
	stmt, err := c.prepared(query)
	if err != nil {
		return explain(err)
	}
	answer, err := stmt.Query(storable(args)...)
	if err != nil {
		return explain(err)
	}
	return errors.Join(found(explained{answer}), answer.Close())
}

// Flush implements rows.Conn: nothing has waited.
func (c *conn) Flush() error { return nil }

// explained are rows whose errors say what they mean.
type explained struct{ *sql.Rows }

func (e explained) Err() error { return explain(e.Rows.Err()) }

func (c *conn) close() error {
	var errs []error
	for _, stmt := range c.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, c.sql.Close())...)
}
