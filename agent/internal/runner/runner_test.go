package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// plugins is a plugin host whose plugins are functions.
type plugins struct {
	mu    sync.Mutex
	types map[string]runner.StageType
	run   func(context.Context, *stagev1.RunRequest) (*stagev1.RunResponse, error)
	stop  func(context.Context, *stagev1.RunRequest) (*stagev1.RunResponse, error)
}

func (p *plugins) Lookup(stageType string) (runner.StageType, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, ok := p.types[stageType]
	t.Type = stageType
	return t, ok
}

func (p *plugins) provide(t runner.StageType) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.types[t.Type] = t
}

func (p *plugins) Types() []string { return []string{"work"} }

func (p *plugins) Run(ctx context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	return p.run(ctx, request)
}

func (p *plugins) Cancel(ctx context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	if p.stop == nil {
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_CANCELED}, nil
	}
	return p.stop(ctx, request)
}

// succeed is what a plugin answers that has done its work.
func succeed(context.Context, *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
}

// bench is an agent's runner on a store of its own.
type bench struct {
	t      testing.TB
	store  store.Store
	runner *runner.Runner
	stop   func()
}

func openStore(t testing.TB) store.Store {
	t.Helper()
	return sqlitetest.Open(t)
}

// start runs a new incarnation of an agent on a store until stop is called or the test ends.
func start(t testing.TB, s store.Store, p *plugins, change ...func(*runner.Options)) *bench {
	t.Helper()
	if p.types == nil {
		p.types = map[string]runner.StageType{"work": {}}
	}
	options := testOptions(t, s, p)
	for _, f := range change {
		f(&options)
	}
	r, err := runner.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, store: s, runner: r, stop: func() {}}
	if options.Poll < 0 {
		return b // a runner that does not run: turns are only those of user operations
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

// testOptions are those of an agent with the agent's own stages, and others.
func testOptions(t testing.TB, s store.Store, p runner.Plugins, others ...stage.Definition) runner.Options {
	t.Helper()
	webhooks, err := stage.Webhooks(config.Webhook{AllowedHosts: []string{"127.0.0.1"}, MaxResponseBytes: 1 << 20}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stages, err := stage.NewSet(append(append(others, webhooks...), stage.Wait(), stage.ManualJudgment(nil), stage.CheckPreconditions(),
		stage.EvaluateVariables(), stage.Pipeline(), stage.MonitorPipeline(), stage.FindArtifacts(), stage.EvaluateArtifacts())...)
	if err != nil {
		t.Fatal(err)
	}
	return runner.Options{
		Store: s, Plugins: p, Stages: stages, NewID: func() string { return ulid.Make().String() },
		Log:       slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Decisions: spel.New(spel.Config{}), Expressions: spel.New(spel.Config{}),
		Incarnation: store.Incarnation{ID: ulid.Make().String(), Host: "test", PID: 1}, Exclusive: true,
		Drain: time.Second,
	}
}

func pipeline(t testing.TB, text string) spinnaker.Pipeline {
	t.Helper()
	var p spinnaker.Pipeline
	if err := p.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return p
}

// launch starts a pipeline and returns the execution's id.
func (b *bench) launch(p spinnaker.Pipeline, trigger spinnaker.Trigger) string {
	b.t.Helper()
	return b.begin(runner.Start{Pipeline: p, Trigger: trigger})
}

// launchAlone starts a pipeline with its first steps.
func (b *bench) launchAlone(p spinnaker.Pipeline) string {
	b.t.Helper()
	return b.begin(runner.Start{Pipeline: p, Alone: true})
}

func (b *bench) begin(start runner.Start) (id string) {
	b.t.Helper()
	err := b.store.Update(context.Background(), func(tx store.Tx) (err error) {
		id, _, err = b.runner.Start(tx, start)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bench) execution(id string) *engine.Execution {
	b.t.Helper()
	var ex *engine.Execution
	err := b.store.View(context.Background(), func(r store.Reader) (err error) {
		ex, err = r.Execution(id)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return ex
}

// until waits for an execution to be as the condition wants it.
func (b *bench) until(id, what string, condition func(*engine.Execution) bool) *engine.Execution {
	b.t.Helper()
	deadline := time.After(time.Minute)
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		ex := b.execution(id)
		if condition(ex) {
			return ex
		}
		select {
		case <-ticker.C:
		case <-deadline:
			shown, _ := json.MarshalIndent(ex, "", " ")
			b.t.Fatalf("execution %s is not %s after a minute:\n%s", id, what, shown)
		}
	}
}

// eventually waits for a condition.
func (b *bench) eventually(what string, condition func() bool) {
	b.t.Helper()
	deadline := time.After(time.Minute)
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			b.t.Fatalf("the runner is not %s after a minute", what)
		}
	}
}

func (b *bench) ended(id string) *engine.Execution {
	b.t.Helper()
	return b.until(id, "over", func(ex *engine.Execution) bool { return ex.Status.Complete() })
}

// statuses shows an execution in one line.
func statuses(ex *engine.Execution) string {
	parts := []string{string(ex.Status)}
	for _, s := range ex.Stages {
		parts = append(parts, fmt.Sprintf("%s=%s", s.RefID, s.Status))
	}
	return strings.Join(parts, " ")
}

func expect(t testing.TB, what, found, expected string) {
	t.Helper()
	if found != expected {
		t.Errorf("%s: found %q, expected %q", what, found, expected)
	}
}

func stageOf(ex *engine.Execution, ref string) *spinnaker.Stage {
	for _, s := range ex.Stages {
		if s.RefID == ref {
			return s
		}
	}
	return nil
}
