package wire_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

func launcher(t *testing.T) *wire.Launcher {
	l := wire.NewLauncher()
	t.Cleanup(l.Close)
	return l
}

// start starts the test binary as a plugin in the given role; what it prints is recorded.
func start(t *testing.T, role string) (*wire.Process, *lines) {
	t.Helper()
	printed := &lines{}
	process, err := launcher(t).Start(t.Context(), wire.Command{
		Path: os.Args[0], Env: []string{roleEnv + "=" + role}, SocketDir: socketDir(t), Output: printed.add,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	return process, printed
}

// socketDir is short, because a socket's path is limited to 108 bytes, and must be empty in the end.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Errorf("sockets are left over: %v", err)
		}
	})
	return dir
}

type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

func TestPluginGetsNoEnvironmentButWhatIsNamed(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
	process, _ := start(t, "serve")
	info, err := process.Stage.GetInfo(t.Context(), &stagev1.GetInfoRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if env := info.GetVersion(); strings.Contains(env, "s3cret") || strings.Contains(env, "PATH=") ||
		!strings.Contains(env, roleEnv+"=serve") {
		t.Errorf("the plugin's environment is\n%s", env)
	}
}

type images struct {
	stagev1.UnimplementedHostServer
}

func (images) ResolveImage(_ context.Context, in *stagev1.ResolveImageRequest) (*stagev1.ResolveImageResponse, error) {
	return &stagev1.ResolveImageResponse{Digest: "sha256:" + in.GetReference()}, nil
}

func TestPluginCallsTheAgent(t *testing.T) {
	process, _ := start(t, "serve")
	id := process.ServeHost(images{})
	if _, err := process.Stage.Configure(t.Context(), &stagev1.ConfigureRequest{HostService: id}); err != nil {
		t.Fatal(err)
	}
	out, err := process.Stage.Run(t.Context(), &stagev1.RunRequest{Type: "host", Name: "nginx"})
	if err != nil || out.GetMessage() != "sha256:nginx" {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestMessagesAreBoundedBothWays(t *testing.T) {
	process, _ := start(t, "serve")
	const large, tooLarge = wire.MaxMessage - 100, wire.MaxMessage + 1
	answer := func(size int) error {
		_, err := process.Stage.Run(t.Context(), &stagev1.RunRequest{Name: fmt.Sprint(size)})
		return err
	}
	ask := func(size int) error {
		_, err := process.Stage.Run(t.Context(), &stagev1.RunRequest{Name: "0", State: make([]byte, size)})
		return err
	}
	for name, call := range map[string]func(int) error{"answer": answer, "request": ask} {
		if err := call(large); err != nil {
			t.Errorf("%s of %d bytes: %v", name, large, err)
		}
		if err := call(tooLarge); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("%s of %d bytes: %v", name, tooLarge, err)
		}
	}
}

func TestOutputReachesTheAgent(t *testing.T) {
	process, printed := start(t, "serve")
	if _, err := process.Stage.GetInfo(t.Context(), &stagev1.GetInfoRequest{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the printed line", func() bool { return printed.String() == "printed while serving" })
}

func TestStartErrors(t *testing.T) {
	script := func(text string) string {
		path := t.TempDir() + "/plugin"
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plainFile := t.TempDir() + "/file"
	if err := os.WriteFile(plainFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		command wire.Command
		want    string // regular expression after the path
	}{
		{"missing file", wire.Command{Path: "/no/such/plugin"}, `: start: fork/exec .*: no such file or directory`},
		{"not executable", wire.Command{Path: plainFile}, `: start: fork/exec .*: permission denied`},
		{"prints first", wire.Command{Path: os.Args[0], Env: []string{roleEnv + "=prints first"}},
			`: it printed "hello, world" to its standard output before serving; a plugin must print nothing there before it serves`},
		{"exits", wire.Command{Path: os.Args[0], Env: []string{roleEnv + "=exits"}},
			`: it ended or closed its standard output before it served \(exit status 3\); standard error began with "no license"`},
		{"never serves", wire.Command{Path: os.Args[0], Env: []string{roleEnv + "=never serves"}, StartTimeout: 300 * time.Millisecond},
			`: it did not serve in time and was killed`},
		{"other transport", wire.Command{Path: os.Args[0], Env: []string{roleEnv + "=other transport"}},
			`: it speaks version 2 of the plugin transport, this agent version 1; install a plugin built for this agent`},
		{"wrong digest", wire.Command{Path: os.Args[0], Env: []string{roleEnv + "=serve"}, SHA256: strings.Repeat("0a", 32)},
			`: the executable's digest is not the configured sha256 (0a){32}; .*`},
		{"bad digest", wire.Command{Path: os.Args[0], SHA256: "abc"}, `: the configured sha256 "abc" is not a SHA-256 in hex`},
		{"digest of a missing file", wire.Command{Path: "/no/such/plugin", SHA256: strings.Repeat("0a", 32)},
			`: read the executable for its digest: .*no such file or directory`},
		{"closed output", wire.Command{Path: script("#!/bin/sh\nexec >&-\nsleep 600\n"), StartTimeout: 5 * time.Second},
			`: it ended or closed its standard output before it served .*`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.command.SocketDir = socketDir(t)
			_, err := launcher(t).Start(t.Context(), test.command)
			if err == nil {
				t.Fatal("started")
			}
			want := "^" + regexp.QuoteMeta(test.command.Path) + test.want + "$"
			if !regexp.MustCompile(want).MatchString(err.Error()) {
				t.Errorf("error\n%v\ndoes not match\n%s", err, want)
			}
		})
	}
}

func TestStartWithTheRightDigest(t *testing.T) {
	file, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		t.Fatal(err)
	}
	l := launcher(t)
	for range 2 { // a second start needs a new hash
		process, err := l.Start(t.Context(), wire.Command{
			Path: os.Args[0], Env: []string{roleEnv + "=serve"}, SHA256: fmt.Sprintf("%x", hash.Sum(nil)), SocketDir: socketDir(t),
		})
		if err != nil {
			t.Fatal(err)
		}
		process.Kill()
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	for name, delay := range map[string]time.Duration{"ended before": 0, "ends soon": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), delay)
			defer cancel()
			began := time.Now()
			_, err := launcher(t).Start(ctx, wire.Command{
				Path: os.Args[0], Env: []string{roleEnv + "=never serves"}, SocketDir: socketDir(t),
			})
			if err == nil || !strings.HasSuffix(err.Error(), "it did not serve in time and was killed") {
				t.Errorf("got %v", err)
			}
			if d := time.Since(began); d > 10*time.Second {
				t.Errorf("it took %s", d)
			}
		})
	}
}

func TestStartOfWhoGaveUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := launcher(t).Start(ctx, wire.Command{Path: os.Args[0], Env: []string{roleEnv + "=serve"}, SocketDir: socketDir(t)})
	if err == nil || !strings.HasSuffix(err.Error(), "context canceled") {
		t.Errorf("got %v", err)
	}
}

func TestEndOfAProcessIsNoticedThoughItsChildHoldsTheOutput(t *testing.T) {
	process, printed := start(t, "has a child")
	child := readPIDs(t, bufio.NewReader(strings.NewReader(printed.String()+"\n")), "child")[0]
	if err := syscall.Kill(process.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-process.Exited():
	case <-time.After(time.Minute):
		t.Fatal("the end was not noticed")
	}
	if process.ExitReason() != "signal: killed" {
		t.Errorf("reason %q", process.ExitReason())
	}
	eventually(t, "the child is gone too", func() bool { return gone(child) })
}

func TestKillAndStopEndTheWholeGroup(t *testing.T) {
	for name, end := range map[string]func(*wire.Process){
		"kill": (*wire.Process).Kill,
		"stop": func(p *wire.Process) {
			if err := p.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			process, printed := start(t, "has a child")
			child := readPIDs(t, bufio.NewReader(strings.NewReader(printed.String()+"\n")), "child")[0]
			end(process)
			if !gone(process.PID()) {
				t.Error("the plugin lives")
			}
			eventually(t, "the child is gone", func() bool { return gone(child) })
		})
	}
}

// slowImages answers for "slow" when it is told to.
type slowImages struct {
	stagev1.UnimplementedHostServer
	asked  chan string
	answer chan struct{}
}

func (s slowImages) ResolveImage(_ context.Context, in *stagev1.ResolveImageRequest) (*stagev1.ResolveImageResponse, error) {
	s.asked <- in.GetReference()
	if in.GetReference() == "slow" {
		<-s.answer
	}
	return &stagev1.ResolveImageResponse{Digest: "sha256:" + in.GetReference()}, nil
}

