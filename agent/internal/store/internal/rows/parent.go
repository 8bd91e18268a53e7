package rows

import (
	"maps"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// withoutParent returns a trigger that shows of the execution that started this one only what lists show, and that execution
// as a whole, nil when there is none. It may hold all outputs of its own stages, so that it is a part of its own.
func withoutParent(trigger spinnaker.Trigger) (spinnaker.Trigger, map[string]any) {
	whole := trigger.Object("parentExecution")
	if whole == nil {
		return trigger, nil
	}
	trigger = maps.Clone(trigger)
	trigger["parentExecution"] = brief(whole)
	return trigger, whole
}

// brief is an execution, as the trigger of another one holds it, without what may be large in its stages: outputs, tasks and
// the context but for its group; and the executions before it likewise.
func brief(execution map[string]any) map[string]any {
	execution = maps.Clone(execution)
	if trigger, ok := execution["trigger"].(map[string]any); ok {
		execution["trigger"], _ = withoutParent(trigger)
	}
	stages, ok := execution["stages"].([]any)
	if !ok {
		return execution
	}
	shown := make([]any, len(stages))
	for i, item := range stages {
		shown[i] = item
		if stage, ok := item.(map[string]any); ok {
			stage = maps.Clone(stage)
			context := map[string]any{}
			if before, ok := stage["context"].(map[string]any); ok && before["group"] != nil {
				context["group"] = before["group"]
			}
			stage["context"], stage["outputs"], stage["tasks"] = context, map[string]any{}, []any{}
			shown[i] = stage
		}
	}
	execution["stages"] = shown
	return execution
}
