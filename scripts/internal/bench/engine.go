package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// runs is how many executions are measured, stages how many stages each has, and every when the next one starts.
	runs   = 400
	stages = 3
	every  = time.Second / 20
	// stageMedian and stageLast are the promises about what the engine adds to a stage.
	stageMedian = 5 * time.Millisecond
	stageLast   = 20 * time.Millisecond
	// runTime bounds one execution.
	runTime = 10 * time.Second
)

// engineOverhead measures what a stage costs that does nothing, at 20 executions per second: the time from the request
// that starts an execution of waits of 0 seconds to the answer that shows its end, shared out among its stages.
func engineOverhead(ctx context.Context) ([]row, error) {
	return withRig(ctx, func(r *rig) ([]row, error) {
		if err := r.save(ctx, object{"name": "waits", "stages": waits(stages)}); err != nil {
			return nil, err
		}
		perStage, err := r.atRate(ctx)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("engine per stage, %d × %d waits of 0 at 20/s, HTTP included: ", runs, stages)
		return []row{
			heldAgainst(name+"median", quantile(perStage, 0.5), "", stageMedian),
			heldAgainst(name+"p99", quantile(perStage, 0.99), "", stageLast),
		}, nil
	})
}

// atRate starts executions at their rate, however long they take, and returns the time of each by the number of stages.
func (r *rig) atRate(ctx context.Context) ([]time.Duration, error) {
	took, failed := make([]time.Duration, runs), make([]error, runs)
	var running sync.WaitGroup
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for i := range runs {
		running.Go(func() {
			began := time.Now()
			failed[i] = r.runOnce(ctx, time.Millisecond)
			took[i] = time.Since(began) / stages
		})
		<-ticker.C
	}
	running.Wait()
	return took, errors.Join(failed...)
}

// runOnce starts an execution and asks for it, with pauses, until it has ended.
func (r *rig) runOnce(ctx context.Context, between time.Duration) error {
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
		if err := pause(ctx, between); err != nil {
			return err
		}
	}
}
