package engine

import (
	"slices"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// system is the user in whose name Spinnaker cancels executions by itself.
const system = "spinnaker"

// startExecution is Orca's StartExecutionHandler.
func (a *advance) startExecution() {
	ex := a.ex
	if expired(ex.StartTimeExpiry, a.now) && !a.restarted() {
		a.cancelExecution(system, "Could not begin execution before start time expiry")
		return
	}
	top := a.children("")
	ex.StartTime = spinnaker.MillisOf(a.now)
	if reason := flaw(top); reason != "" {
		ex.CancellationReason = reason
		a.finish(spinnaker.Terminal)
		return
	}
	ex.Status = spinnaker.Running
	a.notify("orca:pipeline:starting", "")
	a.startReady()
}

// restarted says whether the execution was restarted: whoever did that wants it, however late it is.
func (a *advance) restarted() bool {
	return slices.ContainsFunc(a.ex.Stages, func(s *spinnaker.Stage) bool { return s.Context[restartKey] != nil })
}

// startStage is Orca's StartStageHandler: it starts a stage if what it requires has gone well.
func (a *advance) startStage(stage *spinnaker.Stage) {
	if a.ex.Status.Complete() || a.ex.Canceled || stage.Status != spinnaker.NotStarted {
		return
	}
	if a.blocked(stage) {
		a.completeExecution()
		return
	}
	if a.ex.Status != spinnaker.Running || !a.startable(stage) {
		return // paused: startReady comes back to it
	}
	if problem := misconditioned(stage); problem != "" {
		stage.StartTime = spinnaker.MillisOf(a.now)
		fail(stage, "StageFailed", "Unexpected Task Failure", []string{problem}, a.now)
		a.complete(stage, failureStatus(stage, spinnaker.Terminal))
		return
	}
	if enabled, reason := a.enabled(stage); !enabled {
		a.skip(stage, reason)
		return
	}
	if flag(stage, manualSkip) {
		a.skip(stage, "a user skipped the stage before it started")
		return
	}
	if expired(stage.StartTimeExpiry, a.now) {
		a.skip(stage, "the time at which the stage had to start at the latest (startTimeExpiry) is past")
		return
	}
	a.begin(stage)
}

// startable says whether nothing is left to wait for before a stage.
func (a *advance) startable(stage *spinnaker.Stage) bool {
	return len(stage.Requisites) == 0 || a.ready(stage)
}

// startReady starts every stage whose turn it is: the initial ones, and those that a pause or a restart left behind.
func (a *advance) startReady() {
	for _, stage := range slices.Clone(a.ex.Stages) {
		if stage.Status == spinnaker.NotStarted && a.due(stage) {
			a.startStage(stage)
		}
	}
}

// due says whether it is a stage's turn: its requisites are met and, for a synthetic one, its side of the parent is
// under way.
func (a *advance) due(stage *spinnaker.Stage) bool {
	if !a.startable(stage) {
		return false
	}
	parent := a.byID[stage.ParentStageID]
	if parent == nil {
		return true
	}
	return active(parent) && ownerOf(a.work(parent).Part) == stage.Owner
}

// begin starts a stage: its execution window first, else its own steps.
func (a *advance) begin(stage *spinnaker.Stage) {
	w := a.work(stage)
	w.forget()
	w.Attempt++
	stage.Status = spinnaker.Running
	stage.StartTime = spinnaker.MillisOf(a.now)
	stage.EndTime = 0
	if stage.ParentStageID == "" {
		a.notify("orca:stage:starting", stage.ID)
	}
	if window, ok := windowOf(stage); ok {
		a.insertBefore(stage, []Inserted{window})
		return
	}
	a.beginMain(stage)
}

// beginMain makes a stage's first own step due.
func (a *advance) beginMain(stage *spinnaker.Stage) {
	w := a.work(stage)
	w.Part, w.Began = PartMain, a.now
	if len(stage.Tasks) == 0 {
		stage.Tasks = setTasks(nil, []spinnaker.Task{{Name: stage.Type, Status: spinnaker.Running}}, a.now)
	}
	a.nextStep(stage, a.now)
}

// nextStep makes the step after the present one due.
func (a *advance) nextStep(stage *spinnaker.Stage, at time.Time) {
	w := a.work(stage)
	w.Step++
	w.Retries = 0
	a.look(stage, PhaseRun, at)
}

// skip ends a stage that is not to run.
func (a *advance) skip(stage *spinnaker.Stage, reason string) {
	stage.Status = spinnaker.Skipped
	stage.EndTime = spinnaker.MillisOf(a.now)
	stage.Context[ContextMessage] = reason
	a.work(stage).rest()
	if stage.ParentStageID == "" {
		a.notify("orca:stage:skipped", stage.ID)
	}
	a.next(stage)
}

func expired(expiry spinnaker.Millis, now time.Time) bool {
	return expiry != 0 && now.After(expiry.Time())
}
