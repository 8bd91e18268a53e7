package delivery

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gennaker/gennaker/api/echo"
	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/scripts/demo/world"
)

// root is the checkout.
const root = "../../.."

// runTimeout is how long an execution may take in these tests.
const runTimeout = 2 * time.Minute

func TestMain(m *testing.M) {
	build := exec.Command("make", "--no-print-directory", "build")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the agent and its plugins: %v\n%s", err, out)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// newWorld starts what is around the agent, without a cluster.
func newWorld(t *testing.T, adapt func(*world.Options)) *world.World {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-") // t.TempDir is too long for the sockets in it
	if err != nil {
		t.Fatal(err)
	}
	options := world.Options{Root: root, Dir: dir, Say: t.Logf}
	if adapt != nil {
		adapt(&options)
	}
	w, err := world.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return w
}

// useCluster starts a cluster. Without one the test is skipped, but fails in CI.
func useCluster(t *testing.T, w *world.World) {
	t.Helper()
	cluster, err := w.FindCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if cluster == nil {
		const missing = "the test cluster is not built: run scripts/testcluster/build.sh"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	if err := w.UseCluster(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
}

// startAgent starts an agent with a fresh store.
func startAgent(t *testing.T, w *world.World) *world.Agent {
	t.Helper()
	agent, err := w.NewAgent(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := agent.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			log, err := os.ReadFile(agent.LogFile)
			t.Logf("the agent's log (%v):\n%s", err, log)
		}
	})
	return agent
}

// save saves a pipeline and waits until the agent has looked at the build job since: earlier builds are not events.
func save(t *testing.T, w *world.World, agent *world.Agent, pipeline map[string]any) {
	t.Helper()
	if err := agent.Client.SavePipeline(t.Context(), pipeline); err != nil {
		t.Fatal(err)
	}
	w.Jenkins.Log.Reset()
	eventually(t, "the agent looks at Jenkins", func() bool { return w.Jenkins.Log.Count("GET", "/api/json") >= 2 })
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %v until %s", runTimeout, what)
		}
	}
}

// event waits until the agent has decided on a build, and returns the event with its verdicts.
func event(t *testing.T, agent *world.Agent, number int) echo.Event {
	t.Helper()
	path := fmt.Sprintf("/gennaker/events?type=build&source=%s&name=%s&number=%d", world.Master, world.BuildJob, number)
	var events []echo.Event
	eventually(t, fmt.Sprintf("build %d is decided", number), func() bool {
		events = nil
		if err := agent.Client.Get(t.Context(), path, &events); err != nil || len(events) == 0 {
			return false
		}
		for _, verdict := range events[0].Verdicts {
			if verdict.Outcome == "undecided" {
				return false
			}
		}
		return len(events[0].Verdicts) > 0
	})
	if len(events) != 1 {
		t.Errorf("build %d is %d events", number, len(events))
	}
	return events[0]
}

// finished waits until an execution is complete.
func finished(t *testing.T, agent *world.Agent, id string) *spinnaker.Execution {
	t.Helper()
	var execution *spinnaker.Execution
	eventually(t, "execution "+id+" is complete", func() bool {
		var err error
		execution, err = agent.Client.Execution(t.Context(), id)
		return err == nil && execution.Status.Complete()
	})
	return execution
}

// deliver finishes a build and returns the execution that it starts, complete.
func deliver(t *testing.T, w *world.World, agent *world.Agent, image string) *spinnaker.Execution {
	t.Helper()
	found := event(t, agent, w.FinishBuild(image))
	if len(found.Verdicts) != 1 || found.Verdicts[0].ExecutionID == "" {
		t.Fatalf("verdicts %+v, want one that started an execution", found.Verdicts)
	}
	return finished(t, agent, found.Verdicts[0].ExecutionID)
}

// startByHand saves a pipeline without triggers, starts it with an image, and returns the execution, complete.
func startByHand(t *testing.T, agent *world.Agent, pipeline map[string]any) *spinnaker.Execution {
	t.Helper()
	if err := agent.Client.SavePipeline(t.Context(), pipeline); err != nil {
		t.Fatal(err)
	}
	id, err := agent.Client.Start(t.Context(), world.Application, pipeline["name"].(string),
		spinnaker.Trigger{"properties": map[string]any{"imageName": "r.example/shipit:1"}})
	if err != nil {
		t.Fatal(err)
	}
	return finished(t, agent, id)
}

// push pushes the image of the next build.
func push(t *testing.T, w *world.World) string {
	t.Helper()
	image, err := w.Cluster.Push(t.Context(), fmt.Sprintf("shipitclicker:%s-%d", world.SemVer, w.NextBuild()))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// gennaker runs the command line against an agent.
func gennaker(t *testing.T, agent *world.Agent, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "gennaker"), args...)
	cmd.Env = append(os.Environ(), "GENNAKER_URL="+agent.URL)
	return cmd
}
