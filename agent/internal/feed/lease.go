package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// hold makes sure of the lease. Whoever gets it reads what the holder before has stored. False means that another process
// holds it.
func (w *watcher) hold(ctx context.Context) (bool, error) {
	var lease store.Lease
	err := w.Store.View(ctx, func(r store.Reader) (err error) {
		lease, err = r.Lease(w.name())
		return err
	})
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return false, fmt.Errorf("read the lease: %w", err)
	case err == nil && lease.Incarnation != w.Incarnation:
		w.items = nil
		return false, nil
	case err == nil && lease.Epoch == w.epoch && w.items != nil:
		return true, nil
	}
	var states map[string][]byte
	err = w.Store.Update(ctx, func(tx store.Tx) (err error) {
		if lease, err = tx.TakeLease(w.name(), w.Incarnation); err != nil {
			return err
		}
		states, err = tx.JobStates(w.name())
		return err
	})
	if errors.Is(err, store.ErrStale) {
		w.items = nil
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("take the lease: %w", err)
	}
	w.epoch, w.items = lease.Epoch, make(map[string]*item, len(states))
	for name, state := range states {
		w.items[name] = &item{state: state}
	}
	return true, nil
}

// fence refuses a transaction of a process that no longer holds the lease under which it looked.
func (w *watcher) fence(tx store.Tx) error {
	lease, err := tx.TakeLease(w.name(), w.Incarnation)
	if err == nil && lease.Epoch != w.epoch {
		err = fmt.Errorf("the lease was another process's meanwhile: %w", store.ErrStale)
	}
	return err
}

// lost forgets everything when the lease is no longer this process's: that is no failure.
func (w *watcher) lost(err error) error {
	if errors.Is(err, store.ErrStale) {
		w.Log.Info("another process runs the feed now")
		w.items = nil
		return nil
	}
	return err
}

// release gives the lease back, so that another process need not wait until this one is known to be dead.
func (w *watcher) release(ctx context.Context) {
	if w.items == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	err := w.Store.Update(ctx, func(tx store.Tx) error { return tx.ReleaseLease(w.name(), w.Incarnation) })
	if err != nil && !errors.Is(err, store.ErrStale) {
		w.Log.Warn("give the lease back", "error", err)
	}
}
