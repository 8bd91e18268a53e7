package feed

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gennaker/gennaker/agent/internal/health"
	"github.com/gennaker/gennaker/agent/internal/store"
)

// Subject is the account as one of which it is stored how it fares.
func (a Account) Subject() health.Subject {
	return health.Subject{Kind: a.Kind, Name: a.Name, Lease: a.name(), Interval: a.Interval}
}

// Health returns how the feeds fare.
func (f *Feeds) Health(ctx context.Context) (all []health.Health, err error) {
	subjects := make([]health.Subject, len(f.accounts))
	for i, account := range f.accounts {
		subjects[i] = account.Subject()
	}
	err = f.options.Store.View(ctx, func(r store.Reader) error {
		all, err = health.Of(r, subjects)
		return err
	})
	return all, err
}

// report notes how a cycle went and when the next one is.
func (w *watcher) report(ctx context.Context, failed error, next time.Duration) {
	if !w.lease.Held() {
		return // another process looks, and says so
	}
	look := health.Look{Err: failed, Next: next, Items: len(w.items)}
	for _, name := range slices.Sorted(maps.Keys(w.items)) {
		if told := w.items[name].told; told != "" {
			look.Problems = append(look.Problems, health.Problem{Item: name, Error: told})
		}
	}
	h, err := w.health.Report(ctx, look)
	if w.Looked != nil {
		w.Looked(h)
	}
	if err != nil && !w.lease.Lost(err) {
		w.Log.Warn("store how the feed fares", "error", err)
	}
}
