package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// flags are the options of every stage that are true or false.
var flags = []string{"failPipeline", "continuePipeline", "completeOtherBranchesThenFail", "failOnFailedExpressions",
	"markSuccessfulOnTimeout", engine.WindowType}

// oddFields says what is odd about the fields that every stage has. What an expression will give is not looked at.
func oddFields(config spinnaker.StageConfig) []string {
	var out []string
	say := func(key, expected string) {
		out = append(out, fmt.Sprintf("%s: found %v, expected %s", key, shown(config.Context[key]), expected))
	}
	for _, key := range flags {
		if value, ok := written(config, key); ok {
			if _, isFlag := engine.Bool(value); !isFlag {
				say(key, "true or false")
			}
		}
	}
	if value, ok := written(config, "stageTimeoutMs"); ok {
		if limit, isTime := engine.Span(value, time.Millisecond); !isTime || limit <= 0 {
			say("stageTimeoutMs", "a number of milliseconds above 0: the stage has no time-out of its own like this")
		}
	}
	if value, ok := written(config, "backoffPeriodMs"); ok {
		if pause, isTime := engine.Span(value, time.Millisecond); !isTime || pause > 24*time.Hour {
			say("backoffPeriodMs", "a number of milliseconds, a day at the most")
		}
	}
	if value, ok := written(config, "startTimeExpiry"); ok {
		if _, isTime := engine.Number(value); !isTime {
			say("startTimeExpiry", "a time in milliseconds since 1970")
		}
	}
	if value, ok := written(config, "stageEnabled"); ok {
		condition, _ := value.(map[string]any)
		switch condition["expression"].(type) {
		case string, bool, json.Number:
		default:
			say("stageEnabled", `{"type": "expression", "expression": "…"}`)
		}
	}
	if restricted, _ := engine.Bool(config.Context[engine.WindowType]); restricted {
		window, _ := config.Context["restrictedExecutionWindow"].(map[string]any)
		if err := stage.CheckWindow(window); err != nil {
			out = append(out, fmt.Sprintf("restrictedExecutionWindow: %v: the stage will fail", err))
		}
	}
	return out
}

// written returns a member of a stage that is there and no expression.
func written(config spinnaker.StageConfig, key string) (any, bool) {
	value, ok := config.Context[key]
	text, isText := value.(string)
	return value, ok && value != nil && !(isText && strings.Contains(text, "${"))
}

func shown(value any) string {
	if text, ok := value.(string); ok {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprint(value)
}
