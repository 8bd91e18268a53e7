package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func executionTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"an execution is kept whole":                        testExecution,
		"saving again keeps what changed":                   testSaveAgain,
		"an execution is added once":                        testAdd,
		"saving without having read keeps what changed":     testSaveUnread,
		"stages may come and go, in any order":              testStagesChange,
		"a stage's state is bounded":                        testStateBound,
		"an execution is found by its correlation":          testCorrelation,
		"unfinished executions hold slots":                  testSlots,
		"events wait in order until they are consumed":      testExecutionEvents,
		"executions with events are pending":                testPending,
		"a stage's log grows and is read from any line":     testStageLog,
		"an execution is deleted with all that is its own":  testDeleteExecution,
		"an execution that nobody is at can be had at once": testTakeExecution,
	}
}

// plain is a value as JSON shows it, for comparing.
func plain(tb testing.TB, value any) string {
	tb.Helper()
	data, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// rich is an execution that uses every member.
func rich(tb testing.TB, id string) *engine.Execution {
	tb.Helper()
	shown := new(spinnaker.Execution)
	err := spinnaker.Decode([]byte(`{"type":"PIPELINE","id":"`+id+`","application":"shop","name":"deploy",
		"pipelineConfigId":"config","rootId":"r","buildTime":1755162000000,"startTime":1755162000100,"status":"RUNNING",
		"canceled":false,"canceledBy":"ann","cancellationReason":"why","limitConcurrent":true,"maxConcurrentExecutions":3,
		"keepWaitingPipelines":true,"spelEvaluator":"v4","origin":"api","authentication":{"user":"ann","allowedAccounts":["a"]},
		"paused":{"pausedBy":"bob","pauseTime":5,"paused":true,"pausedMs":7},"source":{"id":"s","type":"t"},
		"templateVariables":{"v":1},"notifications":[{"type":"email"}],"systemNotifications":[{"type":"s"}],
		"initialConfig":{"name":"deploy","big":9007199254740993},
		"trigger":{"type":"jenkins","buildNumber":41,"properties":{"ratio":41.0}},
		"stages":[{"id":"a","refId":"1","requisiteStageRefIds":[],"type":"wait","name":"Wait","status":"SUCCEEDED",
			"startTime":1,"endTime":2,"context":{"group":"first","waitTime":5,"nested":{"x":[1,2.50]}},
			"outputs":{"artifacts":[{"type":"t"}]},
			"tasks":[{"id":"1","name":"wait","implementingClass":"w","status":"SUCCEEDED","stageStart":true}]},
		 {"id":"b","refId":"2","requisiteStageRefIds":["1"],"type":"wait","name":"More","status":"RUNNING",
			"parentStageId":"a","syntheticStageOwner":"STAGE_AFTER","context":{},"outputs":{},"tasks":[],
			"lastModified":{"user":"ann","allowedAccounts":[],"lastModifiedTime":9}}]}`), shown)
	if err != nil {
		tb.Fatal(err)
	}
	return &engine.Execution{Execution: shown, Waiting: true, Work: map[string]*engine.Work{
		"a": {},
		"b": {Phase: engine.PhaseRun, Due: base().Add(1234567 * time.Nanosecond), Awaits: "judgment", Attempt: 2, Step: 3,
			Retries: 1, State: []byte{0, 1, 0xff}, Deadline: base().Add(time.Hour), Part: engine.PartMain, Began: base(),
			Verdict: spinnaker.Succeeded, Patched: []string{"x"},
			Pending: []engine.Inserted{{Owner: spinnaker.StageAfter, Type: "wait", Name: "n",
				Context: map[string]any{"waitTime": json.Number("5")}}},
			Held: &engine.Held{Phase: engine.PhaseRun, Due: base()}},
	}}
}

func load(tb testing.TB, s store.Store, id string) *engine.Execution {
	tb.Helper()
	return read(tb, s, func(r store.Reader) (*engine.Execution, error) { return r.Execution(id) })
}

func save(tb testing.TB, s store.Store, ex *engine.Execution) {
	tb.Helper()
	update(tb, s, func(tx store.Tx) error { return tx.SaveExecution(ex) })
}

func testExecution(t *testing.T, s store.Store) {
	want := rich(t, "ex")
	save(t, s, want)
	found := load(t, s, "ex")
	same(t, "shown", plain(t, found.Execution), plain(t, want.Execution))
	same(t, "work", found.Work, want.Work)
	same(t, "waiting", found.Waiting, true)

	err := readError(t, s, func(r store.Reader) (*engine.Execution, error) { return r.Execution("nope") })
	same(t, "not found", errors.Is(err, store.ErrNotFound), true)
	same(t, "text", err.Error(), `execution "nope": not found`)
}

// edit changes each kind of row of the rich execution.
func edit(ex *engine.Execution) {
	ex.Status, ex.EndTime, ex.Waiting = spinnaker.Succeeded, 1755162009999, false
	ex.Trigger["late"] = "yes"
	ex.InitialConfig["late"] = "yes"
	first, second := ex.Stages[0], ex.Stages[1]
	first.Outputs = map[string]any{}
	first.Context["added"] = true
	second.Outputs["found"] = "it"
	second.Status = spinnaker.Succeeded
	second.Tasks = []spinnaker.Task{{ID: "1", Name: "n", Status: spinnaker.Succeeded}}
	*ex.Work["a"] = engine.Work{Phase: engine.PhaseTimer, Due: base(), State: []byte("s")}
	*ex.Work["b"] = engine.Work{}
}

func testSaveAgain(t *testing.T, s store.Store) {
	save(t, s, rich(t, "ex"))
	want := rich(t, "ex")
	edit(want)
	update(t, s, func(tx store.Tx) error {
		ex, err := tx.Execution("ex")
		if err != nil {
			return err
		}
		edit(ex)
		return tx.SaveExecution(ex)
	})
	found := load(t, s, "ex")
	same(t, "shown", plain(t, found.Execution), plain(t, want.Execution))
	same(t, "work", found.Work, want.Work)
	same(t, "waiting", found.Waiting, false)
}

func testAdd(t *testing.T, s store.Store) {
	want := rich(t, "ex")
	update(t, s, func(tx store.Tx) error { return tx.AddExecution(want) })
	same(t, "shown", plain(t, load(t, s, "ex").Execution), plain(t, want.Execution))

	again := rich(t, "ex")
	edit(again)
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.AddExecution(again) }); err == nil {
		t.Error("an execution was added twice")
	}
	found := load(t, s, "ex")
	same(t, "shown after the second time", plain(t, found.Execution), plain(t, want.Execution))
	same(t, "work after the second time", found.Work, want.Work)
}

