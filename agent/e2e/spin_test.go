package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// spinTimeout bounds one command of spin.
const spinTimeout = time.Minute

// spin is Spinnaker's command line, pointed at an agent.
type spin struct {
	t           *testing.T
	binary, url string
	home        string
}

// try runs a command and returns what it printed.
func (s spin) try(args ...string) (out string, err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), spinTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.binary, append([]string{"--gate-endpoint", s.url}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+s.home) // not the configuration of whoever runs the tests
	printed, err := cmd.CombinedOutput()
	return string(printed), err
}

// run is try for a command that must succeed.
func (s spin) run(args ...string) string {
	s.t.Helper()
	out, err := s.try(args...)
	if err != nil {
		s.t.Fatalf("spin %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// read is run for a command that prints JSON.
func (s spin) read(into any, args ...string) {
	s.t.Helper()
	out := s.run(args...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		s.t.Fatalf("spin %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// The real spin works as with Spinnaker: applications, pipelines, templates, executions.
func TestSpin(t *testing.T) {
	binary := os.Getenv("SPIN_BIN")
	if binary == "" {
		t.Skip("set SPIN_BIN to Spinnaker's command line, spin")
	}
	agent := startAgent(t, t.TempDir(), nil)
	s := spin{t: t, binary: binary, url: agent.URL, home: t.TempDir()}

	s.run("application", "save", "--application-name", "spun", "--owner-email", "team@example.com", "--cloud-providers", "kubernetes")
	var application struct{ Name, Email, CloudProviders string }
	s.read(&application, "application", "get", "spun")
	if application.Name != "spun" || application.Email != "team@example.com" || application.CloudProviders != "kubernetes" {
		t.Errorf("application get: %+v", application)
	}
	var applications []struct{ Name string }
	if s.read(&applications, "application", "list"); len(applications) != 1 || applications[0].Name != "spun" {
		t.Errorf("application list: %+v", applications)
	}

	id := s.savePipeline()
	s.executions(id)

	var templates []any
	if s.read(&templates, "pipeline-template", "list"); len(templates) != 0 {
		t.Errorf("pipeline-template list: %v", templates)
	}
	if out, err := s.try("canary", "canary-config", "list"); err == nil || !strings.Contains(out, "404 Not Found") {
		t.Errorf("canary-config list: %v\n%s", err, out)
	}

	s.run("pipeline", "delete", "--application", "spun", "--name", "deploy")
	if out, err := s.try("pipeline", "get", "--application", "spun", "--name", "deploy"); err == nil {
		t.Errorf("a deleted pipeline is got:\n%s", out)
	}
	s.run("application", "delete", "spun")
	if s.read(&applications, "application", "list"); len(applications) != 0 {
		t.Errorf("application list after its deletion: %+v", applications)
	}
}

// savePipeline saves a pipeline twice, the second time as an update, and returns its id.
func (s spin) savePipeline() (id string) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "deploy.json")
	const config = `{"application": "spun", "name": "deploy", "x-kept": 1.50, "stages": [{"refId": "1", "type": "manualJudgment", "name": "Go?"}]}`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		s.t.Fatal(err)
	}
	var pipelines []struct{ ID, Name string }
	for range 2 {
		s.run("pipeline", "save", "--file", file)
		pipelines = nil
		if s.read(&pipelines, "pipeline", "list", "--application", "spun"); len(pipelines) != 1 || pipelines[0].Name != "deploy" {
			s.t.Fatalf("pipeline list: %+v", pipelines)
		}
		if id != "" && pipelines[0].ID != id {
			s.t.Errorf("saving again made another pipeline: %s and %s", id, pipelines[0].ID)
		}
		id = pipelines[0].ID
	}
	var pipeline map[string]any
	if s.read(&pipeline, "pipeline", "get", "--application", "spun", "--name", "deploy"); pipeline["x-kept"] != 1.5 {
		s.t.Errorf("pipeline get: %v", pipeline)
	}
	return id
}

// executions starts a pipeline that waits for a judgment, and cancels it.
func (s spin) executions(pipelineID string) {
	s.t.Helper()
	s.run("pipeline", "execute", "--application", "spun", "--name", "deploy", "--parameter", "env=stage")
	type execution struct {
		ID, Status string
		Trigger    struct{ Parameters map[string]any }
	}
	var executions []execution
	if s.read(&executions, "pipeline", "execution", "list", "--pipeline-id", pipelineID); len(executions) != 1 || executions[0].Trigger.Parameters["env"] != "stage" {
		s.t.Fatalf("pipeline execution list: %+v", executions)
	}
	run := executions[0].ID
	s.run("pipeline", "execution", "cancel", run)
	deadline := time.Now().Add(spinTimeout)
	for executions[0].Status != "CANCELED" {
		if time.Now().After(deadline) {
			s.t.Fatalf("the canceled execution is %s", executions[0].Status)
		}
		if s.read(&executions, "pipeline", "execution", "get", run); len(executions) != 1 {
			s.t.Fatalf("pipeline execution get: %+v", executions)
		}
	}
}
