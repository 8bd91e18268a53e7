package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

func expectRefusal(t *testing.T, what string, err error, status int, text string) {
	t.Helper()
	var refusal *spinnaker.Error
	if !errors.As(err, &refusal) {
		t.Errorf("%s: found %v, expected a refusal", what, err)
		return
	}
	expect(t, what, fmt.Sprintf("%d %s", refusal.Status, refusal.Message), fmt.Sprintf("%d %s", status, text))
}

func TestOperationsOnWhatIsNotThere(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	ctx, missing := t.Context(), "No PIPELINE found for nope"
	expectRefusal(t, "cancel", b.runner.Cancel(ctx, "nope", "ann", ""), http.StatusNotFound, missing)
	expectRefusal(t, "pause", b.runner.Pause(ctx, "nope", "ann"), http.StatusNotFound, missing)
	expectRefusal(t, "resume", b.runner.Resume(ctx, "nope", "ann"), http.StatusNotFound, missing)
	expectRefusal(t, "patch", b.runner.Patch(ctx, "nope", "s", "ann", nil), http.StatusNotFound, missing)
	expectRefusal(t, "restart", b.runner.Restart(ctx, "nope", "s", "ann", false), http.StatusNotFound, missing)
	expectRefusal(t, "delete", b.runner.Delete(ctx, "nope"), http.StatusNotFound, missing)
	_, _, err := b.runner.Evaluate(ctx, "nope", "", "x")
	expectRefusal(t, "evaluate", err, http.StatusNotFound, missing)
}

func TestOperationsInTheWrongState(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	ctx := t.Context()
	id := b.launch(limited(t, `"description":"x"`), nil)
	b.running(id)
	stageID := b.execution(id).Stages[0].ID
	expectRefusal(t, "resume", b.runner.Resume(ctx, id, "ann"), http.StatusConflict,
		"Unable to resume pipeline that is not PAUSED (executionId: "+id+", currentStatus: RUNNING")
	expectRefusal(t, "restart", b.runner.Restart(ctx, id, stageID, "ann", false), http.StatusConflict,
		`stage "manualJudgment" can not be restarted while its status is RUNNING: cancel the execution first, or wait for the stage to end`)
	expectRefusal(t, "restart of no stage", b.runner.Restart(ctx, id, "x", "ann", false), http.StatusNotFound, "No stage x found in execution "+id)
	expectRefusal(t, "patch of no stage", b.runner.Patch(ctx, id, "x", "ann", nil), http.StatusNotFound, "No stage x found in execution "+id)
	expectRefusal(t, "skip", b.runner.Patch(ctx, id, stageID, "ann", map[string]any{"manualSkip": true}), http.StatusMethodNotAllowed,
		"Cannot manually skip stage.")
	expectRefusal(t, "delete", b.runner.Delete(ctx, id), http.StatusConflict, "Cannot delete a running PIPELINE, please cancel it first.")
	b.judge(id, "continue")
	b.ended(id)
	expectRefusal(t, "pause", b.runner.Pause(ctx, id, "ann"), http.StatusConflict,
		"Unable to pause pipeline that is not RUNNING (executionId: "+id+", currentStatus: SUCCEEDED)")
	expectRefusal(t, "patch", b.runner.Patch(ctx, id, stageID, "ann", nil), http.StatusConflict,
		`Stage "manualJudgment" of execution `+id+` has ended already with status SUCCEEDED: it can not be changed.`)
	if err := b.runner.Cancel(ctx, id, "ann", ""); err != nil {
		t.Errorf("cancel of an execution that has ended: found %v, expected nothing to happen", err)
	}
	expect(t, "status", string(b.execution(id).Status), "SUCCEEDED")
	if err := b.runner.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	expectRefusal(t, "delete again", b.runner.Delete(ctx, id), http.StatusNotFound, "No PIPELINE found for "+id)
}

