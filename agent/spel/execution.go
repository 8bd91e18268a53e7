package spel

import (
	"fmt"
	"slices"
	"sync"
)

// Execution is a pipeline execution as plain data, as far as expressions see
// it. It must not change while expressions read it; the same pointer may serve
// many evaluations, also at once. Maps are map[string]any or *[Map].
type Execution struct {
	// Orchestration marks a run of single tasks: its expressions have no
	// execution and no trigger.
	Orchestration bool

	ID               string
	Application      string
	Name             string
	PipelineConfigID string
	Status           string // as ExecutionStatus names it; empty means NOT_STARTED
	// SpelEvaluator is "v4", or anything else for the older behaviour.
	SpelEvaluator     string
	Trigger           any // the trigger's JSON
	TemplateVariables any
	Stages            []*Stage // in execution order

	// More holds further fields of the execution's JSON that expressions may
	// read: authentication, buildTime, startTime, endTime, origin, canceled and
	// so on. It may be a func() any that gives them, called whenever one is read.
	More any

	once    sync.Once
	trigger *Map // with Orca's defaults
}

// Stage is one stage of an [Execution], with the same rules.
type Stage struct {
	ID                   string
	RefID                string
	Type                 string
	Name                 string
	Status               string
	RequisiteStageRefIDs []string
	ParentStageID        string // of a synthetic stage
	SyntheticStageOwner  string // STAGE_BEFORE or STAGE_AFTER, of a synthetic stage
	Context              any
	Outputs              any
	// More holds further fields of the stage's JSON: tasks, startTime, endTime
	// and so on, or is a func() any that gives them.
	More any

	execution *Execution
	once      sync.Once
	ancestors []*Stage
}

// ExecutionFromJSON reads an execution in the form that Orca and Gate show it
// (spinnaker/spinnaker orca-api PipelineExecution.java), decoded by [Decode] or
// encoding/json.
func ExecutionFromJSON(doc any) (*Execution, error) {
	if !isMap(doc) {
		return nil, fmt.Errorf("read execution: want a JSON object, got %s", describe(normal(doc)))
	}
	e := &Execution{
		Orchestration:     text(doc, "type") == "ORCHESTRATION",
		ID:                text(doc, "id"),
		Application:       text(doc, "application"),
		Name:              text(doc, "name"),
		PipelineConfigID:  text(doc, "pipelineConfigId"),
		Status:            text(doc, "status"),
		SpelEvaluator:     text(doc, "spelEvaluator"),
		Trigger:           child(doc, "trigger"),
		TemplateVariables: child(doc, "templateVariables"),
		More:              doc,
	}
	for i, s := range list(field(doc, "stages")) {
		if !isMap(s) {
			return nil, fmt.Errorf("read execution %q: stage %d: want a JSON object, got %s", e.ID, i, describe(normal(s)))
		}
		e.Stages = append(e.Stages, stageFromJSON(s))
	}
	return e, nil
}

func stageFromJSON(doc any) *Stage {
	s := &Stage{
		ID:                  text(doc, "id"),
		RefID:               text(doc, "refId"),
		Type:                text(doc, "type"),
		Name:                text(doc, "name"),
		Status:              text(doc, "status"),
		ParentStageID:       text(doc, "parentStageId"),
		SyntheticStageOwner: text(doc, "syntheticStageOwner"),
		Context:             child(doc, "context"),
		Outputs:             child(doc, "outputs"),
		More:                doc,
	}
	for _, ref := range list(field(doc, "requisiteStageRefIds")) {
		s.RequisiteStageRefIDs = append(s.RequisiteStageRefIDs, toString(normal(ref)))
	}
	return s
}

// StageByID finds a stage by its id, nil if there is none.
func (e *Execution) StageByID(id string) *Stage {
	for _, s := range e.Stages {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// prepare links the stages with their execution; safe to call at any time.
func (e *Execution) prepare() {
	e.once.Do(func() {
		for _, s := range e.Stages {
			s.execution = e
		}
		e.trigger = triggerDefaults(e.Trigger)
	})
}

// triggerDefaults is what every trigger shows once Orca has stored it
// (orca-core DefaultTrigger and TriggerDeserializer).
func triggerDefaults(given any) *Map {
	t := NewMap(12)
	t.Set("type", "none")
	t.Set("user", "[anonymous]")
	t.Set("parameters", NewMap(0))
	t.Set("artifacts", []any{})
	t.Set("notifications", []any{})
	t.Set("rebake", false)
	t.Set("dryRun", false)
	t.Set("strategy", false)
	t.Set("resolvedExpectedArtifacts", []any{})
	for k, v := range mapEntries(given) {
		if v != nil {
			t.put(k, v)
		}
	}
	return t
}

// lineage is the stage and its ancestors, nearest first: required stages in
// execution order, their synthetic children, then recursively theirs; for a
// synthetic stage its before-siblings, its parent and the parent's ancestors.
func (s *Stage) lineage() []*Stage {
	s.once.Do(func() {
		seen := map[string]bool{}
		s.ancestors = append([]*Stage{s}, s.ancestorsOf(seen)...)
	})
	return s.ancestors
}

func (s *Stage) ancestorsOf(seen map[string]bool) []*Stage {
	seen[s.RefID] = true
	if s.execution == nil {
		return nil
	}
	switch {
	case len(s.RequisiteStageRefIDs) > 0:
		return s.required(seen)
	case s.ParentStageID != "" && !seen[s.ParentStageID]:
		return s.enclosing(seen)
	}
	return nil
}

func (s *Stage) required(seen map[string]bool) []*Stage {
	var previous, found []*Stage
	for _, other := range s.execution.Stages {
		if !seen[other.RefID] && slices.Contains(s.RequisiteStageRefIDs, other.RefID) {
			previous = append(previous, other)
		}
	}
	found = append(found, previous...)
	for _, other := range s.execution.Stages {
		if other.SyntheticStageOwner != "" && slices.ContainsFunc(previous, func(p *Stage) bool { return p.ID == other.ParentStageID }) {
			found = append(found, other)
		}
	}
	for _, p := range previous {
		found = append(found, p.ancestorsOf(seen)...)
	}
	return found
}

func (s *Stage) enclosing(seen map[string]bool) []*Stage {
	var found []*Stage
	if s.SyntheticStageOwner == "STAGE_AFTER" {
		for _, other := range s.execution.Stages {
			if other.ParentStageID == s.ParentStageID && other.SyntheticStageOwner == "STAGE_BEFORE" {
				found = append(found, other)
			}
		}
	}
	if parent := s.execution.StageByID(s.ParentStageID); parent != nil {
		found = append(found, parent)
		found = append(found, parent.ancestorsOf(seen)...)
	}
	return found
}

// field, child, text and list read JSON data of the caller.
func field(m any, key string) any {
	switch m := m.(type) {
	case map[string]any:
		return normal(m[key])
	case *Map:
		v, _ := m.Get(key)
		return normal(v)
	}
	v, _ := mapGet(m, key)
	return v
}

func child(m any, key string) any {
	if v := field(m, key); isMap(v) {
		return v
	}
	return NewMap(0)
}

func text(m any, key string) string {
	s, _ := field(m, key).(string)
	return s
}

func list(v any) []any {
	items, _ := elements(v)
	return items
}
