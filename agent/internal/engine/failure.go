package engine

import (
	"slices"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// ContextWarnings is the key of the list of warnings in a stage's context; ContextMessage that of the last message.
const (
	ContextWarnings = "gennaker.warnings"
	ContextMessage  = "gennaker.message"
)

// failureStatus is what a failure means by the stage's own options.
//
// Source: spinnaker/spinnaker orca/orca-queue q/handler/AuthenticationAware, StageExecution.failureStatus.
func failureStatus(stage *spinnaker.Stage, status spinnaker.Status) spinnaker.Status {
	if flag(stage, "continuePipeline") {
		return spinnaker.FailedContinue
	}
	if fail, said := Bool(stage.Context["failPipeline"]); said && !fail {
		return spinnaker.Stopped
	}
	return status
}

// fail puts an exception into a stage's context, in Orca's form, and on the task that was running.
func fail(stage *spinnaker.Stage, kind, summary string, errors []string, now time.Time) {
	listed := make([]any, len(errors))
	for i, text := range errors {
		listed[i] = text
	}
	operation := stage.Type
	exception := map[string]any{
		"timestamp": milliseconds(now), "exceptionType": kind, "operation": operation, "shouldRetry": false,
		"details": map[string]any{"error": summary, "errors": listed},
	}
	for i, task := range stage.Tasks {
		if task.Status == spinnaker.Running || task.Status.Failed() {
			exception["operation"] = task.Name
			stage.Tasks[i].TaskExceptionDetails = map[string]any{"exception": exception}
			break
		}
	}
	stage.Context["exception"] = exception
}

// forgive takes back what fail put into a stage.
func forgive(stage *spinnaker.Stage) {
	delete(stage.Context, "exception")
	for i := range stage.Tasks {
		stage.Tasks[i].TaskExceptionDetails = nil
	}
}

// warn adds a warning to a stage, once.
func warn(stage *spinnaker.Stage, text string) {
	list, _ := stage.Context[ContextWarnings].([]any)
	if !slices.Contains(list, any(text)) {
		stage.Context[ContextWarnings] = append(slices.Clone(list), text)
	}
}

// reason says in one sentence why a step failed.
func (r *Result) reason() string {
	switch {
	case r.Message != "":
		return r.Message
	case len(r.Errors) > 0:
		return r.Errors[0]
	default:
		return "the step ended with status " + string(r.Status) + " and gave no reason"
	}
}

// sentences are all a failed step had to say, without repetition.
func (r *Result) sentences() []string {
	var said []string
	if r.Message != "" || len(r.Errors) == 0 {
		said = append(said, r.reason())
	}
	for _, text := range r.Errors {
		if !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	return said
}
