package pluginhost_test

import (
	"testing"

	"github.com/gennaker/gennaker/agent/internal/pluginhost"
)

// BenchmarkStep is what passing a step to a plugin process costs.
func BenchmarkStep(b *testing.B) {
	h := startHost(b, pluginhost.Config{Plugins: []pluginhost.Plugin{plugin(b, "demo")}})
	for b.Loop() {
		if _, err := h.RunStep(b.Context(), request("demo", `{"do":"nothing"}`)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart is the time from the start of an agent until its plugin is ready.
func BenchmarkStart(b *testing.B) {
	p := plugin(b, "demo")
	for b.Loop() {
		startHost(b, pluginhost.Config{Plugins: []pluginhost.Plugin{p}}).stop()
	}
}
