package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// maxTransitions bounds the steps that one transaction runs, and maxHold the time that they may take: others wait for it.
// One in which an execution starts has less time: its caller waits too. What is left is due at once in the next one.
const (
	maxTransitions = 500
	maxHold        = time.Second
	maxStartHold   = 50 * time.Millisecond
)

// turn is one transaction on one execution.
type turn struct {
	*Runner
	tx  store.Tx
	ex  *engine.Execution
	now time.Time
	// free is how many steps may be claimed.
	free    int
	claimed []*step
	ended   bool
	// fresh says that the execution is not in the store yet.
	fresh bool
	// held says that another agent is at the execution, so that this turn did nothing; crowded that stages are due for
	// which there was no room.
	held, crowded bool
	// advancer is the engine's hold on ex.
	advancer *engine.Advancer
}

// manner is how a turn is taken.
type manner int

const (
	// turnInAnyCase waits for others that are at the execution, turnIfFree leaves it to them.
	turnInAnyCase manner = iota
	turnIfFree
)

// turn advances an execution; ended is the step that has ended, if the turn is to record one.
func (r *Runner) turn(ctx context.Context, executionID string, how manner, ended *step) error {
	r.turning.RLock()
	defer r.turning.RUnlock()
	tokens := r.takeTokens()
	until := r.leaseEnd()
	var t *turn
	err := r.Store.Update(ctx, func(tx store.Tx) error {
		t = &turn{Runner: r, tx: tx, free: tokens}
		return r.guard("a turn", []any{"execution", executionID}, func() error { return t.play(executionID, how, ended) })
	})
	if err != nil {
		r.returnTokens(tokens)
		if ended == nil {
			r.turned(executionID, time.Time{}, err)
		}
		return err
	}
	r.returnTokens(tokens - len(t.claimed))
	if t.held {
		r.turned(executionID, r.clock().Add(heldPause), nil)
	}
	if t.ex == nil {
		return nil
	}
	if t.crowded {
		r.Store.Announce()
	}
	t.committed()
	for _, s := range t.claimed {
		s.until = until
		r.begin(ctx, s)
	}
	return nil
}

// committed does what follows from the turn once it is durable.
func (t *turn) committed() {
	t.turned(t.ex.ID, earliest(t.ex, t.now), nil)
	t.count(t)
	if !t.ended {
		return
	}
	t.Log.Info("execution ended", "application", t.ex.Application, "pipeline", t.ex.Name, "execution", t.ex.ID,
		"status", t.ex.Status)
	if t.Finished != nil {
		t.Finished(t.ex.Execution)
	}
}

// play reads an execution, applies what has happened to it, and writes it back.
func (t *turn) play(executionID string, how manner, ended *step) error {
	ex, events, err := t.tx.TakeExecution(executionID, how == turnInAnyCase)
	if errors.Is(err, store.ErrNotFound) {
		return nil // deleted meanwhile
	}
	if t.held = errors.Is(err, store.ErrHeld); t.held {
		return nil
	}
	if err != nil {
		return err
	}
	t.ex, t.now = ex, t.tx.Now()
	var consumed []int64
	for i, event := range events {
		consumed = append(consumed, event.ID)
		if event.Kind == engine.EventRestart {
			if err := t.admitRestart(&events[i]); err != nil {
				return err
			}
		}
	}
	result, err := t.record(ended)
	if err != nil {
		return err
	}
	events = append(events, result...)
	if err := t.apply(append(events, t.timers()...)); err != nil {
		return err
	}
	if err := t.runDue(maxHold); err != nil {
		return err
	}
	if err := t.save(); err != nil {
		return err
	}
	if err := t.tx.ConsumeExecutionEvents(executionID, consumed); err != nil {
		return err
	}
	return t.claimDue()
}

// record ends a step's claim and returns its result as an event. The result of a stale claim is dropped: another
// incarnation does the step again, with the same idempotency key.
func (t *turn) record(ended *step) ([]engine.Event, error) {
	if ended == nil {
		return nil, nil
	}
	err := t.tx.ReleaseClaim(ended.claim)
	if errors.Is(err, store.ErrStale) {
		t.Log.Warn("the result of a step came too late: its claim is void", ended.attributes()...)
		return nil, nil
	}
	if err != nil || ended.abandoned {
		return nil, err
	}
	attempt := store.BlobRef{ExecutionID: ended.claim.ExecutionID, StageID: ended.claim.StageID, Attempt: ended.work.Attempt}
	kept := attempt
	kept.Attempt = 0
	if err := t.tx.MoveBlobRefs(attempt, kept); err != nil {
		return nil, err
	}
	return []engine.Event{{
		Kind: engine.EventResult, StageID: ended.claim.StageID, At: t.now, Result: &ended.result,
		Phase: ended.work.Phase, Attempt: ended.work.Attempt,
	}}, nil
}

