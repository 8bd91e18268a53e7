package engine

import (
	"slices"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// conclude goes on with a stage whose own steps are over: stages after it, or upon its failure, come next.
func (a *advance) conclude(stage *spinnaker.Stage, verdict spinnaker.Status) {
	w := a.work(stage)
	w.Verdict = verdict
	part := PartAfter
	if verdict.Halt() {
		part = PartFailure
	}
	var pending []Inserted
	for _, inserted := range w.Pending {
		if inserted.OnFailure == (part == PartFailure) {
			pending = append(pending, inserted)
		}
	}
	w.Pending = nil
	if len(pending) == 0 || verdict == spinnaker.Canceled || verdict == spinnaker.Skipped || a.ex.Canceled {
		a.complete(stage, verdict)
		return
	}
	a.insert(stage, part, spinnaker.StageAfter, pending)
}

// complete is the end of a stage.
func (a *advance) complete(stage *spinnaker.Stage, status spinnaker.Status) {
	ending := a.work(stage).Ending
	if reportFailedExpressions(stage, a.now) && flag(stage, failOnFailedKey) && status != spinnaker.Canceled {
		status = spinnaker.Terminal
	}
	stage.Status = status
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

// completeExecution is Orca's CompleteExecutionHandler: it ends the execution if its top-level stages say so.
func (a *advance) completeExecution() {
	if a.ex.Status.Complete() {
		return
	}
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
	a.ex.CancellationReason = "no stage of the execution can run any more: restart it from a stage that has ended"
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
