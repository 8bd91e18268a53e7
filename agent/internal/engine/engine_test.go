package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// TestCases plays the cases in testdata; the language is described in package enginetest. Their stages do what the
// scripts say; the stage types of the agent have cases of their own beside them.
func TestCases(t *testing.T) { enginetest.Run(t, "testdata/*.txtar", nil) }

// TestExamples plays the worked examples of execution.md with the agent's own stage types.
func TestExamples(t *testing.T) {
	set, err := stage.NewSet(stage.Wait(), stage.ManualJudgment(nil), stage.EvaluateVariables())
	if err != nil {
		t.Fatal(err)
	}
	expressions := spel.New(spel.Config{})
	enginetest.Run(t, "testdata/examples/*.txtar", func(ex *engine.Execution, s *spinnaker.Stage, phase engine.Phase, now time.Time) (engine.Result, bool) {
		definition, ok := set.Lookup(s.Type)
		if !ok {
			return engine.Result{}, false
		}
		result, err := definition.Perform(context.Background(), stage.Step{Execution: ex, Stage: s, Phase: phase, Now: now, Expressions: expressions})
		if err != nil {
			t.Error(err)
		}
		return result, true
	})
}

// TestManyStages: 5,000 stages are no problem in any arrangement: each decision costs about as much as what it changes.
// Quadratic work would take as long as the test may.
func TestManyStages(t *testing.T) {
	const n, width = 5000, 50
	for name, requires := range map[string]func(i int) []any{
		"in a row":     func(i int) []any { return []any{fmt.Sprint(i - 1)} },
		"side by side": func(int) []any { return []any{"0"} },
		"joined": func(i int) []any {
			if i < n-1 {
				return []any{"0"}
			}
			all := make([]any, n-2)
			for k := range all {
				all[k] = fmt.Sprint(k + 1)
			}
			return all
		},
		"in layers": func(i int) (all []any) {
			for k := range width {
				if before := (i-1)/width*width - k; before > 0 {
					all = append(all, fmt.Sprint(before))
				}
			}
			return all
		},
	} {
		t.Run(name, func(t *testing.T) {
			stages := []any{map[string]any{"refId": "0", "type": "work"}}
			for i := 1; i < n; i++ {
				stages = append(stages, map[string]any{"refId": fmt.Sprint(i), "type": "work", "requisiteStageRefIds": requires(i)})
				if i%10 == 0 {
					stages[i].(map[string]any)["stageEnabled"] = map[string]any{"type": "expression", "expression": fmt.Sprint(i%20 == 0)}
				}
			}
			runThrough(t, stages)
		})
	}
}

// runThrough plays a pipeline whose stages all succeed at their first step.
func runThrough(t *testing.T, stages []any) {
	pipeline, err := spinnaker.PipelineOf(map[string]any{"application": "shop", "name": "p", "stages": stages})
	if err != nil {
		t.Fatal(err)
	}
	begun, ids := time.Now(), 0
	id := func() string { ids++; return fmt.Sprint(ids) }
	e := engine.New(spel.New(spel.Config{}))
	ex, err := e.Launch(pipeline, nil, engine.LaunchOptions{}, begun, id)
	if err != nil {
		t.Fatal(err)
	}
	advancer := e.Advancer(ex)
	var events []engine.Event
	for !ex.Status.Complete() {
		if _, err := advancer.Advance(events, begun, id); err != nil {
			t.Fatal(err)
		}
		events = events[:0]
		for _, s := range ex.Stages {
			if s.Status == spinnaker.Running {
				events = append(events, engine.Event{Kind: engine.EventResult, StageID: s.ID, Phase: engine.PhaseRun,
					Result: &engine.Result{Status: spinnaker.Succeeded}})
			}
		}
	}
	if ex.Status != spinnaker.Succeeded {
		t.Errorf("the execution is %s, expected SUCCEEDED", ex.Status)
	}
}

// TestNestedValues: what is nested so deep that the store could not read it any more is not kept.
func TestNestedValues(t *testing.T) {
	nested := func(levels int) map[string]any {
		value := any("x")
		for range levels - 1 {
			value = []any{value}
		}
		return map[string]any{"value": value}
	}
	pipeline, err := spinnaker.PipelineOf(map[string]any{"application": "shop", "name": "p", "stages": []any{map[string]any{"type": "work"}}})
	if err != nil {
		t.Fatal(err)
	}
	ids := 0
	id := func() string { ids++; return fmt.Sprint(ids) }
	e, now := engine.New(spel.New(spel.Config{})), time.Now()
	for name, result := range map[string]func(value map[string]any) *engine.Result{
		"context":   func(v map[string]any) *engine.Result { return &engine.Result{Context: v} },
		"outputs":   func(v map[string]any) *engine.Result { return &engine.Result{Outputs: v} },
		"evaluated": func(v map[string]any) *engine.Result { return &engine.Result{Evaluated: v} },
	} {
		for levels, want := range map[int]spinnaker.Status{spinnaker.MaxNesting: spinnaker.Succeeded, spinnaker.MaxNesting + 1: spinnaker.Terminal} {
			ex, err := e.Launch(pipeline, nil, engine.LaunchOptions{}, now, id)
			if err != nil {
				t.Fatal(err)
			}
			r := result(nested(levels))
			r.Status = spinnaker.Succeeded
			if _, err := e.Advance(ex, nil, now, id); err != nil {
				t.Fatal(err)
			}
			event := engine.Event{Kind: engine.EventResult, StageID: ex.Stages[0].ID, Phase: engine.PhaseRun, Result: r}
			if _, err := e.Advance(ex, []engine.Event{event}, now, id); err != nil || ex.Status != want {
				t.Errorf("%s with %d levels: found %s (%v), expected %s", name, levels, ex.Status, err, want)
			}
			if _, err := enginetest.Reload(ex); err != nil {
				t.Errorf("%s with %d levels: %v", name, levels, err)
			}
		}
	}
	if _, err := e.Launch(pipeline, nested(spinnaker.MaxNesting), engine.LaunchOptions{}, now, id); err == nil {
		t.Error("a trigger that is nested too deep was launched")
	}
}

// TestNewerForm: what a newer engine has stored is refused, and stays as it is.
func TestNewerForm(t *testing.T) {
	stages := []*spinnaker.Stage{{ID: "s", RefID: "1", Type: "work", Status: spinnaker.Running}}
	ex := &engine.Execution{
		Execution: &spinnaker.Execution{ID: "e", Status: spinnaker.Running, Stages: stages},
		Work:      map[string]*engine.Work{"s": {Format: 7, Phase: engine.PhaseRun, Attempt: 1}},
	}
	before, _ := json.Marshal(ex)
	_, err := engine.New(spel.New(spel.Config{})).Advance(ex, []engine.Event{{Kind: engine.EventCancel}}, time.Now(), nil)
	if want := "execution e: stage s was stored by a newer agent, in form 7; this one knows forms up to 0: upgrade it"; err == nil || err.Error() != want {
		t.Errorf("error: found %v, expected %s", err, want)
	}
	if after, _ := json.Marshal(ex); string(after) != string(before) {
		t.Errorf("the execution was changed:\n%s\n%s", before, after)
	}
}
