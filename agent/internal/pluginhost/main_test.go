package pluginhost_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/agent/internal/pluginhost"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// agentEnv makes the test binary an agent that gets killed. As a plugin, it is started through a link whose name is the
// role, see plugin_test.go.
const agentEnv = "PLUGINHOST_TEST_AGENT"

// raceEnv configures the race detector; the plugins get it to be spared its pause at the end of a process.
const raceEnv = "GORACE"

func TestMain(m *testing.M) {
	if role, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "plugin-"); ok {
		servePlugin(role)
		return
	}
	if paths := os.Getenv(agentEnv); paths != "" {
		runAgent(strings.Split(paths, ","))
		return
	}
	if err := os.Setenv(raceEnv, "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// plugin makes a plugin of the test binary that plays a role.
func plugin(t testing.TB, role string) pluginhost.Plugin {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plugin-"+role)
	if err := os.Symlink(os.Args[0], path); err != nil {
		t.Fatal(err)
	}
	return pluginhost.Plugin{Name: role, Path: path, Env: []string{raceEnv}}
}

// host is a running Manager.
type host struct {
	*pluginhost.Manager
	services *services
	log      *syncBuffer
	stop     func() // stops and waits
}

// startHost runs plugins with short times until the test ends, and then checks that no process is left over.
func startHost(t testing.TB, config pluginhost.Config) *host {
	t.Helper()
	config.SocketDir = socketDir(t)
	fillDuration(&config.StepGrace, 300*time.Millisecond)
	fillDuration(&config.MinBackoff, 10*time.Millisecond)
	fillDuration(&config.MaxBackoff, 100*time.Millisecond)
	h := &host{services: &services{}, log: &syncBuffer{}}
	h.Manager = pluginhost.New(config, h.services, slog.New(slog.NewTextHandler(h.log, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Manager.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(h.stop)
	select {
	case <-h.Ready():
	case <-time.After(time.Minute):
		t.Fatal("the plugins are not ready")
	}
	return h
}

func fillDuration(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// socketDir is short and must be empty in the end.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "host")
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

// status of the only plugin, or of the named one.
func (h *host) status(name string) pluginhost.PluginStatus {
	for _, s := range h.Status() {
		if s.Name == name {
			return s
		}
	}
	return pluginhost.PluginStatus{}
}

// run runs a step of a type that does what its config says.
func (h *host) run(t *testing.T, stageType, config string) (*stagev1.RunResponse, error) {
	t.Helper()
	return h.RunStep(t.Context(), request(stageType, config))
}

func request(stageType, config string) *stagev1.RunRequest {
	return &stagev1.RunRequest{
		Application: "shop", Pipeline: "deploy", ExecutionId: "E1", StageId: "S1", RefId: "2", Type: stageType, Name: "Do it",
		Attempt: 1, Step: 3, User: "anna", ConfigJson: config,
	}
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
	state := processState(pid)
	return state == "" || state == "Z" || state == "X"
}

// processState is the letter of proc_pid_stat(5); empty when there is no such process.
func processState(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return after[:1]
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// services records what steps ask, and answers it.
type services struct {
	mu          sync.Mutex
	calls       []pluginhost.Call
	checkpoints []string
	logs        []pluginhost.LogLine
	blob        []byte

	// artifact is the body of every artifact.
	artifact func() io.ReadCloser
	// startErr is the answer to StartBuild.
	startErr error
	// checkpointed, when not nil, is told of every checkpoint.
	checkpointed chan string
}

func (s *services) record(call pluginhost.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

func (s *services) Checkpoint(_ context.Context, call pluginhost.Call, state []byte) error {
	s.record(call)
	s.mu.Lock()
	s.checkpoints = append(s.checkpoints, string(state))
	s.mu.Unlock()
	if s.checkpointed != nil {
		s.checkpointed <- string(state)
	}
	return nil
}

func (s *services) Log(_ context.Context, call pluginhost.Call, lines []pluginhost.LogLine) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, lines...)
	return nil
}

func (s *services) logLines() []pluginhost.LogLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]pluginhost.LogLine(nil), s.logs...)
}

func (s *services) OpenArtifact(context.Context, pluginhost.Call, *stagev1.Artifact) (io.ReadCloser, error) {
	return s.artifact(), nil
}

func (s *services) ReadBlob(_ context.Context, _ pluginhost.Call, blob *stagev1.Blob) (io.ReadCloser, error) {
	if blob.GetSha256() != "known" {
		return nil, pluginhost.NotFound(errors.New("no such blob"))
	}
	return io.NopCloser(bytes.NewReader(s.blob)), nil
}

func (s *services) WriteBlob(_ context.Context, _ pluginhost.Call, mediaType string, body io.Reader) (*stagev1.Blob, error) {
	content, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("store the blob: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blob = content
	return &stagev1.Blob{Sha256: "known", Size: int64(len(content)), MediaType: mediaType}, nil
}

func (s *services) Evaluate(_ context.Context, _ pluginhost.Call, in *stagev1.EvaluateRequest) (*stagev1.EvaluateResponse, error) {
	return &stagev1.EvaluateResponse{
		DocumentJson: strings.ReplaceAll(in.GetDocumentJson(), "${x}", "evaluated"), Warnings: []string{"w"},
		SummaryJson: `{"s":1}`,
	}, nil
}

func (s *services) Account(_ context.Context, call pluginhost.Call, name string) (*stagev1.GetAccountResponse, error) {
	s.record(call)
	return &stagev1.GetAccountResponse{Name: name, Type: "kubernetes", SettingsJson: `{"token":"t"}`}, nil
}

func (s *services) ResolveImage(_ context.Context, _ pluginhost.Call, reference string) (*stagev1.ResolveImageResponse, error) {
	return &stagev1.ResolveImageResponse{Known: true, Found: true, Digest: "sha256:" + reference}, nil
}

func (s *services) StartBuild(_ context.Context, _ pluginhost.Call, in *stagev1.StartBuildRequest) (*stagev1.StartBuildResponse, error) {
	return &stagev1.StartBuildResponse{QueueItem: 5}, s.startErr
}

func (s *services) FindBuild(_ context.Context, _ pluginhost.Call, in *stagev1.FindBuildRequest) (*stagev1.FindBuildResponse, error) {
	return &stagev1.FindBuildResponse{State: stagev1.FindBuildResponse_STATE_STARTED, Number: in.GetQueueItem() + 1}, nil
}

func (s *services) GetBuild(_ context.Context, _ pluginhost.Call, in *stagev1.GetBuildRequest) (*stagev1.GetBuildResponse, error) {
	return &stagev1.GetBuildResponse{Result: "SUCCESS", InfoJson: fmt.Sprintf(`{"number":%d}`, in.GetNumber())}, nil
}

func (s *services) StopBuild(context.Context, pluginhost.Call, *stagev1.StopBuildRequest) error {
	return nil
}

func (s *services) BuildProperties(context.Context, pluginhost.Call, *stagev1.GetBuildPropertiesRequest) (
	*stagev1.GetBuildPropertiesResponse, error) {
	return &stagev1.GetBuildPropertiesResponse{
		State: stagev1.GetBuildPropertiesResponse_STATE_FOUND, PropertiesJson: `{"a":"b"}`,
	}, nil
}

// runAgent runs plugins and prints their process ids once all are running.
func runAgent(paths []string) {
	config := pluginhost.Config{SocketDir: os.Getenv("SOCKET_DIR")}
	for i, path := range paths {
		config.Plugins = append(config.Plugins, pluginhost.Plugin{Name: fmt.Sprint("p", i), Path: path})
	}
	m := pluginhost.New(config, &services{}, slog.New(slog.DiscardHandler))
	go func() {
		<-m.Ready()
		for _, s := range m.Status() {
			fmt.Println(s.PID)
		}
	}()
	if err := m.Run(context.Background()); err != nil {
		panic(err)
	}
}
