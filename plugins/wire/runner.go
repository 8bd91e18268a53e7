package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// pipeGrace is how long the output of an ended process may still come: a process that left its group may hold the
	// pipes open for ever.
	pipeGrace = time.Second
	// lifelineFD is the number of the first of exec.Cmd's ExtraFiles.
	lifelineFD = 3
	// maxFirstLine is how much of the first line on standard output is kept for an error message.
	maxFirstLine = 200
)

// processRunner is the process behind a go-plugin client. It differs from go-plugin's own in starting from the
// launcher's thread, in noticing the end of the process although others hold its pipes, and in ending the whole group.
type processRunner struct {
	launcher       *Launcher
	cmd            *exec.Cmd
	stdout, stderr *pipe
	lifeline       *pipe

	mu     sync.Mutex
	doomed bool          // it is to end, even if it has yet to start
	alive  bool          // the group's number is still the process' own
	exited chan struct{} // closed when the process has ended
	closed chan struct{} // closed when its pipes are closed too
	reason string        // set before exited is closed
}

func newProcessRunner(l *Launcher, path string, command Command) (*processRunner, error) {
	r := &processRunner{launcher: l, exited: make(chan struct{}), closed: make(chan struct{})}
	for _, p := range []**pipe{&r.stdout, &r.stderr, &r.lifeline} {
		var err error
		if *p, err = newPipe(); err != nil {
			return nil, errors.Join(err, r.closePipes())
		}
	}
	r.cmd = &exec.Cmd{
		Path:        path,
		Args:        append([]string{path}, command.Args...),
		Env:         append(slices.Clone(command.Env), fmt.Sprintf("%s=%d", LifelineEnv, lifelineFD)),
		Stdout:      r.stdout.write,
		Stderr:      r.stderr.write,
		ExtraFiles:  []*os.File{r.lifeline.read},
		SysProcAttr: processAttributes(),
	}
	return r, nil
}

// Start starts the process. Its end is noticed by a goroutine of the runner, which Wait waits for.
func (r *processRunner) Start(context.Context) error {
	var err error
	r.launcher.do(func() { err = r.cmd.Start() })
	if err != nil {
		close(r.exited)
		close(r.closed)
		return errors.Join(err, r.closePipes())
	}
	r.mu.Lock()
	r.alive = true
	doomed := r.doomed
	r.mu.Unlock()
	if doomed {
		r.killGroup()
	}
	go r.wait()
	// The process has its own copies of these ends.
	return errors.Join(r.stdout.write.Close(), r.stderr.write.Close(), r.lifeline.read.Close())
}

func (r *processRunner) wait() {
	defer close(r.closed)
	r.reason = "exit status 0"
	if err := reap(r.cmd, r.killRemains); err != nil {
		r.reason = err.Error()
	}
	close(r.exited)

	grace, cancel := context.WithTimeout(context.Background(), pipeGrace)
	defer cancel()
	for _, p := range []*pipe{r.stdout, r.stderr} {
		select {
		case <-p.ended:
		case <-grace.Done():
		}
	}
	// Nothing was written to any of them from this side: an error of closing would tell nothing.
	_ = r.closePipes()
}

// killGroup ends the process and everything in its group. It may be called at any time, also before the start, and again.
func (r *processRunner) killGroup() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doomed = true
	if r.alive {
		// ESRCH is the only possible error: the group is gone.
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// killRemains ends what the process left behind in its group, for the last time.
func (r *processRunner) killRemains() {
	r.killGroup()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.alive = false
}

func (r *processRunner) closePipes() error {
	var errs []error
	for _, p := range []*pipe{r.stdout, r.stderr, r.lifeline} {
		if p != nil {
			errs = append(errs, p.close())
		}
	}
	return errors.Join(errs...)
}

// Kill implements go-plugin's runner.
func (r *processRunner) Kill(context.Context) error {
	r.killGroup()
	return nil
}

// Wait returns when the process has ended and its output is read.
func (r *processRunner) Wait(context.Context) error {
	<-r.closed
	return nil
}

// ID is never empty: go-plugin cleans up only after a runner that has one.
func (r *processRunner) ID() string {
	if r.cmd.Process == nil {
		return r.cmd.Path
	}
	return fmt.Sprint(r.cmd.Process.Pid)
}

func (r *processRunner) Name() string                                     { return r.cmd.Path }
func (r *processRunner) Stdout() io.ReadCloser                            { return r.stdout }
func (r *processRunner) Stderr() io.ReadCloser                            { return r.stderr }
func (r *processRunner) Diagnose(context.Context) string                  { return "" }
func (r *processRunner) PluginToHost(n, a string) (string, string, error) { return n, a, nil }
func (r *processRunner) HostToPlugin(n, a string) (string, string, error) { return n, a, nil }

// startError says why the plugin does not serve.
func (r *processRunner) startError(ctx context.Context, err error) error {
	path := r.cmd.Path
	first := r.stdout.firstLine()
	fields := strings.Split(first, "|")
	switch {
	case r.cmd.Process == nil:
		return fmt.Errorf("%s: start: %w", path, err)
	case first != "" && len(fields) < 4:
		return fmt.Errorf("%s: it printed %q to its standard output before serving; a plugin must print nothing there "+
			"before it serves", path, first)
	case len(fields) >= 4 && fields[1] != fmt.Sprint(ProtocolVersion):
		return fmt.Errorf("%s: it speaks version %s of the plugin transport, this agent version %d; install a plugin "+
			"built for this agent", path, fields[1], ProtocolVersion)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s: it did not serve in time and was killed", path)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: start: %w", path, ctx.Err())
	case first == "":
		return fmt.Errorf("%s: it ended or closed its standard output before it served (%s); standard error began with %q",
			path, r.reason, r.stderr.firstLine())
	}
	return fmt.Errorf("%s: connect: %w", path, err)
}

// pipe is an operating system pipe. Its reading side is read by one goroutine.
type pipe struct {
	read, write *os.File
	ended       chan struct{} // closed when a read has failed
	once        sync.Once

	mu    sync.Mutex
	first []byte
}

func newPipe() (*pipe, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &pipe{read: read, write: write, ended: make(chan struct{})}, nil
}

func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.read.Read(b)
	p.keep(b[:n])
	if err != nil {
		p.once.Do(func() { close(p.ended) })
		return n, io.EOF
	}
	return n, nil
}

// keep remembers the beginning of what was read.
func (p *pipe) keep(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first = append(p.first, b[:min(len(b), maxFirstLine-len(p.first))]...)
}

func (p *pipe) firstLine() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	line, _, _ := bytes.Cut(p.first, []byte("\n"))
	return strings.TrimSpace(string(line))
}

// Close implements io.ReadCloser.
func (p *pipe) Close() error { return p.read.Close() }

// close closes what is still open.
func (p *pipe) close() error {
	var errs []error
	for _, file := range []*os.File{p.read, p.write} {
		if err := file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
