package stage

import (
	"context"
	"maps"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
)

const variablesKey = "variables"

// EvaluateVariables is the stage type "evaluateVariables": it evaluates its variables one after the other, so that
// later ones see earlier ones, and hands them down as outputs.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/EvaluateVariablesStage.java. Unlike there, sourceValue keeps the
// expression as it was written.
func EvaluateVariables() Definition {
	return Definition{
		Type: "evaluateVariables", Tasks: []string{"evaluateVariables"}, Own: []string{variablesKey},
		Run: evaluateVariables,
		Validate: func(config map[string]any) []string {
			f := saving(config)
			for _, variable := range f.objects(variablesKey) {
				if variable.missing("key") {
					variable.wrong("key", "it is missing: under which name is the value to be found?")
				}
				variable.text("key")
			}
			return *f.found
		},
	}
}

func evaluateVariables(ctx context.Context, c Context) engine.Result {
	result := succeeded()
	result.Outputs = map[string]any{}
	names := map[string]any{}
	var shown []any
	var summary map[string]any
	for _, written := range objects(c.Config, variablesKey) {
		variable := maps.Clone(written)
		key := text(written, "key")
		source, kept := variable["sourceValue"]
		if !kept {
			source = variable["value"]
		}
		env := c.Env()
		env.Root = names
		value, outcome := c.Expressions.EvalDocument(ctx, source, env)
		description, _ := c.Expressions.EvalDocument(ctx, variable["description"], env)
		variable["value"], variable["sourceValue"] = value, source
		if description != nil {
			variable["description"] = description
		}
		if !outcome.OK() {
			variable["value"], value = source, source
			summary = merged(summary, outcome)
		}
		if key != "" {
			result.Outputs[key] = value
			if _, isText := source.(string); isText && outcome.OK() {
				names[key] = value
			}
		}
		shown = append(shown, variable)
	}
	result.Context = map[string]any{variablesKey: shown}
	keepSummary(&result, c.Config, summary)
	return result
}

// keepSummary adds failures of evaluations to what a stage's context says of them already.
func keepSummary(result *engine.Result, config, summary map[string]any) {
	earlier, ok := config[spel.SummaryKey].(map[string]any)
	if !ok && summary == nil {
		return
	}
	all := map[string]any{}
	maps.Copy(all, earlier)
	maps.Copy(all, summary)
	if result.Context == nil {
		result.Context = map[string]any{}
	}
	result.Context[spel.SummaryKey] = all
}

// merged adds the failures of one evaluation to those of others.
func merged(summary map[string]any, outcome *spel.Summary) map[string]any {
	if summary == nil {
		summary = map[string]any{}
	}
	maps.Copy(summary, outcome.Update(nil))
	return summary
}
