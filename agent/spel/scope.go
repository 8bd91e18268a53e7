package spel

import "strings"

// scope is a stage's context as a map: its own keys, and by reading also the
// outputs of the stage and its ancestors. The root of a stage's expressions
// adds the names that Orca does
// (orca-core ContextParameterProcessor.buildExecutionContext).
type scope struct {
	over      any // keys that hide those of own
	own       any
	stage     *Stage
	execution *Execution // of a root: where execution and trigger come from
	root      bool       // the root of a pipeline or stage, not a stage's context
}

// PipelineRoot is the root of a pipeline's own expressions before any stage
// runs: the fields given (trigger, templateVariables) and the names computed
// from them (parameters, scmInfo).
func PipelineRoot(fields any) any { return &scope{own: fields, root: true} }

// context is the stage's context with its ancestors' outputs behind it.
func (s *Stage) context() *scope { return &scope{own: s.Context, stage: s} }

// get reads the keys that containsKey knows.
func (m *scope) get(key any) (any, bool) {
	if name, ok := key.(string); ok && m.root {
		if v, ok := m.computed(name); ok {
			return v, true
		}
	}
	if v, ok := mapGet(m.over, key); ok {
		return v, true
	}
	return mapGet(m.own, key)
}

// inherited is the output of the nearest stage that has one of that name.
func (m *scope) inherited(name string) any {
	if m.stage == nil {
		return nil
	}
	for _, s := range m.stage.lineage() {
		if v, ok := mapGet(s.Outputs, name); ok {
			return v
		}
	}
	return nil
}

// read is Orca's StageContext.get: own keys, then what is inherited.
func (m *scope) read(name string) any {
	if v, ok := m.get(name); ok {
		return v
	}
	return m.inherited(name)
}

// plain reads a key of the contexts, or an inherited one, nothing computed.
func (m *scope) plain(name string) (any, bool) {
	for _, c := range [...]any{m.over, m.own} {
		if v, ok := mapGet(c, name); ok {
			return v, true
		}
	}
	return m.inherited(name), false
}

func (m *scope) computed(name string) (any, bool) {
	switch name {
	case "execution":
		return m.execution, m.execution != nil
	case "trigger":
		if m.execution != nil {
			return m.execution.trigger, true
		}
	case "templateVariables":
		if e := m.execution; e != nil && strings.EqualFold(e.SpelEvaluator, "v4") && mapLen(e.TemplateVariables) > 0 {
			return e.TemplateVariables, true
		}
	case "parameters":
		if p := child(m.trigger(), "parameters"); mapLen(p) > 0 {
			return p, true
		}
		if v, ok := m.plain("parameters"); ok {
			return v, true
		}
		return NewMap(0), true
	case "scmInfo":
		return m.scmInfo(), true
	}
	return nil, false
}

func (m *scope) trigger() any {
	if m.execution != nil {
		return m.execution.trigger
	}
	v, _ := m.plain("trigger")
	return v
}

// scmInfo is the source of a Jenkins or Concourse build: of several, the first
// whose branch is neither master nor develop.
func (m *scope) scmInfo() any {
	v, _ := m.plain("scmInfo")
	if t := m.trigger(); v == nil && (isJenkins(t) || field(t, "type") == "concourse") {
		v = field(child(t, "buildInfo"), "scm")
	}
	all := list(v)
	if len(all) == 0 {
		return nil
	}
	for _, c := range all[:len(all)*min(1, len(all)-1)] {
		if branch := field(normal(c), "branch"); branch != "master" && branch != "develop" {
			return sourceControl.of(c)
		}
	}
	return sourceControl.of(all[0])
}

// isJenkins reports whether Orca takes a trigger for one of Jenkins.
func isJenkins(trigger any) bool {
	return field(trigger, "master") != nil && field(trigger, "job") != nil && field(trigger, "buildNumber") != nil
}

// fields is all of the scope as a map.
func (m *scope) fields() *Map {
	all := merged(m.own, m.over)
	if !m.root {
		return all
	}
	for _, name := range [...]string{"execution", "trigger", "templateVariables", "parameters", "scmInfo"} {
		if v, ok := m.computed(name); ok {
			all.Set(name, v)
		}
	}
	return all
}
