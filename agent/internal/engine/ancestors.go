package engine

import (
	"maps"
	"slices"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Ancestors returns the stages whose outputs a stage sees, nearest first: what it requires, in execution order, their
// synthetic stages, and so on upwards; a synthetic stage sees its parent, and one after the parent also those before.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/model/StageExecutionImpl.java, ancestors.
func Ancestors(ex *spinnaker.Execution, stage *spinnaker.Stage) []*spinnaker.Stage {
	seen := map[string]bool{stage.ID: true}
	var found []*spinnaker.Stage
	var climb func(*spinnaker.Stage)
	add := func(list []*spinnaker.Stage) {
		fresh := slices.DeleteFunc(list, func(s *spinnaker.Stage) bool { return seen[s.ID] })
		for _, s := range fresh {
			seen[s.ID] = true
		}
		found = append(found, fresh...)
		for _, s := range fresh {
			climb(s)
		}
	}
	climb = func(from *spinnaker.Stage) {
		if len(from.Requisites) > 0 {
			add(required(ex, from))
		}
		if from.ParentStageID != "" {
			add(enclosing(ex, from))
		}
	}
	climb(stage)
	return found
}

// required returns the siblings that a stage requires, and their synthetic stages.
func required(ex *spinnaker.Execution, stage *spinnaker.Stage) []*spinnaker.Stage {
	var siblings, inner []*spinnaker.Stage
	ids := map[string]bool{}
	for _, s := range ex.Stages {
		if s.ParentStageID == stage.ParentStageID && slices.Contains(stage.Requisites, s.RefID) {
			siblings = append(siblings, s)
			ids[s.ID] = true
		}
	}
	for _, s := range ex.Stages {
		if ids[s.ParentStageID] {
			inner = append(inner, s)
		}
	}
	return append(siblings, inner...)
}

// enclosing returns what a synthetic stage sees of the stage it belongs to.
func enclosing(ex *spinnaker.Execution, stage *spinnaker.Stage) []*spinnaker.Stage {
	var found []*spinnaker.Stage
	if stage.Owner == spinnaker.StageAfter {
		for _, s := range ex.Stages {
			if s.ParentStageID == stage.ParentStageID && s.Owner == spinnaker.StageBefore {
				found = append(found, s)
			}
		}
	}
	if parent := ex.Stage(stage.ParentStageID); parent != nil {
		found = append(found, parent)
	}
	return found
}

// AncestorOutputs merges the outputs that a stage sees; of equal keys the nearest stage's counts.
func AncestorOutputs(ex *spinnaker.Execution, stage *spinnaker.Stage) map[string]any {
	merged := map[string]any{}
	for _, ancestor := range slices.Backward(Ancestors(ex, stage)) {
		maps.Copy(merged, ancestor.Outputs)
	}
	return merged
}

// VisibleArtifacts returns the artifacts that a stage sees, nearest first: its own, its ancestors', the trigger's.
func VisibleArtifacts(ex *spinnaker.Execution, stage *spinnaker.Stage) []spinnaker.Artifact {
	var found []spinnaker.Artifact
	for _, source := range append([]*spinnaker.Stage{stage}, Ancestors(ex, stage)...) {
		found = append(found, Artifacts(source.Outputs["artifacts"])...)
	}
	return append(found, Artifacts(ex.Trigger["artifacts"])...)
}

// AllArtifacts returns the artifacts of a whole execution, the last that was made first, but for those that the stage of a
// refId has made, "" for none; those of the trigger are the last.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/util/ArtifactUtils.java, getAllArtifacts.
func AllArtifacts(ex *spinnaker.Execution, without string) []spinnaker.Artifact {
	var found []spinnaker.Artifact
	for _, stage := range topological(ex) {
		if stage.RefID != without || without == "" {
			found = append(found, Artifacts(stage.Outputs[artifactsKey])...)
		}
	}
	slices.Reverse(found)
	return append(found, Artifacts(ex.Trigger[artifactsKey])...)
}

// ResolvedArtifacts returns the expected artifacts that were bound and that a stage sees, nearest first, each id once.
func ResolvedArtifacts(ex *spinnaker.Execution, stage *spinnaker.Stage) []spinnaker.ExpectedArtifact {
	sources := []any{stage.Context[resolvedKey]}
	for _, source := range append([]*spinnaker.Stage{stage}, Ancestors(ex, stage)...) {
		sources = append(sources, source.Outputs[resolvedKey])
	}
	sources = append(sources, ex.Trigger[resolvedKey])
	var found []spinnaker.ExpectedArtifact
	seen := map[string]bool{}
	for _, source := range sources {
		for _, expected := range expectedArtifacts(source) {
			if !seen[expected.ID] {
				seen[expected.ID] = true
				found = append(found, expected)
			}
		}
	}
	return found
}
