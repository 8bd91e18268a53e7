package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// ContextExpressions is the key of what people should know about a stage's expressions that gave nothing.
const ContextExpressions = "gennaker.expressions"

const (
	opening               = "${"
	failOnFailedKey       = "failOnFailedExpressions"
	skipEvaluationKey     = "skipExpressionEvaluation"
	stageEnabledKey       = "stageEnabled"
	templateVariablesName = "templateVariables"
)

// Evaluation is a stage's context after its expressions were evaluated.
type Evaluation struct {
	// Context is the whole new context; nil when nothing in it is an expression.
	Context map[string]any
	// Literals are texts in Context that expressions gave and that look like expressions.
	Literals []string
}

// EvaluateContext evaluates the expressions in a stage's context with the language given, which may reach outside.
// Members named in own are left to the stage itself. What can not be evaluated stays as it is and is noted in
// expressionEvaluationSummary.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/util/ContextParameterProcessor.java.
func EvaluateContext(ctx context.Context, expressions *spel.Engine, ex *Execution, stage *spinnaker.Stage, own []string) Evaluation {
	left := append([]string{spel.SummaryKey, ContextExpressions, ContextMessage, ContextWarnings, "exception"}, own...)
	if flag(stage, skipEvaluationKey) {
		left = append(left, "manifests", "manifest", "patchBody")
	}
	document := maps.Clone(stage.Context)
	for _, key := range left {
		delete(document, key)
	}
	written := texts(document)
	literals := workOf(ex, stage).Literals
	if !slices.ContainsFunc(written, func(text string) bool { return !slices.Contains(literals, text) }) {
		return Evaluation{}
	}
	given, summary := expressions.EvalDocument(ctx, shield(document, literals), Env(ex.Execution, stage))
	evaluated, _ := unshield(given, literals).(map[string]any)
	for _, key := range left {
		if value, ok := stage.Context[key]; ok {
			evaluated[key] = value
		}
	}
	note(evaluated, summary)
	return Evaluation{Context: evaluated, Literals: newLiterals(written, literals, texts(evaluated))}
}

// note puts what could not be evaluated into a context.
func note(context map[string]any, summary *spel.Summary) {
	delete(context, ContextExpressions)
	if left := summary.Update(context[spel.SummaryKey]); left != nil {
		context[spel.SummaryKey] = left
	} else {
		delete(context, spel.SummaryKey)
	}
	var said []any
	for _, warning := range summary.Warnings {
		said = append(said, warning.String())
	}
	if len(said) > 0 {
		context[ContextExpressions] = said
	}
}

// newLiterals returns the expression-like texts of an evaluated context that nobody wrote there.
func newLiterals(written, known, found []string) []string {
	var literals []string
	for _, text := range found {
		if slices.Contains(known, text) || !slices.Contains(written, text) {
			literals = append(literals, text)
		}
	}
	slices.Sort(literals)
	return slices.Compact(literals)
}

// mergeTexts adds texts to a sorted list.
func mergeTexts(list, more []string) []string {
	if len(more) == 0 {
		return list
	}
	merged := slices.Concat(list, more)
	slices.Sort(merged)
	return slices.Compact(merged)
}

// texts collects the texts in a JSON value that look like expressions.
func texts(value any) []string {
	var found []string
	walk(value, func(text string) {
		if strings.Contains(text, opening) {
			found = append(found, text)
		}
	})
	return found
}

// outside are the functions that reach for something outside the execution.
var outside = regexp.MustCompile(`#\s*(fromUrl|jsonFromUrl|yamlFromUrl|propertiesFromUrl|pipelineId\w*|applicationMetadata|` +
	`canaryConfigNameToId|cfServiceKey|fetchReference)\b`)

// AsksOutside says whether expressions in a JSON value may want something outside the execution: a URL, a pipeline.
// They are not to be evaluated inside a transaction.
func AsksOutside(value any) bool {
	asks := false
	walk(value, func(text string) { asks = asks || strings.Contains(text, "#") && outside.MatchString(text) })
	return asks
}

// walk calls visit for every text in a JSON value, keys too.
func walk(value any, visit func(string)) {
	switch v := value.(type) {
	case string:
		visit(v)
	case []any:
		for _, item := range v {
			walk(item, visit)
		}
	case map[string]any:
		for key, item := range v {
			visit(key)
			walk(item, visit)
		}
	}
}

