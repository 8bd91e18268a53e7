package stage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// childTime is how long a child is waited for when the pipeline does not say.
	childTime = 12 * time.Hour
	// maxDepth is how many executions may have started each other.
	maxDepth = 20
	// awaitsChild is the event that a child has ended.
	awaitsChild = "child"
)

// Pipeline is the stage type "pipeline": it starts another pipeline and, unless told otherwise, waits for its end.
//
// Source: spinnaker/spinnaker orca/orca-front50 pipeline/PipelineStage.java, tasks/StartPipelineTask.groovy,
// tasks/MonitorPipelineTask.groovy, DependentPipelineStarter.groovy.
func Pipeline() Definition {
	return Definition{
		Type: "pipeline", Timeout: childTime, Cancel: cancelChild, Validate: validatePipeline,
		Change: func(_ context.Context, c Context) (engine.Result, error) {
			id := text(c.Config, "executionId")
			step, at := startChild, 0
			switch {
			case id != "" && waits(c.Config):
				step, at = func(c Context) (engine.Result, error) { return watchChild(c, id) }, 1
			case id != "":
				step = func(c Context) (engine.Result, error) { return leaveChild(c, id), nil }
			}
			result, err := step(c)
			if result.Status == spinnaker.Running {
				at = 1
			}
			result.Tasks = tasksUpTo(childTasks(c.Config), at, result.Status)
			return result, err
		},
	}
}

// childTasks names the tasks of a stage that runs a pipeline.
func childTasks(config map[string]any) []string {
	tasks := []string{"startPipeline"}
	if waits(config) {
		tasks = append(tasks, "monitorPipeline")
	}
	if len(objects(config, "expectedArtifacts")) > 0 {
		tasks = append(tasks, bindTask)
	}
	return tasks
}

// waits says whether a stage waits for what it starts, which it does unless told otherwise.
func waits(config map[string]any) bool {
	wait, said := engine.Bool(config["waitForCompletion"])
	return wait || !said
}

func validatePipeline(config map[string]any) []string {
	f := saving(config)
	if f.missing("pipeline") {
		f.wrong("pipeline", "it is missing: which pipeline is to be run? It is named by its id")
	}
	f.text("pipeline")
	f.object("pipelineParameters")
	for _, key := range []string{"waitForCompletion", "skippable", "skipDownstreamOutput"} {
		f.flag(key)
	}
	return *f.found
}

func startChild(c Context) (engine.Result, error) {
	id := text(c.Config, "pipeline")
	child, err := c.Tx.Pipeline(id)
	if errors.Is(err, store.ErrNotFound) {
		return failed("The referenced pipeline cannot be located (%s)", id), nil
	}
	if err != nil {
		return engine.Result{}, err
	}
	if child.Disabled {
		return failed("The referenced pipeline is disabled"), nil
	}
	wait := waits(c.Config)
	if problem := circle(c.Execution.Execution, child, wait); problem != "" {
		return failed("%s", problem), nil
	}
	fired, err := childTrigger(c, child)
	if err != nil {
		return engine.Result{}, err
	}
	executionID, failure, err := c.Start(Child{Pipeline: child, Trigger: fired, RootID: c.Execution.RootID})
	if err != nil {
		return engine.Result{}, err
	}
	result := engine.Result{
		Status: spinnaker.Running, Awaits: awaitsChild,
		Context: map[string]any{"executionId": executionID, "executionName": child.Name},
	}
	switch {
	case failure != "":
		result.Status, result.Class = spinnaker.Terminal, engine.ClassFailed
		result.Message = fmt.Sprintf("pipeline %q of application %q did not start: %s", child.Name, child.Application, failure)
	case !wait:
		result.Status = spinnaker.Succeeded
	}
	return result, nil
}