// timers are the events of the stages that are due.
func (t *turn) timers() []engine.Event {
	var events []engine.Event
	for _, s := range t.ex.Stages {
		if w := t.ex.Work[s.ID]; w != nil && due(w, t.now) {
			events = append(events, engine.Event{Kind: engine.EventTimer, StageID: s.ID, At: t.now})
		}
	}
	return events
}

func due(w *engine.Work, now time.Time) bool {
	return w.Phase != engine.PhaseIdle && !w.Due.IsZero() && !w.Due.After(now)
}

// apply lets the engine decide, and does in the store what follows from it for others.
func (t *turn) apply(events []engine.Event) error {
	if t.advancer == nil {
		t.advancer = t.engine.Advancer(t.ex)
	}
	changes, err := t.advancer.Advance(events, t.now, t.NewID)
	if err != nil {
		return err
	}
	for _, refusal := range changes.Refused {
		t.Log.Warn("an event changed nothing", "application", t.ex.Application, "execution", t.ex.ID,
			"event", refusal.Event.Kind, "user", refusal.Event.User, "reason", refusal.Reason)
	}
	if t.Notify != nil && len(changes.Notifications) > 0 {
		if err := t.Notify(t.tx, t.ex.Execution, changes.Notifications); err != nil {
			return err
		}
	}
	t.ended = t.ended || changes.Completed
	return nil
}

// runDue runs the due steps that need nothing outside, one after the other, until none is left or their time is over.
func (t *turn) runDue(hold time.Duration) error {
	began := time.Now()
	for range maxTransitions {
		s, definition := t.nextOwn()
		if s == nil || time.Since(began) > hold {
			return nil
		}
		engine.BeginStep(t.ex, s)
		w := t.ex.Work[s.ID]
		phase, attempt := w.Phase, w.Attempt
		result, err := t.perform(s, definition, phase)
		if err != nil {
			return fmt.Errorf("stage %s of type %q: %w", s.ID, s.Type, err)
		}
		event := engine.Event{Kind: engine.EventResult, StageID: s.ID, At: t.now, Result: &result, Phase: phase, Attempt: attempt}
		if err := t.apply([]engine.Event{event}); err != nil {
			return err
		}
	}
	return nil
}

// nextOwn returns a stage that is due for a step that the agent runs itself, inside the transaction.
func (t *turn) nextOwn() (*spinnaker.Stage, *stage.Definition) {
	for _, s := range t.ex.Stages {
		w := t.ex.Work[s.ID]
		if w == nil || !due(w, t.now) || w.Phase == engine.PhaseTimer {
			continue
		}
		definition, own := t.Stages.Lookup(s.Type)
		if own && definition.Inside(s, w) {
			return s, &definition
		}
		if !own && !t.provided(s) {
			return s, nil
		}
	}
	return nil, nil
}

// provided says whether a plugin provides a stage's type.
func (t *turn) provided(s *spinnaker.Stage) bool {
	if t.Plugins == nil {
		return false
	}
	_, ok := t.Plugins.Lookup(s.Type)
	return ok
}

// perform runs a step inside the transaction.
func (t *turn) perform(s *spinnaker.Stage, definition *stage.Definition, phase engine.Phase) (engine.Result, error) {
	if definition == nil {
		return t.unknown(s, phase), nil
	}
	return t.Runner.perform(context.Background(), definition, stage.Step{
		Execution: t.ex, Stage: s, Phase: phase, Now: t.now, Expressions: t.Decisions, Tx: t.tx, Start: t.startChild,
	})
}

// startChild starts an execution for a stage of this one, which has to be in the store then: it may hold the slot that the
// child wants, and has to hear of the child's end.
func (t *turn) startChild(child stage.Child) (executionID, failure string, err error) {
	if t.fresh {
		if err := t.write(); err != nil {
			return "", "", err
		}
	}
	return t.Start(t.tx, Start{Pipeline: child.Pipeline, Trigger: child.Trigger,
		LaunchOptions: engine.LaunchOptions{RootID: child.RootID, Origin: t.ex.Origin}})
}

// perform runs a step of a stage of the agent's own. A panic is that stage's failure, and nobody else's.
func (r *Runner) perform(ctx context.Context, definition *stage.Definition, step stage.Step) (result engine.Result, err error) {
	attributes := []any{"execution", step.Execution.ID, "stage", step.Stage.ID, "type", step.Stage.Type}
	panicked := r.guard("a stage", attributes, func() error {
		result, err = definition.Perform(ctx, step)
		return nil
	})
	if panicked != nil {
		return internalError(step.Stage.Type, panicked), nil
	}
	return result, err
}

// internalError is the result of a step that panicked.
func internalError(stageType string, cause error) engine.Result {
	return engine.Result{Status: spinnaker.Terminal, Class: engine.ClassBug, Message: fmt.Sprintf(
		"stage type %q: %v. Please report it with the agent's log.", stageType, cause)}
}

