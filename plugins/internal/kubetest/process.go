package kubetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 90 * time.Second // four seconds on an idle machine
	pollEvery    = 50 * time.Millisecond
	logTail      = 4 << 10 // bytes of a failed server's log to show
)

// endpoints is the content of endpoints.json (scripts/testcluster/serving).
type endpoints struct {
	PID        int    `json:"pid"`
	APIServer  string `json:"apiserver"`
	Kubeconfig string `json:"kubeconfig"`
	Registry   string `json:"registry"`
	ECR        string `json:"ecr"`
	Admin      string `json:"admin"`
}

func readEndpoints(dir string) (endpoints, error) {
	var e endpoints
	text, err := os.ReadFile(filepath.Join(dir, "endpoints.json"))
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(text, &e)
}

// process is a running testcluster.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer     // open as long as the cluster should run: it ends with this process
	exited chan struct{} // closed when it has ended
}

// launch starts testcluster with its state in dir. It ends with this process,
// however that ends.
func launch(binary, dir string, flags ...string) (*process, error) {
	cmd := exec.Command(binary, append([]string{"serve", "--stdin-eof", "--dir", dir}, flags...)...)
	stderr, err := os.OpenFile(filepath.Join(dir, "stderr.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer stderr.Close() //nolint:errcheck // the child has its own
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start testcluster: %w", err)
	}
	p := &process{cmd: cmd, stdin: stdin, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // who waits for the cluster finds its process gone
	}()
	return p, nil
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.exited
	_ = p.stdin.Close() // closed by Wait already
}

// waitReady waits until the testcluster in dir is usable.
func waitReady(t testing.TB, dir string) endpoints {
	t.Helper()
	at, err := pollReady(dir)
	if err != nil {
		t.Fatalf("kubetest: testcluster in %s: %v\n%s", dir, err, tail(dir))
	}
	return at
}

func pollReady(dir string) (endpoints, error) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	deadline := time.After(startTimeout)
	for {
		at, err := readEndpoints(dir)
		if err == nil {
			if err := syscall.Kill(at.PID, 0); errors.Is(err, syscall.ESRCH) {
				return at, fmt.Errorf("its process %d has ended", at.PID)
			}
			if _, err := os.Stat(at.Kubeconfig); err == nil {
				return at, nil
			}
		}
		select {
		case <-ticker.C:
		case <-deadline:
			return at, fmt.Errorf("not usable after %s", startTimeout)
		}
	}
}

// tail returns the end of what the testcluster in dir has to say.
func tail(dir string) []byte {
	var all []byte
	for _, name := range []string{"testcluster.log", "stderr.log"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			text = []byte(err.Error())
		}
		all = append(all, text[max(0, len(text)-logTail):]...)
	}
	return bytes.TrimSpace(all)
}

// portFlags are the flags with which a cluster comes back at the same places.
func (e endpoints) portFlags() ([]string, error) {
	var flags []string
	for _, at := range []struct{ flag, address string }{
		{"--port", e.APIServer},
		{"--registry-port", "http://" + e.Registry},
		{"--ecr-port", e.ECR},
	} {
		u, err := url.Parse(at.address)
		if err != nil {
			return nil, err
		}
		flags = append(flags, at.flag, u.Port())
	}
	return flags, nil
}