// childTrigger is what a child starts with.
func childTrigger(c Context, child spinnaker.Pipeline) (spinnaker.Trigger, error) {
	parent, err := spinnaker.Plain(c.Execution.Execution)
	if err != nil {
		return nil, fmt.Errorf("show the parent execution to its child: %w", err)
	}
	visible := engine.VisibleArtifacts(c.Execution.Execution, c.Stage)
	artifacts, err := spinnaker.Plain(slices.Concat([]spinnaker.Artifact{}, visible))
	if err != nil {
		return nil, fmt.Errorf("hand artifacts to the child execution: %w", err)
	}
	ids := trigger.ExpectedIDs(child, c.Execution.PipelineConfigID, visible)
	parameters, _ := c.Config["pipelineParameters"].(map[string]any)
	return spinnaker.Trigger{
		"type": "pipeline", "user": c.user(), "isPipeline": true,
		"parentPipelineId": c.Execution.ID, "parentPipelineStageId": c.Stage.ID, "parentPipelineName": c.Execution.Name,
		"parentPipelineApplication": c.Execution.Application, "parentStatus": string(c.Execution.Status),
		"parentExecution": parent, "parameters": maps.Clone(parameters), "artifacts": artifacts, "expectedArtifactIds": ids,
	}, nil
}

// circle says why a child may not be started from here, or "": a pipeline that waits for itself would wait for ever.
func circle(ex *spinnaker.Execution, child spinnaker.Pipeline, wait bool) string {
	chain := []string{child.Name, ex.Name}
	waiting := wait // all from the child up to here wait for the next one
	again := waiting && ex.PipelineConfigID == child.ID
	for started := ex.Trigger; ; {
		parent, _ := started["parentExecution"].(map[string]any)
		if parent == nil {
			break
		}
		chain = append(chain, fmt.Sprint(parent["name"]))
		waiting = waiting && awaited(parent, started.Text("parentPipelineStageId"))
		again = again || waiting && parent["pipelineConfigId"] == child.ID
		inner, _ := parent["trigger"].(map[string]any)
		started = inner
	}
	slices.Reverse(chain)
	switch {
	case again:
		return fmt.Sprintf("the pipelines start each other in a circle (%s) and would wait for each other for ever: set waitForCompletion to false, or break the circle",
			strings.Join(chain, " → "))
	case len(chain) > maxDepth:
		return fmt.Sprintf("%d pipelines have started each other, at most %d may: %s", len(chain), maxDepth, strings.Join(chain, " → "))
	default:
		return ""
	}
}

// awaited says whether the stage of a parent that started an execution waits for it. One that a trigger started is awaited by
// nobody.
func awaited(parent map[string]any, stageID string) bool {
	for _, stage := range objects(parent, "stages") {
		if stage["id"] == stageID {
			context, _ := stage["context"].(map[string]any)
			return waits(context)
		}
	}
	return false
}

// watchChild looks at a child, and ends as it has ended.
func watchChild(c Context, id string) (engine.Result, error) {
	child, err := c.Tx.Execution(id)
	if errors.Is(err, store.ErrNotFound) {
		return failed("the child execution %s was deleted", id), nil
	}
	if err != nil {
		return engine.Result{}, err
	}
	result := outcome(child.Execution)
	result.Awaits, result.Context = awaitsChild, map[string]any{"status": string(child.Status)}
	if skip, _ := engine.Bool(c.Config["skipDownstreamOutput"]); !skip && child.Status.Complete() {
		result.Outputs = engine.MergedOutputs(child.Execution)
	}
	return result, nil
}

// leaveChild ends a stage that has its child already, since that one was restarted, and does not wait for it: as in Orca it
// is SKIPPED unless it has artifacts to bind.
func leaveChild(c Context, id string) engine.Result {
	result := engine.Result{Status: spinnaker.Skipped, Message: fmt.Sprintf("execution %s was started before, and is not waited for", id)}
	if len(objects(c.Config, "expectedArtifacts")) > 0 {
		result.Status = spinnaker.Succeeded
	}
	return result
}

// outcome is what the end of an execution means to whoever waits for it.
func outcome(child *spinnaker.Execution) engine.Result {
	switch {
	case !child.Status.Complete():
		return engine.Result{Status: spinnaker.Running}
	case child.Status == spinnaker.Succeeded:
		return succeeded()
	case child.Status == spinnaker.Canceled:
		return engine.Result{Status: spinnaker.Canceled, Message: "At least one monitored pipeline was cancelled"}
	default:
		result := engine.Result{Status: spinnaker.Terminal, Class: engine.ClassFailed}
		result.Source, result.Errors = childFailure(child)
		return result
	}
}

