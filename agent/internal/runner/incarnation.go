package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// errLapsed is why steps are cut short when the store could not be told that this agent is alive: another one may take
// over soon.
var errLapsed = errors.New("the agent could not renew its lease on the store")

// leaveTimeout bounds telling the store that this agent ends.
const leaveTimeout = 5 * time.Second

// enter registers this incarnation and buries the dead ones.
func (r *Runner) enter(ctx context.Context) error {
	began := time.Now()
	var buried []string
	err := r.Store.Update(ctx, func(tx store.Tx) (err error) {
		before := tx.Now().Add(-r.DeadAfter)
		if r.Exclusive {
			before = tx.Now().Add(time.Hour)
		}
		if buried, err = tx.Bury(before); err != nil {
			return err
		}
		return r.renew(tx)
	})
	if err != nil {
		return fmt.Errorf("register this agent in the store: %w", err)
	}
	r.setRenewed(began)
	r.logBuried(buried)
	return nil
}

func (r *Runner) renew(tx store.Tx) error {
	incarnation := r.Incarnation
	incarnation.RenewedAt = tx.Now()
	if incarnation.StartedAt.IsZero() {
		incarnation.StartedAt = tx.Now()
	}
	return tx.Renew(incarnation)
}

// keepAlive renews this incarnation until ctx ends.
func (r *Runner) keepAlive(ctx context.Context) {
	defer r.stopLapse()
	r.often(ctx, r.Renew, "tell the store that this agent is alive", r.sayAlive)
}

// takeOver frees what dead incarnations had claimed, and what this one has claimed and nobody works on, until ctx ends. It
// does not hold up the renewing.
func (r *Runner) takeOver(ctx context.Context) {
	r.often(ctx, r.Renew/2, "take over from dead agents", func(ctx context.Context) error {
		if err := r.bury(ctx); err != nil {
			return err
		}
		return r.releaseOrphans(ctx)
	})
}

// often does something, each time bounded, until ctx ends.
func (r *Runner) often(ctx context.Context, every time.Duration, what string, do func(context.Context) error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		limited, cancel := context.WithTimeout(ctx, r.DeadAfter/3)
		if err := do(limited); err != nil && ctx.Err() == nil {
			r.Log.Error(what, "error", err)
		}
		cancel()
	}
}

// sayAlive renews this incarnation once. When it succeeds after it has failed, executions whose turns failed meanwhile get
// another one at once.
func (r *Runner) sayAlive(ctx context.Context) error {
	began := time.Now()
	if err := r.Store.Update(ctx, r.renew); err != nil {
		return err
	}
	if r.setRenewed(began) {
		r.Log.Info("the store can be reached again")
		r.signal()
	}
	return nil
}

func (r *Runner) bury(ctx context.Context) error {
	if r.Exclusive {
		return nil // there is nobody else
	}
	var buried []string
	err := r.Store.Update(ctx, func(tx store.Tx) (err error) {
		buried, err = tx.Bury(tx.Now().Add(-r.DeadAfter))
		return err
	})
	if err == nil {
		r.logBuried(buried)
	}
	return err
}

// setRenewed notes that the incarnation was renewed, at the earliest at a time: the others count from there. It says
// whether earlier attempts had failed.
func (r *Runner) setRenewed(at time.Time) (again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	again = !r.renewed.IsZero() && at.Sub(r.renewed) > 2*r.Renew
	r.renewed = at
	if again {
		clear(r.failing)
	}
	// Steps are cut short some time before others may take them over.
	left := time.Until(at.Add(r.DeadAfter * 4 / 5))
	if r.lapse == nil {
		r.lapse = time.AfterFunc(left, func() { r.cutSteps(errLapsed) })
	} else {
		r.lapse.Reset(left)
	}
	return again
}

func (r *Runner) stopLapse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lapse.Stop()
}

// leaseEnd is until when a step that is claimed now may change anything outside: others may take over a little later. This
// process's clock goes on while the process itself is stopped.
func (r *Runner) leaseEnd() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.renewed.Add(r.DeadAfter - r.DeadAfter/15)
}

// releaseOrphans frees claims of this incarnation that nobody has worked on for as long as an agent takes to die. There are
// none, unless the connection to the store was lost just when they were committed.
func (r *Runner) releaseOrphans(ctx context.Context) error {
	var claims []store.Claim
	err := r.Store.View(ctx, func(reader store.Reader) (err error) {
		claims, err = reader.ClaimsOf(r.Incarnation.ID)
		return err
	})
	if err != nil {
		return err
	}
	for _, claim := range r.orphaned(claims) {
		err := r.Store.Update(ctx, func(tx store.Tx) error { return tx.ReleaseClaim(claim) })
		if err != nil && !errors.Is(err, store.ErrStale) {
			return err
		}
		r.Log.Warn("released a claim that nobody works on", "execution", claim.ExecutionID, "stage", claim.StageID)
	}
	return nil
}

// orphaned returns the claims that nobody has worked on for long.
func (r *Runner) orphaned(claims []store.Claim) (long []store.Claim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	present := make(map[store.Claim]time.Time, len(claims))
	for _, claim := range claims {
		if epoch, works := r.working[claim.StageRef]; works && epoch == claim.Epoch {
			continue
		}
		since, known := r.orphans[claim]
		switch {
		case !known:
			present[claim] = time.Now()
		case time.Since(since) < r.DeadAfter:
			present[claim] = since
		default:
			long = append(long, claim)
		}
	}
	r.orphans = present
	return long
}

// Leave tells the store that this agent ends, and the other agents that they have its work. Run has returned.
func (r *Runner) Leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	err := r.Store.Update(ctx, func(tx store.Tx) error { return tx.Leave(r.Incarnation.ID) })
	if err != nil {
		return fmt.Errorf("tell the store that this agent ends: %w", err)
	}
	r.Store.Announce()
	return nil
}

// cutSteps cuts all running steps short.
func (r *Runner) cutSteps(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.running {
		s.cut(cause)
	}
}

func (r *Runner) logBuried(ids []string) {
	if len(ids) > 0 {
		r.Log.Warn("took over from agents that are gone", "incarnations", ids)
		r.signal()
	}
}
