package app

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/catalog"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/inbox"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/gate"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// gateCatalog is the catalog as Gate's handlers see it.
type gateCatalog struct{ *catalog.Catalog }

func (c gateCatalog) SavePipeline(ctx context.Context, user string, p spinnaker.Pipeline, staleCheck bool) (spinnaker.Pipeline, []string, error) {
	return c.SavePipelineNow(ctx, user, p, staleCheck)
}

func (c gateCatalog) UpdatePipeline(ctx context.Context, user, id string, p spinnaker.Pipeline, staleCheck bool) (spinnaker.Pipeline, []string, error) {
	return c.UpdatePipelineNow(ctx, user, id, p, staleCheck)
}

func (c gateCatalog) DeletePipeline(ctx context.Context, user, application, name string) error {
	return c.DeletePipelineNow(ctx, user, application, name)
}

// starter launches what the inbox fires.
type starter struct{ runner *runner.Runner }

func (s starter) Start(tx store.Tx, start inbox.Start) (executionID, failure string, err error) {
	return s.runner.Start(tx, runner.Start{Pipeline: start.Pipeline, Trigger: start.Trigger, Failure: start.Failure, Alone: start.Alone,
		LaunchOptions: engine.LaunchOptions{User: start.User, Origin: cmp.Or(start.Origin, "api")}})
}

// executions are the runs as Gate's handlers see them.
type executions struct{ *agent }

func (e executions) Execution(ctx context.Context, id string) (*spinnaker.Execution, error) {
	var found *engine.Execution
	err := e.store.View(ctx, func(r store.Reader) (err error) {
		found, err = r.Execution(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, spinnaker.NotFound("Pipeline not found (id: %s)", id)
	}
	if err != nil {
		return nil, err
	}
	return found.Execution, nil
}

func (e executions) Executions(ctx context.Context, q gate.Query) (found []*spinnaker.Execution, err error) {
	query := store.ExecutionQuery{Type: q.Type, IDs: q.IDs, Application: q.Application, PipelineConfigIDs: q.PipelineConfigIDs,
		PipelineName: q.PipelineName, Statuses: q.Statuses, TriggerTypes: q.TriggerTypes, EventID: q.EventID,
		BuiltFrom: q.BuiltFrom.Time(), BuiltTo: q.BuiltTo.Time(), OldestFirst: q.OldestFirst,
		Offset: q.Offset, Limit: q.Limit, Brief: q.Brief}
	err = e.store.View(ctx, func(r store.Reader) (err error) {
		if q.Trigger != nil {
			found, err = searchTriggers(r, query, q.Trigger)
			return err
		}
		found, err = r.Executions(query)
		return err
	})
	return found, err
}

func (e executions) Start(ctx context.Context, caller gate.Caller, p spinnaker.Pipeline, t spinnaker.Trigger) (string, error) {
	return e.inbox.Manual(ctx, inbox.ManualStart{Pipeline: p, Trigger: t, User: caller.User, Origin: caller.Origin})
}

const (
	// taskPatience is how long the answer to a submitted task waits for its end, so that the caller's first look finds it
	// done: spin's second look comes a second later. taskPause is the time between two looks of our own.
	taskPatience = time.Second
	taskPause    = 5 * time.Millisecond
)

// Submit stores a task and gives it a moment to end.
func (e executions) Submit(ctx context.Context, user string, task gate.Task) (id string, err error) {
	err = e.store.Update(ctx, func(tx store.Tx) (err error) {
		if id, err = e.runner.StartTask(tx, task.Application, task.Description, task.Jobs, user); err != nil {
			return err
		}
		return audit(tx, user, "submitTask", id, task.Description)
	})
	if err != nil {
		return "", err
	}
	patience, cancel := context.WithTimeout(ctx, taskPatience)
	defer cancel()
	ticker := time.NewTicker(taskPause)
	defer ticker.Stop()
	for {
		// The task is stored: what becomes of it does not change the answer.
		if execution, err := e.Execution(patience, id); err != nil || execution.Status.Complete() {
			return id, nil
		}
		select {
		case <-ticker.C:
		case <-patience.Done():
			return id, nil
		}
	}
}

// audited records a write that was done.
func (a *agent) audited(ctx context.Context, user, action, target, detail string) error {
	return a.store.Update(ctx, func(tx store.Tx) error { return audit(tx, user, action, target, detail) })
}

func audit(tx store.Tx, user, action, target, detail string) error {
	return tx.AddAudit(store.AuditRow{At: tx.Now(), User: user, Action: action, Target: target, Detail: detail})
}

func (e executions) Cancel(ctx context.Context, user, id, reason string) error {
	if err := e.runner.Cancel(ctx, id, user, reason); err != nil {
		return err
	}
	return e.audited(ctx, user, "cancelExecution", id, reason)
}

func (e executions) Pause(ctx context.Context, user, id string) error {
	if err := e.runner.Pause(ctx, id, user); err != nil {
		return err
	}
	return e.audited(ctx, user, "pauseExecution", id, "")
}

func (e executions) Resume(ctx context.Context, user, id string) error {
	if err := e.runner.Resume(ctx, id, user); err != nil {
		return err
	}
	return e.audited(ctx, user, "resumeExecution", id, "")
}

func (e executions) Delete(ctx context.Context, user, id string) error {
	if err := e.runner.Delete(ctx, id); err != nil {
		return err
	}
	return e.audited(ctx, user, "deleteExecution", id, "")
}

func (e executions) PatchStage(ctx context.Context, user, id, stageID string, values map[string]any) (*spinnaker.Execution, error) {
	if err := e.runner.Patch(ctx, id, stageID, user, values); err != nil {
		return nil, err
	}
	detail := "members: " + strings.Join(slices.Sorted(maps.Keys(values)), ", ")
	if verdict := spinnaker.Trigger(values).Text("judgmentStatus"); verdict != "" {
		detail = "judgment: " + verdict
	}
	if err := e.audited(ctx, user, "patchStage", id+"/"+stageID, detail); err != nil {
		return nil, err
	}
	return e.Execution(ctx, id)
}

func (e executions) RestartStage(ctx context.Context, user, id, stageID string, reevaluate bool) (*spinnaker.Execution, error) {
	if err := e.runner.Restart(ctx, id, stageID, user, reevaluate); err != nil {
		return nil, err
	}
	if err := e.audited(ctx, user, "restartStage", id+"/"+stageID, ""); err != nil {
		return nil, err
	}
	return e.Execution(ctx, id)
}
