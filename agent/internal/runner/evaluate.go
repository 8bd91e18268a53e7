package runner

import (
	"context"
	"errors"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Evaluate evaluates the expressions in a JSON value as a stage sees them, or as the execution as a whole does when
// stageID is empty. What can not be evaluated stays as it is, and the summary says why.
func (r *Runner) Evaluate(ctx context.Context, executionID, stageID string, document any) (any, *spel.Summary, error) {
	var ex *engine.Execution
	err := r.Store.View(ctx, func(reader store.Reader) (err error) {
		ex, err = reader.Execution(executionID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, spinnaker.NotFound("No %s found for %s", spinnaker.PipelineExecution, executionID)
	}
	if err != nil {
		return nil, nil, err
	}
	stage := ex.Stage(stageID)
	if stage == nil && stageID != "" {
		return nil, nil, spinnaker.NotFound("No stage %s found in execution %s", stageID, executionID)
	}
	evaluated, summary := r.Expressions.EvalDocument(ctx, document, engine.Env(ex.Execution, stage))
	return evaluated, summary, nil
}
