package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gennaker/gennaker/agent/internal/telemetry"
)

const (
	// collectInterval is how often bodies that nothing refers to are deleted, collectAge how old they are by then.
	collectInterval = 10 * time.Minute
	collectAge      = time.Hour
)

// collectBlobs deletes unreferenced bodies until ctx ends.
func (a *agent) collectBlobs(ctx context.Context) error {
	ticker := time.NewTicker(collectInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if n, err := a.store.CollectBlobs(ctx, collectAge); err != nil && ctx.Err() == nil {
			a.log.Error("collect bodies that nothing refers to", "error", err)
		} else if n > 0 {
			a.log.Info("collected bodies that nothing refers to", "count", n)
		}
	}
}

// metrics are the agent's own, beside the process's.
func (a *agent) metrics() *prometheus.Registry {
	registry := telemetry.Metrics()
	registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gennaker_store_updates_total", Help: "Committed updates of the store."},
			func() float64 { return float64(a.store.Stats().Updates) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gennaker_store_commits_total", Help: "Transactions that the updates shared."},
			func() float64 { return float64(a.store.Stats().Commits) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "gennaker_plugins_running", Help: "Plugin processes that are running."},
			func() float64 {
				running := 0
				for _, status := range a.plugins.Status() {
					if status.PID != 0 {
						running++
					}
				}
				return float64(running)
			}),
	)
	return registry
}
