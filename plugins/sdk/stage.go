package sdk

import (
	"context"
	"time"
)

// Stage implements one stage type.
type Stage interface {
	// Info describes the stage type. It must always return the same.
	Info() Info
	// Validate checks a stage's configuration when a pipeline is saved: raw, with expressions not yet evaluated.
	// It reaches nothing outside.
	Validate(config Config) []FieldError
	// Run performs one step: at most Info().MaxStep long, resumable and idempotent. A returned error fails the
	// stage; wrap it with Retryable or Waiting to have the step repeated instead.
	Run(ctx context.Context, req *Request) (*Response, error)
}

// Planner is a Stage that can say what Run would change, changing nothing.
type Planner interface {
	Plan(ctx context.Context, req *Request) (*Plan, error)
}

// Canceler is a Stage with something to stop when its stage is canceled, or out of time and not told to ignore that. Cancel
// has Run's form and rules, may be repeated, and may come when no state was ever returned.
type Canceler interface {
	Cancel(ctx context.Context, req *Request) (*Response, error)
}

// Info describes one stage type.
type Info struct {
	// Type is the stage's `type` in pipeline JSON; Aliases are other names for it.
	Type    string
	Aliases []string
	// Description is one sentence for people.
	Description string
	// ConfigSchema and OutputsSchema are JSON Schema (draft 2020-12) texts; empty means anything.
	ConfigSchema  string
	OutputsSchema string
	// MaxStep is the longest one Run may take; zero means DefaultMaxStep. Only a step that changes nothing outside
	// may declare more.
	MaxStep time.Duration
	// Timeout is how long the stage may take in all when the pipeline does not say; zero means no limit.
	Timeout time.Duration
	// AccountFields names the config fields that hold account names: Host.Account hands out only those.
	AccountFields []string
	// OwnExpressions names config fields whose `${…}` the agent leaves for the stage to evaluate.
	OwnExpressions []string
}

// DefaultMaxStep is how long a step may take when its Info does not say.
const DefaultMaxStep = 10 * time.Second

// FieldError is one finding of Validate.
type FieldError struct {
	// Path names the field, for example `inputArtifacts[0].id`.
	Path string
	// Message says what was found and what was expected.
	Message string
	// Warning marks something that is odd but not wrong.
	Warning bool
}

// Config is a stage's configuration as JSON values; numbers are json.Number.
type Config map[string]any

// Request is what one step gets to know.
type Request struct {
	Application, Pipeline, PipelineConfigID string
	ExecutionID, StageID, RefID             string
	// Type is the stage type, aliases resolved; Name is the stage's name.
	Type, Name string
	// Attempt counts restarts of the stage from 1, Step the steps of this attempt from 1.
	Attempt, Step int
	// IdempotencyKey is the same whenever this step is repeated.
	IdempotencyKey string
	User           string
	// Config is the stage's context with expressions evaluated.
	Config Config
	// Artifacts are those the stage sees: produced by earlier stages, nearest first, then the trigger's.
	Artifacts []Artifact
	// ExpectedArtifacts are the bound expected artifacts the stage sees, nearest first.
	ExpectedArtifacts []ExpectedArtifact
	// AncestorOutputs are the merged outputs of all stages before this one.
	AncestorOutputs map[string]any
	// Trigger is the execution's trigger.
	Trigger map[string]any
	// State is what the last step of this attempt returned or checkpointed; empty at the first.
	State []byte
	// StageStarted is when this attempt began; TimeLeft is what remains of its time-out, negative for no limit.
	StageStarted time.Time
	TimeLeft     time.Duration
	// CancelReason and CanceledBy are set for Cancel.
	CancelReason, CanceledBy string
	// Host is the agent.
	Host *Host
}

// Status of a stage after a step: the part of Spinnaker's ExecutionStatus that a stage may answer.
type Status string

// The statuses.
const (
	Running        Status = "RUNNING"
	Succeeded      Status = "SUCCEEDED"
	Terminal       Status = "TERMINAL"
	Canceled       Status = "CANCELED"
	Skipped        Status = "SKIPPED"
	Stopped        Status = "STOPPED"
	FailedContinue Status = "FAILED_CONTINUE"
)

// Response is what a step answers.
type Response struct {
	Status Status
	// Message is one sentence for people.
	Message string
	// Errors are the sentences of a failure, one for each thing that failed.
	Errors []string
	// Warnings are shown with the stage and do not change its status.
	Warnings []string
	// State is handed to the next step: at most 64 KiB.
	State []byte
	// Context is merged into the stage's context, Outputs into its outputs (which later stages see).
	Context, Outputs map[string]any
	// Artifacts are what the stage produced. They join the outputs' `artifacts`.
	Artifacts []Artifact
	// Tasks are the lines of the stage's task list. They replace the ones of the last response.
	Tasks []Task
	// Insert are stages for the engine to run before, after or upon failure of this one.
	Insert []InsertedStage
	// RequeueAfter says when to look again while RUNNING; zero means at once.
	RequeueAfter time.Duration
}

// Task is a line of the stage's task list, as Spinnaker's UI shows it.
type Task struct {
	Name       string
	Status     Status
	Start, End time.Time
	Message    string
}

// Position of an inserted stage.
type Position string

// The positions.
const (
	Before    Position = "before"
	After     Position = "after"
	OnFailure Position = "onFailure"
)

// InsertedStage is a synthetic stage.
type InsertedStage struct {
	Position   Position
	Type, Name string
	Context    map[string]any
}

// Artifact is Spinnaker's artifact. Blob is set when the agent holds its body.
type Artifact struct {
	Type            string         `json:"type,omitempty"`
	CustomKind      bool           `json:"customKind"`
	Name            string         `json:"name,omitempty"`
	Version         string         `json:"version,omitempty"`
	Location        string         `json:"location,omitempty"`
	Reference       string         `json:"reference,omitempty"`
	ArtifactAccount string         `json:"artifactAccount,omitempty"`
	Provenance      string         `json:"provenance,omitempty"`
	UUID            string         `json:"uuid,omitempty"`
	Metadata        map[string]any `json:"metadata,omitempty"`
	Blob            *Blob          `json:"-"`
}

// ExpectedArtifact is a bound expected artifact.
type ExpectedArtifact struct {
	ID           string
	Match, Bound Artifact
}

// Blob names a body in the agent's store by its content.
type Blob struct {
	// SHA256 in lower-case hex.
	SHA256 string
	// Size in bytes.
	Size      int64
	MediaType string
}

// Plan is what a Run would change.
type Plan struct {
	Changes []PlannedChange
	Message string
}

// Action is the kind of a planned change.
type Action string

// The actions.
const (
	ActionNone   Action = "none"
	ActionCreate Action = "create"
	ActionUpdate Action = "update"
	ActionDelete Action = "delete"
	ActionRun    Action = "run"
)

// PlannedChange is one line of a Plan.
type PlannedChange struct {
	Action Action
	// Target names the thing, for example "deployment shipit in namespace default".
	Target string
	// Diff is a unified diff; empty where it makes no sense.
	Diff string
}
