package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Changes says what Advance did to an execution, as far as others must learn of it.
type Changes struct {
	// Completed: the execution ended, and its slot is free for another one of its pipeline. It is set once in an
	// execution's life, and once more after each restart.
	Completed bool
	// Notifications are what senders and other pipelines may want to hear of, in order.
	Notifications []Notification
	// Refused are the events that were not allowed in the state they met.
	Refused []Refusal
}

// Notification is a change that people and other pipelines may want to hear of.
//
// Source: spinnaker/spinnaker orca/orca-echo spring/EchoNotifyingStageListener.groovy.
type Notification struct {
	// Type as in Echo, for example "orca:stage:failed", or the state of a judgment, for example "manualJudgment".
	Type string
	// StageID is empty for the execution's own changes.
	StageID string
}

// Refusal says why an event changed nothing.
type Refusal struct {
	Event  Event
	Reason string
}

// advance is one run of Advance.
type advance struct {
	engine  *Engine
	ex      *Execution
	now     time.Time
	ids     func() string
	changes Changes
	// asked: the execution may have come to its end.
	asked bool
	// halted: some stage has halted, so that others may be blocked.
	halted bool
	*graph
}

// Advance applies events to an execution, in order, and takes it as far as it goes without anything from outside: an
// execution that is not parked starts, stages whose requisites are met become due, an execution with nothing left to
// do ends. Given no events it only does the latter, which also puts an execution on its feet that an error left
// without due work. The error is for an event that can not be understood; the execution is then not to be stored.
func (e *Engine) Advance(ex *Execution, events []Event, now time.Time, ids func() string) (Changes, error) {
	return e.Advancer(ex).Advance(events, now, ids)
}

// Advancer advances one execution again and again, and arranges its stages only once for that. Meanwhile nothing else
// may change the execution.
type Advancer struct {
	engine *Engine
	ex     *Execution
	graph  *graph
}

// Advancer returns an advancer of an execution.
func (e *Engine) Advancer(ex *Execution) *Advancer { return &Advancer{engine: e, ex: ex} }

// Advance is Engine.Advance for the advancer's execution.
func (r *Advancer) Advance(events []Event, now time.Time, ids func() string) (Changes, error) {
	a := &advance{engine: r.engine, ex: r.ex, now: now, ids: ids, graph: r.graph}
	if a.graph == nil || !slices.Equal(a.stages, a.ex.Stages) {
		if err := a.ex.Readable(); err != nil {
			return Changes{}, err
		}
		if a.ex.Work == nil {
			a.ex.Work = map[string]*Work{}
		}
		a.index()
	}
	a.halted = slices.ContainsFunc(a.ex.Stages, func(s *spinnaker.Stage) bool { return s.Status.Halt() })
	for _, event := range events {
		if err := a.apply(event); err != nil {
			return Changes{}, fmt.Errorf("execution %s: %s event: %w", a.ex.ID, event.Kind, err)
		}
		a.evaluate()
	}
	a.settle()
	r.graph = a.graph
	return a.changes, nil
}

// Readable says why this engine must leave an execution alone, or nil: a newer one has stored something about it that
// would be lost.
func (ex *Execution) Readable() error {
	for id, w := range ex.Work {
		if w != nil && w.Format > format {
			return fmt.Errorf("execution %s: stage %s was stored by a newer agent, in form %d; this one knows forms up to %d: upgrade it",
				ex.ID, id, w.Format, format)
		}
	}
	return nil
}

func (a *advance) apply(event Event) error {
	switch event.Kind {
	case EventCancel:
		a.cancelExecution(event.User, event.Reason)
		return nil
	case EventPause:
		a.pause(event)
		return nil
	case EventResume:
		a.resume(event)
		return nil
	case EventSlot:
		a.ex.Waiting = false
		return nil
	}
	stage := a.byID[event.StageID]
	if stage == nil {
		a.refuse(event, fmt.Sprintf("the execution has no stage %q", event.StageID))
		return nil
	}
	switch event.Kind {
	case EventResult:
		return a.result(stage, event)
	case EventTimer:
		a.timer(stage)
	case EventPatch:
		a.patch(stage, event)
	case EventRestart:
		a.restart(stage, event)
	case EventChild:
		a.childEnded(stage, event)
	default:
		return fmt.Errorf("unknown kind of event")
	}
	return nil
}

func (a *advance) refuse(event Event, reason string) {
	a.changes.Refused = append(a.changes.Refused, Refusal{Event: event, Reason: reason})
}

func (a *advance) notify(kind, stageID string) {
	a.changes.Notifications = append(a.changes.Notifications, Notification{Type: kind, StageID: stageID})
}

// settle starts an execution that may start, and ends or revives one in which nothing is going on.
func (a *advance) settle() {
	if a.ex.Status == spinnaker.NotStarted && !a.ex.Waiting {
		a.startExecution()
	}
	a.evaluate()
	if a.ex.Status != spinnaker.Running || a.anyActive() {
		return
	}
	for _, stage := range a.children("") {
		if stage.Status == spinnaker.NotStarted && !a.ex.Canceled && a.startable(stage) {
			a.startStage(stage)
		}
	}
	a.evaluate()
	if a.ex.Status == spinnaker.Running && !a.anyActive() {
		a.finish(a.finalStatus())
	}
}

// anyActive says whether something is going on in any stage.
func (a *advance) anyActive() bool {
	for _, stage := range a.ex.Stages {
		if active(stage) {
			return true
		}
	}
	return false
}
