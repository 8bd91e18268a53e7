package transfer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/postgres"
	"github.com/gennaker/gennaker/agent/internal/store/postgres/postgrestest"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
	"github.com/gennaker/gennaker/agent/internal/store/transfer"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// cluster is the server of the tests with PostgreSQL.
var cluster postgrestest.Cluster

func TestMain(m *testing.M) {
	status := m.Run()
	if err := cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// openSQLite opens an empty SQLite store.
func openSQLite(t *testing.T) store.Store { return sqlitetest.Open(t) }

// openPostgres opens an empty PostgreSQL store.
func openPostgres(t *testing.T) store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: cluster.Database(t), Connections: 4})
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

func update(t *testing.T, s store.Store, change func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

func pipeline(t *testing.T, id, name string) (p spinnaker.Pipeline) {
	t.Helper()
	if err := p.UnmarshalJSON(fmt.Appendf(nil, `{"id":%q,"application":"shop","name":%q,"unknown":{"big":9007199254740993}}`, id, name)); err != nil {
		t.Fatal(err)
	}
	return p
}

// at is a time that the rows of the tests are relative to.
func at(minutes int) time.Time {
	return time.Date(2026, 8, 14, 9, minutes, 0, 0, time.UTC)
}

// fill stores something of everything.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		steps := []error{
			tx.PutApplication(spinnaker.Application{"name": "shop", "email": "a@example.com", "unknown": json.Number("1.50")}),
			tx.PutPipeline(pipeline(t, "gone", "deploy")), tx.DeletePipeline("gone"),
			tx.PutPipeline(pipeline(t, "1", "old name")), tx.PutPipeline(pipeline(t, "1", "deploy")),
			tx.PutPipeline(pipeline(t, "2", "old name")),
			tx.PutJobStates("ci", map[string][]byte{"shop/job/cart": {1, 0, 2}}), tx.PutJobStates("other", map[string][]byte{"x": {}}),
			tx.AddStart("key\x00of the inbox", "ex0"), tx.AddStart("other key", "ex1"),
			tx.AddCandidate(store.Candidate{ID: "c", EventID: "event1", PipelineConfigID: "1", Trigger: "#0", Fired: spinnaker.Trigger{"type": "jenkins"},
				StartKey: "k\x00", Order: "o\x00o", Sequence: 42, Due: at(1), Deadline: at(2), Attempts: 3, LastError: "late"}),
		}
		return errors.Join(steps...)
	})
	const many = 1100 // more than two pages
	update(t, s, func(tx store.Tx) error {
		for i := range many {
			if err := tx.AddAudit(store.AuditRow{At: at(i), User: "ann", Action: fmt.Sprint(i), Target: "t", Detail: "d", Remote: "r"}); err != nil {
				return err
			}
		}
		for i := range 3 {
			id := fmt.Sprint("event", i)
			err := errors.Join(tx.AddEvent(store.Event{ID: id, Key: "key of " + id, Type: "build", Source: "ci", Name: "job", ReceivedAt: at(i), Body: []byte(`{"n":1}`)}),
				tx.PutVerdict(store.Verdict{EventID: id, PipelineConfigID: "1", Trigger: "#0", Application: "shop", Pipeline: "deploy",
					Outcome: store.Undecided, Reason: "waits", At: at(i)}),
				tx.PutVerdict(store.Verdict{EventID: id, PipelineConfigID: "2", Trigger: "#1", Outcome: store.Fired, Reason: "fits", ExecutionID: "ex0", At: at(i)}))
			if err != nil {
				return err
			}
		}
		return nil
	})
	for i := range 3 {
		execution(t, s, fmt.Sprint("ex", i), i)
	}
}