func TestStopWaitsForTheAnswersOfRunningCalls(t *testing.T) {
	process, _ := start(t, "serve")
	images := slowImages{asked: make(chan string, 2), answer: make(chan struct{})}
	if _, err := process.Stage.Configure(t.Context(), &stagev1.ConfigureRequest{HostService: process.ServeHost(images)}); err != nil {
		t.Fatal(err)
	}
	answered, stopped := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := process.Stage.Run(context.Background(), &stagev1.RunRequest{Type: "host", Name: "slow"})
		answered <- err
	}()
	<-images.asked
	go func() { stopped <- process.Stop(context.Background()) }()
	if got := <-images.asked; got != "shutdown" {
		t.Fatalf("asked for %q", got)
	}
	// New calls are refused as soon as the answer to Shutdown is there.
	eventually(t, "no call is let in", func() bool {
		_, err := process.Stage.GetInfo(t.Context(), &stagev1.GetInfoRequest{})
		return status.Code(err) == codes.Unavailable
	})
	close(images.answer)
	if err := <-answered; err != nil {
		t.Errorf("the call was cut: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestStopDoesNotWaitForever(t *testing.T) {
	process, _ := start(t, "serve")
	images := slowImages{asked: make(chan string, 2), answer: make(chan struct{})}
	if _, err := process.Stage.Configure(t.Context(), &stagev1.ConfigureRequest{HostService: process.ServeHost(images)}); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := process.Stage.Run(context.Background(), &stagev1.RunRequest{Type: "host", Name: "slow"})
		answered <- err
	}()
	<-images.asked
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- process.Stop(ctx) }()
	if err := <-answered; err == nil {
		t.Error("the call was answered")
	}
	close(images.answer)
	if err := <-stopped; err == nil {
		t.Error("no error")
	}
}

func TestPluginAndItsChildrenEndWhenTheAgentIsKilled(t *testing.T) {
	sockets := socketDir(t)
	agent := exec.Command(os.Args[0])
	agent.Env = append(os.Environ(), roleEnv+"=agent", "SOCKET_DIR="+sockets)
	agent.Stderr = os.Stderr
	stdout, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	pids := readPIDs(t, bufio.NewReader(stdout), "plugin", "child")
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := agent.Wait(); err == nil {
		t.Error("the agent ended by itself")
	}
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return gone(pid) })
	}
	eventually(t, "the sockets are gone", func() bool {
		entries, err := os.ReadDir(sockets)
		return err == nil && len(entries) == 0
	})
}

func TestPluginEndsWithItsLifelineOrASignal(t *testing.T) {
	for name, end := range map[string]func(plugin *os.Process, lifeline *os.File) error{
		"end of the lifeline": func(_ *os.Process, lifeline *os.File) error { return lifeline.Close() },
		"signal":              func(plugin *os.Process, _ *os.File) error { return plugin.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			// A directory inside, because the plugin removes its own.
			sockets, err := os.MkdirTemp(socketDir(t), "s")
			if err != nil {
				t.Fatal(err)
			}
			lifeline, agentEnd, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer agentEnd.Close()
			plugin := exec.Command(os.Args[0])
			plugin.Env = []string{roleEnv + "=serve", wire.CookieKey + "=" + wire.CookieValue, wire.LifelineEnv + "=3",
				"PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR=" + sockets}
			plugin.ExtraFiles = []*os.File{lifeline}
			stdout, err := plugin.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := plugin.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(lifeline.Close(), end(plugin.Process, agentEnd)); err != nil {
				t.Fatal(err)
			}
			if err := plugin.Wait(); err == nil {
				t.Error("it ended without a failure, as if it had been asked to")
			}
		})
	}
}

func TestServeExplainsItselfToPeople(t *testing.T) {
	plugin := exec.Command(os.Args[0])
	plugin.Env = []string{roleEnv + "=serve"}
	out, err := plugin.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is a stage plugin of Gennaker") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestChooseVersion(t *testing.T) {
	tests := []struct {
		offered []string
		want    string
		wantErr string
	}{
		{[]string{"stage.v1"}, "stage.v1", ""},
		{[]string{"stage.v2", "stage.v1"}, "stage.v1", ""},
		{[]string{"stage.v2", "stage.v3"}, "", "no common version of the stage contract: the plugin speaks stage.v2, " +
			"stage.v3, this agent speaks stage.v1; install a plugin built for this agent"},
		{nil, "", "no common version of the stage contract: the plugin speaks none, this agent speaks stage.v1; " +
			"install a plugin built for this agent"},
	}
	for _, test := range tests {
		got, err := wire.ChooseVersion(test.offered)
		if got != test.want || (err == nil) != (test.wantErr == "") || (err != nil && err.Error() != test.wantErr) {
			t.Errorf("%v: got %q, %v", test.offered, got, err)
		}
	}
}
