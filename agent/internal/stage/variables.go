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
// expression as it was written, and expressions inside of a value that is no text are evaluated, too: what they give is
// final here, while there the stages that use such a value evaluate it.
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
	var written []any
	for _, variable := range objects(c.Config, variablesKey) {
		written = append(written, asWritten(variable))
	}
	evaluated := c.Expressions.EvalVariables(ctx, map[string]any{variablesKey: written}, c.Env())
	summary := evaluated.Summary.Update(nil)
	result := succeeded()
	result.Context, _ = evaluated.Context.(map[string]any)
	result.Outputs, _ = evaluated.Outputs.(map[string]any)
	for i, variable := range objects(result.Context, variablesKey) {
		source := written[i].(map[string]any)["value"]
		variable["sourceValue"] = source
		if _, isText := source.(string); isText {
			continue
		}
		env := c.Env()
		env.Root = result.Outputs
		value, outcome := c.Expressions.EvalDocument(ctx, source, env)
		if !outcome.OK() {
			summary = merged(summary, outcome)
			continue
		}
		variable["value"] = value
		if key, _ := variable["key"].(string); key != "" {
			result.Outputs[key] = value
		}
	}
	keepSummary(&result, c.Config, summary)
	return result
}

// asWritten is a variable as the pipeline has it, before the stage ran for the first time.
func asWritten(variable map[string]any) map[string]any {
	written := maps.Clone(variable)
	if source, ran := variable["sourceValue"]; ran {
		written["value"] = source
		delete(written, "sourceValue")
	}
	return written
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
