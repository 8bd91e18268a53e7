package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// runs is how many executions are measured, stages how many stages each has.
	runs   = 200
	stages = 2
	// stageLimit is the promise about what the engine adds to a stage.
	stageLimit = 10 * time.Millisecond
	// runTime bounds one execution.
	runTime = 10 * time.Second
)

// engineOverhead measures what a stage costs that does nothing: the time from the request that starts an execution of
// waits of 0 seconds to the answer that shows its end, shared out among its stages.
func engineOverhead(ctx context.Context) ([]row, error) {
	return withRig(ctx, func(r *rig) ([]row, error) {
		if err := r.save(ctx, object{"name": "waits", "stages": waits(stages)}); err != nil {
			return nil, err
		}
		var perStage []time.Duration
		for range runs {
			began := time.Now()
			if err := r.runOnce(ctx); err != nil {
				return nil, err
			}
			perStage = append(perStage, time.Since(began)/stages)
		}
		name := fmt.Sprintf("engine per stage, %d × two waits of 0, HTTP included: ", runs)
		return []row{
			heldAgainst(name+"median", quantile(perStage, 0.5), "", stageLimit),
			heldAgainst(name+"p95", quantile(perStage, 0.95), "", stageLimit),
		}, nil
	})
}

// runOnce starts an execution and asks for it until it has ended.
func (r *rig) runOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	id, err := r.agent.Client.Start(ctx, application, "waits", spinnaker.Trigger{})
	if err != nil {
		return err
	}
	for {
		execution, err := r.agent.Client.Execution(ctx, id)
		if err != nil {
			return err
		}
		if execution.Status.Complete() {
			return nil
		}
	}
}