// execution stores an execution with bodies, a log, events and a claimed stage.
func execution(t *testing.T, s store.Store, id string, number int) {
	t.Helper()
	ex := &engine.Execution{Waiting: number == 1,
		Execution: &spinnaker.Execution{Type: spinnaker.PipelineExecution, ID: id, Application: "shop", Name: "deploy", PipelineConfigID: "1",
			Status: spinnaker.Running, BuildTime: spinnaker.MillisOf(at(number)), Trigger: spinnaker.Trigger{"type": "manual", "unknown": "kept"},
			InitialConfig: map[string]any{"x": "y"},
			Stages: []*spinnaker.Stage{
				{ID: "a", RefID: "1", Type: "wait", Name: "A", Status: spinnaker.Succeeded, Outputs: map[string]any{"manifest": strings.Repeat("m", 10000)}},
				{ID: "b", RefID: "2", Type: "wait", Name: "B", Status: spinnaker.Running, Context: map[string]any{"group": "g"}}}},
		Work: map[string]*engine.Work{"a": {}, "b": {Phase: engine.PhaseRun, Due: at(0), Attempt: 2, Step: 3, State: []byte{0, 1, 0xff}}}}
	update(t, s, func(tx store.Tx) error {
		if err := errors.Join(tx.SaveExecution(ex), tx.Renew(store.Incarnation{ID: "agent", Host: "h", PID: 1})); err != nil {
			return err
		}
		_, err := tx.ClaimStage(store.StageRef{ExecutionID: id, StageID: "b"}, "agent", at(1))
		return errors.Join(err, tx.AddExecutionEvent(id, engine.Event{Kind: "cancel", User: "ann", At: at(3)}),
			tx.AddExecutionEvent(id, engine.Event{Kind: "pause", User: "bob", At: at(4)}),
			tx.AppendStageLog(id, "a", []store.LogLine{{Time: at(1), Level: "info", Text: "one"}, {Time: at(2), Level: "warn", Text: "two"}}))
	})
	for stage, body := range map[string]string{"a": "shared", "b": strings.Repeat(id, 300000)} {
		ref := store.BlobRef{ExecutionID: id, StageID: stage, Attempt: number}
		if _, err := s.PutBlob(t.Context(), ref, "text/plain", strings.NewReader(body), 1<<30); err != nil {
			t.Fatal(err)
		}
	}
}

