package masters

import (
	"context"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/health"
	"github.com/gennaker/gennaker/agent/internal/store"
)

// Kind is that of masters among the things that are looked at.
const Kind = "jenkins"

// Subject is a master as one of which it is stored how it fares.
func Subject(c config.Master) health.Subject {
	return health.Subject{Kind: Kind, Name: c.Name, Lease: leaseOf(c.Name), Interval: c.PollInterval.Or(config.DefaultPollInterval)}
}

// leaseOf names the lease under which a master is polled.
func leaseOf(master string) string { return "master/" + master }

// Health returns how the masters fare, by name.
func (m *Masters) Health(ctx context.Context) (all []health.Health, err error) {
	var subjects []health.Subject
	for _, name := range m.Masters() {
		subjects = append(subjects, Subject(m.byName[name].Master))
	}
	err = m.Store.View(ctx, func(r store.Reader) error {
		all, err = health.Of(r, subjects)
		return err
	})
	return all, err
}

// report notes how a cycle went and when the next one is.
func (w *watcher) report(ctx context.Context, failed error) {
	if !w.lease.Held() {
		return // another process polls, and says so
	}
	h, err := w.health.Report(ctx, health.Look{Err: failed, Next: time.Until(w.at), Items: w.jobs, Problems: w.problems})
	if w.Looked != nil {
		w.Looked(h)
	}
	if err != nil && !w.lease.Lost(err) && ctx.Err() == nil {
		w.Log.Warn("store how the master fares", "master", w.master.Name, "error", err)
	}
}
