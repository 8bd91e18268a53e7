package spel

// What expressions can read from an execution and a stage: the getters of
// Orca's PipelineExecution and StageExecution (spinnaker/spinnaker orca-api
// pipeline/models) whose type the allow-list has.

func (e *Execution) javaClass() string { return "PipelineExecution" }
func (e *Execution) text() string      { return "Execution " + e.ID }

func (e *Execution) getter(name string) (any, bool) {
	get, ok := executionGetters[name]
	if !ok {
		return nil, false
	}
	return get(e), true
}

func (e *Execution) getters() []string { return sortedNames(executionGetters) }

// exported is the execution's JSON.
func (e *Execution) exported() any {
	m := merged(given(e.More), nil)
	setAll(m, []string{"id", "name", "application", "pipelineConfigId", "status", "trigger", "stages"}, e)
	if e.trigger != nil {
		m.Set("trigger", e.trigger)
	}
	return m
}

// exported is the stage's JSON.
func (s *Stage) exported() any {
	m := merged(given(s.More), nil)
	setAll(m, []string{"id", "refId", "type", "name", "status", "parentStageId", "requisiteStageRefIds", "outputs"}, s)
	m.Set("context", s.Context)
	return m
}

func setAll(m *Map, names []string, b bean) {
	for _, name := range names {
		v, _ := b.getter(name)
		m.Set(name, v)
	}
}

func (s *Stage) javaClass() string { return "StageExecution" }
func (s *Stage) text() string      { return "Stage " + s.ID }

func (s *Stage) getter(name string) (any, bool) {
	get, ok := stageGetters[name]
	if !ok {
		return nil, false
	}
	return get(s), true
}

func (s *Stage) getters() []string { return sortedNames(stageGetters) }

var executionGetters = map[string]func(*Execution) any{
	"id":                func(e *Execution) any { return orNil(e.ID) },
	"name":              func(e *Execution) any { return orNil(e.Name) },
	"application":       func(e *Execution) any { return orNil(e.Application) },
	"pipelineConfigId":  func(e *Execution) any { return orNil(e.PipelineConfigID) },
	"status":            func(e *Execution) any { return statusOf(e.Status) },
	"spelEvaluator":     func(e *Execution) any { return orNil(e.SpelEvaluator) },
	"templateVariables": func(e *Execution) any { return orEmpty(e.TemplateVariables) },
	"trigger":           func(e *Execution) any { return triggerObject(e.trigger) },
	"stages": func(e *Execution) any {
		all := make([]any, len(e.Stages))
		for i, s := range e.Stages {
			all[i] = s
		}
		return all
	},
	"authentication":          more(childOf("authentication", authentication)),
	"paused":                  more(childOf("paused", paused)),
	"buildTime":               more(long("buildTime")),
	"startTime":               more(long("startTime")),
	"endTime":                 more(long("endTime")),
	"startTimeExpiry":         more(long("startTimeExpiry")),
	"origin":                  more(same("origin", "unknown")),
	"description":             more(same("description", nil)),
	"canceled":                more(same("canceled", false)),
	"canceledBy":              more(same("canceledBy", nil)),
	"cancellationReason":      more(same("cancellationReason", nil)),
	"limitConcurrent":         more(same("limitConcurrent", false)),
	"keepWaitingPipelines":    more(same("keepWaitingPipelines", false)),
	"maxConcurrentExecutions": more(same("maxConcurrentExecutions", int32(0))),
	"notifications":           more(same("notifications", []any{})),
	"context":                 more(func(data any) any { return child(data, "context") }),
	"partition":               more(same("partition", nil)),
	"rootId":                  more(same("rootId", nil)),
	"additionalHeaders":       more(func(data any) any { return child(data, "additionalHeaders") }),
}

// more reads one of the execution's further fields.
func more(get func(any) any) func(*Execution) any {
	return func(e *Execution) any { return get(given(e.More)) }
}

// given is what More holds, or what it gives.
func given(more any) any {
	if read, late := more.(func() any); late {
		return read()
	}
	return more
}

var stageGetters = map[string]func(*Stage) any{
	"id":                   func(s *Stage) any { return orNil(s.ID) },
	"refId":                func(s *Stage) any { return orNil(s.RefID) },
	"type":                 func(s *Stage) any { return orNil(s.Type) },
	"name":                 func(s *Stage) any { return orNil(s.Name) },
	"status":               func(s *Stage) any { return statusOf(s.Status) },
	"context":              func(s *Stage) any { return s.context() },
	"outputs":              func(s *Stage) any { return orEmpty(s.Outputs) },
	"parentStageId":        func(s *Stage) any { return orNil(s.ParentStageID) },
	"requisiteStageRefIds": func(s *Stage) any { return &set{items: anySlice(s.RequisiteStageRefIDs)} },
	"execution":            func(s *Stage) any { return s.execution },
	"hasSucceeded":         func(s *Stage) any { return statusOf(s.Status) == "SUCCEEDED" },
	"hasFailed":            func(s *Stage) any { return statusOf(s.Status) == "TERMINAL" },
	"parent":               func(s *Stage) any { return s.parent() },
	"topLevelStage": func(s *Stage) any {
		for s.ParentStageID != "" && s.execution.StageByID(s.ParentStageID) != nil {
			s = s.execution.StageByID(s.ParentStageID)
		}
		return s
	},
	"join":                                  func(s *Stage) any { return len(s.RequisiteStageRefIDs) > 1 },
	"manualJudgmentType":                    func(s *Stage) any { return s.Type == "manualJudgment" },
	"continuePipelineOnFailure":             func(s *Stage) any { return field(s.Context, "continuePipeline") == true },
	"allowSiblingStagesToContinueOnFailure": func(s *Stage) any { return allowSiblings(s) },
	"tasks":                                 moreOfStage(same("tasks", []any{})),
	"startTime":                             moreOfStage(long("startTime")),
	"endTime":                               moreOfStage(long("endTime")),
	"startTimeExpiry":                       moreOfStage(long("startTimeExpiry")),
	"scheduledTime":                         moreOfStage(long("scheduledTime")),
	"additionalMetricTags":                  moreOfStage(same("additionalMetricTags", nil)),
}

func moreOfStage(get func(any) any) func(*Stage) any {
	return func(s *Stage) any { return get(given(s.More)) }
}

// allowSiblings is StageExecutionImpl.getAllowSiblingStagesToContinueOnFailure.
func allowSiblings(s *Stage) bool {
	return s.ParentStageID != "" && field(s.Context, "allowSiblingStagesToContinueOnFailure") == true
}

func (s *Stage) parent() any {
	if s.ParentStageID == "" {
		return nil
	}
	if p := s.execution.StageByID(s.ParentStageID); p != nil {
		return p
	}
	return nil
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func orEmpty(m any) any {
	if isMap(m) {
		return m
	}
	return NewMap(0)
}

func anySlice[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}
