package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Members of a restart's values.
const (
	// ValueQueue: no slot is free; the execution waits for one.
	ValueQueue = "queue"
	// ValueKeepChild: the stage watches the child execution that it has started, and starts no other.
	//
	// Source: spinnaker/spinnaker orca/orca-front50 pipeline/PipelineStage.java.
	ValueKeepChild = "_skipPipelineRestart"
	// ValueReevaluate: the expressions in the contexts of the stages that run again are evaluated anew, as they were
	// written.
	ValueReevaluate = "reevaluate"
	// ValuePreconditions are the preconditions of the pipeline's stages as it is saved now, by refId: they are checked from now on.
	//
	// Source: spinnaker/spinnaker orca/orca-core pipeline/CompoundExecutionOperator.java, updatePreconditionStageExpression.
	ValuePreconditions = "preconditions"
)

// PreconditionsType is the type of the stage that checks preconditions, preconditionsKey the member of its context with them.
const (
	PreconditionsType = "checkPreconditions"
	preconditionsKey  = "preconditions"
)

// restartKey is the context key of who restarted the execution from a stage, and when.
const restartKey = "restartDetails"

// childKey is the context key of the child execution that a stage has started.
const childKey = "executionId"

// RestartProblem says why an execution can not be restarted from a stage, or "". A synthetic stage stands for the
// top-level stage that it belongs to.
func RestartProblem(ex *spinnaker.Execution, stageID string) string {
	stage := topLevel(ex, stageID)
	if stage == nil {
		return fmt.Sprintf("execution %s has no stage %q", ex.ID, stageID)
	}
	if ex.Canceled && !ex.Status.Complete() {
		return fmt.Sprintf("execution %s is being canceled: restart it when it has ended", ex.ID)
	}
	if stage.Status.Complete() || stage.Status == spinnaker.NotStarted {
		return ""
	}
	return fmt.Sprintf("stage %q can not be restarted while its status is %s: cancel the execution first, or wait for the stage to end",
		stage.Name, stage.Status)
}

func topLevel(ex *spinnaker.Execution, stageID string) *spinnaker.Stage {
	stage := ex.Stage(stageID)
	for stage != nil && stage.ParentStageID != "" {
		stage = ex.Stage(stage.ParentStageID)
	}
	return stage
}

// restart is Orca's RestartStageHandler.
func (a *advance) restart(stage *spinnaker.Stage, event Event) {
	if problem := RestartProblem(a.ex.Execution, stage.ID); problem != "" {
		a.refuse(event, problem)
		return
	}
	top := topLevel(a.ex.Execution, stage.ID)
	details := map[string]any{"restartedBy": event.User, "restartTime": milliseconds(a.now)}
	if exception, ok := top.Context["exception"]; ok {
		details["previousException"] = exception
	}
	if build, ok := top.Context["buildInfo"]; ok {
		details["previousBuildInfo"] = build
	}
	child := top.Context[childKey]
	reevaluate, _ := event.Values[ValueReevaluate].(bool)
	a.reset(top, reevaluate)
	if keep, _ := event.Values[ValueKeepChild].(bool); keep && child != nil {
		top.Context[childKey] = child
	}
	top.Context[restartKey] = details
	preconditions, _ := event.Values[ValuePreconditions].(map[string]any)
	a.setPreconditions(preconditions)
	a.index()
	ex := a.ex
	ex.Canceled, ex.CanceledBy, ex.CancellationReason = false, "", ""
	ex.EndTime = 0
	if queue, _ := event.Values[ValueQueue].(bool); queue {
		ex.Status, ex.StartTime, ex.Waiting = spinnaker.NotStarted, 0, true
		return
	}
	if ex.Status.Complete() {
		ex.Status, ex.StartTime = spinnaker.Running, spinnaker.MillisOf(a.now)
	}
	a.startReady()
}

// reset makes a stage, and all that depends on it and has ended, as if they had never started. Outputs stay, and so
// does what expressions made of the context, unless they are to be evaluated anew.
func (a *advance) reset(stage *spinnaker.Stage, reevaluate bool) {
	a.removeSynthetics(stage)
	stage.Status = spinnaker.NotStarted
	stage.StartTime, stage.EndTime, stage.ScheduledTime = 0, 0, 0
	stage.Tasks = nil
	for _, key := range forgotten(stage.Type) {
		delete(stage.Context, key)
	}
	if stage.Type == "evaluateVariables" {
		stage.Outputs = map[string]any{} // its variables would see their own old values
	}
	w := a.work(stage)
	w.forget()
	if reevaluate {
		maps.Copy(stage.Context, w.Written)
		delete(stage.Context, spel.SummaryKey)
		delete(stage.Context, ContextExpressions)
		w.Written = nil
	}
	for _, dependent := range a.downstream(stage) {
		if dependent.Status.Complete() {
			a.reset(dependent, reevaluate)
		}
	}
}

// setPreconditions replaces the preconditions of the stages that have yet to check theirs.
func (a *advance) setPreconditions(byRef map[string]any) {
	for _, stage := range a.children("") {
		if present, ok := byRef[stage.RefID]; ok && stage.Type == PreconditionsType && stage.Status == spinnaker.NotStarted {
			stage.Context[preconditionsKey] = present
			delete(a.work(stage).Written, preconditionsKey)
		}
	}
}

func (a *advance) removeSynthetics(parent *spinnaker.Stage) {
	for _, child := range a.children(parent.ID) {
		a.removeSynthetics(child)
		delete(a.ex.Work, child.ID)
	}
	a.ex.Stages = slices.DeleteFunc(a.ex.Stages, func(s *spinnaker.Stage) bool { return s.ParentStageID == parent.ID })
}

// forgotten names what a stage type's context loses when the stage is restarted.
//
// Source: spinnaker/spinnaker, prepareStageForRestart of the stages. That a wait forgets that it was skipped is ours.
func forgotten(stageType string) []string {
	keys := []string{"exception", ContextMessage, ContextWarnings, manualSkip}
	switch stageType {
	case JudgmentType:
		return append(keys, judgmentKey, "lastModifiedBy")
	case "wait", WindowType:
		return append(keys, "skipRemainingWait")
	case "pipeline":
		return append(keys, childKey, "executionName", "status")
	case "jenkins", "script":
		return append(keys, "queuedBuild", "buildInfo", "buildNumber")
	case "webhook":
		return append(keys, "webhook")
	default:
		return keys
	}
}