func testSaveUnread(t *testing.T, s store.Store) {
	save(t, s, rich(t, "ex"))
	want := rich(t, "ex")
	edit(want)
	update(t, s, func(tx store.Tx) error {
		if err := tx.SaveExecution(rich(t, "ex")); err != nil {
			return err
		}
		return tx.SaveExecution(want)
	})
	found := load(t, s, "ex")
	same(t, "shown", plain(t, found.Execution), plain(t, want.Execution))
	same(t, "work", found.Work, want.Work)
}

func testStagesChange(t *testing.T, s store.Store) {
	ids := func() (out []string) {
		for _, stage := range load(t, s, "ex").Stages {
			out = append(out, stage.ID)
		}
		return out
	}
	for _, want := range [][]string{{"a", "b"}, {"b", "x", "a"}, {"a"}, nil, {"c", "b"}} {
		var stages []*spinnaker.Stage
		for _, id := range want {
			stages = append(stages, stage(id))
		}
		save(t, s, execution("ex", stages...))
		same(t, "stages", ids(), want)
		same(t, "work", len(load(t, s, "ex").Work), len(want))
	}
}

func testStateBound(t *testing.T, s store.Store) {
	ex := execution("ex", stage("a"))
	ex.Work["a"].State = make([]byte, engine.MaxState)
	save(t, s, ex)
	ex.Work["a"].State = make([]byte, engine.MaxState+1)
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.SaveExecution(ex) }); err == nil {
		t.Error("a state over the bound was kept")
	}
	same(t, "state", len(load(t, s, "ex").Work["a"].State), engine.MaxState)
}

