package stage

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const preconditionTypeKey = "preconditionType"

// CheckPreconditions is the stage type "checkPreconditions": it makes one synthetic stage for each precondition, which
// is of the same type and checks that one.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/CheckPreconditionsStage.java.
func CheckPreconditions() Definition {
	return Definition{
		Type: engine.PreconditionsType, Tasks: []string{"checkPrecondition"}, Own: []string{"preconditions"},
		Run: checkPreconditions, Validate: validatePreconditions,
	}
}

func validatePreconditions(config map[string]any) []string {
	f := saving(config)
	for _, precondition := range f.objects("preconditions") {
		precondition.flag("failPipeline")
		inner := precondition.object("context")
		switch kind := precondition.choice("type", "expression", "stageStatus", "noop"); kind {
		case "expression":
			if inner.missing("expression") {
				inner.wrong("expression", "it is missing: what is to hold?")
			}
		case "stageStatus":
			for _, key := range []string{"stageName", "stageStatus"} {
				if inner.missing(key) {
					inner.wrong(key, "it is missing")
				}
			}
		case "":
			if precondition.missing("type") {
				precondition.wrong("type", "it is missing: expected expression, stageStatus or noop")
			}
		}
	}
	return *f.found
}

// inherited are the members of the stage that hold for its preconditions, too.
var inherited = [...]string{"failPipeline", "continuePipeline", "failOnFailedExpressions"}

func checkPreconditions(ctx context.Context, c Context) engine.Result {
	if kind := text(c.Config, preconditionTypeKey); kind != "" {
		return checkPrecondition(ctx, c, kind)
	}
	preconditions := objects(c.Config, "preconditions")
	if len(preconditions) == 0 {
		return engine.Result{Status: spinnaker.Skipped, Tasks: []spinnaker.Task{}}
	}
	if c.Work.Step > 1 {
		return engine.Result{Status: spinnaker.Succeeded, Tasks: []spinnaker.Task{}}
	}
	result := engine.Result{Status: spinnaker.Running, Tasks: []spinnaker.Task{}}
	for _, precondition := range preconditions {
		kind := text(precondition, "type")
		context := map[string]any{}
		for _, key := range inherited {
			if value, said := c.Config[key]; said {
				context[key] = value
			}
		}
		maps.Copy(context, precondition)
		delete(context, "type")
		context[preconditionTypeKey] = kind
		result.Insert = append(result.Insert, engine.Inserted{
			Owner: spinnaker.StageBefore, Parallel: true, Type: engine.PreconditionsType,
			Name: fmt.Sprintf("Check precondition (%s)", kind), Context: context,
		})
	}
	return result
}

func checkPrecondition(ctx context.Context, c Context, kind string) engine.Result {
	inner, _ := c.Config["context"].(map[string]any)
	switch kind {
	case "expression":
		return checkExpression(ctx, c, inner)
	case "stageStatus":
		return checkStageStatus(c, inner)
	case "noop":
		return succeeded()
	default:
		return failed("precondition type %q is not known: use expression or stageStatus", kind)
	}
}

// checkExpression passes when the expression gives the text "true".
func checkExpression(ctx context.Context, c Context, inner map[string]any) engine.Result {
	written := text(inner, "expression")
	outcome := c.Expressions.EvalPrecondition(ctx, written, c.Env())
	inner = maps.Clone(inner)
	if inner == nil {
		inner = map[string]any{}
	}
	inner["expressionResult"] = outcome.Result
	result := engine.Result{Status: spinnaker.Succeeded, Context: map[string]any{"context": inner}}
	if outcome.Passed {
		return result
	}
	result.Status, result.Class = spinnaker.Terminal, engine.ClassFailed
	result.Message = text(inner, "failureMessage")
	said := fmt.Sprintf("the expression %q gave %q, which is not true", written, outcome.Result)
	if !outcome.Summary.OK() {
		said = fmt.Sprintf("the expression %q could not be evaluated: %s", written, why(outcome.Summary))
		result.Context[spel.SummaryKey] = outcome.Summary.Update(nil)
	}
	if result.Message == "" {
		result.Message = said
	} else {
		result.Errors = []string{said}
	}
	return result
}

// why says in one line what went wrong in an evaluation.
func why(summary *spel.Summary) string {
	var said []string
	for _, warning := range summary.Warnings {
		said = append(said, warning.String())
	}
	return strings.Join(said, "; ")
}

// checkStageStatus passes when another stage has the status that is asserted.
func checkStageStatus(c Context, inner map[string]any) engine.Result {
	name, asserted := text(inner, "stageName"), text(inner, "stageStatus")
	switch {
	case name == "":
		return failed("Stage name is required for preconditions of type stageStatus.")
	case asserted == "":
		return failed("Stage status is required for preconditions of type stageStatus.")
	}
	for _, stage := range c.Execution.Stages {
		if stage.Name != name {
			continue
		}
		if string(stage.Status) != asserted {
			return failed("The status of stage %s was asserted to be %s, but was actually %s", name, asserted, stage.Status)
		}
		return succeeded()
	}
	return failed("Failed to find stage %s in execution. Please specify a valid stage name", name)
}
