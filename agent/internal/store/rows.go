package store

import (
	"encoding/json"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// PipelineState names the version in which a pipeline configuration is.
type PipelineState struct {
	ID      string
	Version int64
}

// ExecutionQuery selects executions. Empty fields do not restrict; a Limit of 0 means all, here and in other queries.
type ExecutionQuery struct {
	Type              spinnaker.ExecutionType
	IDs               []string
	Application       string
	PipelineConfigIDs []string
	Statuses          []spinnaker.Status
	TriggerTypes      []string
	EventID           string
	// PipelineName is exact.
	PipelineName string
	// BuiltFrom and BuiltTo bound the build time, inclusive.
	BuiltFrom, BuiltTo time.Time
	// OldestFirst turns the order by build time around.
	OldestFirst   bool
	Offset, Limit int
	// Brief leaves out what may be large in stages, and in those of the executions in triggers: outputs, tasks and the
	// context but for its `group`. It is not read either.
	Brief bool
}

// Slot is an unfinished execution of a pipeline.
type Slot struct {
	ExecutionID string
	Status      spinnaker.Status
	Waiting     bool
	BuildTime   time.Time
}

// StageRef names a stage of an execution.
type StageRef struct {
	ExecutionID, StageID string
}

// Claim is an incarnation's right to run a step of a stage. It is void once the stage's epoch has changed.
type Claim struct {
	StageRef
	Incarnation string
	Epoch       int64
}

// LogLine is a line of a stage's log.
type LogLine struct {
	Time  time.Time `json:"time"`
	Level string    `json:"level"`
	Text  string    `json:"text"`
}

// Event is something that may start pipelines: a finished build, a webhook, a manual start.
type Event struct {
	ID string
	// Key makes the event unique: for a build, master, full job name, number and start time. Empty means the id.
	Key string
	// Type is "build", "webhook", "manual" …; Source is the master, the webhook's source …; Name is the job.
	Type, Source, Name string
	ReceivedAt         time.Time
	// Body is the event as the inbox encoded it.
	Body json.RawMessage
}

// EventQuery selects events. Empty fields do not restrict.
type EventQuery struct {
	Type, Source, Name, Key string
	Offset, Limit           int
	// BodiesOf, when set, has only events of that type come with their bodies, which may be large.
	BodiesOf string
}

// Outcome of a verdict.
type Outcome string

// The outcomes.
const (
	// Fired: an execution was started.
	Fired Outcome = "fired"
	// Ignored: the trigger does not mean this event.
	Ignored Outcome = "ignored"
	// Undecided: a candidate is waiting for something outside.
	Undecided Outcome = "undecided"
	// Failed: the trigger meant the event, and the start failed.
	Failed Outcome = "failed"
)

// Verdict says what a trigger made of an event, in words.
type Verdict struct {
	EventID                                 string
	Application, Pipeline, PipelineConfigID string
	// Trigger identifies the trigger within its pipeline: its id, or its position as "#0".
	Trigger string
	Outcome Outcome
	// Reason names the values compared.
	Reason      string
	ExecutionID string
	At          time.Time
}

// VerdictQuery selects verdicts. Empty fields do not restrict.
type VerdictQuery struct {
	EventID, PipelineConfigID string
	Offset, Limit             int
}

// Candidate is a start that could not be decided at once.
type Candidate struct {
	ID, EventID      string
	PipelineConfigID string
	// Trigger is the trigger's identity as in Verdict; Fired is the trigger as fired so far.
	Trigger string
	Fired   spinnaker.Trigger
	// StartKey makes the start unique.
	StartKey string
	// Order groups candidates that must be decided one after the other (pipeline and job); Sequence is the place in
	// the group (the build number).
	Order    string
	Sequence int64
	Due      time.Time
	// Deadline is when the candidate is decided with what there is.
	Deadline time.Time
	Attempts int
	// LastError is what the last attempt ran into.
	LastError string
}

// Start is a start key that was used, and by which execution.
type Start struct {
	Key, ExecutionID string
	At               time.Time
}

// Incarnation is one life of an agent process.
type Incarnation struct {
	ID, Host  string
	PID       int
	Version   string
	StartedAt time.Time
	RenewedAt time.Time
}

// Lease is a right that one incarnation holds at a time.
type Lease struct {
	Name, Incarnation string
	Epoch             int64
}

// AuditRow says who did what.
type AuditRow struct {
	At     time.Time
	User   string
	Action string
	Target string
	Detail string
	// Remote is the caller's address.
	Remote string
}

// Blob is a stored body.
type Blob struct {
	// SHA256 in lower-case hex.
	SHA256    string
	Size      int64
	MediaType string
}

// BlobRef names what keeps a body alive.
type BlobRef struct {
	ExecutionID, StageID string
	// Attempt is the stage attempt whose upload this is until its result commits; 0 afterwards.
	Attempt int
}

// KeptBlob is a body that a reference keeps.
type KeptBlob struct {
	BlobRef
	SHA256 string
}

// PipelineVersion is one version of a configuration. Sequence rises from each version of any configuration to the next.
type PipelineVersion struct {
	Sequence int64
	Pipeline spinnaker.Pipeline
}

// ExecutionRetention says which finished executions are kept. The zero value keeps all of them. Executions belong together
// by their pipeline configuration, those without one (tasks) by their type, application and name.
type ExecutionRetention struct {
	// Before is the build time from which on executions are kept; zero keeps them whatever their age.
	Before time.Time
	// Newest is how many of the newest executions of a pipeline are kept whatever their age.
	Newest int
	// Max is how many executions of a pipeline are kept at most, the newest first; 0 means any number.
	Max int
}

// Aged is a kind of rows that are deleted by their age.
type Aged string

// The kinds.
const (
	// AgedEvents are accepted events with their verdicts, but for those that a candidate is about.
	AgedEvents Aged = "events"
	// AgedStarts are the keys of starts, which keep a start from happening twice.
	AgedStarts Aged = "starts"
	// AgedStageLogs are the log lines of stages of finished executions.
	AgedStageLogs Aged = "stage logs"
	// AgedAudit are audit rows.
	AgedAudit Aged = "audit rows"
)
