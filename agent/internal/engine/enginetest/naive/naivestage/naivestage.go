// Package naivestage lets the engine play what package naive has made: the stage type that works for a while and then
// ends as it is told to.
package naivestage

import (
	"context"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest/naive"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Work returns a stage type of that name.
func Work(kind string) stage.Definition {
	return stage.Definition{
		Type: kind, Tasks: []string{kind},
		Run: func(_ context.Context, c stage.Context) engine.Result {
			answer := naive.Work(c.Config, c.Work.Step, c.Now.Sub(c.Work.Began))
			result := engine.Result{Status: spinnaker.Status(answer.Status), RequeueAfter: answer.Again}
			if answer.Status == "" {
				result.Status = spinnaker.Running
			}
			for _, list := range []struct {
				contexts []map[string]any
				inserted engine.Inserted
			}{
				{answer.Before, engine.Inserted{Owner: spinnaker.StageBefore}},
				{answer.After, engine.Inserted{Owner: spinnaker.StageAfter}},
				{answer.OnFailure, engine.Inserted{Owner: spinnaker.StageAfter, OnFailure: true}},
			} {
				for _, context := range list.contexts {
					inserted := list.inserted
					inserted.Type, _ = context["kind"].(string)
					inserted.Parallel, _ = context["parallel"].(bool)
					inserted.Context = context
					result.Insert = append(result.Insert, inserted)
				}
			}
			return result
		},
		Cancel: func(_ context.Context, c stage.Context) (engine.Result, error) {
			if left := naive.CleanUp(c.Config, c.Now.Sub(c.Work.Deadline.Add(-time.Minute))); left > 0 {
				return engine.Result{Status: spinnaker.Running, RequeueAfter: left}, nil
			}
			return engine.Result{Status: spinnaker.Canceled}, nil
		},
	}
}
