package engine

import (
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Execution is a run of a pipeline with what the engine remembers beyond what Spinnaker shows.
type Execution struct {
	*spinnaker.Execution
	// Work holds the bookkeeping of each stage by its id.
	Work map[string]*Work
	// Waiting says that the execution is parked until a slot of its pipeline is free.
	Waiting bool
}

// Phase says what is to be done with a stage when it is due.
type Phase string

// The phases.
const (
	// PhaseIdle: nothing; the stage waits for others, for a named event, or is over.
	PhaseIdle Phase = ""
	// PhaseRun: run the next step.
	PhaseRun Phase = "run"
	// PhaseCancel: run the cancel step.
	PhaseCancel Phase = "cancel"
	// PhaseTimer: hand the passing of time to Advance; no step is run.
	PhaseTimer Phase = "timer"
)

// format is the form of Work that this engine knows; it is to be raised when an engine that knows only the form before
// would lose something. The first one is 0.
const format = 0

// Work is the engine's bookkeeping of one stage. The store keeps it in the stage's row.
type Work struct {
	// Format is the form of this bookkeeping.
	Format int `json:"format,omitempty"`

	Phase Phase `json:"phase,omitempty"`
	// Due is when to act; zero means not before an event.
	Due time.Time `json:"due,omitzero"`
	// Awaits names the event the stage waits for while it is not due, for example "judgment".
	Awaits string `json:"awaits,omitempty"`
	// Attempt counts starts of the stage from 1, Step the steps of this attempt from 1.
	Attempt int `json:"attempt,omitempty"`
	Step    int `json:"step,omitempty"`
	// Retries counts repetitions of the present step after a retryable failure.
	Retries int `json:"retries,omitempty"`
	// State is the stage implementation's own, at most MaxState bytes.
	State []byte `json:"state,omitempty"`
	// Deadline is when the stage times out; zero means never. While Part is PartCancel it bounds the clean-up.
	Deadline time.Time `json:"deadline,omitzero"`

	// Part says which part of the stage is under way.
	Part Part `json:"part,omitempty"`
	// Began is when the stage's own steps began: after its execution window, less the time it was paused.
	Began time.Time `json:"began,omitzero"`
	// Verdict is what the stage will end as when the part under way (after, failure, cancel) is over.
	Verdict spinnaker.Status `json:"verdict,omitempty"`
	// Ending: the stage is being stopped because the execution ends; nothing starts after it.
	Ending bool `json:"ending,omitempty"`
	// Pending are stages to insert after the stage, or upon its failure.
	Pending []Inserted `json:"pending,omitempty"`
	// Literals are texts in the context that expressions gave and that look like expressions. They are final.
	Literals []string `json:"literals,omitempty"`
	// Written holds the context's members with expressions as they were before they were first evaluated, by key.
	Written map[string]any `json:"written,omitempty"`
	// Patched names the context keys that users set while a step was running.
	Patched []string `json:"patched,omitempty"`
	// Held is what the stage was about to do when the execution was paused.
	Held *Held `json:"held,omitempty"`
}

// Part is a part of a stage's life, in the order in which they come.
type Part string

// The parts.
const (
	// PartNone: not started, or over.
	PartNone Part = ""
	// PartBefore: synthetic stages before the stage's own steps, or between two of them.
	PartBefore Part = "before"
	// PartMain: the stage's own steps.
	PartMain Part = "main"
	// PartAfter: synthetic stages after it.
	PartAfter Part = "after"
	// PartFailure: synthetic stages upon its failure.
	PartFailure Part = "failure"
	// PartCancel: cleaning up what the steps began.
	PartCancel Part = "cancel"
)

// Held is the part of Work that a pause sets aside.
type Held struct {
	Phase  Phase     `json:"phase,omitempty"`
	Due    time.Time `json:"due,omitzero"`
	Awaits string    `json:"awaits,omitempty"`
}

// MaxState is the most bytes that a stage may keep as state between steps.
const MaxState = 64 << 10

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	// EventResult: a step of StageID ended with Result.
	EventResult EventKind = "result"
	// EventTimer: the due time of StageID has come.
	EventTimer EventKind = "timer"
	// EventCancel: User asked to cancel the execution for Reason.
	EventCancel EventKind = "cancel"
	// EventPatch: User merges Values into the context of StageID.
	EventPatch EventKind = "patch"
	// EventPause and EventResume: User pauses or resumes the execution.
	EventPause  EventKind = "pause"
	EventResume EventKind = "resume"
	// EventRestart: User restarts StageID.
	EventRestart EventKind = "restart"
	// EventSlot: a slot of the pipeline is free; a parked execution may start.
	EventSlot EventKind = "slot"
	// EventChild: the child execution that StageID waits for has ended; Values holds its outcome.
	EventChild EventKind = "child"
)

