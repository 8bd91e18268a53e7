package runner

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Start is a pipeline to be started.
type Start struct {
	Pipeline spinnaker.Pipeline
	Trigger  spinnaker.Trigger
	engine.LaunchOptions
	// Failure, when set, is why the start failed before it came here. It is recorded as an execution.
	Failure string
	// Alone says that the caller starts nothing else in the transaction. The first steps, as far as they need nothing outside,
	// are then part of it.
	Alone bool
}

// Start launches an execution inside a transaction of the caller's, and returns its id. One whose launch fails is
// stored as such, and failure says why. A trigger with the correlationId of an execution that is there returns that one.
func (r *Runner) Start(tx store.Tx, s Start) (executionID, failure string, err error) {
	if correlation := s.Trigger.Text("correlationId"); correlation != "" {
		switch id, err := tx.ExecutionByCorrelation(correlation); {
		case err == nil:
			return id, "", nil
		case !errors.Is(err, store.ErrNotFound):
			return "", "", err
		}
	}
	options := s.LaunchOptions
	if options.Prior == nil {
		if options.Prior, err = priorArtifacts(tx, s.Pipeline); err != nil {
			return "", "", err
		}
	}
	now := tx.Now()
	if s.Failure == "" {
		var ex *engine.Execution
		launchErr := r.guard("a launch", []any{"application", s.Pipeline.Application, "pipeline", s.Pipeline.Name}, func() (err error) {
			ex, err = r.engine.Launch(s.Pipeline, s.Trigger, options, now, r.NewID)
			return err
		})
		if launchErr == nil {
			return ex.ID, "", r.guard("a start", []any{"execution", ex.ID}, func() error { return r.insert(tx, ex, s.Alone) })
		}
		s.Failure = launchErr.Error()
	}
	ex := r.engine.LaunchFailed(s.Pipeline, s.Trigger, options, now, r.NewID, errors.New(s.Failure))
	if err := tx.AddExecution(ex); err != nil {
		return "", "", err
	}
	tx.AfterCommit((&turn{Runner: r, ex: ex, now: now, ended: true}).committed)
	if r.Ended != nil {
		err = r.Ended(tx, ex.Execution)
	}
	return ex.ID, s.Failure, err
}

// StartTask launches an execution of the jobs of a task inside a transaction of the caller's that starts nothing else, and
// returns its id.
func (r *Runner) StartTask(tx store.Tx, application, description string, jobs []map[string]any, user string) (string, error) {
	ex, err := engine.LaunchTask(application, description, jobs, user, tx.Now(), r.NewID)
	if err != nil {
		return "", err
	}
	return ex.ID, r.insert(tx, ex, true)
}

// insert stores a new execution, as far on its way as it gets without a step, or if it is to run, without one that needs
// something outside.
func (r *Runner) insert(tx store.Tx, ex *engine.Execution, run bool) error {
	t := &turn{Runner: r, tx: tx, ex: ex, now: tx.Now(), fresh: true}
	full, waiting, err := t.noSlot()
	if err != nil {
		return err
	}
	var events []engine.Event
	ex.Waiting = full
	if full && waiting >= r.MaxWaiting {
		events = append(events, engine.Event{Kind: engine.EventCancel, User: "spinnaker", At: t.now,
			Reason: fmt.Sprintf("Too many executions (%d) already waiting to start", waiting)})
	}
	if err := t.apply(events); err != nil {
		return err
	}
	if run {
		if err := t.runDue(maxStartHold); err != nil {
			return err
		}
	}
	tx.AfterCommit(t.committed)
	return t.save()
}

// priorArtifacts returns the artifacts of the newest run of a pipeline that has started, when the pipeline wants them.
func priorArtifacts(tx store.Tx, pipeline spinnaker.Pipeline) ([]spinnaker.Artifact, error) {
	wanted := slices.ContainsFunc(pipeline.ExpectedArtifacts, func(e spinnaker.ExpectedArtifact) bool { return e.UsePriorArtifact })
	if !wanted || pipeline.ID == "" {
		return nil, nil
	}
	run, err := stage.NewestRun(tx, pipeline.ID)
	if err != nil {
		return nil, fmt.Errorf("look for artifacts of earlier runs: %w", err)
	}
	if run == nil || run.StartTime == 0 {
		return nil, nil
	}
	return engine.AllArtifacts(run, ""), nil
}
