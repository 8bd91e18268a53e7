package engine

import (
	"fmt"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// cleanUpTime bounds the clean-up of one stage that is canceled.
const cleanUpTime = time.Minute

// cancelExecution is Orca's CancelExecutionHandler.
func (a *advance) cancelExecution(user, reason string) {
	ex := a.ex
	if ex.Status.Complete() || ex.Canceled {
		return
	}
	ex.Canceled, ex.CanceledBy, ex.CancellationReason = true, user, reason
	a.end(spinnaker.Canceled)
}

// end cancels what is going on and, as soon as nothing is, ends the execution. A pause is over by then.
func (a *advance) end(final spinnaker.Status) {
	if a.ex.Status == spinnaker.Paused {
		a.unpause(system)
	}
	for _, stage := range a.children("") {
		if active(stage) {
			a.work(stage).Ending = true
			a.stop(stage, spinnaker.Canceled)
		}
		if a.ex.Status.Complete() {
			return
		}
	}
	if !a.anyActive() {
		a.finish(final)
	}
}

// stop ends a stage that is under way: it takes the verdict, after cleaning up what its steps and its synthetic stages
// began if that is one that halts. What has been decided already stays: a stage that has failed stays failed.
//
// Source: spinnaker/spinnaker orca/orca-queue q/handler/CancelStageHandler.kt, CompleteStageHandler.kt.
func (a *advance) stop(stage *spinnaker.Stage, verdict spinnaker.Status) {
	w := a.work(stage)
	if !active(stage) || w.Part == PartCancel {
		return
	}
	if w.Part == PartFailure && verdict != spinnaker.Skipped {
		verdict = w.Verdict
	}
	cleanUp := verdict.Halt() && (w.Part == PartMain || w.Part == PartBefore && !w.Began.IsZero())
	w.stop(verdict)
	if cleanUp {
		w.Deadline = a.now.Add(cleanUpTime)
		w.run(PhaseCancel, a.now)
	}
	a.endChildren(stage)
}

// stopChildren ends a stage as stop does, but leaves alone what its own steps began.
func (a *advance) stopChildren(stage *spinnaker.Stage, verdict spinnaker.Status) {
	w := a.work(stage)
	if w.Part != PartCancel {
		w.stop(verdict)
	}
	a.endChildren(stage)
}

// stop plans nothing more for a stage but to take the verdict.
func (w *Work) stop(verdict spinnaker.Status) {
	began, pending, ending := w.Began, w.Pending, w.Ending
	w.rest()
	w.Began, w.Pending, w.Ending = began, pending, ending
	w.Part, w.Verdict = PartCancel, verdict
}

// endChildren cancels the synthetic stages of a stage that is being stopped, or skips them with it.
func (a *advance) endChildren(stage *spinnaker.Stage) {
	verdict := spinnaker.Canceled
	if a.work(stage).Verdict == spinnaker.Skipped {
		verdict = spinnaker.Skipped
	}
	for _, child := range a.children(stage.ID) {
		if child.Status == spinnaker.NotStarted && verdict == spinnaker.Skipped {
			child.Status, child.EndTime = verdict, spinnaker.MillisOf(a.now)
		}
		a.stop(child, verdict)
	}
	a.finishCancel(stage)
}

// ending says whether nothing may start any more in a stage, because what it is part of is being stopped.
func (a *advance) ending(stage *spinnaker.Stage) bool {
	if a.ex.Canceled || a.work(stage).Ending {
		return true
	}
	parent := a.byID[stage.ParentStageID]
	return parent != nil && (a.work(parent).Part == PartCancel || a.ending(parent))
}

// finishCancel ends a stage that is being stopped once its clean-up and its synthetic stages are over.
func (a *advance) finishCancel(stage *spinnaker.Stage) {
	w := a.work(stage)
	if !active(stage) || w.Part != PartCancel || w.Phase == PhaseCancel || w.Held != nil {
		return
	}
	for _, child := range a.children(stage.ID) {
		if active(child) {
			return
		}
	}
	w.Deadline = time.Time{}
	a.conclude(stage, w.Verdict)
}

// cancelResult takes the result of a clean-up step.
func (a *advance) cancelResult(stage *spinnaker.Stage, r *Result) {
	w := a.work(stage)
	a.merge(stage, r)
	again := r.Class == ClassRetryable || r.Class == ClassWaiting || r.Status == spinnaker.Running
	if again && a.now.Before(w.Deadline) {
		w.Retries++
		w.run(PhaseCancel, a.now.Add(max(r.RequeueAfter, backOff(w.Retries))))
		return
	}
	if r.Status.Failed() || again {
		warn(stage, fmt.Sprintf("cleaning up after the stage was stopped: %s", r.reason()))
	}
	w.Phase = PhaseIdle
	a.finishCancel(stage)
}

// cancelTimeout gives up cleaning up.
func (a *advance) cancelTimeout(stage *spinnaker.Stage) {
	w := a.work(stage)
	warn(stage, fmt.Sprintf("cleaning up after the stage was stopped did not end within %s: look whether anything it began is still going on",
		words(cleanUpTime)))
	w.Phase = PhaseIdle
	a.finishCancel(stage)
}
