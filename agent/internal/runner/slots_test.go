package runner_test

import (
	"context"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// limited is a pipeline that waits for a judgment, so that tests say when an execution ends.
func limited(t *testing.T, options string) spinnaker.Pipeline {
	t.Helper()
	return pipeline(t, `{"application":"shop","name":"p","id":"cfg","stages":[{"refId":"1","type":"manualJudgment"}],`+options+`}`)
}

func (b *bench) judge(id, decision string) {
	b.t.Helper()
	ex := b.until(id, "waiting for a judgment", func(ex *engine.Execution) bool { return ex.Stages[0].Status == spinnaker.Running })
	if err := b.runner.Patch(context.Background(), id, ex.Stages[0].ID, "ann", map[string]any{"judgmentStatus": decision}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) running(id string) {
	b.t.Helper()
	b.until(id, "running", func(ex *engine.Execution) bool { return ex.Status == spinnaker.Running })
}

// TestQueueKeepsTheNewest is execution.md 10.5: when a slot is free the newest waiting execution gets it, and the
// others are canceled.
func TestQueueKeepsTheNewest(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	p := limited(t, `"limitConcurrent":true`)
	first, second, third, fourth := b.launch(p, nil), b.launch(p, nil), b.launch(p, nil), b.launch(p, nil)
	for _, id := range []string{second, third, fourth} {
		expect(t, "status of one that waits", string(b.execution(id).Status), "NOT_STARTED")
	}
	b.judge(first, "continue")
	b.running(fourth)
	for _, id := range []string{second, third} {
		ex := b.ended(id)
		expect(t, "status of one that was superseded", string(ex.Status)+" by "+ex.CanceledBy, "CANCELED by spinnaker")
		expect(t, "reason", ex.CancellationReason, "This execution was queued but then canceled because a newer queued execution "+
			"superceded it. This pipeline is configured to automatically cancel waiting executions.")
	}
	b.judge(fourth, "continue")
	expect(t, "status of the last", string(b.ended(fourth).Status), "SUCCEEDED")
}

// TestQueueKeepsAll: with keepWaitingPipelines executions start in the order in which they came.
func TestQueueKeepsAll(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	p := limited(t, `"limitConcurrent":true,"keepWaitingPipelines":true`)
	first, second, third := b.launch(p, nil), b.launch(p, nil), b.launch(p, nil)
	b.judge(first, "stop")
	b.running(second)
	expect(t, "status of the third", string(b.execution(third).Status), "NOT_STARTED")
	if err := b.runner.Cancel(t.Context(), second, "ann", ""); err != nil {
		t.Fatal(err)
	}
	b.running(third)
	b.judge(third, "continue")
	b.ended(third)
}

// TestPausedKeepsItsSlot: a paused execution counts as under way.
func TestPausedKeepsItsSlot(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	p := limited(t, `"limitConcurrent":true`)
	first := b.launch(p, nil)
	b.running(first)
	if err := b.runner.Pause(t.Context(), first, "ann"); err != nil {
		t.Fatal(err)
	}
	expect(t, "status of the paused one", string(b.execution(first).Status), "PAUSED")
	second := b.launch(p, nil)
	if !b.execution(second).Waiting {
		t.Error("a second execution started beside a paused one")
	}
	if err := b.runner.Resume(t.Context(), first, "ann"); err != nil {
		t.Fatal(err)
	}
	b.judge(first, "continue")
	b.running(second)
}

// TestMaxConcurrentExecutions: more than one may be under way.
func TestMaxConcurrentExecutions(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	p := limited(t, `"maxConcurrentExecutions":2,"keepWaitingPipelines":true`)
	first, second, third := b.launch(p, nil), b.launch(p, nil), b.launch(p, nil)
	b.running(first)
	b.running(second)
	if !b.execution(third).Waiting {
		t.Error("a third execution started, expected two at most")
	}
	b.judge(second, "continue")
	b.running(third)
}

// TestQueueIsBounded: beyond the depth of the queue an execution is canceled at once.
func TestQueueIsBounded(t *testing.T) {
	b := start(t, openStore(t), &plugins{}, func(o *runner.Options) { o.MaxWaiting = 2 })
	p := limited(t, `"limitConcurrent":true`)
	b.launch(p, nil)
	b.launch(p, nil)
	b.launch(p, nil)
	ex := b.ended(b.launch(p, nil))
	expect(t, "status", string(ex.Status)+" by "+ex.CanceledBy, "CANCELED by spinnaker")
	expect(t, "reason", ex.CancellationReason, "Too many executions (2) already waiting to start")
}

// TestSlotBeforeAChild: an execution whose first stage starts its own pipeline, with its own start, has the slot.
func TestSlotBeforeAChild(t *testing.T) {
	b := start(t, openStore(t), &plugins{}, func(o *runner.Options) { o.Poll = -1 })
	id := b.launchAlone(b.keep(pipeline(t, `{"application":"shop","name":"own","id":"own","limitConcurrent":true,"stages":[
	  {"refId":"1","type":"pipeline","application":"shop","pipeline":"own","waitForCompletion":false},
	  {"refId":"2","type":"wait","waitTime":60,"requisiteStageRefIds":["1"]}]}`)))
	if first, child := b.execution(id), b.childOf(id); first.Waiting || !child.Waiting {
		t.Errorf("the first waits: %v, its child: %v; expected the child to wait", first.Waiting, child.Waiting)
	}
}

// TestChildWithoutASlot: an execution whose first stage starts another one, with its own start, hears of its end, also when
// that comes at once.
func TestChildWithoutASlot(t *testing.T) {
	b := start(t, openStore(t), &plugins{}, func(o *runner.Options) { o.MaxWaiting = 1 })
	child := b.keep(limited(t, `"limitConcurrent":true`))
	b.running(b.launch(child, nil))
	b.launch(child, nil)
	ex := b.ended(b.launchAlone(pipeline(t, `{"application":"shop","name":"parent","stages":[
	  {"refId":"1","type":"pipeline","application":"shop","pipeline":"`+child.ID+`"}]}`)))
	expect(t, "statuses", statuses(ex), "CANCELED 1=CANCELED")
}

// TestRestartWaitsForASlot: a restart honours the limit too.
func TestRestartWaitsForASlot(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	p := limited(t, `"limitConcurrent":true`)
	first := b.launch(p, nil)
	b.judge(first, "stop")
	ex := b.ended(first)
	second := b.launch(p, nil)
	b.running(second)
	if err := b.runner.Restart(t.Context(), first, ex.Stages[0].ID, "ann", false); err != nil {
		t.Fatal(err)
	}
	ex = b.execution(first)
	if ex.Status != spinnaker.NotStarted || !ex.Waiting {
		t.Errorf("the restarted execution is %s (waiting: %v), expected it to wait", ex.Status, ex.Waiting)
	}
	b.judge(second, "continue")
	b.judge(first, "continue")
	expect(t, "statuses", statuses(b.ended(first)), "SUCCEEDED 1=SUCCEEDED")
}

// TestSlotIsTakenAtOnce: an execution that was given the slot holds it before it has taken a step.
func TestSlotIsTakenAtOnce(t *testing.T) {
	b := start(t, openStore(t), &plugins{}, func(o *runner.Options) { o.Poll = -1 })
	p := limited(t, `"limitConcurrent":true`)
	first, second := b.launch(p, nil), b.launch(p, nil)
	ex := b.execution(first)
	if err := b.runner.Patch(t.Context(), first, ex.Stages[0].ID, "ann", map[string]any{"judgmentStatus": "continue"}); err != nil {
		t.Fatal(err)
	}
	expect(t, "first", string(b.execution(first).Status), "SUCCEEDED")
	expect(t, "second", string(b.execution(second).Status), "NOT_STARTED")
	if third := b.launch(p, nil); !b.execution(third).Waiting {
		t.Error("a third execution took the slot that the second was given")
	}
}
