package engine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// LaunchOptions are what a launch needs besides the pipeline and its trigger.
type LaunchOptions struct {
	// ID is the execution's id when the caller was promised one already; empty makes a new one.
	ID string
	// User is who starts the pipeline; empty takes the trigger's user.
	User string
	// Origin says which part of the system started it, for example "api".
	Origin string
	// RootID is the execution at the top of a chain of parents; empty means this one.
	RootID string
	// Received are artifacts that came from outside the trigger, Prior those of the pipeline's last run, newest first.
	Received, Prior []spinnaker.Artifact
}

const (
	// anonymous is the user of a trigger that names none.
	anonymous = "[anonymous]"
	// launcher is the user in whose name a launch that failed is canceled.
	launcher = "system"
)

// Launch makes an execution of a pipeline, NOT_STARTED, or says why it can not be started: then LaunchFailed makes the
// record of it. The first Advance starts the execution.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/ExecutionLauncher.java,
// orca/orca-web controllers/OperationsController.groovy.
func (e *Engine) Launch(pipeline spinnaker.Pipeline, trigger spinnaker.Trigger, opts LaunchOptions, now time.Time, ids func() string) (*Execution, error) {
	fired := Trigger(pipeline, trigger, opts.User)
	if pipeline.Disabled {
		return nil, spinnaker.Invalid("Pipeline is disabled and cannot be started.")
	}
	if problems := list(pipeline.Document["errors"]); len(problems) > 0 {
		return nil, invalidTemplate(problems)
	}
	if err := requireParameters(pipeline, fired); err != nil {
		return nil, err
	}
	pipeline, err := e.evaluateExpected(pipeline, fired)
	if err != nil {
		return nil, err
	}
	if err := resolveArtifacts(pipeline, fired, opts); err != nil {
		return nil, err
	}
	evaluated, err := e.evaluatePipeline(pipeline, fired)
	if err != nil {
		return nil, err
	}
	if spinnaker.Nested(evaluated.Document) {
		return nil, spinnaker.Invalid("the pipeline or its trigger nests lists and objects more than %d deep", spinnaker.MaxNesting)
	}
	ex := newExecution(evaluated, evaluated.Document["trigger"].(map[string]any), opts, now, ids)
	if err := addStages(ex, pipeline, ids); err != nil {
		return nil, err
	}
	return ex, nil
}

// invalidTemplate is the error for a pipeline whose template could not be expanded.
//
// Source: spinnaker/spinnaker orca/orca-web controllers/OperationsController.groovy.
func invalidTemplate(problems []any) error {
	said := []string{"Pipeline template is invalid"}
	for _, problem := range problems {
		fields, _ := problem.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			said = append(said, fmt.Sprintf("%s: %v", key, fields[key]))
		}
	}
	return spinnaker.Invalid("%s", strings.Join(said, "\n"))
}

// LaunchFailed makes the record of a launch that failed with err. It shows the pipeline's stages, unless those are what is
// wrong, and can be restarted from them. It does not stand for its correlation id: another try may start.
func (e *Engine) LaunchFailed(pipeline spinnaker.Pipeline, trigger spinnaker.Trigger, opts LaunchOptions, now time.Time, ids func() string, err error) *Execution {
	shown, fired := pipeline, Trigger(pipeline, trigger, opts.User)
	if evaluated, err := e.evaluatePipeline(pipeline, fired); err == nil && !spinnaker.Nested(evaluated.Document) {
		shown, fired = evaluated, evaluated.Document["trigger"].(map[string]any)
	}
	delete(fired, "correlationId")
	ex := newExecution(shown, fired, opts, now, ids)
	ex.Status = spinnaker.Terminal
	ex.Canceled, ex.CanceledBy = true, launcher
	ex.CancellationReason = "Failed on startup: " + err.Error()
	ex.EndTime = spinnaker.MillisOf(now)
	if err := addStages(ex, pipeline, ids); err != nil {
		ex.Stages = nil
	}
	return ex
}

// LaunchTask makes an execution of the jobs of a task (POST /tasks): one stage each, one after the other.
func LaunchTask(application, description string, jobs []map[string]any, user string, now time.Time, ids func() string) (*Execution, error) {
	ex := &Execution{Work: map[string]*Work{}, Execution: &spinnaker.Execution{
		Type: spinnaker.Orchestration, ID: ids(), Application: application, Name: description, Description: description,
		BuildTime: spinnaker.MillisOf(now), Status: spinnaker.NotStarted, Origin: "api",
		Authentication: spinnaker.Authentication{User: user}, Trigger: spinnaker.Trigger{},
	}}
	ex.RootID = ex.ID
	for i, job := range jobs {
		kind, _ := job["type"].(string)
		if kind == "" {
			return nil, spinnaker.Invalid("job %d of the task has no type", i)
		}
		context := spinnaker.Clone(job)
		delete(context, "type")
		stage := &spinnaker.Stage{
			ID: ids(), RefID: strconv.Itoa(i), Type: kind, Name: kind, Status: spinnaker.NotStarted,
			Context: context, Outputs: map[string]any{},
		}
		if i > 0 {
			stage.Requisites = []string{strconv.Itoa(i - 1)}
		}
		ex.Stages = append(ex.Stages, stage)
	}
	return ex, nil
}

