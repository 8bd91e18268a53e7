// Package lease has one agent process at a time do a thing that all could do: look at an account, fire cron triggers.
package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// Retry is the longest time between two attempts at a lease that another process holds.
const Retry = 1500 * time.Millisecond

// releaseTime bounds giving a lease back.
const releaseTime = 5 * time.Second

// Lease is a lease of the store as one process sees it. Only Fence may be called from several goroutines.
type Lease struct {
	store             store.Store
	name, incarnation string
	log               *slog.Logger

	held  bool
	epoch int64
}

// New makes a Lease that the process of the incarnation does not hold yet.
func New(s store.Store, name, incarnation string, log *slog.Logger) *Lease {
	return &Lease{store: s, name: name, incarnation: incarnation, log: log}
}

// Held says whether the process holds the lease, as far as it knows.
func (l *Lease) Held() bool { return l.held }

// Hold makes sure of the lease. When the process gets it, load reads what the holder before has stored, in the transaction
// that takes the lease, and so perhaps more than once. False means that another process holds it.
func (l *Lease) Hold(ctx context.Context, load func(store.Reader) error) (bool, error) {
	var lease store.Lease
	err := l.store.View(ctx, func(r store.Reader) (err error) {
		lease, err = r.Lease(l.name)
		return err
	})
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return false, fmt.Errorf("read the lease: %w", err)
	case err == nil && lease.Incarnation != l.incarnation:
		l.held = false
		return false, nil
	case err == nil && l.held && lease.Epoch == l.epoch:
		return true, nil
	}
	l.held = false
	err = l.store.Update(ctx, func(tx store.Tx) (err error) {
		if lease, err = tx.TakeLease(l.name, l.incarnation); err != nil {
			return err
		}
		return load(tx)
	})
	if errors.Is(err, store.ErrStale) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("take the lease: %w", err)
	}
	l.held, l.epoch = true, lease.Epoch
	return true, nil
}

// Fence refuses, with store.ErrStale, a transaction of a process that does not hold the lease under which it began.
func (l *Lease) Fence(tx store.Tx) error {
	lease, err := tx.TakeLease(l.name, l.incarnation)
	if err == nil && lease.Epoch != l.epoch {
		err = fmt.Errorf("the lease was another process's meanwhile: %w", store.ErrStale)
	}
	return err
}

// Drop has the next Hold load what is stored, as if the process had just got the lease.
func (l *Lease) Drop() { l.held = false }

// Lost says whether an error means that another process holds the lease now.
func (l *Lease) Lost(err error) bool {
	if !errors.Is(err, store.ErrStale) {
		return false
	}
	l.log.Info("another process holds the lease now", "lease", l.name)
	l.held = false
	return true
}

// Release gives the lease back when ctx has ended, so that another process need not wait until this one is known to be dead.
func (l *Lease) Release(ctx context.Context) {
	if !l.held {
		return
	}
	l.held = false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	err := l.store.Update(ctx, func(tx store.Tx) error { return tx.ReleaseLease(l.name, l.incarnation) })
	if err != nil && !errors.Is(err, store.ErrStale) {
		l.log.Warn("give the lease back", "lease", l.name, "error", err)
	}
}