// TestJudgmentRulesStay: who may judge is not for the judge to say.
func TestJudgmentRulesStay(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	id := b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","type":"manualJudgment","name":"Go?","preventSelfApproval":true}]}`),
		spinnaker.Trigger{"user": "ann"})
	b.running(id)
	stageID := b.execution(id).Stages[0].ID
	err := b.runner.Patch(t.Context(), id, stageID, "ann", map[string]any{"preventSelfApproval": false, "judgmentStatus": "continue"})
	expectRefusal(t, "patch of a rule", err, http.StatusConflict, `Stage "Go?" of execution `+id+
		`: a judgment's preventSelfApproval can not be changed while it waits: change the pipeline, and start it again.`)
	if err := b.runner.Patch(t.Context(), id, stageID, "ann", map[string]any{"judgmentStatus": "continue"}); err != nil {
		t.Fatal(err)
	}
	expect(t, "after ann's own judgment", statuses(b.execution(id)), "RUNNING 1=RUNNING")
	if err := b.runner.Patch(t.Context(), id, stageID, "bob", map[string]any{"judgmentStatus": "continue"}); err != nil {
		t.Fatal(err)
	}
	expect(t, "after bob's", statuses(b.ended(id)), "SUCCEEDED 1=SUCCEEDED")
}

// TestPatchIsAnsweredWithItsEffect: when Patch returns, the stage has seen it.
func TestPatchIsAnsweredWithItsEffect(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	id := b.launch(limited(t, `"description":"x"`), nil)
	b.judge(id, "continue")
	expect(t, "statuses", statuses(b.execution(id)), "SUCCEEDED 1=SUCCEEDED")
	expect(t, "judge", b.execution(id).Stages[0].LastModified.User, "ann")
}

