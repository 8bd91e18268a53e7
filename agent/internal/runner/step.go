package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// maxStep is how long a step may take when its type declares nothing else.
	maxStep = 10 * time.Second
	// firstRecordPause and lastRecordPause bound the pause before a result is recorded again after the store failed.
	firstRecordPause = 100 * time.Millisecond
	lastRecordPause  = 5 * time.Second
)

// step is a step of a stage that runs outside transactions, under a claim.
type step struct {
	claim store.Claim
	// ex and stage are as they were when the step was claimed; work is the stage's bookkeeping then.
	ex    *engine.Execution
	stage *spinnaker.Stage
	work  engine.Work
	// until is when a plugin's step must have ended, unless it changes nothing outside, and any must have begun.
	until time.Time
	// definition is set for a stage of the agent's own.
	definition *stage.Definition
	cut        context.CancelCauseFunc

	result engine.Result
	// abandoned: there is no result; the step is to be done again.
	abandoned bool
}

func (s *step) attributes() []any {
	return []any{"application", s.ex.Application, "pipeline", s.ex.Name, "execution", s.ex.ID, "stage", s.stage.ID,
		"type", s.stage.Type, "attempt", s.work.Attempt, "step", s.work.Step}
}

// takeTokens takes what is free of the right to begin steps, up to a few.
func (r *Runner) takeTokens() int {
	const most = 8
	if !r.isOpen() || !time.Now().Before(r.leaseEnd()) {
		return 0
	}
	for taken := range most {
		select {
		case <-r.stepSlots:
		default:
			return taken
		}
	}
	return most
}

func (r *Runner) returnTokens(n int) {
	starved := len(r.stepSlots) == 0
	for range n {
		r.stepSlots <- struct{}{}
	}
	if starved && n > 0 {
		r.signal()
	}
}

// begin runs a claimed step in a goroutine of its own. It outlives ctx, and ends when it is done or cut short.
func (r *Runner) begin(ctx context.Context, s *step) {
	ctx, s.cut = context.WithCancelCause(context.WithoutCancel(ctx))
	r.mu.Lock()
	r.running[s.claim.StageRef] = s
	r.working[s.claim.StageRef] = s.claim.Epoch
	r.mu.Unlock()
	r.steps.Go(func() {
		defer r.returnTokens(1)
		defer r.doneWith(s.claim)
		defer s.cut(nil)
		r.run(ctx, s)
		r.mu.Lock()
		delete(r.running, s.claim.StageRef)
		r.mu.Unlock()
		r.recordResult(ctx, s)
	})
}

// doneWith says that nobody works on a claim any more.
func (r *Runner) doneWith(claim store.Claim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.working[claim.StageRef] == claim.Epoch {
		delete(r.working, claim.StageRef)
	}
}

// run runs a step to its result. One that comes to it only after its time, because this process was stopped since it was
// claimed, is not begun: another agent may have it.
func (r *Runner) run(ctx context.Context, s *step) {
	if !time.Now().Before(s.until) {
		s.abandoned = true
		return
	}
	r.Log.Debug("step begins", s.attributes()...)
	if s.definition != nil {
		var err error
		s.result, err = r.perform(ctx, s.definition, stage.Step{
			Execution: s.ex, Stage: s.stage, Phase: s.work.Phase, Now: r.clock(), Expressions: r.Expressions,
		})
		if err != nil {
			s.result = engine.Result{Status: spinnaker.Running, Class: engine.ClassRetryable, Message: err.Error()}
		}
	} else if err := r.guard("a step", s.attributes(), func() error {
		s.result = r.runPlugin(ctx, s)
		return nil
	}); err != nil {
		s.result = internalError(s.stage.Type, err)
	}
	if errors.Is(context.Cause(ctx), errStopping) || errors.Is(context.Cause(ctx), errLapsed) {
		s.abandoned = true
	}
	r.Log.Debug("step ended", append(s.attributes(), "status", s.result.Status, "class", s.result.Class,
		"message", s.result.Message)...)
}

