package replicas

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// BenchmarkTakeOver kills the agent whose plugin runs a step, and reports how long the step stands still until the other
// agent's plugin runs it, with the lease that agents have by default: on average and at the longest.
func BenchmarkTakeOver(b *testing.B) {
	recorder, store, lease := newRecorder(b), postgres(cluster.Database(b)), time.Duration(config.Default().Runner.Lease)
	agents := []*agent{newAgent(b, "a", store, lease).start(), newAgent(b, "b", store, lease).start()}
	agents[0].save("ticks", stageOf("1", "ticks", map[string]any{"recorder": recorder.url}))
	var longest, all time.Duration
	for range b.N {
		id, err := agents[0].client.Start(b.Context(), "shop", "ticks", spinnaker.Trigger{})
		if err != nil {
			b.Fatal(err)
		}
		await(b, "a plugin acts", func(context.Context) bool { return len(recorder.of(id)) > 0 })
		<-time.After(rand.N(lease / 6)) // any time since the agent's last sign of life
		records := recorder.of(id)
		last := records[len(records)-1].Process
		victim := agents[0]
		if parent(b, last) == agents[1].process.PID() {
			victim = agents[1]
		}
		victim.kill()
		killed := time.Now()
		await(b, "another plugin acts", func(context.Context) bool {
			records := recorder.of(id)
			return records[len(records)-1].Process != last
		})
		took := time.Since(killed)
		longest, all = max(longest, took), all+took
		victim.start()
	}
	b.ReportMetric(longest.Seconds(), "s/longest")
	b.ReportMetric(all.Seconds()/float64(b.N), "s/takeover")
}

// parent is the process that started another one.
func parent(b *testing.B, pid int) int {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "\nPPid:")
	line, _, _ := strings.Cut(after, "\n")
	found, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		b.Fatal(err)
	}
	return found
}
