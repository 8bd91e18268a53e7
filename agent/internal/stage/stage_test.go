package stage_test

import (
	"context"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// TestCases plays the cases in testdata with the real stage types; what is not among them does what the scripts say.
func TestCases(t *testing.T) {
	set, err := stage.NewSet(stage.Wait(), stage.WaitUntil(), stage.ManualJudgment(roles), stage.CheckPreconditions(),
		stage.EvaluateVariables(), stage.ExecutionWindow(time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	expressions := spel.New(spel.Config{})
	enginetest.Run(t, "testdata/*.txtar", func(ex *engine.Execution, s *spinnaker.Stage, phase engine.Phase, now time.Time) (engine.Result, bool) {
		definition, ok := set.Lookup(s.Type)
		if !ok {
			return engine.Result{}, false
		}
		result, err := definition.Perform(context.Background(), stage.Step{
			Execution: ex, Stage: s, Phase: phase, Now: now, Expressions: expressions,
		})
		if err != nil {
			t.Error(err)
		}
		return result, true
	})
}

// roles knows ann, who is a tester, and root, who is an administrator.
func roles(user string) (held []string, admin, ok bool) {
	switch user {
	case "ann":
		return []string{"testers"}, false, true
	case "root":
		return nil, true, true
	default:
		return nil, false, true
	}
}
