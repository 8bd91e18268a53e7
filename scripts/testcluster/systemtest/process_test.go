package systemtest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gennaker/gennaker/scripts/testcluster/serving"
)

const (
	startTimeout = 90 * time.Second // four seconds on an idle machine
	waitTimeout  = 60 * time.Second // for what takes the stand-in a second
)

// binary finds what build.sh built.
func binary(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "../build.sh", "--find", name).Output()
	if err != nil {
		t.Fatalf("%s is not built: run scripts/testcluster/build.sh %s (%v)", name, name, err)
	}
	return strings.TrimSpace(string(out))
}

// process is a running server.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	dir    string
	ready  chan string   // the READY line
	exited chan struct{} // closed when the process has ended
	stderr bytes.Buffer  // complete when exited is closed
}

// launch starts a server with its state in dir, and kills it when the test ends.
func launch(t *testing.T, name, dir string, flags ...string) *process {
	t.Helper()
	p := &process{dir: dir, ready: make(chan string, 1), exited: make(chan struct{})}
	p.cmd = exec.Command(binary(t, name), append([]string{"serve", "--stdin-eof", "--dir", dir}, flags...)...)
	p.cmd.Stderr = &p.stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		if lines := bufio.NewScanner(stdout); lines.Scan() {
			p.ready <- lines.Text()
		}
		_, _ = io.Copy(io.Discard, stdout)
		_ = p.cmd.Wait() // tests look at the process state
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.exited
}

// waitReady waits for the READY line and returns the endpoints.
func (p *process) waitReady(t *testing.T) serving.Endpoints {
	t.Helper()
	select {
	case line := <-p.ready:
		if !strings.HasPrefix(line, "READY ") {
			t.Fatalf("the server said %q, want READY", line)
		}
	case <-p.exited:
		t.Fatalf("the server ended: %s\n%s", p.cmd.ProcessState, p.stderr.String())
	case <-time.After(startTimeout):
		t.Fatalf("the server was not ready after %s", startTimeout)
	}
	at, err := serving.ReadEndpoints(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// tempDir is a folder with a short name that the test removes at its end.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "testcluster")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// cluster is a testcluster that is ready.
type cluster struct {
	*process
	at     serving.Endpoints
	config *rest.Config
	client kubernetes.Interface
}

func connect(t *testing.T, p *process) *cluster {
	t.Helper()
	c := &cluster{process: p, at: p.waitReady(t)}
	var err error
	if c.config, err = clientcmd.BuildConfigFromFlags("", c.at.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	c.config.QPS = -1
	if c.client, err = kubernetes.NewForConfig(c.config); err != nil {
		t.Fatal(err)
	}
	return c
}

// run calls a command of the binary and returns what it printed.
func (c *cluster) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.try(t, args...)
	if err != nil {
		t.Fatalf("testcluster %q: %v", args, err)
	}
	return out
}

// try is run for a command that may fail.
func (c *cluster) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.cmd.Path, append(args, "--dir", c.dir)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// eventually polls until check has nothing to complain about.
func eventually(t *testing.T, check func(context.Context) (complaint string)) {
	t.Helper()
	var last string
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, waitTimeout, true,
		func(ctx context.Context) (bool, error) {
			now := check(ctx)
			if ctx.Err() == nil {
				last = now
			}
			return now == "", nil
		})
	if err != nil {
		t.Fatalf("%v: %s", err, last)
	}
}
