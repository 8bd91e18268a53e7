package engine

import (
	"fmt"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// timeoutKey is the option of a stage that says how long it may take, in milliseconds.
const timeoutKey = "stageTimeoutMs"

// setDeadline gives a stage that is in its own steps its time-out: the pipeline's stageTimeoutMs, else the type's own,
// which may differ from task to task. Without either, the one it has stays.
func (w *Work) setDeadline(stage *spinnaker.Stage, ofType time.Duration) {
	if w.Part != PartMain || w.Began.IsZero() {
		return
	}
	limit, said := Span(stage.Context[timeoutKey], time.Millisecond)
	if !said || limit == 0 {
		limit = ofType
	}
	if limit > 0 {
		w.Deadline = w.Began.Add(limit)
	}
}

// timer acts on the passing of time: a stage whose deadline has come times out. Steps that are due are not its
// concern.
func (a *advance) timer(stage *spinnaker.Stage) {
	w := a.work(stage)
	if !active(stage) || w.Held != nil || w.Deadline.IsZero() || a.now.Before(w.Deadline) {
		return
	}
	if w.Part == PartCancel {
		a.cancelTimeout(stage)
		return
	}
	a.timeout(stage)
}

// timeout ends a stage that took too long.
func (a *advance) timeout(stage *spinnaker.Stage) {
	w := a.work(stage)
	if w.Part == PartFailure {
		warn(stage, "the stages upon its failure did not end in time")
		a.stop(stage, w.Verdict)
		return
	}
	if flag(stage, "markSuccessfulOnTimeout") {
		a.stop(stage, spinnaker.Succeeded)
		return
	}
	text := fmt.Sprintf("Stage %s timed out after %s", stage.Name, words(w.Deadline.Sub(w.Began)))
	if last, ok := stage.Context[ContextMessage].(string); ok && last != "" {
		text += ": " + last
	}
	fail(stage, "TimeoutException", "Timeout", []string{text}, a.now)
	a.stop(stage, failureStatus(stage, spinnaker.Terminal))
}
