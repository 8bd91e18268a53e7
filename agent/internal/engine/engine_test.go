package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// TestCases plays the cases in testdata; the language is described in package enginetest. Their stages do what the
// scripts say; the stage types of the agent have cases of their own beside them.
func TestCases(t *testing.T) { enginetest.Run(t, "testdata/*.txtar", nil) }

// TestManyStages: 5,000 stages are no problem, in a row or side by side.
func TestManyStages(t *testing.T) {
	for name, requires := range map[string]func(int) []any{
		"in a row":     func(i int) []any { return []any{fmt.Sprint(i - 1)} },
		"side by side": func(int) []any { return []any{"0"} },
	} {
		t.Run(name, func(t *testing.T) {
			stages := []any{map[string]any{"refId": "0", "type": "work"}}
			for i := 1; i < 5000; i++ {
				stages = append(stages, map[string]any{"refId": fmt.Sprint(i), "type": "work", "requisiteStageRefIds": requires(i),
					"stageEnabled": map[string]any{"type": "expression", "expression": "false"}})
			}
			pipeline, err := spinnaker.PipelineOf(map[string]any{"application": "shop", "name": "p", "stages": stages})
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			ids := 0
			id := func() string { ids++; return fmt.Sprint(ids) }
			e := engine.New(spel.New(spel.Config{}))
			ex, err := e.Launch(pipeline, nil, engine.LaunchOptions{}, begun, id)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Advance(ex, nil, begun, id); err != nil {
				t.Fatal(err)
			}
			result := engine.Event{Kind: engine.EventResult, StageID: ex.Stages[0].ID, Result: &engine.Result{Status: spinnaker.Succeeded}}
			if _, err := e.Advance(ex, []engine.Event{result}, begun, id); err != nil {
				t.Fatal(err)
			}
			if ex.Status != spinnaker.Succeeded {
				t.Errorf("the execution is %s, expected SUCCEEDED", ex.Status)
			}
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	}
}
