package plugintest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gennaker/gennaker/plugins/wire"
)

// exitTimeout is how long a plugin may take to end once the agent is gone.
const exitTimeout = 5 * time.Second

// byHand is an executable that was started without go-plugin's help, to see what it does by itself.
type byHand struct {
	cmd      *exec.Cmd
	lifeline *os.File
	// line is the first line of its standard output.
	line string
	// ended is closed when the process has ended.
	ended chan struct{}
}

func (c Contract) startByHand(t *testing.T) *byHand {
	t.Helper()
	sockets, err := os.MkdirTemp("", "plugintest")
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(c.Path)
	cmd.Env = append(append([]string(nil), c.Env...), wire.CookieKey+"="+wire.CookieValue, wire.LifelineEnv+"=3",
		fmt.Sprintf("PLUGIN_PROTOCOL_VERSIONS=%d", wire.ProtocolVersion), "PLUGIN_UNIX_SOCKET_DIR="+sockets)
	cmd.ExtraFiles = []*os.File{read}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &byHand{cmd: cmd, lifeline: write, ended: make(chan struct{})}
	t.Cleanup(func() {
		// What these say is of no interest: most often that the process has ended and the pipe is closed already.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = write.Close()
		<-b.ended
		_ = os.RemoveAll(sockets)
	})
	b.line, err = bufio.NewReader(stdout).ReadString('\n')
	go func() {
		defer close(b.ended)
		_ = cmd.Wait() // how it ended is up to the plugin
	}()
	if err := errors.Join(err, read.Close()); err != nil {
		t.Fatalf("read the handshake from standard output: %v, after %q", err, b.line)
	}
	return b
}

func (c Contract) checkHandshake(t *testing.T) {
	plugin := c.startByHand(t)
	fields := strings.Split(strings.TrimSpace(plugin.line), "|")
	if len(fields) < 5 || fields[0] != "1" || fields[1] != fmt.Sprint(wire.ProtocolVersion) || fields[2] != "unix" ||
		fields[4] != "grpc" {
		t.Errorf("the first line on standard output is %q, expected 1|%d|unix|<path>|grpc", plugin.line, wire.ProtocolVersion)
	}
	if err := plugin.lifeline.Close(); err != nil {
		t.Fatal(err)
	}
	plugin.awaitEnd(t)
}

func (c Contract) checkLifeline(t *testing.T) {
	plugin := c.startByHand(t)
	select {
	case <-plugin.ended:
		t.Fatal("the plugin ended by itself")
	default:
	}
	if err := plugin.lifeline.Close(); err != nil {
		t.Fatal(err)
	}
	plugin.awaitEnd(t)
	if err := syscall.Kill(-plugin.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("processes of its group are left: %v", err)
	}
}

func (b *byHand) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-b.ended:
	case <-time.After(exitTimeout):
		t.Fatalf("the plugin still runs %s after its lifeline's end", exitTimeout)
	}
}
