package runner

import (
	"context"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
)

const (
	// heldPause is when an execution is looked at again that another agent was at.
	heldPause = 25 * time.Millisecond
	// batch is how many executions are looked up at once.
	batch = 256
	// firstPause and lastPause bound the pause after a turn that failed.
	firstPause = time.Second
	lastPause  = time.Minute
	// afterLate is the pause after a look that found something late.
	afterLate = 20 * time.Millisecond
)

// loop looks for work until ctx ends.
func (r *Runner) loop(ctx context.Context) {
	for {
		pause, err := r.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.Log.Error("look for work", "error", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-r.Store.Due():
			if r.Due != nil {
				r.Due()
			}
		case <-r.wake:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// look gives a turn to every execution that has something to do, and says when to look again at the latest.
func (r *Runner) look(ctx context.Context) (time.Duration, error) {
	var ids []string
	var now, next time.Time
	err := r.Store.View(ctx, func(reader store.Reader) error {
		now = reader.Now()
		pending, err := reader.PendingExecutions(batch)
		if err != nil {
			return err
		}
		due, err := reader.DueStages(now, batch)
		if err != nil {
			return err
		}
		ids = pending
		for _, ref := range due {
			ids = append(ids, ref.ExecutionID)
		}
		next, err = reader.NextDue()
		return err
	})
	if err != nil {
		return r.Poll, err
	}
	pause := r.pause(now, next)
	r.mu.Lock()
	r.ahead = time.Until(now)
	if until := r.soonest.Sub(now); until > 0 {
		pause = min(pause, until)
	}
	r.timer = now.Add(pause)
	r.mu.Unlock()
	for _, id := range ids {
		r.give(ctx, id)
	}
	return pause, nil
}

// pause says how long nothing is due. What is late, or due right now, hides what comes after it: as long as there is
// something, the next look comes soon, then less soon.
func (r *Runner) pause(now, next time.Time) time.Duration {
	if next.IsZero() {
		r.late = 0
		return r.Poll
	}
	if until := next.Sub(now); until > 0 {
		r.late = 0
		return min(r.Poll, until)
	}
	r.late++
	return min(r.Poll, afterLate<<min(r.late-1, 16))
}

// give gives an execution a turn. One that has a turn already is looked for again after it: that turn may have begun before
// what makes the execution due now.
func (r *Runner) give(ctx context.Context, executionID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, busy := r.active[executionID]; busy {
		r.active[executionID] = true
		return
	}
	if time.Now().Before(r.failing[executionID].until) {
		return
	}
	r.active[executionID] = false
	r.turns.Go(func() {
		r.turnSlots <- struct{}{}
		defer func() { <-r.turnSlots }()
		if err := r.turn(context.WithoutCancel(ctx), executionID, turnIfFree, nil); err != nil {
			r.Log.Error("advance execution", "execution", executionID, "error", err)
		}
		r.passed(executionID)
	})
}

// passed ends an execution's turn.
func (r *Runner) passed(executionID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active[executionID] {
		r.signal()
	}
	delete(r.active, executionID)
}

// turned notes how a turn went and when the execution is due again.
func (r *Runner) turned(executionID string, due time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.failing, executionID)
		if now := time.Now().Add(r.ahead); !due.IsZero() && (!r.soonest.After(now) || due.Before(r.soonest)) {
			r.soonest = due
		}
		if !due.IsZero() && due.Before(r.timer) {
			r.timer = due
			r.signal()
		}
		return
	}
	r.stats.FailedTurns++
	f := r.failing[executionID]
	f.times++
	pause := min(firstPause<<min(f.times-1, 6), lastPause)
	f.until = time.Now().Add(pause)
	r.failing[executionID] = f
}

// earliest returns when the first stage of an execution is due after a time.
func earliest(ex *engine.Execution, now time.Time) time.Time {
	var first time.Time
	for _, w := range ex.Work {
		if w.Phase == engine.PhaseIdle || !w.Due.After(now) {
			continue
		}
		if first.IsZero() || w.Due.Before(first) {
			first = w.Due
		}
	}
	return first
}
