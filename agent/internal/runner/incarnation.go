package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// errLapsed is why steps are cut short when the store could not be told that this agent is alive: another one may have
// taken over by now.
var errLapsed = errors.New("the agent could not renew its lease on the store")

// enter registers this incarnation and buries the dead ones.
func (r *Runner) enter(ctx context.Context) error {
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
	r.setRenewed()
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

// keepAlive renews this incarnation until ctx ends, and frees what dead ones had claimed. When renewing fails for so
// long that others may count this one as dead, running steps are cut short.
func (r *Runner) keepAlive(ctx context.Context) {
	ticker := time.NewTicker(r.Renew)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		buried, err := r.sayAlive(ctx)
		switch {
		case err == nil:
			r.setRenewed()
			r.logBuried(buried)
		case ctx.Err() != nil:
			return
		default:
			r.Log.Error("tell the store that this agent is alive", "error", err)
			r.checkLapse()
		}
	}
}

// sayAlive renews this incarnation once, and buries the dead ones.
func (r *Runner) sayAlive(ctx context.Context) (buried []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.Renew)
	defer cancel()
	err = r.Store.Update(ctx, func(tx store.Tx) (err error) {
		if err := r.renew(tx); err != nil {
			return err
		}
		buried, err = tx.Bury(tx.Now().Add(-r.DeadAfter))
		return err
	})
	return buried, err
}

func (r *Runner) setRenewed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renewed = time.Now()
}

// checkLapse cuts running steps short shortly before this incarnation counts as dead.
func (r *Runner) checkLapse() {
	r.mu.Lock()
	lapsed := time.Since(r.renewed) >= r.DeadAfter*4/5
	r.mu.Unlock()
	if lapsed {
		r.cutSteps(errLapsed)
	}
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
