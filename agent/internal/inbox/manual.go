package inbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// anonymous is the caller where nobody signs in.
const anonymous = "anonymous"

// ManualStart is a pipeline to be started by hand.
type ManualStart struct {
	Pipeline spinnaker.Pipeline
	// Trigger is what the caller sent. Manual completes it with what the pipeline is started with.
	Trigger spinnaker.Trigger
	// User is the caller, "anonymous" where nobody signs in: then a user that the trigger names is believed.
	User string
	// Origin is the client.
	Origin string
}

// Manual starts a pipeline by hand. The execution and an audit row are stored when Manual returns. A start that fails after the execution
// was stored returns its id and the error. The correlationId of an execution that is there returns that one.
//
// Source: spinnaker/spinnaker gate/gate-web services/PipelineService.groovy, echo/echo-pipelinetriggers
// eventhandlers/ManualEventHandler.java.
func (i *Inbox) Manual(ctx context.Context, m ManualStart) (executionID string, err error) {
	p, given := m.Pipeline, m.Trigger
	if p.Disabled {
		return "", spinnaker.Invalid("Pipeline is disabled and cannot be started. Enable pipeline %q of application %q first.", p.Name, p.Application)
	}
	if given.Text("type") == "" {
		given["type"] = "manual"
	}
	if m.User != anonymous || given.Text("user") == "" {
		given["user"] = m.User
	}
	given["eventId"] = i.NewID()
	if id, err := i.correlated(ctx, given.Text("correlationId")); id != "" || err != nil {
		return id, err
	}
	if err := checkParameters(p, given); err != nil {
		return "", err
	}
	refusal, err := i.addBuild(ctx, p, given)
	if err != nil {
		return "", err
	}
	var failure string
	err = i.Store.Update(ctx, func(tx store.Tx) error {
		start := Start{Pipeline: p, Trigger: given, User: given.Text("user"), Origin: m.Origin, Alone: true}
		if refusal != nil {
			start.Failure = refusal.Message
		}
		if executionID, failure, err = i.Starter.Start(tx, start); err != nil {
			return err
		}
		if err := i.recordManual(tx, p, given, executionID, failure); err != nil {
			return err
		}
		return tx.AddAudit(store.AuditRow{At: tx.Now(), User: m.User, Action: "startPipeline", Target: p.Application + "/" + p.Name,
			Detail: executionID})
	})
	if err != nil {
		return "", fmt.Errorf("start pipeline %q of application %q: %w", p.Name, p.Application, err)
	}
	if failure == "" {
		return executionID, nil
	}
	answer := spinnaker.Invalid("Unable to trigger pipeline (application: %s, pipelineNameOrId: %s). Error: %s",
		p.Application, p.Name, failure)
	if refusal != nil {
		answer.Status = refusal.Status
	}
	return executionID, answer
}

// correlated finds the execution that was started with a correlationId.
func (i *Inbox) correlated(ctx context.Context, correlationID string) (executionID string, err error) {
	if correlationID == "" {
		return "", nil
	}
	err = i.Store.View(ctx, func(r store.Reader) (err error) {
		executionID, err = r.ExecutionByCorrelation(correlationID)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	return executionID, err
}

// recordManual makes a start by hand an event with a verdict, like all others.
func (i *Inbox) recordManual(tx store.Tx, p spinnaker.Pipeline, given spinnaker.Trigger, id, failure string) error {
	eventID, reason := given.Text("eventId"), "started by "+given.Text("user")
	err := tx.AddEvent(store.Event{ID: eventID, Key: eventID, Type: trigger.Manual, Source: p.Application, Name: p.Name,
		ReceivedAt: tx.Now(), Body: []byte("{}")})
	if err != nil {
		return err
	}
	row := store.Verdict{EventID: eventID, Application: p.Application, Pipeline: p.Name, PipelineConfigID: p.ID,
		Trigger: trigger.Manual, Outcome: store.Fired, Reason: reason, ExecutionID: id, At: tx.Now()}
	if failure != "" {
		row.Outcome, row.Reason = store.Failed, reason+"; the start failed: "+failure
	}
	return tx.AddVerdict(bounded(row))
}

// checkParameters refuses a start that lacks a required parameter.
func checkParameters(p spinnaker.Pipeline, given spinnaker.Trigger) error {
	parameters := given.Object("parameters")
	var missing []string
	for _, parameter := range p.Parameters {
		if parameter.Required && parameter.Default == nil && parameters[parameter.Name] == nil {
			missing = append(missing, "Required parameter "+parameter.Name+" is missing")
		}
	}
	if len(missing) == 0 {
		return nil
	}
	answer := spinnaker.Invalid("%s", strings.Join(missing, "; "))
	answer.Errors = missing
	return answer
}

// addBuild looks up the build that a start by hand names and adds it to the trigger. What could not be looked up is the
// reason why the start is refused.
func (i *Inbox) addBuild(ctx context.Context, p spinnaker.Pipeline, given spinnaker.Trigger) (refusal *spinnaker.Error, err error) {
	master, job, text := given.Text("master"), given.Text("job"), given.Text("buildNumber")
	if master == "" || job == "" || text == "" || given["buildInfo"] != nil {
		return nil, nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 1 {
		return nil, spinnaker.Invalid("trigger: buildNumber: found %q, expected a whole number from 1", text)
	}
	lookup, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	build, err := i.Builds.Build(lookup, master, job, number)
	if err != nil {
		return refused("build", err), nil
	}
	facts := trigger.Facts{}
	if file := propertyFile(p, given); file != "" && given["properties"] == nil {
		if facts.Properties, _, err = i.Builds.Properties(lookup, master, job, number, file); err != nil {
			refusal = refused("property file", err)
		}
	}
	return refusal, trigger.AddBuild(given, build, facts)
}

// refused says what could not be looked up, with the status of the cause.
func refused(what string, cause error) *spinnaker.Error {
	refusal := spinnaker.Invalid("Could not get %s from build server: %v", what, cause)
	if answer := (*spinnaker.Error)(nil); errors.As(cause, &answer) {
		refusal.Status = answer.Status
	}
	return refusal
}

// propertyFile is the property file of the build that a start by hand names: the one that it names too, or that of the
// pipeline's trigger on that job.
func propertyFile(p spinnaker.Pipeline, given spinnaker.Trigger) string {
	if file := given.Text("propertyFile"); file != "" {
		return file
	}
	for _, t := range p.Triggers {
		if t.Type() == "jenkins" && t.Text("master") == given.Text("master") && t.Text("job") == given.Text("job") {
			return t.Text("propertyFile")
		}
	}
	return ""
}
