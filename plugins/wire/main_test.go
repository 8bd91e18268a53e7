package wire_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

// The test binary is also the plugin, and the agent that gets killed: roleEnv says which.
const roleEnv = "WIRE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); role {
	case "":
		goleak.VerifyTestMain(m)
	case "agent":
		runAgent()
	default:
		runPlugin(role)
	}
}

// runPlugin serves the Stage service after doing what the role says.
func runPlugin(role string) {
	switch role {
	case "prints first":
		fmt.Println("hello, world")
	case "exits":
		fmt.Fprintln(os.Stderr, "no license")
		os.Exit(3)
	case "never serves":
		select {}
	case "other transport":
		fmt.Println("1|2|unix|/tmp/none|grpc|")
		select {}
	case "has a child":
		child := exec.Command("/bin/sleep", "600")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, "child", child.Process.Pid)
	}
	wire.Serve(func(dial wire.HostDialer) stagev1.StageServer { return &service{dial: dial} })
}

// service answers what the tests ask.
type service struct {
	stagev1.UnimplementedStageServer
	dial wire.HostDialer
	host stagev1.HostClient
}

func (s *service) GetInfo(context.Context, *stagev1.GetInfoRequest) (*stagev1.GetInfoResponse, error) {
	fmt.Println("printed while serving")
	return &stagev1.GetInfoResponse{Name: "test", Version: strings.Join(os.Environ(), "\n")}, nil
}

func (s *service) Configure(_ context.Context, in *stagev1.ConfigureRequest) (*stagev1.ConfigureResponse, error) {
	conn, err := s.dial(in.GetHostService())
	if err != nil {
		return nil, err
	}
	s.host = stagev1.NewHostClient(conn)
	return &stagev1.ConfigureResponse{}, nil
}

func (s *service) Run(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	if in.GetType() == "host" {
		out, err := s.host.ResolveImage(ctx, &stagev1.ResolveImageRequest{Reference: in.GetName()})
		return &stagev1.RunResponse{Message: out.GetDigest()}, err
	}
	size, err := strconv.Atoi(in.GetName())
	return &stagev1.RunResponse{Message: strings.Repeat("x", size)}, err
}

// Shutdown does not wait for running calls: its answer overtakes theirs.
func (s *service) Shutdown(ctx context.Context, _ *stagev1.ShutdownRequest) (*stagev1.ShutdownResponse, error) {
	if s.host == nil {
		return &stagev1.ShutdownResponse{}, nil
	}
	_, err := s.host.ResolveImage(ctx, &stagev1.ResolveImageRequest{Reference: "shutdown"})
	return &stagev1.ShutdownResponse{}, err
}

// runAgent starts a plugin with a child, prints their process ids and socket directory, and waits to be killed.
func runAgent() {
	lines := make(chan string, 10)
	launcher := wire.NewLauncher()
	process, err := launcher.Start(context.Background(), wire.Command{
		Path: os.Args[0], Env: []string{roleEnv + "=has a child"}, SocketDir: os.Getenv("SOCKET_DIR"),
		Output: func(line string) { lines <- line },
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("plugin", process.PID())
	fmt.Println(<-lines)
	select {}
}

// eventually waits for a condition that has no event to wait for.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// gone reports whether a process has ended, though perhaps not been reaped by whoever inherited it.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return os.IsNotExist(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X")
}

// readPIDs reads lines of a name and a process id.
func readPIDs(t *testing.T, r *bufio.Reader, names ...string) []int {
	t.Helper()
	var pids []int
	for _, name := range names {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, name+" ")))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		pids = append(pids, pid)
	}
	return pids
}
