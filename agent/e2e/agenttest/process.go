// Package agenttest runs the agent's executable for tests.
package agenttest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// startTimeout is how long an agent may take until it serves, stopTimeout until it has ended: bounds for hangs.
	startTimeout = 2 * time.Minute
	stopTimeout  = 2 * time.Minute
	// logLines is how many lines Log returns.
	logLines = 60
)

// Agent is the executable's package.
const Agent = "github.com/gennaker/gennaker/agent/cmd/gennaker"

// Build compiles a command of the project into a file.
func Build(target, pkg string) error {
	if out, err := exec.Command("go", "build", "-o", target, pkg).CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// Options say how an agent runs.
type Options struct {
	// Program is the executable, Config the configuration file.
	Program, Config string
	// Folder is where it runs, and where its log is kept: gennaker.log, to which each process appends.
	Folder string
	// Env is added to this process's environment.
	Env []string
}

// Process is a running `gennaker serve`. Stop or Kill has to be called.
type Process struct {
	// URL is where its API is.
	URL string

	cmd     *exec.Cmd
	logFile string
	ended   chan struct{}
	err     error // how it ended
}

// Start starts an agent and returns when it serves.
func Start(o Options) (*Process, error) {
	p := &Process{cmd: exec.Command(o.Program, "serve", "--config", o.Config), logFile: filepath.Join(o.Folder, "gennaker.log"),
		ended: make(chan struct{})}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	address := make(firstLine, 1)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = o.Folder, address, log, append(os.Environ(), o.Env...)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	select {
	case p.URL = <-address:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("the agent ended before it served: %w\n%s", p.err, p.Log())
	case <-time.After(startTimeout):
		return nil, errors.Join(fmt.Errorf("the agent did not serve within %v\n%s", startTimeout, p.Log()), p.Kill())
	}
}

// firstLine receives the first line written to it; the rest is dropped. The agent writes a line at a time.
type firstLine chan string

func (l firstLine) Write(p []byte) (int, error) {
	select {
	case l <- string(bytes.TrimSpace(p)):
	default:
	}
	return len(p), nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends the agent a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Stop asks the agent to end and waits for that; it is an error when it has not ended in good order.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("the agent did not end within %v and was killed\n%s", stopTimeout, p.Log()), p.Kill())
	}
	if p.err != nil {
		return fmt.Errorf("the agent ended: %w\n%s", p.err, p.Log())
	}
	return nil
}

// Kill ends the agent as a crash does.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return nil
}

// Log is the end of what this agent, and those before it in the folder, have logged.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}