func testCorrelation(t *testing.T, s store.Store) {
	ex := execution("ex")
	ex.Trigger["correlationId"] = "job-7"
	save(t, s, ex)
	save(t, s, execution("other"))
	find := func(id string) (string, error) {
		var found string
		err := s.View(t.Context(), func(r store.Reader) (err error) {
			found, err = r.ExecutionByCorrelation(id)
			return err
		})
		return found, err
	}
	found, err := find("job-7")
	same(t, "error", err, error(nil))
	same(t, "execution", found, "ex")
	for _, absent := range []string{"job-8", ""} {
		if _, err := find(absent); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("correlation %q: found error %v", absent, err)
		}
	}
}

func testSlots(t *testing.T, s store.Store) {
	add := func(id, config string, status spinnaker.Status, minute int, waiting bool) {
		ex := execution(id)
		ex.PipelineConfigID, ex.Status, ex.Waiting = config, status, waiting
		ex.BuildTime = spinnaker.MillisOf(base().Add(time.Duration(minute) * time.Minute))
		save(t, s, ex)
	}
	add("later", "config", spinnaker.NotStarted, 2, true)
	add("done", "config", spinnaker.Succeeded, 0, false)
	add("first", "config", spinnaker.Running, 1, false)
	add("other", "other", spinnaker.Running, 1, false)
	slots := read(t, s, func(r store.Reader) ([]store.Slot, error) { return r.Slots("config") })
	same(t, "slots", slots, []store.Slot{
		{ExecutionID: "first", Status: spinnaker.Running, BuildTime: base().Add(time.Minute)},
		{ExecutionID: "later", Status: spinnaker.NotStarted, Waiting: true, BuildTime: base().Add(2 * time.Minute)},
	})
}

func testExecutionEvents(t *testing.T, s store.Store) {
	save(t, s, execution("ex"))
	save(t, s, execution("other"))
	events := []engine.Event{
		{Kind: engine.EventPatch, StageID: "a", User: "ann", At: base(), Values: map[string]any{"n": json.Number("41.0")}},
		{Kind: engine.EventChild, StageID: "a", At: base(), Result: &engine.Result{Status: spinnaker.Succeeded,
			Outputs: map[string]any{"x": "y"}, Artifacts: []spinnaker.Artifact{{Type: "t", Metadata: map[string]any{}}}}},
		{Kind: engine.EventCancel, User: "bob", Reason: "stop", At: base()},
	}
	for _, event := range events {
		update(t, s, func(tx store.Tx) error {
			return errors.Join(tx.AddExecutionEvent("ex", event), tx.AddExecutionEvent("other", event))
		})
	}
	waiting := func() []engine.Event {
		return read(t, s, func(r store.Reader) ([]engine.Event, error) { return r.ExecutionEvents("ex") })
	}
	found := waiting()
	for i := range found {
		if i > 0 && found[i].ID <= found[i-1].ID {
			t.Errorf("event %d has the id %d after %d", i, found[i].ID, found[i-1].ID)
		}
		events[i].ID = found[i].ID
	}
	same(t, "events", found, events)

	update(t, s, func(tx store.Tx) error { return tx.ConsumeExecutionEvents("ex", []int64{found[0].ID, found[2].ID}) })
	same(t, "events left", waiting(), events[1:2])

	err := s.Update(t.Context(), func(tx store.Tx) error { return tx.AddExecutionEvent("nope", events[0]) })
	same(t, "an unknown execution", errors.Is(err, store.ErrNotFound), true)
}