// TestFailedStart: a launch that fails is recorded as an execution.
func TestFailedStart(t *testing.T) {
	s := openStore(t)
	var ended []string
	b := start(t, s, &plugins{}, func(o *runner.Options) {
		o.Ended = func(_ store.Tx, ex *spinnaker.Execution) error {
			ended = append(ended, string(ex.Status))
			return nil
		}
	})
	var id, failure string
	err := s.Update(t.Context(), func(tx store.Tx) (err error) {
		id, failure, err = b.runner.Start(tx, runner.Start{Pipeline: pipeline(t, `{"application":"shop","name":"p","disabled":true}`)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ex := b.execution(id)
	expect(t, "failure", failure, "Pipeline is disabled and cannot be started.")
	expect(t, "status", string(ex.Status)+" by "+ex.CanceledBy, "TERMINAL by system")
	expect(t, "reason", ex.CancellationReason, "Failed on startup: Pipeline is disabled and cannot be started.")
	expect(t, "ended", strings.Join(ended, " "), "TERMINAL")
}

// TestStartAlone: what needs nothing outside is part of the transaction that starts the execution.
func TestStartAlone(t *testing.T) {
	var finished []string
	b := start(t, openStore(t), &plugins{}, func(o *runner.Options) {
		o.Poll = -1 // nothing else has a turn
		o.Finished = func(ex *spinnaker.Execution) { finished = append(finished, string(ex.Status)) }
	})
	for _, test := range []struct{ name, stages, statuses string }{
		{"stages that need nothing", `{"refId":"1","type":"wait","waitTime":0},{"refId":"2","type":"wait","waitTime":0,"requisiteStageRefIds":["1"]}`,
			"SUCCEEDED 1=SUCCEEDED 2=SUCCEEDED"},
		{"one that has to wait", `{"refId":"1","type":"wait","waitTime":0},{"refId":"2","type":"wait","waitTime":60,"requisiteStageRefIds":["1"]}`,
			"RUNNING 1=SUCCEEDED 2=RUNNING"},
		{"one of a plugin", `{"refId":"1","type":"wait","waitTime":0},{"refId":"2","type":"work","requisiteStageRefIds":["1"]}`,
			"RUNNING 1=SUCCEEDED 2=RUNNING"},
	} {
		id := b.launchAlone(pipeline(t, `{"application":"shop","name":"p","stages":[`+test.stages+`]}`))
		expect(t, test.name, statuses(b.execution(id)), test.statuses)
	}
	expect(t, "finished", strings.Join(finished, " "), "SUCCEEDED")
	expect(t, "counted", fmt.Sprint(b.runner.Stats().Ended), "map[SUCCEEDED:1]")
}

// TestRestartWithOtherPreconditions: a restart checks the preconditions of the pipeline as it is saved by then.
func TestRestartWithOtherPreconditions(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	checks := func(expression string) spinnaker.Pipeline {
		return pipeline(t, `{"application":"shop","name":"p","id":"p","stages":[{"refId":"1","type":"checkPreconditions",
		  "preconditions":[{"type":"expression","context":{"expression":"`+expression+`"}}]}]}`)
	}
	id := b.launch(b.keep(checks("false")), nil)
	for _, try := range []struct{ saved, statuses string }{
		{"", "TERMINAL 1<1=TERMINAL 1=TERMINAL"}, {"true", "SUCCEEDED 1<1=SUCCEEDED 1=SUCCEEDED"},
	} {
		ex := b.ended(id)
		if try.saved != "" {
			b.keep(checks(try.saved))
		}
		if err := b.runner.Restart(t.Context(), id, ex.Stages[len(ex.Stages)-1].ID, "ann", false); err != nil {
			t.Fatal(err)
		}
		expect(t, "with "+try.saved, statuses(b.ended(id)), try.statuses)
	}
}

// TestCorrelationID: a second start with the same correlationId is the first one.
func TestCorrelationID(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	trigger := spinnaker.Trigger{"type": "manual", "correlationId": "c1"}
	first, second := b.launch(pipeline(t, threeWaits), trigger), b.launch(pipeline(t, threeWaits), trigger)
	expect(t, "second execution", second, first)
}

// TestPromisedID: a caller may have promised the execution's id before.
func TestPromisedID(t *testing.T) {
	s := openStore(t)
	b := start(t, s, &plugins{})
	err := s.Update(t.Context(), func(tx store.Tx) error {
		id, _, err := b.runner.Start(tx, runner.Start{Pipeline: pipeline(t, threeWaits), LaunchOptions: engine.LaunchOptions{ID: "promised"}})
		expect(t, "id", id, "promised")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.ended("promised")
}

// TestPriorArtifacts: a pipeline may ask for the artifacts of its last run.
func TestPriorArtifacts(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	p := pipeline(t, `{"application":"shop","name":"p","id":"p","stages":[{"type":"wait"}],
	  "expectedArtifacts":[{"id":"img","usePriorArtifact":true,"matchArtifact":{"type":"docker/image"}}]}`)
	image := map[string]any{"type": "docker/image", "name": "cart", "version": "1.4"}
	b.ended(b.launch(p, spinnaker.Trigger{"type": "docker", "artifacts": []any{image}}))
	ex := b.ended(b.launch(p, spinnaker.Trigger{"type": "manual"}))
	bound := engine.Artifacts(ex.Trigger["artifacts"])
	if len(bound) != 1 || bound[0].Version != "1.4" {
		t.Errorf("the second run starts with %v, expected the image of the first", bound)
	}
}

// TestExpressionsThatAskOutside run outside the transaction, even in the agent's own stages.
func TestExpressionsThatAskOutside(t *testing.T) {
	var fetched atomic.Value
	b := start(t, openStore(t), &plugins{}, func(o *runner.Options) {
		o.Expressions = spel.New(spel.Config{Fetch: func(_ context.Context, url string) ([]byte, error) {
			fetched.Store(url)
			return []byte("1.4.2\n"), nil
		}})
	})
	ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","type":"evaluateVariables",
	  "variables":[{"key":"tag","value":"${#fromUrl('https://versions.example.com/cart').trim()}"}]}]}`), nil))
	expect(t, "statuses", statuses(ex), "SUCCEEDED 1=SUCCEEDED")
	expect(t, "output", fmt.Sprint(stageOf(ex, "1").Outputs["tag"]), "1.4.2")
	expect(t, "URL", fmt.Sprint(fetched.Load()), "https://versions.example.com/cart")
}

func TestEvaluate(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","type":"wait","tag":"1.4"}]}`),
		spinnaker.Trigger{"user": "ann"}))
	for _, test := range []struct{ stageID, text, result string }{
		{ex.Stages[0].ID, "${tag} by ${trigger.user}", "1.4 by ann"},
		{"", "${execution.name}", "p"},
	} {
		result, summary, err := b.runner.Evaluate(t.Context(), ex.ID, test.stageID, test.text)
		if err != nil || !summary.OK() {
			t.Errorf("%s: %v %v", test.text, err, summary.Descriptions())
		}
		expect(t, test.text, fmt.Sprint(result), test.result)
	}
	_, _, err := b.runner.Evaluate(t.Context(), ex.ID, "nope", "x")
	expectRefusal(t, "unknown stage", err, http.StatusNotFound, "No stage nope found in execution "+ex.ID)
}

