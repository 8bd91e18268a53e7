package app

import (
	"context"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
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

func (e expressions) EvaluateVariables(ctx context.Context, id string, variables []any) (any, map[string]any, error) {
	env, err := e.place(ctx, id, "")
	if err != nil {
		return nil, nil, err
	}
	evaluated := e.spel.EvalVariables(ctx, map[string]any{"variables": variables}, env)
	stage, _ := evaluated.Context.(map[string]any)
	return stage["variables"], evaluated.Summary.Update(nil), nil
}

func (e expressions) Functions() any { return e.spel.Functions() }