func testPending(t *testing.T, s store.Store) {
	for _, id := range []string{"a", "b", "c"} {
		save(t, s, execution(id))
	}
	for _, id := range []string{"b", "a", "b"} {
		update(t, s, func(tx store.Tx) error { return tx.AddExecutionEvent(id, engine.Event{Kind: engine.EventResume}) })
	}
	pending := func(limit int) []string {
		return read(t, s, func(r store.Reader) ([]string, error) { return r.PendingExecutions(limit) })
	}
	same(t, "pending, longest waiting first", pending(10), []string{"b", "a"})
	same(t, "at most one", pending(1), []string{"b"})
}

func testStageLog(t *testing.T, s store.Store) {
	save(t, s, execution("ex", stage("a"), stage("b")))
	var want []store.LogLine
	for i := range 5 {
		line := store.LogLine{Time: base().Add(time.Duration(i) * time.Second), Level: "info", Text: fmt.Sprint("line ", i)}
		want = append(want, line)
		update(t, s, func(tx store.Tx) error {
			return errors.Join(tx.AppendStageLog("ex", "a", []store.LogLine{line}), tx.AppendStageLog("ex", "b", []store.LogLine{line, line}))
		})
	}
	lines := func(offset, limit int) []store.LogLine {
		return read(t, s, func(r store.Reader) ([]store.LogLine, error) { return r.StageLog("ex", "a", offset, limit) })
	}
	same(t, "all", lines(0, 0), want)
	same(t, "two from the second on", lines(1, 2), want[1:3])
	same(t, "behind the end", lines(5, 10), []store.LogLine(nil))

	err := s.Update(t.Context(), func(tx store.Tx) error { return tx.AppendStageLog("ex", "gone", want) })
	same(t, "an unknown stage", errors.Is(err, store.ErrNotFound), true)

	save(t, s, execution("ex", stage("b")))
	same(t, "of a stage that is gone", lines(0, 0), []store.LogLine(nil))
}

func testTakeExecution(t *testing.T, s store.Store) {
	save(t, s, rich(t, "ex"))
	for _, reason := range []string{"first", "second"} {
		update(t, s, func(tx store.Tx) error {
			return tx.AddExecutionEvent("ex", engine.Event{Kind: engine.EventCancel, Reason: reason})
		})
	}
	for _, wait := range []bool{false, true} {
		update(t, s, func(tx store.Tx) error {
			found, events, err := tx.TakeExecution("ex", wait)
			if err != nil {
				return err
			}
			same(t, "shown", plain(t, found.Execution), plain(t, rich(t, "ex").Execution))
			same(t, "events", []string{events[0].Reason, events[1].Reason}, []string{"first", "second"})
			_, _, err = tx.TakeExecution("nope", wait)
			same(t, "not found", errors.Is(err, store.ErrNotFound), true)
			return nil
		})
	}
}

func testDeleteExecution(t *testing.T, s store.Store) {
	save(t, s, rich(t, "ex"))
	save(t, s, execution("other"))
	update(t, s, func(tx store.Tx) error {
		return errors.Join(
			tx.AddExecutionEvent("ex", engine.Event{Kind: engine.EventCancel}),
			tx.AppendStageLog("ex", "a", []store.LogLine{{Text: "x"}}))
	})
	update(t, s, func(tx store.Tx) error { return tx.DeleteExecution("ex") })
	err := readError(t, s, func(r store.Reader) (*engine.Execution, error) { return r.Execution("ex") })
	same(t, "deleted", errors.Is(err, store.ErrNotFound), true)
	pending := read(t, s, func(r store.Reader) ([]string, error) { return r.PendingExecutions(0) })
	same(t, "pending", pending, []string(nil))
	same(t, "the other", load(t, s, "other").ID, "other")
	err = s.Update(t.Context(), func(tx store.Tx) error { return tx.DeleteExecution("ex") })
	same(t, "deleting again", errors.Is(err, store.ErrNotFound), true)

	save(t, s, execution("ex", stage("a")))
	log := read(t, s, func(r store.Reader) ([]store.LogLine, error) { return r.StageLog("ex", "a", 0, 0) })
	same(t, "log of a new execution of that id", log, []store.LogLine(nil))
}
