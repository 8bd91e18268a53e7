package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gennaker/gennaker/agent/spel"
)

// request is one generated input.
type request struct {
	id        int
	kind      string // expression, template or document
	input     string // of documents: the source, as JSON
	root      string // JSON; what expressions and templates see
	strict    bool
	execution string
	stage     string
	context   string // JSON, of some documents
}

// fields are what the oracle's form and that of the corpus share.
func (r request) fields() map[string]any {
	m := map[string]any{}
	if r.strict {
		m["allowUnknownKeys"] = false
	}
	if r.kind != "document" {
		m[r.kind], m["root"] = r.input, json.RawMessage(r.root)
		return m
	}
	m["source"], m["stageId"] = json.RawMessage(r.input), r.stage
	if r.context != "" {
		m["context"] = json.RawMessage(r.context)
	}
	return m
}

// asked is the request in the oracle's form.
func (r request) asked(executions map[string]json.RawMessage) map[string]any {
	m := r.fields()
	m["id"] = r.id
	if r.kind == "document" {
		m["execution"] = executions[r.execution]
	}
	return m
}

// asCase is the request with the oracle's answer in the form of the corpus.
func (r request) asCase(a answer) map[string]any {
	m := r.fields()
	m["id"], m["kind"], m["level"], m["expect"] = fmt.Sprintf("found-%d", r.id), r.kind, "extended", a.expect(r.kind)
	if r.kind == "document" {
		m["execution"] = r.execution
	}
	return m
}

func (r request) text() string { return r.kind + " " + r.input }

// labels are the names by which the oracle shows Orca's objects, with what
// package spel gives for them.
type labels map[string]spel.Value

// class is the name of an object's class in Orca, by the one that the oracle
// gives it.
func (l labels) class(name string) string {
	switch name {
	case "Execution":
		return "PipelineExecution"
	case "Stage":
		return "StageExecution"
	case "Authentication":
		return "AuthenticationDetails"
	case "Trigger":
		return l["Trigger"].Type()
	}
	return name
}

// labelsOf makes the labels of an execution.
func labelsOf(ctx context.Context, engine *spel.Engine, doc any) (labels, error) {
	execution, err := spel.ExecutionFromJSON(doc)
	if err != nil {
		return nil, err
	}
	expressions := map[string]string{"Execution " + execution.ID: "execution", "Trigger": "execution.trigger"}
	for _, s := range execution.Stages {
		expressions["Stage "+s.ID] = "#stage('" + s.ID + "')"
	}
	all := labels{}
	for label, expression := range expressions {
		v, summary := engine.EvalTemplate(ctx, "${"+expression+"}", &spel.Env{Execution: execution})
		if !summary.OK() {
			return nil, fmt.Errorf("%s: %v", expression, summary.Warnings)
		}
		all[label] = v
	}
	return all, nil
}

// in puts the data of labels into a value.
func (l labels) in(v any) any {
	switch v := v.(type) {
	case string:
		if object, ok := l[v]; ok {
			return object
		}
	case []any:
		for i := range v {
			v[i] = l.in(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = l.in(v[k])
		}
	}
	return v
}
