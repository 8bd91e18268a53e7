package runner

import (
	"context"
	"errors"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Cancel asks for an execution to be canceled. One that has ended stays as it is.
func (r *Runner) Cancel(ctx context.Context, executionID, user, reason string) error {
	return r.ask(ctx, executionID, engine.Event{Kind: engine.EventCancel, User: user, Reason: reason},
		func(*engine.Execution) error { return nil })
}

// Pause asks for a running execution to be paused. Any other is a *spinnaker.Error.
func (r *Runner) Pause(ctx context.Context, executionID, user string) error {
	return r.ask(ctx, executionID, engine.Event{Kind: engine.EventPause, User: user}, func(ex *engine.Execution) error {
		return conflict(engine.PauseProblem(ex.Execution))
	})
}

// Resume asks for a paused execution to go on. Any other is a *spinnaker.Error.
func (r *Runner) Resume(ctx context.Context, executionID, user string) error {
	return r.ask(ctx, executionID, engine.Event{Kind: engine.EventResume, User: user}, func(ex *engine.Execution) error {
		return conflict(engine.ResumeProblem(ex.Execution))
	})
}

// Patch asks for values to be merged into the context of a stage that has not ended: a judgment, a wait to be skipped.
// What is not allowed is a *spinnaker.Error.
func (r *Runner) Patch(ctx context.Context, executionID, stageID, user string, values map[string]any) error {
	event := engine.Event{Kind: engine.EventPatch, StageID: stageID, User: user, Values: values}
	return r.ask(ctx, executionID, event, func(ex *engine.Execution) error {
		stage := ex.Stage(stageID)
		if stage == nil {
			return spinnaker.NotFound("No stage %s found in execution %s", stageID, executionID)
		}
		if stage.Status.Complete() {
			return spinnaker.Conflict("Stage %q of execution %s has ended already with status %s: it can not be changed.",
				stage.Name, executionID, stage.Status)
		}
		if problem := engine.PatchProblem(stage, values); problem != "" {
			return spinnaker.Conflict("Stage %q of execution %s: %s.", stage.Name, executionID, problem)
		}
		if skip, _ := engine.Bool(values["manualSkip"]); skip && !skippable(stage) {
			return &spinnaker.Error{Status: methodNotAllowed, Message: "Cannot manually skip stage."}
		}
		return nil
	})
}

// methodNotAllowed is what Orca answers to a stage that can not be skipped.
const methodNotAllowed = 405

// skippable says whether users may skip a stage while it runs.
//
// Source: spinnaker/spinnaker orca/orca-front50 pipeline/PipelineStage.java, canManuallySkip.
func skippable(stage *spinnaker.Stage) bool {
	allowed, _ := engine.Bool(stage.Context["skippable"])
	return allowed && stage.Type == "pipeline"
}

// Restart asks for an execution to be run again from a stage; with reevaluate, the expressions of the stages that run
// again are evaluated anew. What is not allowed is a *spinnaker.Error.
func (r *Runner) Restart(ctx context.Context, executionID, stageID, user string, reevaluate bool) error {
	event := engine.Event{Kind: engine.EventRestart, StageID: stageID, User: user}
	if reevaluate {
		event.Values = map[string]any{engine.ValueReevaluate: true}
	}
	return r.ask(ctx, executionID, event,
		func(ex *engine.Execution) error {
			if ex.Stage(stageID) == nil {
				return spinnaker.NotFound("No stage %s found in execution %s", stageID, executionID)
			}
			return conflict(engine.RestartProblem(ex.Execution, stageID))
		})
}

// Delete deletes an execution that has ended. One under way is a *spinnaker.Error.
func (r *Runner) Delete(ctx context.Context, executionID string) error {
	return r.Store.Update(ctx, func(tx store.Tx) error {
		ex, err := execution(tx, executionID)
		if err != nil {
			return err
		}
		if !ex.Status.Complete() {
			return spinnaker.Conflict("Cannot delete a running %s, please cancel it first.", ex.Type)
		}
		return tx.DeleteExecution(executionID)
	})
}

// ask stores an event for an execution, if the execution's state allows it, and gives the execution a turn.
func (r *Runner) ask(ctx context.Context, executionID string, event engine.Event, allowed func(*engine.Execution) error) error {
	err := r.Store.Update(ctx, func(tx store.Tx) error {
		ex, err := execution(tx, executionID)
		if err != nil {
			return err
		}
		if err := allowed(ex); err != nil {
			return err
		}
		event.At = tx.Now()
		return tx.AddExecutionEvent(executionID, event)
	})
	if err != nil {
		return err
	}
	// The answer to the user shows what the event did. Should the turn fail, the event is there for the next one.
	if err := r.turn(ctx, executionID, turnInAnyCase, nil); err != nil {
		r.Log.Warn("advance execution after an event", "execution", executionID, "event", event.Kind, "error", err)
	}
	return nil
}

func execution(tx store.Tx, id string) (*engine.Execution, error) {
	ex, err := tx.Execution(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, spinnaker.NotFound("No %s found for %s", spinnaker.PipelineExecution, id)
	}
	return ex, err
}

func conflict(problem string) error {
	if problem == "" {
		return nil
	}
	return spinnaker.Conflict("%s", problem)
}
