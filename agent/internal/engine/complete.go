package engine

import (
	"slices"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// conclude goes on with a stage whose own steps are over: stages after it, or upon its failure, come next.
func (a *advance) conclude(stage *spinnaker.Stage, verdict spinnaker.Status) {
	w := a.work(stage)
	if verdict != spinnaker.Canceled && verdict != spinnaker.Skipped && failsByExpressions(stage) {
		verdict = spinnaker.Terminal
	}
	w.Verdict = verdict
	after, upon := w.pending()
	switch {
	case verdict == spinnaker.Canceled, verdict == spinnaker.Skipped, a.ending(stage):
		a.complete(stage, verdict)
	case verdict.Halt() && len(upon) > 0:
		w.Pending = nil
		a.removeUnstarted(stage)
		a.insert(stage, PartFailure, spinnaker.StageAfter, upon)
	case !verdict.Halt() && len(after) > 0:
		w.Pending = upon // one of those after the stage may fail
		a.insert(stage, PartAfter, spinnaker.StageAfter, after)
	default:
		a.complete(stage, verdict)
	}
}

// pending returns the stages that are to be inserted when the stage's own steps have gone well, and upon its failure.
func (w *Work) pending() (after, upon []Inserted) {
	for _, inserted := range w.Pending {
		if inserted.OnFailure {
			upon = append(upon, inserted)
		} else {
			after = append(after, inserted)
		}
	}
	return after, upon
}

// complete is the end of a stage.
func (a *advance) complete(stage *spinnaker.Stage, status spinnaker.Status) {
	ending := a.work(stage).Ending
	status = a.withChildren(stage, status)
	reportFailedExpressions(stage, a.now)
	if status != spinnaker.Canceled && failsByExpressions(stage) {
		status = spinnaker.Terminal
	}
	stage.Status = status
	a.halted = a.halted || status.Halt()
	stage.EndTime = spinnaker.MillisOf(a.now)
	endTasks(stage, a.now)
	a.work(stage).rest()
	if stage.ParentStageID == "" {
		a.notify(stageNotification(status), stage.ID)
	}
	if ending && stage.ParentStageID == "" {
		a.completeExecution()
		return
	}
	a.next(stage)
}

func stageNotification(status spinnaker.Status) string {
	switch status {
	case spinnaker.Succeeded:
		return "orca:stage:complete"
	case spinnaker.Skipped:
		return "orca:stage:skipped"
	default:
		return "orca:stage:failed"
	}
}

// next goes on after a stage that has ended.
func (a *advance) next(stage *spinnaker.Stage) {
	if parent := a.byID[stage.ParentStageID]; parent != nil {
		a.childDone(parent, stage)
		return
	}
	downstream := a.downstream(stage)
	if stage.Status.Halt() || len(downstream) == 0 {
		a.completeExecution()
		return
	}
	for _, dependent := range downstream {
		a.startStage(dependent)
	}
}

// completeExecution asks for evaluate, once everything has started that the present event lets start: what that is does
// not depend on the order of the stages.
func (a *advance) completeExecution() { a.asked = true }

// evaluate is Orca's CompleteExecutionHandler: if that was asked for, it ends the execution if its top-level stages say so.
func (a *advance) evaluate() {
	for a.asked && !a.ex.Status.Complete() {
		a.asked = false
		a.evaluateOnce()
	}
}

func (a *advance) evaluateOnce() {
	switch final := a.outcome(); final {
	case "":
	case spinnaker.Succeeded:
		a.finish(final)
	default:
		a.end(final)
	}
}

// outcome is what the top-level stages make of the execution; "" while that is open.
func (a *advance) outcome() spinnaker.Status {
	top := a.children("")
	has := func(test func(*spinnaker.Stage) bool) bool { return slices.ContainsFunc(top, test) }
	is := func(status spinnaker.Status) func(*spinnaker.Stage) bool {
		return func(s *spinnaker.Stage) bool { return s.Status == status }
	}
	switch {
	case !has(func(s *spinnaker.Stage) bool { return !goesOn(s.Status) }):
		return spinnaker.Succeeded
	case has(is(spinnaker.Terminal)):
		return spinnaker.Terminal
	case has(is(spinnaker.Canceled)):
		return spinnaker.Canceled
	case has(active):
		return ""
	case has(func(s *spinnaker.Stage) bool { return s.Status == spinnaker.NotStarted && a.startable(s) }):
		return ""
	case has(func(s *spinnaker.Stage) bool {
		return s.Status == spinnaker.Stopped && flag(s, "completeOtherBranchesThenFail")
	}):
		return spinnaker.Terminal
	case has(is(spinnaker.Stopped)):
		return spinnaker.Succeeded
	default:
		return ""
	}
}

// finalStatus is the outcome of an execution in which nothing is going on and nothing can start.
func (a *advance) finalStatus() spinnaker.Status {
	outcome := a.outcome()
	switch {
	case outcome == spinnaker.Terminal:
		return outcome
	case a.ex.Canceled:
		return spinnaker.Canceled
	case outcome != "":
		return outcome
	}
	a.ex.CancellationReason = flaw(a.children(""))
	if a.ex.CancellationReason == "" {
		a.ex.CancellationReason = "no stage of the execution can run any more: restart it from a stage that has ended"
	}
	return spinnaker.Terminal
}

// finish ends the execution.
func (a *advance) finish(final spinnaker.Status) {
	ex := a.ex
	if ex.Canceled && final == spinnaker.Succeeded {
		final = spinnaker.Canceled
	}
	ex.Status = final
	ex.EndTime = spinnaker.MillisOf(a.now)
	ex.Waiting = false
	a.changes.Completed = true
	switch final {
	case spinnaker.Succeeded:
		a.notify("orca:pipeline:complete", "")
	case spinnaker.Canceled:
	default:
		a.notify("orca:pipeline:failed", "")
	}
}
