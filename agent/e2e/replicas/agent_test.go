package replicas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/e2e/agenttest"
	"github.com/gennaker/gennaker/api/client"
)

// hang bounds everything that should happen soon.
const hang = 3 * time.Minute

// agent is one replica, running or not.
type agent struct {
	t      testing.TB
	name   string
	folder string
	url    string
	client *client.Client
	// program is the agent's executable.
	program string

	process *agenttest.Process // nil while it does not run
}

// postgres is the configuration of a store in a PostgreSQL database.
func postgres(database string) map[string]any {
	return map[string]any{"postgres": map[string]any{"url": database, "connections": 8}}
}

// newAgent configures an agent on a store, with further members of its configuration. It does not run yet.
func newAgent(t testing.TB, name string, store map[string]any, lease time.Duration, more ...map[string]any) *agent {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, name: name, folder: t.TempDir(), url: "http://" + listen, program: filepath.Join(programs, "gennaker")}
	if a.client, err = client.New(client.Options{URL: a.url}); err != nil {
		t.Fatal(err)
	}
	config := map[string]any{
		"server":  map[string]any{"listen": listen},
		"store":   store,
		"log":     map[string]any{"format": "text"},
		"plugins": map[string]any{"directory": filepath.Join(programs, "plugins")},
		"runner":  map[string]any{"lease": lease.String()},
	}
	for _, members := range more {
		maps.Copy(config, members)
	}
	text, err := json.MarshalIndent(config, "", "  ") // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.folder, "gennaker.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.client.Close()
		if t.Failed() && a.process != nil {
			t.Logf("log of agent %s:\n%s", a.name, a.process.Log())
		}
		a.stop()
	})
	return a
}

// start starts the agent and waits until it is ready.
func (a *agent) start() *agent {
	a.t.Helper()
	process, err := agenttest.Start(agenttest.Options{Program: a.program, Config: "gennaker.yaml", Folder: a.folder})
	if err != nil {
		a.t.Fatalf("agent %s: %v", a.name, err)
	}
	a.process = process
	await(a.t, "agent "+a.name+" is ready", func(ctx context.Context) bool { return a.client.Healthy(ctx) == nil })
	return a
}

// kill ends the agent as a crash does.
func (a *agent) kill() {
	a.t.Helper()
	if err := a.process.Kill(); err != nil {
		a.t.Errorf("kill agent %s: %v", a.name, err)
	}
	a.process = nil
}

// stop ends the agent in good order, if it runs.
func (a *agent) stop() {
	a.t.Helper()
	if a.process == nil {
		return
	}
	if err := a.process.Stop(); err != nil {
		a.t.Errorf("agent %s: %v", a.name, err)
	}
	a.process = nil
}

func (a *agent) signal(which syscall.Signal) {
	a.t.Helper()
	if err := a.process.Signal(which); err != nil && !errors.Is(err, os.ErrProcessDone) {
		a.t.Errorf("agent %s: send %v: %v", a.name, which, err)
	}
}

// await waits for a condition; the bound only catches hangs.
func await(t testing.TB, what string, condition func(context.Context) bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), hang)
	defer stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// save saves a pipeline of application "shop" whose executions do not wait for each other.
func (a *agent) save(name string, stages ...map[string]any) {
	a.t.Helper()
	err := a.client.SavePipeline(a.t.Context(), map[string]any{"application": "shop", "name": name, "limitConcurrent": false,
		"triggers": []map[string]any{{"type": "webhook", "source": name, "enabled": true}}, "stages": stages})
	if err != nil {
		a.t.Fatal(err)
	}
}

// stageOf is a stage that comes after others.
func stageOf(ref, kind string, more map[string]any, after ...string) map[string]any {
	stage := map[string]any{"refId": ref, "type": kind, "name": fmt.Sprint(kind, " ", ref), "requisiteStageRefIds": after}
	for key, value := range more {
		stage[key] = value
	}
	return stage
}