// guard runs f and makes a panic of it an error: a fault in one execution must not stop the agent.
func (r *Runner) guard(what string, attributes []any, f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			r.Log.Error(what+" panicked", append(attributes, "cause", cause, "stack", string(debug.Stack()))...)
			err = fmt.Errorf("internal error: %v", cause)
		}
	}()
	return f()
}

// unknown is the step of a stage whose type nobody provides: it waits a little, because a plugin or another replica may
// be starting, and then fails whatever the stage's failure options say.
func (t *turn) unknown(s *spinnaker.Stage, phase engine.Phase) engine.Result {
	if phase == engine.PhaseCancel {
		return engine.Result{Status: spinnaker.Canceled}
	}
	since := t.missingSince(store.StageRef{ExecutionID: t.ex.ID, StageID: s.ID}, t.now)
	if t.now.Sub(since) < t.Grace {
		return engine.Result{Status: spinnaker.Running, Class: engine.ClassWaiting, RequeueAfter: time.Second,
			Message: fmt.Sprintf("no plugin provides the stage type %q yet", s.Type)}
	}
	t.found(store.StageRef{ExecutionID: t.ex.ID, StageID: s.ID})
	types := t.Stages.Types()
	if t.Plugins != nil {
		types = append(types, t.Plugins.Types()...)
	}
	alias, _ := s.Context["alias"].(string)
	return engine.Result{Status: spinnaker.Terminal, Class: engine.ClassFailed, Final: true,
		Message: fmt.Sprintf("No StageDefinitionBuilder implementation for %s(alias: %s) found (knownTypes: %s)",
			s.Type, orNull(alias), strings.Join(types, ",")),
		Errors: []string{fmt.Sprintf("No plugin provides the stage type %q. Install one that does, or correct the stage's type.", s.Type)},
	}
}

// orNull is how Java prints a text that is not there.
func orNull(text string) string {
	if text == "" {
		return "null"
	}
	return text
}

func (r *Runner) missingSince(ref store.StageRef, now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, known := r.missing[ref]
	if !known {
		since = now
		r.missing[ref] = since
	}
	return since
}

// found forgets that a stage's type was looked for in vain.
func (r *Runner) found(ref store.StageRef) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.missing, ref)
}

// write writes the execution.
func (t *turn) write() error {
	if t.fresh {
		t.fresh = false
		return t.tx.AddExecution(t.ex)
	}
	return t.tx.SaveExecution(t.ex)
}

// save writes the execution, and what its end means for others.
func (t *turn) save() error {
	if err := t.write(); err != nil {
		return err
	}
	if !t.ended || !t.ex.Status.Complete() {
		return nil
	}
	if err := t.tellParent(); err != nil {
		return err
	}
	if err := t.releaseSlot(); err != nil {
		return err
	}
	if t.Ended != nil {
		return t.Ended(t.tx, t.ex.Execution)
	}
	return nil
}

// tellParent wakes the stage that started this execution.
func (t *turn) tellParent() error {
	parent, stageID := t.ex.Trigger.Text("parentPipelineId"), t.ex.Trigger.Text("parentPipelineStageId")
	if parent == "" || stageID == "" {
		return nil
	}
	err := t.tx.AddExecutionEvent(parent, engine.Event{
		Kind: engine.EventChild, StageID: stageID, At: t.now,
		Values: map[string]any{"executionId": t.ex.ID, "status": string(t.ex.Status)},
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil // deleted meanwhile
	}
	return err
}

// claimDue claims the due steps that run outside the transaction, as far as there is room.
func (t *turn) claimDue() error {
	patched := false
	for _, s := range t.ex.Stages {
		w := t.ex.Work[s.ID]
		if w == nil || !due(w, t.now) || w.Phase == engine.PhaseTimer {
			continue
		}
		if len(t.claimed) == t.free {
			t.crowded = true
			break
		}
		definition, own := t.Stages.Lookup(s.Type)
		if !own && !t.provided(s) || own && definition.Inside(s, w) {
			continue // left over from runDue: the next turn's
		}
		claim, err := t.tx.ClaimStage(store.StageRef{ExecutionID: t.ex.ID, StageID: s.ID}, t.Incarnation.ID, t.now)
		if errors.Is(err, store.ErrStale) {
			continue // its step is running
		}
		if err != nil {
			return err
		}
		patched = patched || len(w.Patched) > 0
		engine.BeginStep(t.ex, s)
		t.found(claim.StageRef)
		claimed := &step{claim: claim, ex: t.ex, stage: s, work: *w}
		if own {
			claimed.definition = &definition
		}
		t.claimed = append(t.claimed, claimed)
	}
	if !patched {
		return nil
	}
	return t.tx.SaveExecution(t.ex)
}
