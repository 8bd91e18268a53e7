package stage

import (
	"context"
	"fmt"
	"maps"

	"github.com/gennaker/gennaker/agent/internal/engine"
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
	left := unevaluatedIn(c.Config, variablesKey)
	left.add("", evaluated.Summary)
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
		left.add(fmt.Sprintf("%s[%d].value", variablesKey, i), outcome)
		if !outcome.OK() {
			continue
		}
		variable["value"] = value
		if key, _ := variable["key"].(string); key != "" {
			result.Outputs[key] = value
		}
	}
	left.keep(&result)
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