// everything is what a store keeps, as text, apart from what belongs to a running agent and the times of starts.
func everything(t *testing.T, s store.Store) string {
	t.Helper()
	var out strings.Builder
	var hashes []string
	show := func(value any, err error) error {
		text, encoding := json.MarshalIndent(value, "", " ")
		fmt.Fprintf(&out, "%T %s\n", value, text)
		return errors.Join(err, encoding)
	}
	err := s.View(t.Context(), func(r store.Reader) error {
		applications, err1 := r.Applications()
		pipelines, err2 := r.Pipelines("")
		versions, err3 := r.PipelineVersions(0, 0)
		for i := range versions {
			versions[i].Sequence = 0
		}
		starts, err4 := r.Starts("", 0)
		for i := range starts {
			starts[i].At = time.Time{}
		}
		candidates, err5 := r.Candidates("", 0)
		events, err6 := r.Events(store.EventQuery{})
		verdicts, err7 := r.Verdicts(store.VerdictQuery{})
		audit, err8 := r.Audit(0)
		err := errors.Join(show(applications, err1), show(pipelines, err2), show(versions, err3), show(starts, err4),
			show(candidates, err5), show(events, err6), show(verdicts, err7), show(audit, err8))
		masters, err9 := r.PolledMasters()
		err = errors.Join(err, err9)
		for _, master := range masters {
			err = errors.Join(err, show(r.JobStates(master)))
		}
		ids, err10 := r.ExecutionIDs("", 0)
		err = errors.Join(err, err10)
		for _, id := range ids {
			ex, err11 := r.Execution(id)
			pending, err12 := r.ExecutionEvents(id)
			for i := range pending {
				pending[i].ID = 0
			}
			log, err13 := r.StageLog(id, "a", 0, 0)
			blobs, err14 := r.KeptBlobs(id)
			err = errors.Join(err, show(ex, err11), show(pending, err12), show(log, err13), show(blobs, err14))
			for _, blob := range blobs {
				hashes = append(hashes, blob.SHA256)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(hashes)
	for _, hash := range slices.Compact(hashes) {
		stream, blob, err := s.OpenBlob(t.Context(), hash)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(stream)
		if err := errors.Join(err, stream.Close()); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, blob, len(body), string(body[:min(len(body), 20)]))
	}
	// PostgreSQL keeps no null character in texts; its driver writes the sign for one.
	return strings.ReplaceAll(out.String(), `\u0000`, "␀")
}

func TestEverythingIsCopied(t *testing.T) {
	for name, way := range map[string]struct{ from, to func(*testing.T) store.Store }{
		"from SQLite to SQLite":     {openSQLite, openSQLite},
		"from SQLite to PostgreSQL": {openSQLite, openPostgres},
		"from PostgreSQL to SQLite": {openPostgres, openSQLite},
	} {
		t.Run(name, func(t *testing.T) { copyEverything(t, way.from(t), way.to(t)) })
	}
}

func copyEverything(t *testing.T, from, to store.Store) {
	fill(t, from)
	told := 0
	counts, err := transfer.Copy(t.Context(), from, to, func(transfer.Counts) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	want := transfer.Counts{Applications: 1, PipelineVersions: 4, Executions: 3, Bodies: 6, Events: 3, Candidates: 1, Starts: 2, Jobs: 2, AuditRows: 1100}
	if diff := cmp.Diff(want, counts); diff != "" || told == 0 {
		t.Errorf("told %d times; counts (- wanted, + found)\n%s", told, diff)
	}
	if diff := cmp.Diff(everything(t, from), everything(t, to)); diff != "" {
		t.Errorf("(- source, + target)\n%s", diff)
	}
	// Claims stay behind: the next agent takes the work up at once.
	err = to.View(t.Context(), func(r store.Reader) error {
		due, err := r.DueStages(time.Now(), 0)
		if len(due) != 3 {
			t.Errorf("%d stages are due in the target, expected 3", len(due))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestATargetThatKeepsAnythingIsRefused(t *testing.T) {
	for name, keep := range map[string]func(store.Tx) error{
		"an application": func(tx store.Tx) error { return tx.PutApplication(spinnaker.Application{"name": "shop"}) },
		"a history": func(tx store.Tx) error {
			return errors.Join(tx.PutPipeline(pipeline(t, "1", "deploy")), tx.DeletePipeline("1"))
		},
		"an execution": func(tx store.Tx) error {
			return tx.SaveExecution(&engine.Execution{Execution: &spinnaker.Execution{ID: "x", Status: spinnaker.Succeeded}})
		},
		"an event": func(tx store.Tx) error { return tx.AddEvent(store.Event{ID: "x", Body: []byte("{}")}) },
	} {
		t.Run(name, func(t *testing.T) {
			to := sqlitetest.Open(t)
			update(t, to, keep)
			before := everything(t, to)
			_, err := transfer.Copy(t.Context(), sqlitetest.Open(t), to, func(transfer.Counts) {})
			if err == nil || err.Error() != "look into the target: it is not empty: copy into a new store" {
				t.Errorf("found error %v", err)
			}
			if after := everything(t, to); after != before {
				t.Errorf("the target was changed:\n%s", cmp.Diff(before, after))
			}
		})
	}
}

// damaged gives bodies that are not what they were.
type damaged struct{ store.Store }

func (d damaged) OpenBlob(ctx context.Context, sha256 string) (io.ReadCloser, store.Blob, error) {
	stream, blob, err := d.Store.OpenBlob(ctx, sha256)
	if err != nil {
		return nil, blob, err
	}
	return io.NopCloser(bytes.NewReader(make([]byte, blob.Size))), blob, stream.Close()
}

func TestADamagedBodyIsNoticed(t *testing.T) {
	from := sqlitetest.Open(t)
	execution(t, from, "ex", 0)
	_, err := transfer.Copy(t.Context(), damaged{from}, sqlitetest.Open(t), func(transfer.Counts) {})
	if err == nil || !strings.Contains(err.Error(), `executions: execution "ex": body `) || !strings.Contains(err.Error(), "the source is damaged") {
		t.Errorf("found error %v, expected one about a damaged body", err)
	}
}
