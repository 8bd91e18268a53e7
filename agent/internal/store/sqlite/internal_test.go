package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func openHere(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "gennaker.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestEveryConnectionHasItsPragmas(t *testing.T) {
	s := openHere(t)
	check := func(name string, c *conn, queryOnly string) {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "query_only": queryOnly,
		} {
			var found string
			if err := c.sql.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&found); err != nil {
				t.Fatal(err)
			}
			if found != want {
				t.Errorf("%s: %s is %s, expected %s", name, pragma, found, want)
			}
		}
	}
	check("writer", s.writer, "0")
	for i := range cap(s.readers.idle) {
		c := <-s.readers.idle
		check(fmt.Sprint("reader ", i), c, "1")
		if _, err := c.Exec("DELETE FROM audit"); err == nil {
			t.Error("a reader could write")
		}
		s.readers.idle <- c
	}
}

func TestPreparedStatementsAreBounded(t *testing.T) {
	s := openHere(t)
	c := <-s.readers.idle
	defer func() { s.readers.idle <- c }()
	for i := range 2 * maxStatements {
		found := lines(t, c, fmt.Sprint("SELECT ", i))
		if len(found) != 1 || found[0] != fmt.Sprint(i) {
			t.Errorf("SELECT %d gave %v", i, found)
		}
	}
	if n := len(c.stmts); n > maxStatements {
		t.Errorf("%d statements are prepared, at most %d should be", n, maxStatements)
	}
}

