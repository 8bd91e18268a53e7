package engine

import (
	"slices"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// MergedOutputs merges the outputs of all stages of an execution, in the order in which they depend on each other. Of
// equal keys the later one counts; lists are put together, each element once.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/model/PipelineExecutionImpl.java getContext,
// pipeline/util/StageNavigator.java.
func MergedOutputs(ex *spinnaker.Execution) map[string]any {
	merged := map[string]any{}
	for _, stage := range topological(ex) {
		for key, value := range stage.Outputs {
			earlier, both := merged[key].([]any)
			later, isList := value.([]any)
			if both && isList {
				value = union(earlier, later)
			}
			merged[key] = value
		}
	}
	return merged
}

// union appends to a list what it does not hold yet.
func union(list, more []any) []any {
	out := slices.Clone(list)
	known := map[string]bool{}
	for _, item := range list {
		known[encoded(item)] = true
	}
	for _, item := range more {
		if text := encoded(item); !known[text] {
			known[text] = true
			out = append(out, item)
		}
	}
	return out
}

// topological lists an execution's stages, each behind those it requires; synthetic stages stand beside their parents.
func topological(ex *spinnaker.Execution) []*spinnaker.Stage {
	byRef := map[sibling][]*spinnaker.Stage{}
	byParent := map[string][]*spinnaker.Stage{}
	for _, stage := range ex.Stages {
		byRef[placeOf(stage)] = append(byRef[placeOf(stage)], stage)
		byParent[stage.ParentStageID] = append(byParent[stage.ParentStageID], stage)
	}
	var order []*spinnaker.Stage
	seen := map[string]bool{}
	var visit func(*spinnaker.Stage)
	visit = func(stage *spinnaker.Stage) {
		if seen[stage.ID] {
			return
		}
		seen[stage.ID] = true
		for _, ref := range stage.Requisites {
			for _, required := range byRef[sibling{stage.ParentStageID, ref}] {
				visit(required)
			}
		}
		for _, child := range byParent[stage.ID] {
			if child.Owner != spinnaker.StageAfter {
				visit(child)
			}
		}
		order = append(order, stage)
		for _, child := range byParent[stage.ID] {
			visit(child)
		}
	}
	for _, stage := range byParent[""] {
		visit(stage)
	}
	return order
}

// Errors returns the texts of a stage's exception.
func Errors(stage *spinnaker.Stage) []string {
	exception, _ := stage.Context["exception"].(map[string]any)
	details, _ := exception["details"].(map[string]any)
	var texts []string
	for _, item := range list(details["errors"]) {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
		}
	}
	if text, ok := details["error"].(string); ok && len(texts) == 0 {
		texts = append(texts, text)
	}
	return texts
}
