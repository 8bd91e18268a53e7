package spinnaker

// ExecutionType tells pipelines from the ad hoc tasks of POST /tasks.
type ExecutionType string

// The execution types.
const (
	PipelineExecution ExecutionType = "PIPELINE"
	Orchestration     ExecutionType = "ORCHESTRATION"
)

// Execution is one run of a pipeline, or a task.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/model/PipelineExecutionImpl.java.
type Execution struct {
	Type                    ExecutionType  `json:"type"`
	ID                      string         `json:"id"`
	Application             string         `json:"application"`
	Name                    string         `json:"name,omitempty"`
	Description             string         `json:"description,omitempty"`
	PipelineConfigID        string         `json:"pipelineConfigId,omitempty"`
	RootID                  string         `json:"rootId,omitempty"`
	BuildTime               Millis         `json:"buildTime,omitempty"`
	StartTime               Millis         `json:"startTime,omitempty"`
	EndTime                 Millis         `json:"endTime,omitempty"`
	StartTimeExpiry         Millis         `json:"startTimeExpiry,omitempty"`
	Status                  Status         `json:"status"`
	Canceled                bool           `json:"canceled"`
	CanceledBy              string         `json:"canceledBy,omitempty"`
	CancellationReason      string         `json:"cancellationReason,omitempty"`
	LimitConcurrent         bool           `json:"limitConcurrent"`
	MaxConcurrentExecutions int            `json:"maxConcurrentExecutions"`
	KeepWaitingPipelines    bool           `json:"keepWaitingPipelines"`
	SpelEvaluator           string         `json:"spelEvaluator,omitempty"`
	Origin                  string         `json:"origin,omitempty"`
	Authentication          Authentication `json:"authentication"`
	Paused                  *PauseDetails  `json:"paused,omitempty"`
	Source                  map[string]any `json:"source,omitempty"`
	TemplateVariables       map[string]any `json:"templateVariables,omitempty"`
	Notifications           []any          `json:"notifications"`
	SystemNotifications     []any          `json:"systemNotifications"`
	InitialConfig           map[string]any `json:"initialConfig"`
	Trigger                 Trigger        `json:"trigger"`
	Stages                  []*Stage       `json:"stages"`
	// Extra are the members that are not known.
	Extra map[string]any `json:"-"`
}

// Authentication says as whom an execution runs.
type Authentication struct {
	User            string   `json:"user"`
	AllowedAccounts []string `json:"allowedAccounts"`
}

// PauseDetails says who paused and resumed an execution.
type PauseDetails struct {
	PausedBy   string `json:"pausedBy,omitempty"`
	PauseTime  Millis `json:"pauseTime,omitempty"`
	ResumedBy  string `json:"resumedBy,omitempty"`
	ResumeTime Millis `json:"resumeTime,omitempty"`
	Paused     bool   `json:"paused"`
	PausedMS   int64  `json:"pausedMs"`
}

// Owner says which side of its parent a synthetic stage belongs to.
type Owner string

// The sides.
const (
	StageBefore Owner = "STAGE_BEFORE"
	StageAfter  Owner = "STAGE_AFTER"
)

// Stage is a stage of an execution.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/model/StageExecutionImpl.java.
type Stage struct {
	ID              string         `json:"id"`
	RefID           string         `json:"refId"`
	Requisites      []string       `json:"requisiteStageRefIds"`
	Type            string         `json:"type"`
	Name            string         `json:"name"`
	Status          Status         `json:"status"`
	StartTime       Millis         `json:"startTime,omitempty"`
	EndTime         Millis         `json:"endTime,omitempty"`
	StartTimeExpiry Millis         `json:"startTimeExpiry,omitempty"`
	ScheduledTime   Millis         `json:"scheduledTime,omitempty"`
	ParentStageID   string         `json:"parentStageId,omitempty"`
	Owner           Owner          `json:"syntheticStageOwner,omitempty"`
	LastModified    *LastModified  `json:"lastModified,omitempty"`
	Context         map[string]any `json:"context"`
	Outputs         map[string]any `json:"outputs"`
	Tasks           []Task         `json:"tasks"`
	// Extra are the members that are not known.
	Extra map[string]any `json:"-"`
}

// LastModified says who changed a stage last.
type LastModified struct {
	User             string   `json:"user"`
	AllowedAccounts  []string `json:"allowedAccounts"`
	LastModifiedTime Millis   `json:"lastModifiedTime"`
}

// Task is a line of a stage's task list.
type Task struct {
	ID                   string         `json:"id"`
	Name                 string         `json:"name"`
	ImplementingClass    string         `json:"implementingClass"`
	Status               Status         `json:"status"`
	StartTime            Millis         `json:"startTime,omitempty"`
	EndTime              Millis         `json:"endTime,omitempty"`
	StageStart           bool           `json:"stageStart"`
	StageEnd             bool           `json:"stageEnd"`
	LoopStart            bool           `json:"loopStart"`
	LoopEnd              bool           `json:"loopEnd"`
	TaskExceptionDetails map[string]any `json:"taskExceptionDetails,omitempty"`
}

// What the fields of executions and stages are read from.
var (
	executionMembers = memberNames(Execution{})
	stageMembers     = memberNames(Stage{})
)

// MarshalJSON writes an execution. Lists and objects that clients take for granted are there even when empty: Deck
// breaks without them.
func (e Execution) MarshalJSON() ([]byte, error) {
	type plain Execution
	e.Authentication.AllowedAccounts = present(e.Authentication.AllowedAccounts)
	e.Notifications = present(e.Notifications)
	e.SystemNotifications = present(e.SystemNotifications)
	e.Stages = present(e.Stages)
	if e.InitialConfig == nil {
		e.InitialConfig = map[string]any{}
	}
	if e.Trigger == nil {
		e.Trigger = Trigger{}
	}
	return marshalWith(plain(e), e.Extra)
}

// UnmarshalJSON reads an execution over what is there; numbers keep their spelling.
func (e *Execution) UnmarshalJSON(data []byte) error {
	type plain Execution
	if err := Decode(data, (*plain)(e)); err != nil {
		return err
	}
	others, err := otherMembers(data, executionMembers)
	if others != nil {
		e.Extra = others
	}
	return err
}

// MarshalJSON writes a stage; context, outputs and tasks are always there.
func (s Stage) MarshalJSON() ([]byte, error) {
	type plain Stage
	s.Requisites = present(s.Requisites)
	s.Tasks = present(s.Tasks)
	if s.Context == nil {
		s.Context = map[string]any{}
	}
	if s.Outputs == nil {
		s.Outputs = map[string]any{}
	}
	return marshalWith(plain(s), s.Extra)
}

// UnmarshalJSON reads a stage over what is there; numbers keep their spelling.
func (s *Stage) UnmarshalJSON(data []byte) error {
	type plain Stage
	if err := Decode(data, (*plain)(s)); err != nil {
		return err
	}
	others, err := otherMembers(data, stageMembers)
	if others != nil {
		s.Extra = others
	}
	return err
}

// present turns a nil slice into an empty one, which JSON writes as [].
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Stage returns the stage with the id, or nil.
func (e *Execution) Stage(id string) *Stage {
	for _, stage := range e.Stages {
		if stage.ID == id {
			return stage
		}
	}
	return nil
}
