package app

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/feed/cron"
	"github.com/gennaker/gennaker/agent/internal/inbox"
	"github.com/gennaker/gennaker/agent/internal/masters"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/agent/internal/webhook"
	"github.com/gennaker/gennaker/api/echo"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// newCrons makes the feed of the times of cron triggers.
func (a *agent) newCrons(incarnation string) *cron.Feed {
	o := cron.Options{Store: a.store, Crons: a.catalog.Crons, Zone: a.config.Scheduler.Cron.Timezone, Incarnation: incarnation,
		Accept: a.accept, PassOver: a.inbox.PassOver, Accepted: a.inbox.Wake, Log: a.log}
	if a.config.Scheduler.CompensationJob.Enabled {
		o.MakeUp = time.Duration(a.config.Scheduler.CompensationJob.Window)
	}
	return cron.New(o)
}

// intake is the inbox as Echo's handlers see it.
type intake struct{ *agent }

// kindJenkins is the type of webhooks that say that a build has ended.
const kindJenkins = "jenkins"

func (i intake) Webhook(ctx context.Context, hook echo.Hook) (echo.Receipt, error) {
	if strings.EqualFold(hook.Kind, kindJenkins) {
		return i.notice(ctx, hook)
	}
	event, dropped, err := i.webhooks.Event(webhook.Request(hook))
	if err != nil || dropped != "" {
		return echo.Receipt{Dropped: dropped}, err
	}
	return i.accept(ctx, event, "")
}

// notice has the job looked at that a master, or a build on it, tells of.
func (i intake) notice(ctx context.Context, hook echo.Hook) (echo.Receipt, error) {
	if err := i.webhooks.Admit(webhook.Request(hook)); err != nil {
		return echo.Receipt{}, err
	}
	notice, dropped, err := masters.ReadNotice(hook.Payload)
	if err == nil && dropped == "" {
		dropped, err = i.masters.Notice(ctx, hook.Source, notice)
	}
	return echo.Receipt{Dropped: dropped}, err
}

func (i intake) Message(ctx context.Context, hook echo.Hook) (echo.Receipt, error) {
	event, key, err := i.webhooks.Message(webhook.Request(hook))
	if err != nil {
		return echo.Receipt{}, err
	}
	return i.accept(ctx, event, key)
}

// Post takes an event of another poller, or a start by hand in the form in which Gate sends it to Echo.
func (i intake) Post(ctx context.Context, user string, document map[string]any) (echo.Receipt, error) {
	details, _ := document["details"].(map[string]any)
	if spinnaker.Trigger(details).Text("type") == trigger.Manual {
		return echo.Receipt{}, i.manual(ctx, user, document)
	}
	event, err := webhook.Posted(document)
	if err != nil {
		return echo.Receipt{}, err
	}
	return i.accept(ctx, event, "")
}

// manual starts the pipeline of an event {"content": {"application", "pipelineNameOrId", "trigger", "user"}}.
//
// Source: spinnaker/spinnaker echo/echo-model trigger/ManualEvent.java.
func (i intake) manual(ctx context.Context, user string, document map[string]any) error {
	content, _ := document["content"].(map[string]any)
	members := spinnaker.Trigger(content)
	p, err := i.catalog.Pipeline(ctx, members.Text("application"), members.Text("pipelineNameOrId"))
	if err != nil {
		return err
	}
	given := spinnaker.Trigger(members.Object("trigger"))
	if given == nil {
		given = spinnaker.Trigger{}
	}
	if given.Text("user") == "" {
		given["user"] = members.Text("user")
	}
	_, err = i.inbox.Manual(ctx, inbox.ManualStart{Pipeline: p, Trigger: given, User: user, Origin: "api"})
	return err
}

// Build takes a finished build in the form of Igor's event: it is read from its master, never from the event. A build that
// was taken before is not taken again.
func (i intake) Build(ctx context.Context, event map[string]any) (echo.Receipt, error) {
	content, _ := event["content"].(map[string]any)
	project, _ := content["project"].(map[string]any)
	last, _ := project["lastBuild"].(map[string]any)
	t := spinnaker.Trigger{"master": content["master"], "job": project["name"], "number": last["number"]}
	number, err := strconv.ParseInt(t.Text("number"), 10, 64)
	if err != nil || t.Text("master") == "" || t.Text("job") == "" {
		return echo.Receipt{}, spinnaker.Invalid("event: expected content.master, content.project.name and content.project.lastBuild.number")
	}
	found, key, err := i.build(ctx, t, number, last)
	if err != nil {
		return echo.Receipt{}, err
	}
	// Accepted now, the build would be a duplicate when it ends, and fire nothing.
	if building, _ := found.Build.Info["building"].(bool); building {
		return echo.Receipt{}, spinnaker.Conflict("build %d of job %q on master %q has not finished: send its event when it has",
			number, t.Text("job"), t.Text("master"))
	}
	return i.accept(ctx, found, key)
}

