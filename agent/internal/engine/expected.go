package engine

import (
	"context"
	"fmt"
	"maps"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// evaluateExpected evaluates a pipeline's expected artifacts with the pipeline and its trigger, before they are bound. What can
// not be evaluated stays as it is.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers postprocessors/ExpectedArtifactExpressionEvaluationPostProcessor.java.
func (e *Engine) evaluateExpected(pipeline spinnaker.Pipeline, trigger spinnaker.Trigger) (spinnaker.Pipeline, error) {
	expected := pipeline.Document[expectedKey]
	if len(texts(expected)) == 0 {
		return pipeline, nil
	}
	root := maps.Clone(pipeline.Document)
	root["trigger"] = map[string]any(trigger)
	document := maps.Clone(pipeline.Document)
	document[expectedKey], _ = e.expressions.EvalDocument(context.Background(), expected,
		&spel.Env{Root: spel.PipelineRoot(root), User: trigger.Text("user"), Strict: true})
	evaluated, err := spinnaker.PipelineOf(document)
	if err != nil {
		return pipeline, fmt.Errorf("after the expressions in its expected artifacts were evaluated: %w", err)
	}
	return evaluated, nil
}
