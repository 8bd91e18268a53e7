package engine

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Bounds of the pause before a step is tried again, and of the number of tries of a stage without a time-out.
const (
	firstBackOff = time.Second
	lastBackOff  = time.Minute
	maxRetries   = 12
)

// backOff is the pause before the nth repetition of a step.
func backOff(n int) time.Duration {
	if n > 6 {
		return lastBackOff
	}
	return min(firstBackOff<<(max(n, 1)-1), lastBackOff)
}

// result takes the result of a step.
func (a *advance) result(stage *spinnaker.Stage, event Event) error {
	if event.Result == nil {
		return errors.New("it has no result")
	}
	w := a.work(stage)
	if !active(stage) || event.Attempt != 0 && event.Attempt != w.Attempt {
		return nil // the stage was skipped or restarted while the step ran
	}
	if len(event.Result.State) > MaxState {
		event.Result = &Result{Status: spinnaker.Terminal, Class: ClassBug, Message: fmt.Sprintf(
			"stage type %q returned a state of %d bytes; at most %d are kept", stage.Type, len(event.Result.State), MaxState)}
	}
	if r := event.Result; spinnaker.Nested(r.Context) || spinnaker.Nested(r.Outputs) || spinnaker.Nested(r.Evaluated) {
		event.Result = &Result{Status: spinnaker.Terminal, Class: ClassFailed, Message: fmt.Sprintf(
			"stage type %q gave values that nest lists and objects more than %d deep, which can not be kept", stage.Type, spinnaker.MaxNesting)}
	}
	switch {
	case event.Phase == PhaseCancel && w.Part == PartCancel:
		a.cancelResult(stage, event.Result)
	case w.Part == PartCancel:
		a.lateResult(stage, event.Result)
	case w.Part == PartMain:
		a.mainResult(stage, event.Result)
		a.stepped(stage)
	}
	return nil
}

// lateResult takes the result of a step during which the stage was stopped. What it did is kept; if it went well,
// there is nothing to clean up.
func (a *advance) lateResult(stage *spinnaker.Stage, r *Result) {
	a.merge(stage, r)
	w := a.work(stage)
	if r.Status == spinnaker.Succeeded && w.Phase == PhaseCancel {
		w.Phase, w.Verdict = PhaseIdle, spinnaker.Succeeded
		w.Pending = nil
		forgive(stage)
		a.finishCancel(stage)
	}
}

func (a *advance) mainResult(stage *spinnaker.Stage, r *Result) {
	a.merge(stage, r)
	w := a.work(stage)
	w.setDeadline(stage, r.Timeout)
	patched := len(w.Patched) > 0
	w.Patched = nil
	switch {
	case r.Class == ClassRetryable:
		a.retry(stage, r)
	case r.Class == ClassWaiting:
		a.again(stage, r, patched)
	case r.Status == spinnaker.Running:
		a.goOn(stage, r, patched)
	case r.Status.Complete():
		a.endMain(stage, r)
	default:
		a.endMain(stage, &Result{Status: spinnaker.Terminal, Class: ClassBug, Message: fmt.Sprintf(
			"stage type %q ended a step with status %q, which is none that a step can have", stage.Type, r.Status)})
	}
}

// merge takes over what a step said about its stage.
func (a *advance) merge(stage *spinnaker.Stage, r *Result) {
	w := a.work(stage)
	if r.Evaluated != nil {
		w.remember(stage.Context, r.Evaluated)
		evaluated := maps.Clone(r.Evaluated)
		for _, key := range w.Patched {
			evaluated[key] = stage.Context[key]
		}
		stage.Context = evaluated
		w.Literals = r.Literals
	}
	for key, value := range r.Context {
		if !slices.Contains(w.Patched, key) {
			stage.Context[key] = value
		}
	}
	// What a step says comes from outside the pipeline (a server's message, a build's data): it is never evaluated.
	w.Literals = mergeTexts(w.Literals, texts(r.Context))
	maps.Copy(stage.Outputs, r.Outputs)
	delete(stage.Outputs, timeoutKey) // it would become the time-out of the stages after this one
	addArtifacts(stage, r.Artifacts)
	if r.Tasks != nil {
		stage.Tasks = setTasks(stage.Tasks, r.Tasks, a.now)
	}
	if r.State != nil {
		w.State = r.State
	}
	if r.Message != "" {
		stage.Context[ContextMessage] = r.Message
	}
	if !r.Scheduled.IsZero() {
		stage.ScheduledTime = spinnaker.MillisOf(r.Scheduled)
	}
	for _, text := range r.Warnings {
		warn(stage, text)
	}
	for _, inserted := range r.Insert {
		if inserted.Owner != spinnaker.StageBefore || inserted.OnFailure {
			w.Pending = append(w.Pending, inserted)
		}
	}
	for _, kind := range r.Notifications {
		a.notify(kind, stage.ID)
	}
}

