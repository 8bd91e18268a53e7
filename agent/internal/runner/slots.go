package runner

import (
	"errors"
	"maps"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// superseded is why a waiting execution is canceled when a newer one takes the slot.
//
// Source: spinnaker/spinnaker orca/orca-queue q/handler/StartWaitingExecutionsHandler.kt.
const superseded = "This execution was queued but then canceled because a newer queued execution superceded it. " +
	"This pipeline is configured to automatically cancel waiting executions."

// limit is how many executions of an execution's pipeline may be under way; 0 means any number.
func limit(ex *spinnaker.Execution) int {
	switch {
	case ex.PipelineConfigID == "":
		return 0
	case ex.LimitConcurrent:
		return 1
	default:
		return max(0, ex.MaxConcurrentExecutions)
	}
}

// noSlot says whether an execution that is not under way has to wait for others of its pipeline, and how many wait
// already. A paused execution keeps its slot.
func (t *turn) noSlot() (full bool, waiting int, err error) {
	most := limit(t.ex.Execution)
	if most == 0 {
		return false, 0, nil
	}
	taken, parked, err := t.lockedSlots(true)
	return taken >= most, len(parked), err
}

// lockedSlots returns how many other executions of the pipeline are under way, and those that wait, oldest first. That
// stays so until the transaction ends if this one is the only one to have them.
func (t *turn) lockedSlots(only bool) (taken int, parked []store.Slot, err error) {
	if err := t.tx.LockSlots(t.ex.PipelineConfigID, only); err != nil {
		return 0, nil, err
	}
	all, err := t.tx.Slots(t.ex.PipelineConfigID)
	for _, slot := range all {
		switch {
		case slot.ExecutionID == t.ex.ID:
		case slot.Waiting:
			parked = append(parked, slot)
		default:
			taken++
		}
	}
	return taken, parked, err
}

// releaseSlot lets waiting executions of the pipeline start, in the transaction in which this one ended.
func (t *turn) releaseSlot() error {
	if t.ex.PipelineConfigID == "" {
		return nil
	}
	only := limit(t.ex.Execution) > 0
	taken, parked, err := t.lockedSlots(only)
	if err == nil && len(parked) > 0 && !only {
		taken, parked, err = t.lockedSlots(true) // those that wait may have limits of their own
	}
	if err != nil || len(parked) == 0 {
		return err
	}
	if t.ex.KeepWaitingPipelines {
		for _, slot := range parked {
			if admitted, err := t.admit(slot.ExecutionID, taken); err != nil || !admitted {
				return err
			}
			taken++
		}
		return nil
	}
	newest := len(parked) - 1
	if admitted, err := t.admit(parked[newest].ExecutionID, taken); err != nil || !admitted {
		return err
	}
	for _, slot := range parked[:newest] {
		err := t.tx.AddExecutionEvent(slot.ExecutionID, engine.Event{
			Kind: engine.EventCancel, User: "spinnaker", Reason: superseded, At: t.now,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// admit gives a waiting execution a slot, if its own limit allows one beside those taken: from now on it counts as
// under way.
func (t *turn) admit(executionID string, taken int) (admitted bool, err error) {
	ex, err := t.tx.Execution(executionID)
	if err != nil {
		return false, err
	}
	if most := limit(ex.Execution); most > 0 && taken >= most {
		return false, nil
	}
	if ex.Readable() == nil { // else its own agent does this when it takes the event
		ex.Waiting = false
		if err := t.tx.SaveExecution(ex); err != nil {
			return false, err
		}
	}
	return true, t.tx.AddExecutionEvent(executionID, engine.Event{Kind: engine.EventSlot, At: t.now})
}

// admitRestart has a restart check the pipeline's present preconditions, and wait when no slot is free for its execution. It
// takes the parent along that waits for the execution's end.
func (t *turn) admitRestart(event *engine.Event) error {
	if engine.RestartProblem(t.ex.Execution, event.StageID) != "" {
		return nil // Advance refuses it
	}
	event.Values = maps.Clone(event.Values)
	if event.Values == nil {
		event.Values = map[string]any{}
	}
	preconditions, err := t.preconditions()
	if err != nil {
		return err
	}
	event.Values[engine.ValuePreconditions] = preconditions
	if t.ex.Status.Complete() {
		full, _, err := t.noSlot()
		if err != nil {
			return err
		}
		event.Values[engine.ValueQueue] = full
	}
	return t.restartParent(event)
}

// preconditions are those of the execution's pipeline as it is saved now, by refId.
func (t *turn) preconditions() (map[string]any, error) {
	byRef := map[string]any{}
	if t.ex.PipelineConfigID == "" {
		return byRef, nil
	}
	pipeline, err := t.tx.Pipeline(t.ex.PipelineConfigID)
	if errors.Is(err, store.ErrNotFound) {
		return byRef, nil // deleted meanwhile
	}
	for _, s := range pipeline.Stages {
		if list, ok := s.Context["preconditions"].([]any); ok && s.Type == engine.PreconditionsType {
			byRef[s.RefID] = list
		}
	}
	return byRef, err
}

// restartParent restarts the stage that started this execution, if its own execution has ended: it then waits for this
// one again.
func (t *turn) restartParent(event *engine.Event) error {
	parentID, stageID := t.ex.Trigger.Text("parentPipelineId"), t.ex.Trigger.Text("parentPipelineStageId")
	if parentID == "" || stageID == "" {
		return nil
	}
	parent, err := t.tx.Execution(parentID)
	if errors.Is(err, store.ErrNotFound) {
		return nil // deleted meanwhile
	}
	if err != nil || !parent.Status.Complete() {
		return err
	}
	return t.tx.AddExecutionEvent(parentID, engine.Event{
		Kind: engine.EventRestart, StageID: stageID, User: event.User, At: t.now,
		Values: map[string]any{engine.ValueKeepChild: true},
	})
}
