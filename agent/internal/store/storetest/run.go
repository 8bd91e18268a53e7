package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Open makes an empty store that is closed when the test ends.
type Open func(tb testing.TB) store.Store

// Run runs the whole suite, each test on a store of its own, of which at most so many updates run at once.
func Run(t *testing.T, open Open, atOnce int) {
	groups := map[string]map[string]func(*testing.T, store.Store){
		"Update":     updateTests(atOnce),
		"Config":     configTests(),
		"Executions": executionTests(),
		"List":       listTests(),
		"Work":       workTests(),
		"Inbox":      inboxTests(),
		"Access":     accessTests(),
		"Blobs":      blobTests(),
		"Retention":  retentionTests(),
		"Export":     exportTests(),
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, open(t))
				})
			}
		})
	}
}

// update runs a change that must succeed.
func update(tb testing.TB, s store.Store, change func(store.Tx) error) {
	tb.Helper()
	if err := s.Update(tb.Context(), change); err != nil {
		tb.Fatalf("update: %v", err)
	}
}

// read returns what a read that must succeed returns.
func read[T any](tb testing.TB, s store.Store, get func(store.Reader) (T, error)) (value T) {
	tb.Helper()
	err := s.View(tb.Context(), func(r store.Reader) (err error) {
		value, err = get(r)
		return err
	})
	if err != nil {
		tb.Fatalf("view: %v", err)
	}
	return value
}

// readError returns the error of a read that must fail.
func readError[T any](tb testing.TB, s store.Store, get func(store.Reader) (T, error)) error {
	tb.Helper()
	err := s.View(tb.Context(), func(r store.Reader) error {
		_, err := get(r)
		return err
	})
	if err == nil {
		tb.Fatal("view: no error")
	}
	return err
}

func same(tb testing.TB, what string, got, want any) {
	tb.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Fatalf("%s: (- wanted, + found)\n%s", what, diff)
	}
}

// base is a time that the rows of the tests are relative to.
func base() time.Time { return time.Date(2026, 8, 14, 9, 0, 0, 0, time.UTC) }

// execution makes a running execution of application "shop", built at base, with the stages given.
func execution(id string, stages ...*spinnaker.Stage) *engine.Execution {
	ex := &engine.Execution{
		Execution: &spinnaker.Execution{
			Type: spinnaker.PipelineExecution, ID: id, Application: "shop", Name: "deploy", PipelineConfigID: "config",
			Status: spinnaker.Running, BuildTime: spinnaker.MillisOf(base()), Stages: stages,
			Trigger: spinnaker.Trigger{"type": "manual"},
		},
		Work: map[string]*engine.Work{},
	}
	for _, stage := range stages {
		ex.Work[stage.ID] = &engine.Work{}
	}
	return ex
}

func stage(id string) *spinnaker.Stage {
	return &spinnaker.Stage{ID: id, RefID: id, Type: "wait", Name: id, Status: spinnaker.NotStarted}
}

// dueStage stores an execution with one stage that is due at a time.
func dueStage(tb testing.TB, s store.Store, executionID, stageID string, due time.Time) store.StageRef {
	tb.Helper()
	ex := execution(executionID, stage(stageID))
	*ex.Work[stageID] = engine.Work{Phase: engine.PhaseRun, Due: due, Attempt: 1, Step: 1}
	update(tb, s, func(t store.Tx) error { return t.SaveExecution(ex) })
	return store.StageRef{ExecutionID: executionID, StageID: stageID}
}

// alive makes incarnations known.
func alive(tb testing.TB, s store.Store, ids ...string) {
	tb.Helper()
	for _, id := range ids {
		update(tb, s, func(t store.Tx) error { return t.Renew(store.Incarnation{ID: id, Host: "host", PID: 1}) })
	}
}