// remember keeps what expressions replace in a context, as it was written.
func (w *Work) remember(written, evaluated map[string]any) {
	for key, value := range written {
		if _, known := w.Written[key]; known || len(texts(value)) == 0 || reflect.DeepEqual(value, evaluated[key]) {
			continue
		}
		if w.Written == nil {
			w.Written = map[string]any{}
		}
		w.Written[key] = value
	}
}

// retry makes a step that failed for a passing reason due again, as long as the stage has time.
func (a *advance) retry(stage *spinnaker.Stage, r *Result) {
	w := a.work(stage)
	w.Retries++
	if w.Deadline.IsZero() && w.Retries > maxRetries {
		a.endMain(stage, &Result{Status: spinnaker.Terminal, Class: ClassFailed, Errors: r.Errors, Message: fmt.Sprintf(
			"%s (given up after %d attempts)", r.reason(), w.Retries)})
		return
	}
	if !w.Deadline.IsZero() && !a.now.Before(w.Deadline) {
		a.timeout(stage)
		return
	}
	a.look(stage, PhaseRun, a.now.Add(max(backOff(w.Retries), r.RequeueAfter, floor(stage))))
}

// again repeats a step that found that nothing is wrong yet.
func (a *advance) again(stage *spinnaker.Stage, r *Result, patched bool) {
	if patched {
		a.look(stage, PhaseRun, a.now)
		return
	}
	a.look(stage, PhaseRun, a.now.Add(max(firstBackOff, r.RequeueAfter, floor(stage))))
}

// goOn arranges for the step after one that left the stage RUNNING.
func (a *advance) goOn(stage *spinnaker.Stage, r *Result, patched bool) {
	w := a.work(stage)
	var before []Inserted
	for _, inserted := range r.Insert {
		if inserted.Owner == spinnaker.StageBefore && !inserted.OnFailure {
			before = append(before, inserted)
		}
	}
	switch {
	case !w.Deadline.IsZero() && !a.now.Before(w.Deadline):
		a.timeout(stage)
	case len(before) > 0:
		a.insertBefore(stage, before)
	case patched:
		a.nextStep(stage, a.now)
	case r.Awaits != "" && r.RequeueAfter == 0:
		w.Step++
		w.Retries = 0
		a.await(stage, r.Awaits)
	default:
		pause := r.RequeueAfter
		if pause > 0 {
			pause = max(pause, floor(stage))
		}
		a.nextStep(stage, a.now.Add(pause))
		w.listen(r.Awaits)
	}
}

// floor is the shortest pause between two looks that the pipeline allows.
func floor(stage *spinnaker.Stage) time.Duration {
	pause, _ := Span(stage.Context["backoffPeriodMs"], time.Millisecond)
	return pause
}

// endMain ends a stage's own steps.
func (a *advance) endMain(stage *spinnaker.Stage, r *Result) {
	status := r.Status
	switch {
	case status == spinnaker.Succeeded:
		if missing := bindExpected(a.ex, stage); missing != "" {
			a.endMain(stage, &Result{Status: spinnaker.Terminal, Class: ClassFailed, Message: missing})
			return
		}
	case status == spinnaker.Canceled:
		status = failureStatus(stage, status)
		if r.Message != "" {
			fail(stage, "Canceled", "Canceled", r.sentences(), a.now)
		}
	case status == spinnaker.Terminal:
		if !r.Final {
			status = failureStatus(stage, status)
		}
		fail(stage, exceptionType(r.Class), "Unexpected Task Failure", r.sentences(), a.now)
	case status.Failed() && (r.Message != "" || len(r.Errors) > 0):
		fail(stage, exceptionType(r.Class), "Unexpected Task Failure", r.sentences(), a.now)
	}
	if exception, failed := stage.Context["exception"].(map[string]any); failed && r.Source != nil {
		exception["source"] = r.Source
	}
	a.conclude(stage, status)
}

func exceptionType(class Class) string {
	if class == ClassBug {
		return "Bug"
	}
	return "StageFailed"
}
