package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// failsByExpressions says whether a stage fails because expressions in it could not be evaluated.
func failsByExpressions(stage *spinnaker.Stage) bool {
	summary, _ := stage.Context[spel.SummaryKey].(map[string]any)
	return len(summary) > 0 && flag(stage, failOnFailedKey)
}

// reportFailedExpressions puts the expressions of a stage that could not be evaluated into its exception.
//
// Source: spinnaker/spinnaker orca/orca-queue q/handler/CompleteStageHandler.kt, ExpressionAware.kt.
func reportFailedExpressions(stage *spinnaker.Stage, now time.Time) {
	summary, _ := stage.Context[spel.SummaryKey].(map[string]any)
	if len(summary) == 0 {
		return
	}
	var said []any
	for _, key := range slices.Sorted(maps.Keys(summary)) {
		for _, entry := range list(summary[key]) {
			if fields, ok := entry.(map[string]any); ok {
				said = append(said, fields["description"])
			}
		}
	}
	exception, present := stage.Context["exception"].(map[string]any)
	if !present {
		exception = map[string]any{
			"timestamp": milliseconds(now), "exceptionType": "ExpressionFailed", "operation": stage.Type, "shouldRetry": false,
			"details": map[string]any{"error": "Failed Expression Evaluation", "errors": said},
		}
		stage.Context["exception"] = exception
		return
	}
	exception = maps.Clone(exception)
	details, _ := exception["details"].(map[string]any)
	details = maps.Clone(details)
	if details == nil {
		details = map[string]any{}
	}
	errors := slices.Clone(list(details["errors"]))
	for _, text := range said {
		if !slices.Contains(errors, text) {
			errors = append(errors, text)
		}
	}
	details["errors"] = errors
	exception["details"] = details
	stage.Context["exception"] = exception
}

func milliseconds(t time.Time) json.Number { return json.Number(fmt.Sprint(t.UnixMilli())) }
