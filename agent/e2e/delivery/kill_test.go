package delivery

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/scripts/demo/world"
)

// killWindow is the time after a build's end in which something is killed: a delivery takes about that long.
const killWindow = 2500 * time.Millisecond

// The agent or one of its plugins is killed at a random moment between the build and the end. Each build starts exactly one
// execution, which succeeds; the smoke test runs once, or its stage says that the outcome is unknown; no process is left.
// KILL_RUNS says how often (5), KILL_SEED repeats a run.
func TestKill(t *testing.T) {
	runs := number(t, "KILL_RUNS", 5)
	seed := uint64(number(t, "KILL_SEED", int(time.Now().UnixNano()%1_000_000)))
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("KILL_SEED=%d", seed)

	w := newWorld(t, nil)
	useCluster(t, w)
	agent := startAgent(t, w)
	url, err := w.StandIn()
	if err != nil {
		t.Fatal(err)
	}
	save(t, w, agent, w.PipelineConfig(world.Pipeline, w.DeliveryStages(url)...))
	for run := range runs {
		image := push(t, w)
		build := w.FinishBuild(image)
		after := time.Duration(random.Int64N(int64(killWindow)))
		timer := time.NewTimer(after)
		<-timer.C
		victim := killOne(t, agent, random.IntN(4))
		t.Logf("run %d: killed %s %v after build %d", run, victim, after.Round(time.Millisecond), build)
		checkDelivered(t, w, agent, build, image)
	}
	plugins := children(t, agent.PID())
	if err := agent.Stop(); err != nil {
		t.Error(err)
	}
	for _, pid := range plugins {
		eventually(t, fmt.Sprintf("plugin process %d is gone", pid), func() bool { return !alive(pid) })
	}
}

// killOne kills the agent (0) and starts it again, or one of its plugins. It returns what it killed.
func killOne(t *testing.T, agent *world.Agent, which int) string {
	t.Helper()
	plugins := children(t, agent.PID())
	if which > 0 && which <= len(plugins) {
		pid := plugins[which-1]
		name := command(pid)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			t.Fatal(err)
		}
		return name
	}
	if err := agent.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range plugins {
		eventually(t, fmt.Sprintf("plugin process %d ends after its agent", pid), func() bool { return !alive(pid) })
	}
	if err := agent.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return "the agent"
}

func checkDelivered(t *testing.T, w *world.World, agent *world.Agent, build int, image string) {
	t.Helper()
	found := event(t, agent, build)
	if len(found.Verdicts) != 1 || found.Verdicts[0].ExecutionID == "" {
		t.Fatalf("build %d: verdicts %+v, want one that started an execution", build, found.Verdicts)
	}
	execution := finished(t, agent, found.Verdicts[0].ExecutionID)
	unknown := slices.ContainsFunc(execution.Stages, func(s *spinnaker.Stage) bool {
		return strings.Contains(strings.Join(s.Failures(), " "), "outcome unknown")
	})
	if !unknown {
		mustSucceed(t, execution)
		if n := w.SmokeTests(image); n != 1 {
			t.Errorf("build %d: the smoke test was started %d times", build, n)
		}
	}
	if deployed, err := w.Cluster.Image(t.Context()); err != nil || deployed != image {
		t.Errorf("build %d: the Deployment runs %q (%v), want %q", build, deployed, err, image)
	}
	if n := executionsOf(t, agent, build); n != 1 {
		t.Errorf("build %d started %d executions", build, n)
	}
}

// executionsOf counts the executions of a build.
func executionsOf(t *testing.T, agent *world.Agent, build int) int {
	t.Helper()
	var all []spinnaker.Execution
	path := "/applications/" + world.Application + "/executions/search?size=1000&pipelineName=" + world.Pipeline
	if err := agent.Client.Get(t.Context(), path, &all); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, execution := range all {
		if execution.Trigger.Text("buildNumber") == strconv.Itoa(build) {
			n++
		}
	}
	return n
}

// children are the processes that a process has started.
func children(t *testing.T, parent int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // the process has ended meanwhile
		}
		// pid (name) state ppid …; the name may hold blanks and parentheses.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[1] != strconv.Itoa(parent) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids
}

// command is the name of a process.
func command(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "a process that was gone already"
	}
	return strings.TrimSpace(string(name))
}

// alive says whether a process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}
