package trigger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// maxAncestry is how many executions that started each other a trigger shows; older ones are left out, or a pipeline that
// triggers itself would grow without end.
const maxAncestry = 10

// Ended says that a pipeline's execution has ended.
type Ended struct {
	ExecutionID string           `json:"executionId"`
	Name        string           `json:"name"`
	Status      spinnaker.Status `json:"status"`
}

// matchPipeline is the rule of type `pipeline`: the pipeline that ended (the key), and how it ended.
//
// Source: spinnaker/spinnaker orca/orca-front50 spring/DependentPipelineExecutionListener.groovy,
// DependentPipelineStarter.groovy.
func matchPipeline(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event, facts *Facts) Verdict {
	status, wanted := triggerStatus(event.Ended.Status), t.Texts("status")
	if len(wanted) == 0 {
		return ignored("the trigger lists no status on which it fires: successful, failed, canceled")
	}
	if !slices.Contains(wanted, status) {
		return ignored("execution %s of pipeline %q ended %s (%s); the trigger fires on %s", event.Ended.ExecutionID, event.Ended.Name,
			event.Ended.Status, status, strings.Join(wanted, ", "))
	}
	reason := fmt.Sprintf("execution %s of pipeline %q ended %s", event.Ended.ExecutionID, event.Ended.Name, event.Ended.Status)
	if facts == nil {
		return Verdict{Outcome: NeedsFacts, Reason: reason + "; about to start"}
	}
	if facts.Parent == nil {
		return ignored("%s, and was deleted before this pipeline could start with its artifacts", reason)
	}
	data, err := childData(pipeline, t, *facts.Parent)
	if err != nil {
		return ignored("%s, but what it leaves cannot be handed on: %v", reason, err)
	}
	verdict := fires(Fires, reason, t, event, data)
	verdict.User = facts.Parent.Trigger.Text("user")
	return verdict
}

// triggerStatus is how triggers name the status of an execution.
func triggerStatus(status spinnaker.Status) string {
	switch status {
	case spinnaker.Succeeded:
		return "successful"
	case spinnaker.Canceled:
		return "canceled"
	case spinnaker.Suspended:
		return "suspended"
	default:
		return "failed"
	}
}

// childData is what the execution that ended adds to a trigger on its pipeline. Starting it again for the same run of the
// parent is the same start, by its correlationId.
func childData(child spinnaker.Pipeline, t spinnaker.Trigger, parent spinnaker.Execution) (map[string]any, error) {
	artifacts, err := leftBy(parent)
	if err != nil {
		return nil, err
	}
	shown, err := spinnaker.Plain(parent)
	if err != nil {
		return nil, err
	}
	document, _ := shown.(map[string]any)
	prune(document, maxAncestry)
	return map[string]any{
		"user": cmp.Or(t.Text("runAsUser"), parent.Trigger.Text("user"), "[anonymous]"), "isPipeline": true, "strategy": false,
		"parentExecution": document, "parentPipelineId": parent.ID, "parentPipelineName": parent.Name,
		"parentPipelineApplication": parent.Application, "parentStatus": string(parent.Status), "parameters": map[string]any{},
		"correlationId":       fmt.Sprintf("%s_null_%s_%d", parent.ID, child.ID, parent.StartTime),
		"artifacts":           present(artifacts),
		"expectedArtifactIds": ExpectedIDs(child, parent.PipelineConfigID, artifacts),
	}, nil
}

// leftBy are all artifacts of an execution: those of its stages, the last first, then those it was started with.
func leftBy(ex spinnaker.Execution) ([]spinnaker.Artifact, error) {
	var all []spinnaker.Artifact
	for _, stage := range slices.Backward(ex.Stages) {
		artifacts, err := PayloadArtifacts(stage.Outputs)
		if err != nil {
			return nil, fmt.Errorf("outputs of stage %q: %w", stage.Name, err)
		}
		all = append(all, artifacts...)
	}
	artifacts, err := PayloadArtifacts(ex.Trigger)
	return append(all, artifacts...), err
}

// prune cuts the chain of parents in an execution after so many.
func prune(execution map[string]any, generations int) {
	trigger, _ := execution["trigger"].(map[string]any)
	parent, _ := trigger["parentExecution"].(map[string]any)
	switch {
	case parent == nil:
	case generations == 1:
		delete(trigger, "parentExecution")
	default:
		prune(parent, generations-1)
	}
}

// ExpectedIDs names the expected artifacts of a child that have to be bound: those of its triggers on the parent, and
// those that something from the parent meets.
func ExpectedIDs(child spinnaker.Pipeline, parentConfigID string, visible []spinnaker.Artifact) []any {
	ids := []any{}
	for _, t := range child.Triggers {
		if t.Type() == "pipeline" && t.Text("pipeline") == parentConfigID {
			for _, id := range t.Texts("expectedArtifactIds") {
				ids = append(ids, id)
			}
		}
	}
	for _, expected := range child.ExpectedArtifacts {
		if expected.MatchArtifact == nil || slices.Contains(ids, any(expected.ID)) {
			continue
		}
		// What is no regular expression is reported when the child starts.
		if met, err := artifact.All(*expected.MatchArtifact, visible); err != nil || len(met) > 0 {
			ids = append(ids, expected.ID)
		}
	}
	return ids
}
