package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout is how long an agent may take until it serves, stopTimeout until it has ended.
	startTimeout = 2 * time.Minute
	stopTimeout  = 2 * time.Minute
)

// module is the project's import path.
const module = "github.com/gennaker/gennaker"

// programs is the folder with the built programs. TestMain sets it.
var programs string

// build compiles commands of the project into a folder.
func build(folder string, packages ...string) error {
	args := []string{"build", "-o", folder + string(filepath.Separator)}
	for _, name := range packages {
		args = append(args, module+"/"+name)
	}
	cmd := exec.Command("go", args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// Agent is a running `gennaker serve`.
type Agent struct {
	// URL is where its API is.
	URL string
	// Folder holds its configuration, store and log.
	Folder string

	cmd   *exec.Cmd
	ended chan error
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
	log, err := os.OpenFile(filepath.Join(folder, "gennaker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	a := &Agent{Folder: folder, cmd: exec.Command(filepath.Join(programs, "gennaker"), "serve", "--config", file), ended: make(chan error, 1)}
	a.cmd.Dir, a.cmd.Stderr, a.cmd.Env = folder, log, append(os.Environ(), env...)
	stdout, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			select {
			case address <- lines.Text():
			default:
			}
		}
		a.ended <- a.cmd.Wait()
	}()
	t.Cleanup(func() { a.stop(t) })
	select {
	case a.URL = <-address:
	case err := <-a.ended:
		a.ended <- err
		t.Fatalf("the agent ended before it served: %v\n%s", err, a.log())
	case <-time.After(startTimeout):
		t.Fatalf("the agent did not serve within %v\n%s", startTimeout, a.log())
	}
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

// stop asks the agent to end, and fails the test when it does not, or not in good order.
func (a *Agent) stop(t testing.TB) {
	if a.killed {
		return
	}
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("stop the agent: %v", err)
	}
	select {
	case err := <-a.ended:
		if err != nil {
			t.Errorf("the agent ended: %v\n%s", err, a.log())
		}
	case <-time.After(stopTimeout):
		t.Errorf("the agent did not end within %v and is killed\n%s", stopTimeout, a.log())
		if err := a.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		<-a.ended
	}
	if t.Failed() {
		t.Logf("log of the agent:\n%s", a.log())
	}
}

// kill ends the agent as a crash would.
func (a *Agent) kill(t testing.TB) {
	t.Helper()
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-a.ended
	a.killed = true
}

// log is the end of what the agent has logged.
func (a *Agent) log() string {
	const most = 40
	text, err := os.ReadFile(filepath.Join(a.Folder, "gennaker.log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
