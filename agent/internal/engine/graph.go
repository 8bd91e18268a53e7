package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// children returns the stages that belong to the stage of that id; the top-level stages for "".
func (a *advance) children(parentID string) []*spinnaker.Stage {
	return a.byParent[parentID]
}

// synthetics returns a stage's children on one side.
func (a *advance) synthetics(parent *spinnaker.Stage, owner spinnaker.Owner) []*spinnaker.Stage {
	var out []*spinnaker.Stage
	for _, child := range a.children(parent.ID) {
		if child.Owner == owner {
			out = append(out, child)
		}
	}
	return out
}

// graph is the stages of an execution, arranged.
type graph struct {
	// stages are what is arranged; another list in the execution means another graph.
	stages     []*spinnaker.Stage
	byID       map[string]*spinnaker.Stage
	byParent   map[string][]*spinnaker.Stage
	byRef      map[sibling][]*spinnaker.Stage
	dependents map[sibling][]*spinnaker.Stage
	// above holds what upstream has found, by the stage's id.
	above map[string][]*spinnaker.Stage
	// views is the execution as expressions see it; nil until one asks.
	views *views
}

// sibling is a place in the graph: a refId among the children of one parent. Several stages may claim it.
type sibling struct{ parentID, refID string }

// index arranges the stages of the execution by id, by parent and by place, and notes who depends on whom.
func (a *advance) index() {
	a.graph = &graph{
		stages: slices.Clone(a.ex.Stages), byID: make(map[string]*spinnaker.Stage, len(a.ex.Stages)),
		byParent: map[string][]*spinnaker.Stage{}, byRef: map[sibling][]*spinnaker.Stage{},
		dependents: map[sibling][]*spinnaker.Stage{}, above: map[string][]*spinnaker.Stage{},
	}
	for _, stage := range a.ex.Stages {
		if stage.Context == nil {
			stage.Context = map[string]any{}
		}
		if stage.Outputs == nil {
			stage.Outputs = map[string]any{}
		}
		a.byID[stage.ID] = stage
		a.byParent[stage.ParentStageID] = append(a.byParent[stage.ParentStageID], stage)
		place := placeOf(stage)
		a.byRef[place] = append(a.byRef[place], stage)
		for _, ref := range slices.Compact(slices.Sorted(slices.Values(stage.Requisites))) {
			required := sibling{stage.ParentStageID, ref}
			a.dependents[required] = append(a.dependents[required], stage)
		}
	}
}

func placeOf(stage *spinnaker.Stage) sibling { return sibling{stage.ParentStageID, stage.RefID} }

// downstream returns the siblings that require a stage.
func (a *advance) downstream(stage *spinnaker.Stage) []*spinnaker.Stage {
	return a.dependents[placeOf(stage)]
}

// upstream returns the siblings that a stage requires. Requisites that no stage has are ignored.
func (a *advance) upstream(stage *spinnaker.Stage) []*spinnaker.Stage {
	out, known := a.above[stage.ID]
	if known {
		return out
	}
	for _, ref := range stage.Requisites {
		out = append(out, a.byRef[sibling{stage.ParentStageID, ref}]...)
	}
	a.above[stage.ID] = out
	return out
}

// ready says whether everything a stage requires has gone well.
func (a *advance) ready(stage *spinnaker.Stage) bool {
	up := a.upstream(stage)
	if len(up) == 0 && len(stage.Requisites) > 0 {
		return false
	}
	return !slices.ContainsFunc(up, func(s *spinnaker.Stage) bool { return !goesOn(s.Status) })
}

// blocked says whether a stage can never run because something before it has halted.
func (a *advance) blocked(stage *spinnaker.Stage) bool {
	return a.halted && a.blockedSeen(stage, map[string]bool{})
}

func (a *advance) blockedSeen(stage *spinnaker.Stage, seen map[string]bool) bool {
	for _, up := range a.upstream(stage) {
		if up.Status.Halt() {
			return true
		}
		if up.Status != spinnaker.NotStarted || seen[up.ID] {
			continue
		}
		seen[up.ID] = true
		if a.blockedSeen(up, seen) {
			return true
		}
	}
	return false
}

// goesOn says whether what depends on a stage of that status runs.
func goesOn(status spinnaker.Status) bool { return status.Complete() && !status.Halt() }

// active says whether something is going on in a stage.
func active(stage *spinnaker.Stage) bool {
	return stage.Status == spinnaker.Running || stage.Status == spinnaker.Paused
}

// flaw says in words why the stages of a pipeline can not all be reached, or "".
func flaw(stages []*spinnaker.Stage) string {
	if len(stages) == 0 {
		return "the pipeline has no stages: add one, then start it again"
	}
	refs := make(map[string]bool, len(stages))
	for _, stage := range stages {
		refs[stage.RefID] = true
	}
	waiting := map[string][]string{}
	for _, stage := range stages {
		present := slices.DeleteFunc(slices.Clone(stage.Requisites), func(ref string) bool { return !refs[ref] })
		if len(present) == 0 && len(stage.Requisites) > 0 {
			return fmt.Sprintf("stage %q (refId %s) requires %s, which no stage has as refId: correct its requisiteStageRefIds",
				stage.Name, stage.RefID, strings.Join(stage.Requisites, ", "))
		}
		waiting[stage.RefID] = append(waiting[stage.RefID], present...)
	}
	if cycle := unreachable(waiting); len(cycle) > 0 {
		return fmt.Sprintf("the stages with refIds %s can never start, because they wait for each other in a circle: correct their requisiteStageRefIds",
			strings.Join(cycle, ", "))
	}
	return ""
}

// unreachable returns the refIds that are left when those without unmet requisites are taken away again and again.
func unreachable(waiting map[string][]string) []string {
	dependents := map[string][]string{}
	unmet := make(map[string]int, len(waiting))
	var free []string
	for ref, requisites := range waiting {
		unmet[ref] = len(requisites)
		if len(requisites) == 0 {
			free = append(free, ref)
		}
		for _, requisite := range requisites {
			dependents[requisite] = append(dependents[requisite], ref)
		}
	}
	for len(free) > 0 {
		ref := free[len(free)-1]
		free = free[:len(free)-1]
		delete(waiting, ref)
		for _, dependent := range dependents[ref] {
			if unmet[dependent]--; unmet[dependent] == 0 {
				free = append(free, dependent)
			}
		}
	}
	var left []string
	for ref := range waiting {
		left = append(left, ref)
	}
	slices.Sort(left)
	return left
}