// TestPanic: a stage that panics fails, and nothing else does.
func TestPanic(t *testing.T) {
	b := start(t, openStore(t), &plugins{}, func(o *runner.Options) { o.Decisions = nil })
	ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","type":"wait","note":"${1}"}]}`), nil))
	expect(t, "status", string(ex.Status), "TERMINAL")
}

// TestPanicInATurn: an execution that the engine can not handle is tried again later, and others go on.
func TestPanicInATurn(t *testing.T) {
	s := openStore(t)
	b := start(t, s, &plugins{}, func(o *runner.Options) {
		o.Ended = func(_ store.Tx, ex *spinnaker.Execution) error {
			if ex.Name == "bad" {
				panic("out of cheese")
			}
			return nil
		}
	})
	bad := b.launch(pipeline(t, `{"application":"shop","name":"bad","stages":[{"type":"wait"}]}`), nil)
	b.until(bad, "tried", func(*engine.Execution) bool { return b.runner.Stats().FailedTurns > 0 })
	const good = 20
	for range good {
		expect(t, "a good one", statuses(b.ended(b.launch(pipeline(t, threeWaits), nil))), "SUCCEEDED 1=SUCCEEDED 2=SUCCEEDED 3=SUCCEEDED")
	}
	expect(t, "the bad one", string(b.execution(bad).Status), "RUNNING")
	// A turn is counted after its end can be seen.
	b.until(bad, "the only one left", func(*engine.Execution) bool {
		stats := b.runner.Stats()
		return stats.Ended[spinnaker.Succeeded] >= good && stats.Turns >= good && stats.FreeSteps > 0
	})
	stats := b.runner.Stats()
	if stats.Ended[spinnaker.Succeeded] != good || stats.Turns < good || stats.FreeSteps == 0 || stats.FailedTurns > good/2 {
		t.Errorf("stats: found %+v", stats)
	}
}

// TestPatchBetweenSteps: a step that has seen what a user set is not done again for it.
func TestPatchBetweenSteps(t *testing.T) {
	var steps atomic.Int32
	seen := make(chan string, 8)
	b := start(t, openStore(t), &plugins{run: func(_ context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		steps.Add(1)
		seen <- member(t, request.GetConfigJson(), "tag")
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_RUNNING, RequeueAfter: durationpb.New(time.Hour)}, nil
	}})
	id := b.launch(pipeline(t, oneWork), nil)
	expect(t, "tag in the first step", <-seen, "")
	waiting := func(ex *engine.Execution) bool {
		return ex.Work[ex.Stages[0].ID].Due.After(time.Now().Add(time.Minute))
	}
	ex := b.until(id, "between two steps", waiting)
	if err := b.runner.Patch(t.Context(), id, ex.Stages[0].ID, "ann", map[string]any{"tag": "1.5"}); err != nil {
		t.Fatal(err)
	}
	expect(t, "tag in the second step", <-seen, `"1.5"`)
	b.until(id, "between two steps again", waiting)
	if n := steps.Load(); n != 2 {
		t.Errorf("%d steps were done, expected 2", n)
	}
}

