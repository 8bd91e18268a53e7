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

// Manual starts a pipeline by hand. The execution is stored when Manual returns; given is completed with what it was
// started with. A start that fails after the execution was stored returns its id and the error.
//
// Source: spinnaker/spinnaker gate/gate-web services/PipelineService.groovy, echo/echo-pipelinetriggers
// eventhandlers/ManualEventHandler.java.
func (i *Inbox) Manual(ctx context.Context, user string, p spinnaker.Pipeline, given spinnaker.Trigger) (executionID string, err error) {
	if p.Disabled {
		return "", spinnaker.Invalid("Pipeline is disabled and cannot be started. Enable pipeline %q of application %q first.", p.Name, p.Application)
	}
	if given.Text("type") == "" {
		given["type"] = "manual"
	}
	if given.Text("user") == "" {
		given["user"] = user
	}
	given["eventId"] = i.NewID()
	if err := checkParameters(p, given); err != nil {
		return "", err
	}
	failure, err := i.addBuild(ctx, p, given)
	if err != nil {
		return "", err
	}
	reason := "started by " + given.Text("user")
	err = i.Store.Update(ctx, func(tx store.Tx) error {
		id, failed, err := i.Starter.Start(tx, Start{Pipeline: p, Trigger: given, User: given.Text("user"), Failure: failure})
		if err != nil {
			return err
		}
		executionID, failure = id, failed
		return i.recordManual(tx, p, given, id, reason, failed)
	})
	if err != nil {
		return "", fmt.Errorf("start pipeline %q of application %q: %w", p.Name, p.Application, err)
	}
	if failure != "" {
		return executionID, spinnaker.Invalid("Unable to trigger pipeline (application: %s, pipelineNameOrId: %s). Error: %s",
			p.Application, p.Name, failure)
	}
	return executionID, nil
}

// recordManual makes a start by hand an event with a verdict, like all others.
func (i *Inbox) recordManual(tx store.Tx, p spinnaker.Pipeline, given spinnaker.Trigger, id, reason, failure string) error {
	eventID := given.Text("eventId")
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
	return tx.PutVerdict(row)
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

// addBuild looks up the build that a start by hand names and adds it to the trigger. What could not be read of a build
// that exists becomes the reason why the start fails.
func (i *Inbox) addBuild(ctx context.Context, p spinnaker.Pipeline, given spinnaker.Trigger) (failure string, err error) {
	master, job, text := given.Text("master"), given.Text("job"), given.Text("buildNumber")
	if master == "" || job == "" || text == "" || given["buildInfo"] != nil {
		return "", nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 1 {
		return "", spinnaker.Invalid("trigger: buildNumber: found %q, expected a whole number from 1", text)
	}
	lookup, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	build, err := i.Builds.Build(lookup, master, job, number)
	if err != nil {
		if answer := (*spinnaker.Error)(nil); errors.As(err, &answer) {
			return "", answer
		}
		return "Could not get build from build server: " + err.Error(), nil
	}
	file := given.Text("propertyFile")
	for _, t := range p.Triggers {
		if file == "" && t.Type() == "jenkins" && t.Text("master") == master && t.Text("job") == job {
			file = t.Text("propertyFile")
		}
	}
	facts := trigger.Facts{}
	if file != "" {
		if facts.Properties, _, err = i.Builds.Properties(lookup, master, job, number, file); err != nil {
			failure = "Could not get property file from build server: " + err.Error()
		}
	}
	return failure, trigger.AddBuild(given, build, facts)
}