func TestAPragmaThatIsNotTakenIsAnError(t *testing.T) {
	raw, err := connector{}.Driver().Open(filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.(driver.ExecerContext).ExecContext(t.Context(), "BEGIN", nil); err != nil {
		t.Fatal(err)
	}
	// The journal mode does not change inside a transaction.
	err = assert(t.Context(), raw, pragma{"journal_mode", "wal"})
	if err == nil || !strings.Contains(err.Error(), "journal_mode") {
		t.Errorf("found error %v, expected one about journal_mode", err)
	}
}

func TestMigrations(t *testing.T) {
	db := sql.OpenDB(connector{path: filepath.Join(t.TempDir(), "x.db")})
	defer db.Close()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	versions := func() (n int) {
		if err := c.QueryRowContext(t.Context(), "SELECT count(*) FROM schema_migration").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	good := []rows.Migration{
		{Version: 1, Name: "0001_a.sql", Script: "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);"},
		{Version: 2, Name: "0002_b.sql", Script: "ALTER TABLE a ADD COLUMN y INTEGER;"},
	}
	broken := append(good, rows.Migration{Version: 3, Name: "0003_c.sql", Script: "CREATE TABLE c (x INTEGER); CREATE TABLE a (x INTEGER);"})
	cases := []struct {
		name     string
		steps    []rows.Migration
		err      string
		versions int
	}{
		{"the first step", good[:1], "", 1},
		{"the next one only", good, "", 2},
		{"again", good, "", 2},
		{"a broken step leaves nothing", broken, "migration 0003_c.sql: ", 2},
		{"a newer database", good[:1], "written by a newer agent (schema 2, this one knows up to 1)", 2},
	}
	for _, step := range cases {
		err := migrate(t.Context(), c, step.steps)
		if (err == nil) != (step.err == "") || err != nil && !strings.Contains(err.Error(), step.err) {
			t.Errorf("%s: found error %v, expected %q", step.name, err, step.err)
		}
		if found := versions(); found != step.versions {
			t.Errorf("%s: found %d versions, expected %d", step.name, found, step.versions)
		}
	}
	if _, err := c.ExecContext(t.Context(), "SELECT * FROM c"); err == nil {
		t.Error("the broken step left a table")
	}
}

func TestRefusedByTheSystemSaysWhatToDo(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EACCES: "open /x/gennaker.db: permission denied: give the agent's user the right to read and write it",
		syscall.EROFS:  "open /x/gennaker.db: read-only file system: mount it writable, or choose another path with store.path",
		syscall.ENOSPC: "open /x/gennaker.db: no space left on device: free some space",
		syscall.EDQUOT: "open /x/gennaker.db: disk quota exceeded: free some space",
		syscall.EISDIR: "open /x/gennaker.db: is a directory",
	} {
		err := refusedByTheSystem(&fs.PathError{Op: "open", Path: "/x/gennaker.db", Err: errno})
		if err.Error() != want || !errors.Is(err, errno) {
			t.Errorf("found %q, expected %q", err, want)
		}
	}
}

// changes is how many rows a connection has changed in its life.
func changes(t *testing.T, c *conn) (n int) {
	t.Helper()
	if err := c.sql.QueryRowContext(t.Context(), "SELECT total_changes()").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// written runs a change and returns how many rows it wrote.
func written(t *testing.T, s *Store, change func(store.Tx) error) int {
	t.Helper()
	rows := 0
	err := s.Update(t.Context(), func(update store.Tx) error {
		before := changes(t, s.writer)
		if err := change(update); err != nil {
			return err
		}
		rows = changes(t, s.writer) - before
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestSavingWritesWhatDiffers(t *testing.T) {
	s := openHere(t)
	const stages = 50
	large := map[string]any{"manifest": strings.Repeat("x", 100_000)}
	fresh := &engine.Execution{Execution: &spinnaker.Execution{ID: "ex", Status: spinnaker.Running,
		InitialConfig: large, Trigger: spinnaker.Trigger{"type": "manual"}}, Work: map[string]*engine.Work{}}
	for i := range stages {
		id := fmt.Sprint(i)
		fresh.Stages = append(fresh.Stages, &spinnaker.Stage{ID: id, Context: large, Outputs: large})
		fresh.Work[id] = &engine.Work{}
	}
	// The execution, its two parts, and each stage with its two.
	if rows := written(t, s, func(u store.Tx) error { return u.SaveExecution(fresh) }); rows != 3+3*stages {
		t.Errorf("a new execution: %d rows written, expected %d", rows, 3+3*stages)
	}
	cases := []struct {
		name   string
		change func(*engine.Execution)
		rows   int
	}{
		{"nothing", func(*engine.Execution) {}, 0},
		{"the execution's status", func(ex *engine.Execution) { ex.Status = spinnaker.Succeeded }, 1},
		{"a stage's work", func(ex *engine.Execution) { ex.Work["7"].Due, ex.Work["7"].Phase = time.Now(), engine.PhaseRun }, 1},
		{"a stage's state", func(ex *engine.Execution) { ex.Work["7"].State = []byte("s") }, 1},
		{"a stage's status and one value in its context", func(ex *engine.Execution) {
			ex.Stages[7].Status, ex.Stages[7].Context["message"] = spinnaker.Running, "1 of 2"
		}, 2},
		{"a stage's outputs emptied", func(ex *engine.Execution) { ex.Stages[7].Outputs = nil }, 1},
		{"the trigger", func(ex *engine.Execution) { ex.Trigger["late"] = "yes" }, 1},
		{"a stage in between", func(ex *engine.Execution) {
			ex.Stages = append([]*spinnaker.Stage{{ID: "new"}}, ex.Stages...)
		}, 2},
	}
	for _, c := range cases {
		rows := written(t, s, func(u store.Tx) error {
			ex, err := u.Execution("ex")
			if err != nil {
				return err
			}
			c.change(ex)
			return u.SaveExecution(ex)
		})
		if rows != c.rows {
			t.Errorf("%s: %d rows written, expected %d", c.name, rows, c.rows)
		}
	}
}

// lines are what the last column of a query holds.
func lines(t *testing.T, c *conn, query string, args ...any) (out []string) {
	t.Helper()
	found, err := c.sql.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	into := make([]any, len(columns))
	for i := range into {
		into[i] = new(string)
	}
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, *into[len(into)-1].(*string))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// recorder notes how SQLite runs the queries that go through it.
type recorder struct {
	*conn
	t     *testing.T
	plans []string
}

func (r *recorder) Ask(found func(rows.Rows) error, query string, args ...any) error {
	r.plans = append(r.plans, strings.Join(lines(r.t, r.conn, "EXPLAIN QUERY PLAN "+query, storable(args)...), "\n"))
	return r.conn.Ask(found, query, args...)
}

// plans are how SQLite runs the queries of a read.
func plans[T any](t *testing.T, s *Store, read func(store.Reader) (T, error)) []string {
	t.Helper()
	c := <-s.readers.idle
	defer func() { s.readers.idle <- c }()
	r := &recorder{conn: c, t: t}
	if _, err := read(rows.NewReader(t.Context(), r, dialect, time.Now)); err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return r.plans
}

func TestListsUseAnIndexInItsOrder(t *testing.T) {
	s := openHere(t)
	cases := []struct {
		index string
		query store.ExecutionQuery
	}{
		{"execution_built", store.ExecutionQuery{}},
		{"execution_built", store.ExecutionQuery{BuiltFrom: time.Now()}},
		{"execution_application", store.ExecutionQuery{Application: "shop"}},
		{"execution_application", store.ExecutionQuery{Application: "shop", OldestFirst: true, BuiltTo: time.Now()}},
		{"execution_config", store.ExecutionQuery{PipelineConfigIDs: []string{"1"}}},
		{"execution_name", store.ExecutionQuery{PipelineName: "deploy"}},
		{"execution_event_id", store.ExecutionQuery{EventID: "e"}},
		{"execution_unfinished", store.ExecutionQuery{Application: "shop", Statuses: []spinnaker.Status{spinnaker.Running}}},
	}
	for _, c := range cases {
		found := plans(t, s, func(r store.Reader) ([]*spinnaker.Execution, error) { return r.Executions(c.query) })[0]
		if !strings.Contains(found, " "+c.index+" ") && !strings.HasSuffix(found, " "+c.index) {
			t.Errorf("%+v: expected index %s, found\n%s", c.query, c.index, found)
		}
		if c.index != "execution_event_id" && strings.Contains(found, "TEMP B-TREE") && len(c.query.PipelineConfigIDs) == 0 {
			t.Errorf("%+v: it sorts:\n%s", c.query, found)
		}
	}
}

func TestWorkIsFoundByIndex(t *testing.T) {
	s := openHere(t)
	due := plans(t, s, func(r store.Reader) ([]store.StageRef, error) { return r.DueStages(time.Now(), 1) })
	next := plans(t, s, store.Reader.NextDue)
	slots := plans(t, s, func(r store.Reader) ([]store.Slot, error) { return r.Slots("x") })
	correlation := plans(t, s, func(r store.Reader) (string, error) { return r.ExecutionByCorrelation("x") })
	for i, c := range []struct{ index, plan string }{
		{"stage_due", due[0]}, {"stage_due", next[0]}, {"candidate_due", next[1]}, {"execution_slot", slots[0]},
		{"execution_correlation", correlation[0]},
	} {
		if !strings.Contains(c.plan, " "+c.index) {
			t.Errorf("query %d: expected index %s, found\n%s", i, c.index, c.plan)
		}
	}
}

// Whoever adds a table has to say whether transfer.Copy copies its rows: history must not get lost on the way to another
// store.
func TestEveryTableIsCopiedOrLeftOut(t *testing.T) {
	s := openHere(t)
	copied := []string{"application", "audit", "blob", "blob_chunk", "blob_ref", "candidate", "event", "execution", "execution_event",
		"job_state", "part", "pipeline", "pipeline_version", "stage", "stage_log", "start", "verdict"}
	leftOut := []string{"counter", "incarnation", "lease", "schema_migration"}
	tables, err := s.writer.sql.QueryContext(t.Context(), "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		t.Fatal(err)
	}
	found, err := texts(tables)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		if !slices.Contains(copied, name) && !slices.Contains(leftOut, name) {
			t.Errorf("table %q: have agent/internal/store/transfer copy it, or list it here as left out", name)
		}
	}
}

// allocated is how many bytes are allocated while something runs.
func allocated(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// An execution of 200 stages and 20 MB of outputs, and one that it has started, are listed without reading those.
func TestBriefListsReadNothingLarge(t *testing.T) {
	s := openHere(t)
	const stages, size = 200, 100_000
	parent := &engine.Execution{Execution: &spinnaker.Execution{ID: "parent", Application: "shop", Name: "deploy", Status: spinnaker.Running,
		Trigger: spinnaker.Trigger{"type": "manual"}}, Work: map[string]*engine.Work{}}
	for i := range stages {
		parent.Stages = append(parent.Stages, &spinnaker.Stage{ID: fmt.Sprint(i), RefID: fmt.Sprint(i), Type: "wait", Name: "Wait", Status: spinnaker.Succeeded,
			Context: map[string]any{"group": "all", "large": strings.Repeat("c", size/10)},
			Outputs: map[string]any{"manifest": strings.Repeat("m", size)}})
	}
	whole, err := spinnaker.Plain(parent.Execution)
	if err != nil {
		t.Fatal(err)
	}
	child := &engine.Execution{Execution: &spinnaker.Execution{ID: "child", Application: "shop", Name: "test", Status: spinnaker.Running,
		Trigger: spinnaker.Trigger{"type": "pipeline", "parentExecution": whole}}}
	err = s.Update(t.Context(), func(tx store.Tx) error { return errors.Join(tx.SaveExecution(parent), tx.SaveExecution(child)) })
	if err != nil {
		t.Fatal(err)
	}
	list := func(brief bool) (found []*spinnaker.Execution) {
		err := s.View(t.Context(), func(r store.Reader) (err error) {
			found, err = r.Executions(store.ExecutionQuery{Application: "shop", Brief: brief})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	var shown []*spinnaker.Execution
	const few = 4 << 20
	if read := allocated(func() { shown = list(true) }); read > few {
		t.Errorf("a brief list took %d bytes of memory, expected at most %d", read, few)
	}
	if read := allocated(func() { list(false) }); read < 2*stages*size {
		t.Errorf("a whole list took only %d bytes of memory: the test measures nothing", read)
	}
	if len(shown) != 2 || len(shown[0].Stages)+len(shown[1].Stages) != stages {
		t.Fatalf("found %d executions", len(shown))
	}
	for _, ex := range shown {
		if ex.ID == "child" {
			seen := ex.Trigger.Object("parentExecution")
			if seen["id"] != "parent" || len(seen["stages"].([]any)) != stages {
				t.Errorf("the child's parent is not shown: %v", seen["id"])
			}
		}
	}
	// Progress of the child reads its parent, and rewrites none of it.
	rows := written(t, s, func(tx store.Tx) error {
		ex, err := tx.Execution("child")
		if err != nil {
			return err
		}
		if got := fmt.Sprint(ex.Trigger.Object("parentExecution")); got != fmt.Sprint(whole) {
			t.Error("the parent came back different")
		}
		ex.Status = spinnaker.Succeeded
		return tx.SaveExecution(ex)
	})
	if rows != 1 {
		t.Errorf("%d rows were written, expected 1", rows)
	}
}