// build reads a build from its master. Of a CI system that is none of the agent's masters, the event is all there is.
func (i intake) build(ctx context.Context, t spinnaker.Trigger, number int64, last map[string]any) (event trigger.Event, key string, err error) {
	if slices.Contains(i.masters.Masters(), t.Text("master")) {
		return i.masters.Event(ctx, t.Text("master"), t.Text("job"), number)
	}
	said := spinnaker.Trigger(last)
	event = trigger.Event{Type: trigger.Build, Source: t.Text("master"), Name: t.Text("job"), Build: &trigger.BuildInfo{Number: number,
		Result: said.Text("result"), URL: said.Text("url"), Info: last, Reported: true}}
	return event, strings.Join([]string{"reported", event.Source, event.Name, t.Text("number"), said.Text("timestamp")}, "\x00"), nil
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

func (i intake) Event(ctx context.Context, id string, page echo.Page) (echo.Event, error) {
	explained, err := i.inbox.Explain(ctx, id, inbox.Page(page))
	if errors.Is(err, store.ErrNotFound) {
		return echo.Event{}, spinnaker.NotFound("Event not found (id: %s)", id)
	}
	return eventOf(explained), err
}

func (i intake) Events(ctx context.Context, q echo.EventQuery) ([]echo.Event, error) {
	var explained []inbox.Explained
	var err error
	if q.PipelineConfigID != "" {
		explained, err = i.inbox.ExplainPipeline(ctx, q.PipelineConfigID, inbox.Page(q.Page))
	} else {
		explained, err = i.inbox.ExplainAll(ctx, store.EventQuery{Type: q.Type, Source: q.Source, Name: q.Name,
			Offset: q.Offset, Limit: q.Limit}, q.Number)
	}
	events := make([]echo.Event, len(explained))
	for n, e := range explained {
		events[n] = eventOf(e)
	}
	return events, err
}

func eventOf(e inbox.Explained) echo.Event {
	out := echo.Event{ID: e.ID, Type: e.Type, Source: e.Source, Name: e.Name, Number: e.Number, Key: e.Key,
		ReceivedAt: spinnaker.MillisOf(e.ReceivedAt), Verdicts: []echo.Verdict{}, MoreVerdicts: e.More}
	for _, v := range e.Verdicts {
		out.Verdicts = append(out.Verdicts, echo.Verdict{Application: v.Application, Pipeline: v.Pipeline,
			PipelineConfigID: v.PipelineConfigID, Trigger: v.Trigger, Outcome: string(v.Outcome), Reason: v.Reason,
			ExecutionID: v.ExecutionID, At: spinnaker.MillisOf(v.At)})
	}
	return out
}

func (i intake) Replay(ctx context.Context, id string) (echo.Event, error) {
	replayed, err := i.inbox.Replay(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return echo.Event{}, spinnaker.NotFound("Event not found (id: %s)", id)
	}
	return eventOf(replayed), err
}

func (i intake) Subscriptions() []echo.Subscription {
	all := []echo.Subscription{}
	for _, s := range i.config.Pubsub.Subscriptions {
		all = append(all, echo.Subscription{System: s.System, Name: s.Name})
	}
	return all
}

func (i intake) QuietPeriod() echo.QuietPeriod {
	q := i.inbox.QuietPeriod
	if q.Start.IsZero() {
		return echo.QuietPeriod{StartTime: -1, EndTime: -1}
	}
	return echo.QuietPeriod{Enabled: true, Now: q.Holds(time.Now()),
		StartTime: spinnaker.MillisOf(q.Start), EndTime: spinnaker.MillisOf(q.End)}
}

// DescribeCron says when an expression fires next, in the zone of triggers that name none.
func (i intake) DescribeCron(expression string) (string, error) {
	const shown = 3
	schedule, err := trigger.Schedule(spinnaker.Trigger{"cronExpression": expression}, i.config.Scheduler.Cron.Timezone)
	if err != nil {
		return "", err
	}
	if !strings.EqualFold(schedule.String(), strings.Join(strings.Fields(expression), " ")) {
		return "No description available for fuzzy cron expressions", nil
	}
	var times []string
	for at := time.Now(); len(times) < shown; {
		next, ok := schedule.Next(at)
		if !ok {
			break
		}
		times, at = append(times, next.Format("Mon 2006-01-02 15:04:05 MST")), next
	}
	if len(times) == 0 {
		return "it never fires", nil
	}
	return "fires next at " + strings.Join(times, ", "), nil
}