// shield returns a value in which the given texts are hidden from evaluation.
func shield(value any, literals []string) any {
	return replace(value, func(text string) string {
		if i := slices.Index(literals, text); i >= 0 {
			return hidden(i)
		}
		return text
	})
}

// unshield brings the hidden texts back.
func unshield(value any, literals []string) any {
	shown := make(map[string]string, len(literals))
	for i, text := range literals {
		shown[hidden(i)] = text
	}
	return replace(value, func(text string) string {
		if literal, ok := shown[text]; ok {
			return literal
		}
		return text
	})
}

// hidden stands for the literal with that index. No text of a pipeline begins with a zero byte.
func hidden(index int) string { return fmt.Sprintf("\x00%d", index) }

// replace copies a JSON value with its texts replaced, but not its keys.
func replace(value any, text func(string) string) any {
	switch v := value.(type) {
	case string:
		return text(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = replace(item, text)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = replace(item, text)
		}
		return out
	default:
		return v
	}
}

// enabled says whether a stage's stageEnabled lets it run, and why not; a synthetic stage without one asks its parent's
// anew. The expression may stand in ${} or alone.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/model/OptionalStageSupport.java.
func (a *advance) enabled(stage *spinnaker.Stage) (enabled bool, reason string) {
	condition := conditionOf(stage)
	if condition == nil {
		parent := a.byID[stage.ParentStageID]
		if parent == nil {
			return true, ""
		}
		return a.enabled(parent)
	}
	if AsksOutside(condition) {
		return false, "stageEnabled asks for something outside the execution, which it can not: evaluate that in an Evaluate Variables stage before this one, and use the variable here"
	}
	if a.views == nil {
		a.views = newViews(a.ex.Execution)
	}
	return a.engine.expressions.StageEnabled(context.Background(), condition, a.views.env(stage))
}

// conditionOf returns a stage's stageEnabled with its expression as text, out of its ${}; nil when it has none.
func conditionOf(stage *spinnaker.Stage) map[string]any {
	condition, ok := stage.Context[stageEnabledKey].(map[string]any)
	if !ok {
		return nil
	}
	condition = maps.Clone(condition)
	switch written := condition["expression"].(type) {
	case bool, json.Number:
		condition["expression"] = fmt.Sprint(written)
	case string:
		if inner, wrapped := strings.CutPrefix(strings.TrimSpace(written), opening); wrapped {
			condition["expression"] = strings.TrimSuffix(inner, "}")
		}
	}
	return condition
}

// misconditioned says why a stage can not start, or "": its stageEnabled is none. What was to keep it from running is not known.
func misconditioned(stage *spinnaker.Stage) string {
	condition := stage.Context[stageEnabledKey]
	if condition == nil || conditionOf(stage) != nil {
		return ""
	}
	return fmt.Sprintf(`stageEnabled: found %s, expected {"type": "expression", "expression": "…"}`, encoded(condition))
}

// evaluatePipeline evaluates a pipeline with its trigger at launch, all but its stages. What can not be evaluated
// stays as it is.
func (e *Engine) evaluatePipeline(pipeline spinnaker.Pipeline, trigger spinnaker.Trigger) (spinnaker.Pipeline, error) {
	document := maps.Clone(pipeline.Document)
	if document == nil {
		document = map[string]any{}
	}
	document["trigger"] = map[string]any(trigger)
	stages, hasStages := document["stages"]
	delete(document, "stages")
	if len(texts(document)) == 0 {
		pipeline.Document = document
		return pipeline, nil
	}
	root := map[string]any{"trigger": document["trigger"]}
	if variables, ok := document[templateVariablesName]; ok {
		root[templateVariablesName] = variables
	}
	given, _ := e.expressions.EvalDocument(context.Background(), document,
		&spel.Env{Root: spel.PipelineRoot(root), User: trigger.Text("user"), Strict: true})
	evaluated, _ := given.(map[string]any)
	if hasStages {
		evaluated["stages"] = stages
	}
	result, err := spinnaker.PipelineOf(evaluated)
	if err != nil {
		return spinnaker.Pipeline{}, fmt.Errorf("after its expressions were evaluated: %w", err)
	}
	return result, nil
}
