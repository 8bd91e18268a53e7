package engine

import (
	"fmt"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// PauseProblem says why an execution can not be paused, or "".
func PauseProblem(ex *spinnaker.Execution) string {
	if ex.Status == spinnaker.Running {
		return ""
	}
	return fmt.Sprintf("Unable to pause pipeline that is not RUNNING (executionId: %s, currentStatus: %s)", ex.ID, ex.Status)
}

// ResumeProblem says why an execution can not be resumed, or "". The missing bracket is Spinnaker's.
func ResumeProblem(ex *spinnaker.Execution) string {
	if ex.Status == spinnaker.Paused {
		return ""
	}
	return fmt.Sprintf("Unable to resume pipeline that is not PAUSED (executionId: %s, currentStatus: %s", ex.ID, ex.Status)
}

// pause holds everything that is not being cleaned up. Steps that are running end first.
func (a *advance) pause(event Event) {
	if problem := PauseProblem(a.ex.Execution); problem != "" {
		a.refuse(event, problem)
		return
	}
	a.ex.Status = spinnaker.Paused
	before := a.ex.Paused
	a.ex.Paused = &spinnaker.PauseDetails{PausedBy: event.User, PauseTime: spinnaker.MillisOf(a.now), Paused: true}
	if before != nil {
		a.ex.Paused.PausedMS = before.PausedMS
	}
	for _, stage := range a.ex.Stages {
		if active(stage) {
			a.holdIfPaused(stage)
		}
	}
}

func (a *advance) holdIfPaused(stage *spinnaker.Stage) {
	w := a.work(stage)
	if a.ex.Status != spinnaker.Paused || w.Part == PartCancel || w.Held != nil {
		return
	}
	w.hold()
	setStatus(stage, spinnaker.Running, spinnaker.Paused)
}

func (a *advance) resume(event Event) {
	if problem := ResumeProblem(a.ex.Execution); problem != "" {
		a.refuse(event, problem)
		return
	}
	a.unpause(event.User)
	a.startReady()
}

// unpause lets everything go on where it was: the time that was paused does not count, and what was going to look
// again looks at once.
func (a *advance) unpause(user string) {
	details := a.ex.Paused
	paused := a.now.Sub(details.PauseTime.Time())
	details.ResumedBy, details.ResumeTime, details.Paused = user, spinnaker.MillisOf(a.now), false
	details.PausedMS += paused.Milliseconds()
	a.ex.Status = spinnaker.Running
	for _, stage := range a.ex.Stages {
		if w := a.work(stage); active(stage) && w.Part != PartCancel {
			w.release()
			w.shift(paused)
			if w.Phase == PhaseRun {
				w.Due = a.now
			}
			setStatus(stage, spinnaker.Paused, spinnaker.Running)
		}
	}
}

// setStatus changes a stage's status, and that of the tasks that share it, from one to another.
func setStatus(stage *spinnaker.Stage, from, to spinnaker.Status) {
	if stage.Status == from {
		stage.Status = to
	}
	for i := range stage.Tasks {
		if stage.Tasks[i].Status == from {
			stage.Tasks[i].Status = to
		}
	}
}
