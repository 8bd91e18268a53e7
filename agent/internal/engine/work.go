package engine

import (
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// work returns the bookkeeping of a stage.
func (a *advance) work(stage *spinnaker.Stage) *Work { return workOf(a.ex, stage) }

func workOf(ex *Execution, stage *spinnaker.Stage) *Work {
	w := ex.Work[stage.ID]
	if w == nil {
		w = &Work{}
		ex.Work[stage.ID] = w
	}
	return w
}

// BeginStep notes that a step of a stage begins now: it sees all that users have set so far.
func BeginStep(ex *Execution, stage *spinnaker.Stage) { workOf(ex, stage).Patched = nil }

// look makes a step of a stage due, unless the execution is paused.
func (a *advance) look(stage *spinnaker.Stage, phase Phase, at time.Time) {
	w := a.work(stage)
	w.setDeadline(stage, 0)
	w.run(phase, at)
	a.holdIfPaused(stage)
}

// await makes a stage wait for a named event, or for its synthetic stages when it has no name, until its time-out.
func (a *advance) await(stage *spinnaker.Stage, awaits string) {
	a.work(stage).wait(awaits)
	a.holdIfPaused(stage)
}

// wake makes a stage look at once that waits for an event or for a later time.
func (a *advance) wake(stage *spinnaker.Stage) {
	if a.work(stage).Part == PartMain {
		a.look(stage, PhaseRun, a.now)
	}
}

// run makes a step due at a time, or at the stage's time-out if that comes first. It replaces what a pause has set aside.
func (w *Work) run(phase Phase, at time.Time) {
	w.Phase, w.Awaits, w.Due, w.Held = phase, "", at, nil
	if !w.Deadline.IsZero() && w.Deadline.Before(at) {
		w.Due = w.Deadline
	}
}

// wait is run for a stage with no step to come before an event.
func (w *Work) wait(awaits string) {
	w.Phase, w.Awaits, w.Due, w.Held = PhaseIdle, awaits, w.Deadline, nil
	if !w.Deadline.IsZero() {
		w.Phase = PhaseTimer
	}
}

// listen names an event that makes the stage look before it is due.
func (w *Work) listen(awaits string) {
	if w.Held != nil {
		w.Held.Awaits = awaits
		return
	}
	w.Awaits = awaits
}

// hold sets aside what a stage was about to do.
func (w *Work) hold() {
	w.Held = &Held{Phase: w.Phase, Due: w.Due, Awaits: w.Awaits}
	w.Phase, w.Due, w.Awaits = PhaseIdle, time.Time{}, "resume"
}

// release takes up again what hold set aside.
func (w *Work) release() {
	if w.Held != nil {
		w.Phase, w.Due, w.Awaits = w.Held.Phase, w.Held.Due, w.Held.Awaits
		w.Held = nil
	}
}

// shift moves all times of a stage by the time that the execution was paused.
func (w *Work) shift(paused time.Duration) {
	for _, at := range []*time.Time{&w.Began, &w.Deadline, &w.Due} {
		if !at.IsZero() {
			*at = at.Add(paused)
		}
	}
}

// rest ends all bookkeeping of a stage but its counters, its own state and what is known of its context.
func (w *Work) rest() {
	step, state := w.Step, w.State
	w.forget()
	w.Step, w.State = step, state
}

// forget ends all bookkeeping of a stage but the number of its attempts and what is known of its context, which stays.
func (w *Work) forget() {
	*w = Work{Format: format, Attempt: w.Attempt, Literals: w.Literals, Written: w.Written}
}