// childFailure says what failed in a child, and where.
func childFailure(child *spinnaker.Execution) (source map[string]any, said []string) {
	for i, stage := range child.Stages {
		if stage.Status != spinnaker.Terminal {
			continue
		}
		if source == nil {
			source = map[string]any{"executionId": child.ID, "stageId": stage.ID, "stageName": stage.Name, "stageIndex": i}
		}
		for _, text := range engine.Errors(stage) {
			said = append(said, fmt.Sprintf("Exception in child pipeline stage (%s: %s): %s", child.Name, stage.Name, text))
		}
	}
	if len(said) == 0 {
		said = []string{"At least one monitored pipeline failed, look for errors in failed pipelines"}
		if child.CancellationReason != "" {
			said = append(said, child.CancellationReason)
		}
	}
	return source, said
}

// cancelChild cancels the child of a stage that is canceled.
func cancelChild(_ context.Context, c Context) (engine.Result, error) {
	result := engine.Result{Status: spinnaker.Canceled}
	id := text(c.Stage.Context, "executionId")
	if id == "" {
		return result, nil
	}
	err := c.Tx.AddExecutionEvent(id, engine.Event{Kind: engine.EventCancel, User: "parent pipeline", At: c.Now})
	if errors.Is(err, store.ErrNotFound) {
		err = nil // deleted meanwhile
	}
	return result, err
}

// MonitorPipeline is the stage type "monitorPipeline": it waits for executions that others have started.
//
// Source: spinnaker/spinnaker orca/orca-front50 pipeline/MonitorPipelineStage.java.
func MonitorPipeline() Definition {
	return Definition{
		Type: "monitorPipeline", Tasks: []string{"monitorPipeline"}, Timeout: childTime,
		Change: func(_ context.Context, c Context) (engine.Result, error) { return watchAll(c) },
		Validate: func(config map[string]any) []string {
			f := saving(config)
			if f.of["executionIds"] == nil && f.missing("executionId") {
				f.wrong("executionIds", "it is missing: which executions are to be watched?")
			}
			if _, isText := f.of["executionIds"].(string); !isText {
				f.list("executionIds")
			}
			f.choice("monitorBehavior", "WaitForAllToComplete", "FailFast")
			return *f.found
		},
	}
}

// watchPause is how often executions are looked at that do not tell when they end.
const watchPause = 15 * time.Second

func watchAll(c Context) (engine.Result, error) {
	ids := texts(c.Config, "executionIds")
	if one, ok := c.Config["executionIds"].(string); ok && one != "" {
		ids = []string{one}
	}
	if id := text(c.Config, "executionId"); id != "" {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return failed("no pipeline execution ids to monitor"), nil
	}
	var said []string
	running, canceled := 0, 0
	statuses := map[string]any{}
	outputs := map[string]any{"executionStatuses": statuses}
	for _, id := range ids {
		child, err := c.Tx.Execution(id)
		if errors.Is(err, store.ErrNotFound) {
			said = append(said, fmt.Sprintf("the execution %s is not there", id))
			continue
		}
		if err != nil {
			return engine.Result{}, err
		}
		one := outcome(child.Execution)
		shown := map[string]any{"status": string(child.Status), "application": child.Application}
		switch one.Status {
		case spinnaker.Running:
			running++
		case spinnaker.Canceled:
			canceled++
		case spinnaker.Terminal:
			said = append(said, one.Errors...)
			shown["exception"] = map[string]any{"source": one.Source, "details": map[string]any{"errors": one.Errors}}
		}
		statuses[id] = shown
		if len(ids) == 1 && child.Status.Complete() {
			maps.Copy(outputs, engine.MergedOutputs(child.Execution))
		}
	}
	var result engine.Result
	failFast := strings.EqualFold(text(c.Config, "monitorBehavior"), "FailFast")
	switch {
	case running > 0 && !(failFast && len(said) > 0):
		result = engine.Result{Status: spinnaker.Running, RequeueAfter: watchPause}
	case len(said) > 0:
		result = failed("At least one monitored pipeline failed, look for errors in failed pipelines")
		result.Errors = said
	case canceled > 0:
		result = engine.Result{Status: spinnaker.Canceled, Message: "At least one monitored pipeline was cancelled"}
	default:
		result = succeeded()
	}
	result.Outputs = outputs
	return result, nil
}
