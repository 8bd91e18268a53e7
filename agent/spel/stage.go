package spel

import (
	"context"
	"fmt"
	"strings"
)

// What single stages do with expressions.

// Precondition is what became of an expression precondition.
type Precondition struct {
	Passed  bool
	Result  string // what the expression gave, as text; the expression itself if it failed
	Summary *Summary
}

// EvalPrecondition decides a Check Preconditions stage of type expression
// (spinnaker/spinnaker orca-core ExpressionPreconditionTask): it passes only if
// the result is true, in any case. The expression is without ${}.
func (e *Engine) EvalPrecondition(ctx context.Context, expression string, env *Env) Precondition {
	v, summary := e.EvalTemplate(ctx, opening+expression+"}", env)
	result, err := v.string()
	if err != nil || !summary.OK() {
		result = expression
	}
	return Precondition{Passed: strings.EqualFold(result, "true"), Result: result, Summary: summary}
}

// StageEnabled decides whether a stage runs at all, from its stageEnabled field
// (spinnaker/spinnaker orca-core OptionalStageSupport.java): true and false in
// any case decide; anything else, failing expressions too, skips the stage, and
// reason says so. A stage without the field runs; a synthetic one asks its
// parent.
func (e *Engine) StageEnabled(ctx context.Context, stageEnabled any, env *Env) (enabled bool, reason string) {
	stageEnabled = normal(stageEnabled)
	expression := text(stageEnabled, "expression")
	if !strings.EqualFold(text(stageEnabled, "type"), "expression") || strings.TrimSpace(expression) == "" {
		return e.parentEnabled(ctx, stageEnabled, env)
	}
	p := e.EvalPrecondition(ctx, expression, env)
	switch {
	case p.Passed:
		return true, ""
	case strings.EqualFold(p.Result, "false"):
		return false, fmt.Sprintf("stageEnabled: %s is false", expression)
	case !p.Summary.OK():
		return false, "stageEnabled: " + p.Summary.Warnings[0].Message
	}
	return false, fmt.Sprintf("stageEnabled: %s is %s, neither true nor false", expression, quote(p.Result))
}

func (e *Engine) parentEnabled(ctx context.Context, stageEnabled any, env *Env) (bool, string) {
	if isMap(stageEnabled) || env.Stage == nil || env.Execution == nil || env.Stage.ParentStageID == "" {
		return true, ""
	}
	parent := env.Execution.StageByID(env.Stage.ParentStageID)
	if parent == nil {
		return true, ""
	}
	return e.StageEnabled(ctx, field(parent.Context, "stageEnabled"),
		&Env{Execution: env.Execution, Stage: parent, User: env.User, Strict: env.Strict})
}

// Variables is what an Evaluate Variables stage gave.
type Variables struct {
	Context any // the stage's context: variables with value and sourceValue, the other keys evaluated
	Outputs any // the variables by key
	Summary *Summary
}

// EvalVariables evaluates the context of an Evaluate Variables stage
// (spinnaker/spinnaker orca-core EvaluateVariablesStage.java): first all other
// keys, then one variable after the other, each seeing those before it. A
// variable that fails keeps its text and is not seen by later ones. Context and
// outputs are maps of the kind of the given context.
func (e *Engine) EvalVariables(ctx context.Context, stageContext any, env *Env) Variables {
	_, ordered := stageContext.(*Map)
	w := newWalker(ctx, e, env.with(env.Root), ordered)
	result := Variables{Context: stageContext, Outputs: w.exporter.export(NewMap(0)), Summary: w.summary}
	w.guard(func() {
		context, outputs := w.variables(stageContext)
		result.Context, result.Outputs = w.exporter.export(context), w.exporter.export(outputs)
	})
	return result
}

func (w *walker) variables(stageContext any) (context, outputs *Map) {
	context, outputs = NewMap(mapLen(stageContext)), NewMap(0)
	for k, v := range mapEntries(stageContext) {
		if k != "variables" {
			evaluated, _ := w.inside(step{toString(k), -1}, v, stageContext)
			context.Set(toString(k), evaluated)
		}
	}
	given, ok := elements(field(stageContext, "variables"))
	if !ok {
		return context, outputs
	}
	evaluated := make([]any, len(given))
	w.path = []step{{"variables", -1}, {}}
	for i, v := range given {
		w.path[1] = step{index: i}
		variable := w.variable(normal(v))
		evaluated[i] = variable
		if key := text(variable, "key"); key != "" {
			outputs.Set(key, field(variable, "value"))
		}
	}
	context.Set("variables", evaluated)
	return context, outputs
}

// variable evaluates one variable and publishes it to the following ones.
func (w *walker) variable(v any) *Map {
	out := merged(v, nil)
	source, ok := field(v, "value").(string)
	if !ok {
		return out
	}
	if field(v, "sourceValue") == nil {
		out.Set("sourceValue", strings.ReplaceAll(source, opening, "{"))
	}
	failures := w.summary.Failures
	value, _ := w.inside(step{"value", -1}, source, v)
	description, _ := w.inside(step{"description", -1}, field(v, "description"), v)
	if w.summary.Failures > failures {
		return out
	}
	out.Set("value", value)
	if description != nil {
		out.Set("description", description)
	}
	published := NewMap(1)
	published.Set(text(v, "key"), value)
	w.env = w.env.with(merged(w.env.Root, published))
	return out
}