// TestLateCandidateHidesNothing: stages are looked at in time although somebody else's work is late.
func TestLateCandidateHidesNothing(t *testing.T) {
	s := openStore(t)
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return tx.AddCandidate(store.Candidate{ID: "late", EventID: "e", Due: tx.Now().Add(-time.Minute), Deadline: tx.Now().Add(time.Hour)})
	})
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, s, &plugins{}, func(o *runner.Options) { o.Poll = time.Hour })
	ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"type":"wait","waitTime":"0.1"}]}`), nil))
	expect(t, "statuses", statuses(ex), "SUCCEEDED 0=SUCCEEDED")
}

// TestEndedStartsAnother: what follows from the end of an execution is stored with it, once for each end.
func TestEndedStartsAnother(t *testing.T) {
	next := pipeline(t, `{"application":"shop","name":"next","stages":[{"refId":"1","type":"wait"}]}`)
	var b *bench
	b = start(t, openStore(t), &plugins{}, func(o *runner.Options) {
		o.Ended = func(tx store.Tx, ex *spinnaker.Execution) error {
			if ex.Name != "first" {
				return nil
			}
			_, _, err := b.runner.Start(tx, runner.Start{Pipeline: next, Trigger: spinnaker.Trigger{
				"after": fmt.Sprintf("%s of %s", ex.Status, ex.ID), "correlationId": fmt.Sprintf("%s/%d", ex.ID, ex.EndTime)}})
			return err
		}
	})
	followers := func() (after []string) {
		err := b.store.View(t.Context(), func(r store.Reader) error {
			runs, err := r.Executions(store.ExecutionQuery{PipelineName: "next", OldestFirst: true})
			for _, run := range runs {
				after = append(after, run.Trigger.Text("after"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	id := b.launch(pipeline(t, `{"application":"shop","name":"first","stages":[{"refId":"1","type":"manualJudgment"}]}`), nil)
	b.judge(id, "stop")
	ex := b.ended(id)
	expect(t, "followers", strings.Join(followers(), ", "), "TERMINAL of "+id)
	if err := b.runner.Restart(t.Context(), id, ex.Stages[0].ID, "ann", false); err != nil {
		t.Fatal(err)
	}
	b.judge(id, "continue")
	b.ended(id)
	expect(t, "followers after a restart", strings.Join(followers(), ", "), "TERMINAL of "+id+", SUCCEEDED of "+id)
}

// TestNewerExecutionIsLeftAlone: an agent that a newer one works beside does not touch what it could damage. What users
// ask for waits for the newer one, and other executions go on.
func TestNewerExecutionIsLeftAlone(t *testing.T) {
	s := openStore(t)
	b := start(t, s, &plugins{run: succeed})
	newer := &engine.Execution{
		Execution: &spinnaker.Execution{Type: spinnaker.PipelineExecution, ID: "newer", Application: "shop", Status: spinnaker.Running,
			Stages: []*spinnaker.Stage{{ID: "s", RefID: "1", Type: "work", Status: spinnaker.Running}}},
		Work: map[string]*engine.Work{"s": {Format: 99, Phase: engine.PhaseRun, Due: time.Now().Add(-time.Hour), Attempt: 1}},
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.SaveExecution(newer) }); err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(b.execution("newer"))
	if err := b.runner.Cancel(t.Context(), "newer", "ann", "stop"); err != nil {
		t.Fatal(err)
	}
	b.eventually("failing to advance it", func() bool { return b.runner.Stats().FailedTurns > 0 })
	expect(t, "another execution", statuses(b.ended(b.launch(pipeline(t, oneWork), nil))), "SUCCEEDED 1=SUCCEEDED")
	if after, _ := json.Marshal(b.execution("newer")); string(after) != string(before) {
		t.Errorf("the execution was changed:\n%s\n%s", before, after)
	}
	err := s.View(t.Context(), func(r store.Reader) error {
		events, err := r.ExecutionEvents("newer")
		if len(events) != 1 || events[0].Kind != engine.EventCancel {
			t.Errorf("events: found %v, expected the cancel", events)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestManyStages: a pipeline of 1,000 stages that take no time is done in a few transactions.
func TestManyStages(t *testing.T) {
	const n = 1000
	var stages []any
	for i := range n {
		stages = append(stages, map[string]any{"refId": fmt.Sprint(i), "type": "wait", "waitTime": 0})
		if i > 0 {
			stages[i].(map[string]any)["requisiteStageRefIds"] = []any{fmt.Sprint(i - 1)}
		}
	}
	p, err := spinnaker.PipelineOf(map[string]any{"application": "shop", "name": "p", "stages": stages})
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, openStore(t), &plugins{})
	id := b.launch(p, nil)
	b.eventually("done with it", func() bool { return b.runner.Stats().Ended[spinnaker.Succeeded] == 1 })
	expect(t, "status", string(b.execution(id).Status), "SUCCEEDED")
	if turns := b.runner.Stats().Turns; turns > 100 {
		t.Errorf("%d transactions, expected 100 at most", turns)
	}
}
