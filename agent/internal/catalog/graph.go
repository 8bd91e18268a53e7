package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// checkGraph refuses stages that could never run, never end, or run out of turn: references that are none, refIds used twice,
// requisites that are not there, cycles. Deck never returns from drawing a cycle. Stages that have no refIds at all run one
// after the other, whatever their requisites say.
func checkGraph(p spinnaker.Pipeline) error {
	var faults []string
	for i, stage := range p.Stages {
		if problem := stage.Problem(); problem != "" {
			faults = append(faults, fmt.Sprintf("stages[%d].%s", i, problem))
		}
	}
	if len(faults) > 0 {
		return refused(p, faults)
	}
	if !slices.ContainsFunc(p.Stages, func(s spinnaker.StageConfig) bool { return s.RefID != "" }) {
		return nil
	}
	byRef := map[string]spinnaker.StageConfig{}
	for i, stage := range p.Stages {
		if stage.RefID == "" {
			continue
		}
		if _, twice := byRef[stage.RefID]; twice {
			faults = append(faults, fmt.Sprintf("stages[%d].refId: %q is used twice", i, stage.RefID))
		}
		byRef[stage.RefID] = stage
	}
	for i, stage := range p.Stages {
		for _, requisite := range stage.Requisites {
			if _, there := byRef[requisite]; !there {
				faults = append(faults, fmt.Sprintf("stages[%d].requisiteStageRefIds: no stage has the refId %q", i, requisite))
			}
		}
	}
	if cycle := findCycle(p.Stages, byRef); cycle != nil {
		faults = append(faults, "stages: the refIds "+strings.Join(cycle, " → ")+" wait for each other")
	}
	if len(faults) == 0 {
		return nil
	}
	return refused(p, faults)
}

func refused(p spinnaker.Pipeline, faults []string) error {
	answer := spinnaker.Invalid("pipeline %q: %s", p.Name, strings.Join(faults, "; "))
	answer.Errors = faults
	return answer
}

// findCycle returns the refIds of a cycle in the order in which they wait for each other, or nil.
func findCycle(stages []spinnaker.StageConfig, byRef map[string]spinnaker.StageConfig) []string {
	done := map[string]bool{}
	var path []string
	var visit func(ref string) []string
	visit = func(ref string) []string {
		if at := slices.Index(path, ref); at >= 0 {
			return append(slices.Clone(path[at:]), ref)
		}
		if done[ref] {
			return nil
		}
		path = append(path, ref)
		for _, requisite := range byRef[ref].Requisites {
			if cycle := visit(requisite); cycle != nil {
				return cycle
			}
		}
		path = path[:len(path)-1]
		done[ref] = true
		return nil
	}
	for _, stage := range stages {
		if stage.RefID == "" {
			continue
		}
		if cycle := visit(stage.RefID); cycle != nil {
			return cycle
		}
	}
	return nil
}