// Event is an input of Advance. Events other than results and timers are rows until they are advanced.
type Event struct {
	// ID orders events of one execution; assigned by the store.
	ID      int64          `json:"id,omitempty"`
	Kind    EventKind      `json:"kind"`
	StageID string         `json:"stageId,omitempty"`
	User    string         `json:"user,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Values  map[string]any `json:"values,omitempty"`
	Result  *Result        `json:"result,omitempty"`
	At      time.Time      `json:"at"`
	// Phase and Attempt say which step a result belongs to.
	Phase   Phase `json:"phase,omitempty"`
	Attempt int   `json:"attempt,omitempty"`
}

// Class says what a failure means.
type Class string

// The classes.
const (
	// ClassNone: no failure.
	ClassNone Class = ""
	// ClassWaiting: nothing is wrong yet; look again.
	ClassWaiting Class = "waiting"
	// ClassFailed: a person must act.
	ClassFailed Class = "failed"
	// ClassRetryable: the same step may be tried again as it is.
	ClassRetryable Class = "retryable"
	// ClassBug: the agent or a plugin broke its own contract.
	ClassBug Class = "bug"
)

// Result is what a step of a stage ended with.
type Result struct {
	Status   spinnaker.Status `json:"status"`
	Class    Class            `json:"class,omitempty"`
	Message  string           `json:"message,omitempty"`
	Errors   []string         `json:"errors,omitempty"`
	Warnings []string         `json:"warnings,omitempty"`
	State    []byte           `json:"state,omitempty"`
	// Context and Outputs are merged into the stage's.
	Context map[string]any `json:"context,omitempty"`
	Outputs map[string]any `json:"outputs,omitempty"`
	// Evaluated is the stage's whole context after the expressions of this step were evaluated; nil keeps it.
	Evaluated map[string]any `json:"evaluated,omitempty"`
	// Literals are texts in Evaluated that expressions gave and that look like expressions.
	Literals []string `json:"literals,omitempty"`
	// Artifacts join the outputs' `artifacts`, and the stage's expected artifacts are bound against them.
	Artifacts []spinnaker.Artifact `json:"artifacts,omitempty"`
	// Tasks replace the stage's task list.
	Tasks  []spinnaker.Task `json:"tasks,omitempty"`
	Insert []Inserted       `json:"insert,omitempty"`
	// RequeueAfter says when to look again while RUNNING; zero means at once, unless Awaits is set.
	RequeueAfter time.Duration `json:"requeueAfter,omitempty"`
	// Awaits names an event that wakes the stage before RequeueAfter, or without it at any time.
	Awaits string `json:"awaits,omitempty"`
	// Source says where a failure comes from, for example which stage of a child execution; it joins the exception.
	Source map[string]any `json:"source,omitempty"`
	// Scheduled is when a stage that waits will go on, for people to see.
	Scheduled time.Time `json:"scheduled,omitzero"`
	// Timeout is how long a stage of this type may take when the pipeline does not say; zero means no limit.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Final: the failure is the pipeline's own fault, and the stage's failure options do not apply to it.
	Final bool `json:"final,omitempty"`
	// Notifications are what people may want to hear of, by its type, for example "manualJudgment".
	Notifications []string `json:"notifications,omitempty"`
}

// Inserted is a synthetic stage that a step asks for.
type Inserted struct {
	Owner spinnaker.Owner `json:"owner"`
	// OnFailure: the stage runs only if its parent fails.
	OnFailure bool `json:"onFailure,omitempty"`
	// Parallel: the stage does not wait for those inserted before it.
	Parallel bool           `json:"parallel,omitempty"`
	Type     string         `json:"type"`
	Name     string         `json:"name"`
	Context  map[string]any `json:"context,omitempty"`
}
