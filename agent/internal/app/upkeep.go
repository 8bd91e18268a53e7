package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gennaker/gennaker/agent/internal/telemetry"
)

// metrics are the agent's own, beside the process's.
func (a *agent) metrics() *prometheus.Registry {
	registry := telemetry.Metrics()
	registry.MustRegister(a.feedMetrics.looks, a.feedMetrics.success, a.feedMetrics.failing,
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gennaker_store_updates_total", Help: "Committed updates of the store."},
			func() float64 { return float64(a.store.Stats().Updates) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gennaker_store_commits_total", Help: "Transactions that the updates shared."},
			func() float64 { return float64(a.store.Stats().Commits) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gennaker_store_repeats_total",
			Help: "Updates that were run again because another was in their way."},
			func() float64 { return float64(a.store.Stats().Repeated) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gennaker_traces_dropped_total", Help: "Traces that could not be sent."},
			func() float64 { return float64(a.traces.Dropped()) }),
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
