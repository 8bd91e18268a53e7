package world

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a process may take to end before it is killed.
const stopTimeout = 20 * time.Second

// child is a process that ends with the world: in a group of its own, so that Ctrl-C reaches its starter alone, and told
// to end by its standard input, which closes even when its starter is killed, and by a signal.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *os.File
	ended  chan struct{}
	err    error
}

func startChild(cmd *exec.Cmd) (*child, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	if err := in.Close(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, stdin: stdin, stdout: out, ended: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// stop asks the process to end, and kills it when it does not.
func (c *child) stop() error {
	defer c.stdout.Close()
	select {
	case <-c.ended:
		return fmt.Errorf("%s ended by itself: %w", c.name(), c.err)
	default:
	}
	stdinErr := c.stdin.Close()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.ended:
		return stdinErr
	case <-time.After(stopTimeout):
		err := c.cmd.Process.Kill()
		<-c.ended
		return errors.Join(fmt.Errorf("%s did not end within %v and was killed", c.name(), stopTimeout), err)
	}
}

// kill ends the process as a crash would.
func (c *child) kill() error {
	defer c.stdout.Close()
	err := errors.Join(c.cmd.Process.Kill(), c.stdin.Close())
	<-c.ended
	return err
}

func (c *child) name() string { return filepath.Base(c.cmd.Path) }

// lastLines is the end of a log.
func lastLines(path string) string {
	const most = 20
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
