package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/gennaker/gennaker/agent/e2e/agenttest"
)

// program is the built agent. TestMain sets it.
var program string

// Agent is a running `gennaker serve`.
type Agent struct {
	*agenttest.Process
	// Folder holds its configuration, store and log.
	Folder string
	// killed says that the test has ended it already.
	killed bool
}

// startAgent runs the agent in a folder until the test ends. The configuration is completed with a free port of the
// loopback interface and a store in the folder. The test fails if the agent does not end in good order.
func startAgent(t testing.TB, folder string, config map[string]any, env ...string) *Agent {
	t.Helper()
	file := filepath.Join(folder, "gennaker.yaml")
	if err := os.WriteFile(file, completed(t, config), 0o600); err != nil {
		t.Fatal(err)
	}
	process, err := agenttest.Start(agenttest.Options{Program: program, Config: file, Folder: folder, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	a := &Agent{Process: process, Folder: folder}
	t.Cleanup(func() { a.stop(t) })
	return a
}

// completed is a configuration with what every agent of a test has, as YAML.
func completed(t testing.TB, config map[string]any) []byte {
	t.Helper()
	whole := map[string]any{"store": map[string]any{"path": "gennaker.db"}, "log": map[string]any{"format": "text"}}
	for key, value := range config {
		whole[key] = value
	}
	server := map[string]any{"listen": "127.0.0.1:0"}
	given, _ := config["server"].(map[string]any)
	for key, value := range given {
		server[key] = value
	}
	whole["server"] = server
	text, err := json.MarshalIndent(whole, "", "  ") // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// stop ends the agent, and fails the test when that is not in good order.
func (a *Agent) stop(t testing.TB) {
	if a.killed {
		return
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Logf("log of the agent:\n%s", a.Log())
	}
}

// kill ends the agent as a crash would.
func (a *Agent) kill(t testing.TB) {
	t.Helper()
	if err := a.Kill(); err != nil {
		t.Fatal(err)
	}
	a.killed = true
}
