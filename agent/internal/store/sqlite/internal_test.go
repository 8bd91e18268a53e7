package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
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
		if _, err := c.exec("DELETE FROM audit"); err == nil {
			t.Error("a reader could write")
		}
		s.readers.idle <- c
	}
}

func TestPreparedStatementsAreBounded(t *testing.T) {
	s := openHere(t)
	err := s.View(t.Context(), func(r store.Reader) error {
		for i := range 2 * maxStatements {
			found, err := list(&r.(*reader).scope, scanned[int], fmt.Sprint("SELECT ", i))
			if err != nil {
				return err
			}
			if len(found) != 1 || found[0] != i {
				t.Errorf("SELECT %d gave %v", i, found)
			}
		}
		if n := len(r.(*reader).conn.stmts); n > maxStatements {
			t.Errorf("%d statements are prepared, at most %d should be", n, maxStatements)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
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
	good := []migration{
		{1, "0001_a.sql", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);"},
		{2, "0002_b.sql", "ALTER TABLE a ADD COLUMN y INTEGER;"},
	}
	broken := append(good, migration{3, "0003_c.sql", "CREATE TABLE c (x INTEGER); CREATE TABLE a (x INTEGER);"})
	cases := []struct {
		name     string
		steps    []migration
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

// written runs a change and returns how many rows it wrote.
func written(t *testing.T, s *Store, change func(store.Tx) error) int {
	t.Helper()
	rows := 0
	err := s.Update(t.Context(), func(update store.Tx) error {
		count := func() (n int, err error) {
			return one(&update.(*tx).scope, nil, scanned[int], "SELECT total_changes()")
		}
		before, err := count()
		if err != nil {
			return err
		}
		if err := change(update); err != nil {
			return err
		}
		after, err := count()
		rows = after - before
		return err
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
		{"the trigger", func(ex *engine.Execution) { ex.Trigger["type"] = "jenkins" }, 2},
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

// plan is how SQLite runs a statement.
func plan(t *testing.T, s *Store, statement string, args ...any) string {
	t.Helper()
	var lines []string
	err := s.View(t.Context(), func(r store.Reader) (err error) {
		lines, err = list(&r.(*reader).scope, func(rows *sql.Rows) (line string, err error) {
			var id, parent, unused int
			return line, rows.Scan(&id, &parent, &unused, &line)
		}, "EXPLAIN QUERY PLAN "+statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
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
		statement, args, err := selection(c.query)
		if err != nil {
			t.Fatal(err)
		}
		found := plan(t, s, statement, args...)
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
	cases := []struct {
		index, statement string
		args             []any
	}{
		{"stage_due", selectDueStages, []any{1, 1}},
		{"stage_due", selectNextStage, nil},
		{"candidate_due", selectNextCandidate, nil},
		{"execution_slot", selectSlots, []any{"x"}},
		{"execution_correlation", selectCorrelation, []any{"x"}},
	}
	for _, c := range cases {
		if found := plan(t, s, c.statement, c.args...); !strings.Contains(found, " "+c.index) {
			t.Errorf("%s: expected index %s, found\n%s", c.statement, c.index, found)
		}
	}
}