func newExecution(pipeline spinnaker.Pipeline, trigger spinnaker.Trigger, opts LaunchOptions, now time.Time, ids func() string) *Execution {
	ex := &spinnaker.Execution{
		Type: spinnaker.PipelineExecution, ID: opts.ID, Application: pipeline.Application, Name: pipeline.Name,
		PipelineConfigID: pipeline.ID, RootID: opts.RootID, BuildTime: spinnaker.MillisOf(now),
		StartTimeExpiry: pipeline.StartTimeExpiry, Status: spinnaker.NotStarted,
		LimitConcurrent: pipeline.LimitConcurrent, MaxConcurrentExecutions: pipeline.MaxConcurrentExecutions,
		KeepWaitingPipelines: pipeline.KeepWaitingPipelines, SpelEvaluator: pipeline.SpelEvaluator, Origin: opts.Origin,
		Authentication: spinnaker.Authentication{User: trigger.Text("user")},
		Notifications:  slices.Concat(pipeline.Notifications, list(trigger["notifications"])),
		Trigger:        trigger,
	}
	ex.Source, _ = pipeline.Document["source"].(map[string]any)
	ex.TemplateVariables, _ = pipeline.Document["templateVariables"].(map[string]any)
	if ex.ID == "" {
		ex.ID = ids()
	}
	if ex.RootID == "" {
		ex.RootID = ex.ID
	}
	return &Execution{Execution: ex, Work: map[string]*Work{}}
}

// addStages gives an execution the stages of a pipeline. When none has a refId they run one after the other.
func addStages(ex *Execution, pipeline spinnaker.Pipeline, ids func() string) error {
	linear := !slices.ContainsFunc(pipeline.Stages, func(s spinnaker.StageConfig) bool { return s.RefID != "" })
	for i, config := range pipeline.Stages {
		if config.Type == "" {
			return spinnaker.Invalid("type missing from pipeline '%s' in application '%s', stage name: '%s'",
				pipeline.Name, pipeline.Application, config.Name)
		}
		if problem := config.Problem(); problem != "" {
			return spinnaker.Invalid("stages[%d].%s", i, problem)
		}
		stage := &spinnaker.Stage{
			ID: ids(), RefID: config.RefID, Requisites: slices.Clone(config.Requisites), Type: config.Type, Name: config.Name,
			Status: spinnaker.NotStarted, Context: spinnaker.Clone(config.Context), Outputs: map[string]any{},
		}
		if stage.Name == "" {
			stage.Name = stage.Type
		}
		if stage.Context == nil {
			stage.Context = map[string]any{}
		}
		if expiry, ok := Moment(stage.Context["startTimeExpiry"]); ok {
			stage.StartTimeExpiry = spinnaker.MillisOf(expiry)
		}
		if linear {
			stage.RefID, stage.Requisites = strconv.Itoa(i), nil
			if i > 0 {
				stage.Requisites = []string{strconv.Itoa(i - 1)}
			}
		}
		ex.Stages = append(ex.Stages, stage)
	}
	return nil
}

// Trigger completes a trigger as an execution shows it: its user, its parameters with the pipeline's defaults, and
// the members that clients take for granted.
//
// Source: spinnaker/spinnaker orca/orca-web controllers/OperationsController.groovy, parsePipelineTrigger.
func Trigger(pipeline spinnaker.Pipeline, trigger spinnaker.Trigger, user string) spinnaker.Trigger {
	fired := spinnaker.Clone(trigger)
	if fired == nil {
		fired = spinnaker.Trigger{}
	}
	if fired.Type() == "" {
		fired["type"] = "manual"
	}
	if user != "" {
		fired["user"] = user
	} else if fired.Text("user") == "" {
		fired["user"] = anonymous
	}
	parameters := maps.Clone(fired.Object("parameters"))
	if parameters == nil {
		parameters = map[string]any{}
	}
	for _, parameter := range pipeline.Parameters {
		if _, supplied := parameters[parameter.Name]; !supplied {
			parameters[parameter.Name] = spinnaker.Clone(parameter.Default)
		}
	}
	fired["parameters"] = parameters
	for _, key := range []string{"artifacts", "notifications", "resolvedExpectedArtifacts", "expectedArtifacts"} {
		fired[key] = list(fired[key])
	}
	for _, key := range []string{"rebake", "dryRun", "strategy"} {
		fired[key], _ = Bool(fired[key])
	}
	return fired
}

// requireParameters refuses a manual start without a parameter that the pipeline requires.
func requireParameters(pipeline spinnaker.Pipeline, trigger spinnaker.Trigger) error {
	if trigger.Type() != "manual" {
		return nil
	}
	given := trigger.Object("parameters")
	for _, parameter := range pipeline.Parameters {
		if parameter.Required && parameter.Default == nil && given[parameter.Name] == nil {
			return spinnaker.Invalid("Required parameter %s is missing", parameter.Name)
		}
	}
	return nil
}

// list returns a JSON list, or an empty one.
func list(value any) []any {
	if items, ok := value.([]any); ok {
		return items
	}
	return []any{}
}
