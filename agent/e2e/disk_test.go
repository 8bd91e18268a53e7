package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gennaker/gennaker/api/client"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// An agent whose disk takes nothing more accepts nothing more and says so; what was accepted before goes on by itself once
// there is room. A limit on the size of the agent's files stands for the disk.
func TestFullDisk(t *testing.T) {
	agent := startAgent(t, t.TempDir(), nil)
	c, err := client.New(client.Options{URL: agent.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pipeline := map[string]any{"application": "shop", "name": "deploy",
		"stages":   []map[string]any{{"refId": "1", "type": "wait", "name": "Pause", "waitTime": 2}, {"refId": "2", "requisiteStageRefIds": []string{"1"}, "type": "wait", "name": "More", "waitTime": 0}},
		"triggers": []map[string]any{{"type": "webhook", "source": "disk", "enabled": true}}}
	if err := c.SavePipeline(t.Context(), pipeline); err != nil {
		t.Fatal(err)
	}
	id, err := c.Start(t.Context(), "shop", "deploy", spinnaker.Trigger{})
	if err != nil {
		t.Fatal(err)
	}

	agent.limitFiles(t, walSize(t, agent))
	await(t, "the agent is not ready", func(ctx context.Context) (bool, error) {
		return status(ctx, agent.URL+"/health", "") == http.StatusServiceUnavailable, nil
	})
	if got := status(t.Context(), agent.URL+"/webhooks/webhook/disk", `{"n": 1}`); got != http.StatusServiceUnavailable {
		t.Errorf("the webhook was answered %d, expected 503", got)
	}
	// The wait is over meanwhile, and nobody could write that down.
	await(t, "the agent has failed to go on", func(context.Context) (bool, error) {
		return strings.Contains(agent.Log(), "advance execution"), nil
	})
	if log := agent.Log(); !strings.Contains(log, "gennaker.db") || !strings.Contains(log, "check the disk") {
		t.Errorf("the log does not name the file and what to do:\n%s", log)
	}
	execution, err := c.Execution(t.Context(), id)
	if err != nil || execution.Status != spinnaker.Running {
		t.Errorf("the execution cannot be read, or is not running: %v, %v", execution, err)
	}

	agent.limitFiles(t, unix.RLIM_INFINITY)
	await(t, "the agent is ready again", func(ctx context.Context) (bool, error) {
		return status(ctx, agent.URL+"/health", "") == http.StatusOK, nil
	})
	await(t, "the execution succeeds", func(ctx context.Context) (bool, error) {
		execution, err := c.Execution(ctx, id)
		return err == nil && execution.Status == spinnaker.Succeeded, err
	})
	if got := status(t.Context(), agent.URL+"/webhooks/webhook/disk", `{"n": 2}`); got != http.StatusOK {
		t.Errorf("afterwards the webhook was answered %d, expected 200", got)
	}
	var executions []spinnaker.Execution
	if err := c.Get(t.Context(), "/applications/shop/pipelines?limit=10", &executions); err != nil || len(executions) != 2 {
		t.Errorf("found %d executions (%v), expected the one started by hand and that of the second webhook", len(executions), err)
	}
}

// walSize is the size of the file that every commit of the agent appends to.
func walSize(t *testing.T, agent *Agent) uint64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(agent.Folder, "gennaker.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return uint64(info.Size())
}

// limitFiles lets no file of the agent grow over a size.
func (a *Agent) limitFiles(t *testing.T, size uint64) {
	t.Helper()
	limit := unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(a.PID(), unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatalf("limit the agent's files: %v", err)
	}
}

// status is the status of an answer, 0 when there is none. With a body the request is a POST.
func status(ctx context.Context, address, body string) int {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// await waits for a condition; the bound only catches hangs.
func await(t *testing.T, what string, condition func(context.Context) (bool, error)) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := condition(ctx)
		if ok {
			return
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(fmt.Errorf("wait until %s: %w", what, err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
