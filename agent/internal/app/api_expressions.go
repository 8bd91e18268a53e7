package app

import (
	"context"
	"maps"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/gate"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// expressions are the expression language as Gate's handlers see it.
type expressions struct{ executions }

// place is what expressions of a stage see, or those of the execution as a whole when stageID is "".
func (e expressions) place(ctx context.Context, id, stageID string) (*spel.Env, error) {
	execution, err := e.Execution(ctx, id)
	if err != nil {
		return nil, err
	}
	if stageID == "" {
		return engine.Env(execution, nil), nil
	}
	stage := execution.Stage(stageID)
	if stage == nil {
		return nil, spinnaker.NotFound("Stage %s not found in execution %s", stageID, id)
	}
	return engine.Env(execution, stage), nil
}

func (e expressions) Evaluate(ctx context.Context, id, stageID, text string) (any, map[string]any, error) {
	env, err := e.place(ctx, id, stageID)
	if err != nil {
		return nil, nil, err
	}
	result, summary := e.spel.EvalDocument(ctx, text, env)
	return result, summary.Update(nil), nil
}

func (e expressions) EvaluateVariables(ctx context.Context, id string, in gate.Variables) (any, map[string]any, error) {
	execution, err := e.Execution(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	for _, ref := range in.After {
		if !slices.ContainsFunc(execution.Stages, func(s *spinnaker.Stage) bool { return s.RefID == ref }) {
			return nil, nil, spinnaker.Invalid("requisiteStageRefIds: execution %s has no stage with refId %q", id, ref)
		}
	}
	stage := &spinnaker.Stage{ID: newID(), Type: "evaluateVariables", Requisites: in.After}
	execution.Stages = append(execution.Stages, stage)
	groups := [][]any{in.Entries}
	if in.Alone {
		groups = slices.Collect(slices.Chunk(in.Entries, 1))
	}
	results, detail := []any{}, map[string]any{}
	for _, group := range groups {
		evaluated := e.spel.EvalVariables(ctx, map[string]any{"variables": group}, engine.Env(execution, stage))
		context, _ := evaluated.Context.(map[string]any)
		variables, _ := context["variables"].([]any)
		results = append(results, variables...)
		maps.Copy(detail, evaluated.Summary.Update(nil))
	}
	return results, detail, nil
}

func (e expressions) Functions() any { return e.spel.Functions() }