// runPlugin hands a step to the plugin of its type.
func (r *Runner) runPlugin(ctx context.Context, s *step) engine.Result {
	described, ok := r.Plugins.Lookup(s.stage.Type)
	if !ok {
		return engine.Result{Status: spinnaker.Running, Class: engine.ClassRetryable,
			Message: fmt.Sprintf("the plugin that provides the stage type %q is gone", s.stage.Type)}
	}
	deadline := s.deadline(described)
	limit := r.limit(s, described, deadline)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	evaluation := engine.EvaluateContext(ctx, r.Expressions, s.ex, s.stage, described.OwnExpressions)
	request, err := r.request(ctx, s, described, evaluation, deadline)
	if err != nil {
		return engine.Result{Status: spinnaker.Terminal, Class: engine.ClassBug, Message: fmt.Sprintf(
			"stage type %q: prepare the step: %v", s.stage.Type, err)}
	}
	call := r.Plugins.Run
	if s.work.Phase == engine.PhaseCancel {
		call = r.Plugins.Cancel
	}
	response, err := call(ctx, request)
	var result engine.Result
	if err != nil {
		result = transportFailure(s.stage.Type, limit, err)
	} else if result, err = r.resultOf(ctx, s, response); err != nil {
		result = answerFailure(s.stage.Type, err)
	}
	result.Evaluated, result.Literals = evaluation.Context, evaluation.Literals
	result.Timeout = described.Timeout
	return result
}

// limit is how long a step may take. The plugin goes on when this process is stopped, and holds to the limit by itself:
// one that changes something outside has ended before another agent may take over. Types that declare longer steps
// change nothing outside.
func (r *Runner) limit(s *step, described StageType, deadline time.Time) time.Duration {
	limit := described.MaxStep
	if limit <= 0 {
		limit = maxStep
	}
	if limit <= maxStep {
		limit = min(limit, time.Until(s.until))
	}
	if left := deadline.Sub(r.clock()); !deadline.IsZero() && left > 0 {
		limit = min(limit, left)
	}
	return limit
}

// deadline is when the stage times out: what the engine has set, or what its type declares.
func (s *step) deadline(described StageType) time.Time {
	if !s.work.Deadline.IsZero() || s.work.Phase == engine.PhaseCancel {
		return s.work.Deadline
	}
	if limit := described.Timeout; limit > 0 {
		return s.work.Began.Add(limit)
	}
	return time.Time{}
}

// transportFailure is the result of a step whose plugin did not answer.
func transportFailure(stageType string, limit time.Duration, err error) engine.Result {
	result := engine.Result{Status: spinnaker.Running, Class: engine.ClassRetryable}
	switch code := status.Code(err); {
	case errors.Is(err, context.DeadlineExceeded), code == codes.DeadlineExceeded:
		result.Message = fmt.Sprintf("the plugin for stage type %q did not answer within %s", stageType, limit)
	case code == codes.InvalidArgument, code == codes.Unimplemented, code == codes.ResourceExhausted:
		result.Status, result.Class = spinnaker.Terminal, engine.ClassBug
		result.Message = fmt.Sprintf("the plugin for stage type %q refused the step: %s", stageType, status.Convert(err).Message())
	default:
		result.Message = fmt.Sprintf("the plugin for stage type %q failed: %v", stageType, err)
	}
	return result
}

// recordResult records a step's result, however long the store takes; only the end of the agent stops it.
func (r *Runner) recordResult(ctx context.Context, s *step) {
	ctx = context.WithoutCancel(ctx)
	for pause := firstRecordPause; ; pause = min(2*pause, lastRecordPause) {
		attempt, cancel := context.WithTimeout(ctx, r.DeadAfter)
		err := r.turn(attempt, s.claim.ExecutionID, turnInAnyCase, s)
		cancel()
		if err == nil {
			return
		}
		r.Log.Error("record the result of a step", append(s.attributes(), "error", err, "again_in", pause)...)
		if !r.isOpen() {
			return // the claim ends with this incarnation
		}
		<-time.After(pause)
	}
}

// Checkpoint makes the state of a running step durable, under the step's claim. store.ErrStale tells the step to
// stop: another incarnation has its stage.
func (r *Runner) Checkpoint(ctx context.Context, executionID, stageID string, state []byte) error {
	if len(state) > engine.MaxState {
		return fmt.Errorf("checkpoint: the state has %d bytes; at most %d are kept", len(state), engine.MaxState)
	}
	ref := store.StageRef{ExecutionID: executionID, StageID: stageID}
	r.mu.Lock()
	running := r.running[ref]
	r.mu.Unlock()
	if running == nil {
		return fmt.Errorf("checkpoint of stage %s of execution %s: no step of it is running here: %w", stageID, executionID, store.ErrStale)
	}
	err := r.Store.Update(ctx, func(tx store.Tx) error { return tx.Checkpoint(running.claim, state) })
	if err != nil {
		return fmt.Errorf("checkpoint of stage %s of execution %s: %w", stageID, executionID, err)
	}
	return nil
}
