package app

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/gennaker/gennaker/agent/internal/catalog"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/inbox"
	"github.com/gennaker/gennaker/agent/internal/masters"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/echo"
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
	return s.runner.Start(tx, runner.Start{Pipeline: start.Pipeline, Trigger: start.Trigger, Failure: start.Failure,
		LaunchOptions: engine.LaunchOptions{User: start.User, Origin: "api"}})
}

// builds are the masters as Gate's and Igor's handlers see them.
type builds struct{ masters *masters.Masters }

func (b builds) Masters() []string { return b.masters.Masters() }

func (b builds) Jobs(ctx context.Context, master string) ([]string, error) {
	return b.masters.JobNames(ctx, master)
}

func (b builds) Job(ctx context.Context, master, job string) (map[string]any, error) {
	return b.masters.Job(ctx, master, job)
}

func (b builds) Builds(ctx context.Context, master, job string) ([]map[string]any, error) {
	return b.masters.Builds(ctx, master, job)
}

func (b builds) Build(ctx context.Context, master, job string, number int64) (map[string]any, error) {
	build, err := b.masters.Build(ctx, master, job, number)
	return build.Info, err
}

func (b builds) Properties(ctx context.Context, master, job string, number int64, file string) (map[string]any, error) {
	values, mayCome, err := b.masters.Properties(ctx, master, job, number, file)
	if err == nil {
		return values, nil
	}
	if answer := (*spinnaker.Error)(nil); errors.As(err, &answer) {
		return nil, err
	}
	status := http.StatusBadGateway
	if mayCome {
		status = http.StatusNotFound
	}
	return nil, &spinnaker.Error{Status: status, Message: err.Error()}
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
	err = e.store.View(ctx, func(r store.Reader) (err error) {
		found, err = r.Executions(store.ExecutionQuery{Type: q.Type, IDs: q.IDs, Application: q.Application,
			PipelineConfigIDs: q.PipelineConfigIDs, PipelineName: q.PipelineName, Statuses: q.Statuses, TriggerTypes: q.TriggerTypes,
			EventID: q.EventID, BuiltFrom: q.BuiltFrom.Time(), BuiltTo: q.BuiltTo.Time(), OldestFirst: q.OldestFirst,
			Offset: q.Offset, Limit: q.Limit})
		return err
	})
	return found, err
}

func (e executions) Start(ctx context.Context, user string, p spinnaker.Pipeline, t spinnaker.Trigger) (string, error) {
	id, err := e.inbox.Manual(ctx, user, p, t)
	if err == nil {
		err = e.audited(ctx, user, "startPipeline", p.Application+"/"+p.Name, id)
	}
	return id, err
}

func (e executions) Submit(ctx context.Context, user string, task gate.Task) (id string, err error) {
	err = e.store.Update(ctx, func(tx store.Tx) (err error) {
		id, err = e.runner.StartTask(tx, task.Application, task.Description, task.Jobs, user)
		return err
	})
	return id, err
}

// audited records a write that was done.
func (e executions) audited(ctx context.Context, user, action, target, detail string) error {
	return e.store.Update(ctx, func(tx store.Tx) error {
		return tx.AddAudit(store.AuditRow{At: tx.Now(), User: user, Action: action, Target: target, Detail: detail})
	})
}

func (e executions) Cancel(ctx context.Context, user, id, reason string) error {
	return e.runner.Cancel(ctx, id, user, reason)
}

func (e executions) Pause(ctx context.Context, user, id string) error {
	return e.runner.Pause(ctx, id, user)
}

func (e executions) Resume(ctx context.Context, user, id string) error {
	return e.runner.Resume(ctx, id, user)
}

func (e executions) Delete(ctx context.Context, _, id string) error { return e.runner.Delete(ctx, id) }

func (e executions) PatchStage(ctx context.Context, user, id, stageID string, values map[string]any) (*spinnaker.Execution, error) {
	if err := e.runner.Patch(ctx, id, stageID, user, values); err != nil {
		return nil, err
	}
	return e.Execution(ctx, id)
}

func (e executions) RestartStage(ctx context.Context, user, id, stageID string) (*spinnaker.Execution, error) {
	if err := e.runner.Restart(ctx, id, stageID, user); err != nil {
		return nil, err
	}
	return e.Execution(ctx, id)
}

func (e executions) Evaluate(ctx context.Context, id, stageID, text string) (any, map[string]any, error) {
	result, summary, err := e.runner.Evaluate(ctx, id, stageID, text)
	if err != nil {
		return nil, nil, err
	}
	return result, summary.Update(nil), nil
}

// intake is the inbox as Echo's handlers see it.
type intake struct{ *agent }

func (i intake) Webhook(ctx context.Context, kind, source string, payload map[string]any) (echo.Receipt, error) {
	return i.accept(ctx, trigger.Event{Type: kind, Source: source, Payload: payload}, "")
}

// Build takes a finished build in the form of Igor's event: it is read from its master, never from the event.
func (i intake) Build(ctx context.Context, event map[string]any) (echo.Receipt, error) {
	content, _ := event["content"].(map[string]any)
	project, _ := content["project"].(map[string]any)
	last, _ := project["lastBuild"].(map[string]any)
	t := spinnaker.Trigger{"master": content["master"], "job": project["name"], "number": last["number"]}
	number, err := strconv.ParseInt(t.Text("number"), 10, 64)
	if err != nil || t.Text("master") == "" || t.Text("job") == "" {
		return echo.Receipt{}, spinnaker.Invalid("event: expected content.master, content.project.name and content.project.lastBuild.number")
	}
	found, key, err := i.masters.Event(ctx, t.Text("master"), t.Text("job"), number)
	if err != nil {
		return echo.Receipt{}, err
	}
	return i.accept(ctx, found, key)
}

func (i intake) accept(ctx context.Context, event trigger.Event, key string) (echo.Receipt, error) {
	receipt, err := i.inbox.Accept(ctx, event, key)
	out := echo.Receipt{EventID: receipt.EventID}
	for _, started := range receipt.Started {
		out.Executions = append(out.Executions, echo.Started{Application: started.Application, Pipeline: started.Pipeline,
			Ref: "/pipelines/" + started.ExecutionID})
	}
	return out, err
}

func (i intake) Event(ctx context.Context, id string) (echo.Event, error) {
	explained, err := i.inbox.Explain(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return echo.Event{}, spinnaker.NotFound("Event not found (id: %s)", id)
	}
	return eventOf(explained), err
}

func (i intake) Events(ctx context.Context, q echo.EventQuery) ([]echo.Event, error) {
	explained, err := i.inbox.ExplainAll(ctx, store.EventQuery{Type: q.Type, Source: q.Source, Name: q.Name, Limit: q.Limit}, q.Number)
	events := make([]echo.Event, len(explained))
	for n, e := range explained {
		events[n] = eventOf(e)
	}
	return events, err
}

func eventOf(e inbox.Explained) echo.Event {
	out := echo.Event{ID: e.ID, Type: e.Type, Source: e.Source, Name: e.Name, Number: e.Number, Key: e.Key,
		ReceivedAt: spinnaker.MillisOf(e.ReceivedAt), Verdicts: []echo.Verdict{}}
	for _, v := range e.Verdicts {
		out.Verdicts = append(out.Verdicts, echo.Verdict{Application: v.Application, Pipeline: v.Pipeline,
			PipelineConfigID: v.PipelineConfigID, Trigger: v.Trigger, Outcome: string(v.Outcome), Reason: v.Reason,
			ExecutionID: v.ExecutionID, At: spinnaker.MillisOf(v.At)})
	}
	return out
}
