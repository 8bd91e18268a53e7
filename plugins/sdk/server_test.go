package sdk_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gennaker/gennaker/plugins/plugintest"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage runs a function.
type stage struct {
	info sdk.Info
	run  func(ctx context.Context, req *sdk.Request) (*sdk.Response, error)
}

func (s stage) Info() sdk.Info { return s.info }
func (s stage) Validate(config sdk.Config) []sdk.FieldError {
	if config["panic"] != nil {
		panic("in validate")
	}
	return []sdk.FieldError{{Path: "x", Message: "is odd", Warning: true}}
}

func (s stage) Run(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	return s.run(ctx, req)
}

// stopper can also cancel and plan.
type stopper struct{ stage }

func (s stopper) Cancel(_ context.Context, req *sdk.Request) (*sdk.Response, error) {
	return &sdk.Response{Status: sdk.Canceled, Message: req.CanceledBy + ": " + req.CancelReason}, nil
}

func (s stopper) Plan(_ context.Context, req *sdk.Request) (*sdk.Plan, error) {
	if req.Config["broken"] != nil {
		return nil, errors.New("cannot plan that")
	}
	return &sdk.Plan{Message: "one change", Changes: []sdk.PlannedChange{
		{Action: sdk.ActionUpdate, Target: "deployment shipit", Diff: "-a\n+b\n"},
	}}, nil
}

func succeed(context.Context, *sdk.Request) (*sdk.Response, error) {
	return &sdk.Response{Status: sdk.Succeeded}, nil
}

func start(t *testing.T, stages ...sdk.Stage) (*plugintest.Plugin, *plugintest.Host) {
	t.Helper()
	host := &plugintest.Host{}
	return plugintest.Start(t, sdk.Plugin{Name: "demo", Version: "1", Stages: stages}, host), host
}

func TestPanicFailsTheStageAndNothingElse(t *testing.T) {
	plugin, host := start(t,
		stage{info: sdk.Info{Type: "bad"}, run: func(_ context.Context, req *sdk.Request) (*sdk.Response, error) {
			return &sdk.Response{Message: req.Artifacts[0].Name}, nil
		}},
		stage{info: sdk.Info{Type: "good"}, run: succeed})
	step, err := plugin.Run(t.Context(), sdk.Request{Type: "bad", Name: "Bad one"})
	if err != nil {
		t.Fatal(err)
	}
	const want = `stage "Bad one" (bad): panic: runtime error: index out of range [0] with length 0. This is a bug of the plugin; where it ` +
		`happened is in the stage's log.`
	if step.Status != sdk.Terminal || step.Class != plugintest.Failed || step.Message != want {
		t.Errorf("got %+v", step)
	}
	logs := host.Logs()
	if len(logs) != 1 || logs[0].Level != "error" || !strings.Contains(logs[0].Text, "server_test.go") {
		t.Errorf("the log does not say where: %v", logs)
	}
	if step, err := plugin.Run(t.Context(), sdk.Request{Type: "good"}); err != nil || step.Status != sdk.Succeeded {
		t.Errorf("after the panic: %+v, %v", step, err)
	}
}

func TestPanicInValidate(t *testing.T) {
	plugin, _ := start(t, stage{info: sdk.Info{Type: "bad"}})
	_, err := plugin.Validate(t.Context(), "bad", sdk.Config{"panic": true})
	if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), `stage type "bad": validate: panic: in validate`) {
		t.Errorf("got %v", err)
	}
	found, err := plugin.Validate(t.Context(), "bad", nil)
	if err != nil || len(found) != 1 || found[0] != (sdk.FieldError{Path: "x", Message: "is odd", Warning: true}) {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestStepEndsAfterItsTime(t *testing.T) {
	plugin, _ := start(t, stage{
		info: sdk.Info{Type: "slow", MaxStep: 30 * time.Millisecond},
		run: func(ctx context.Context, _ *sdk.Request) (*sdk.Response, error) {
			<-ctx.Done()
			return nil, errors.New("list pods: interrupted")
		},
	})
	_, err := plugin.Run(t.Context(), sdk.Request{Name: "Slow"})
	const want = `stage "Slow" (slow): the step did not end within its 30ms: list pods: interrupted`
	if status.Code(err) != codes.DeadlineExceeded || status.Convert(err).Message() != want {
		t.Errorf("got %v", err)
	}
}

func TestResponseThatBreaksTheContractFailsTheStage(t *testing.T) {
	tests := []struct {
		name string
		resp *sdk.Response
		want string
	}{
		{"state", &sdk.Response{Status: sdk.Running, State: make([]byte, wire.MaxState+1)},
			"its state of 65537 bytes is over the limit of 65536; put large things into a blob"},
		{"size", &sdk.Response{Status: sdk.Succeeded, Outputs: map[string]any{"x": strings.Repeat("x", wire.MaxMessage)}},
			"is over the limit of 8388608; put large things into a blob"},
		{"status", &sdk.Response{Status: "DONE"}, `unknown status "DONE"`},
		{"no status", &sdk.Response{}, `unknown status ""`},
		{"task", &sdk.Response{Status: sdk.Running, Tasks: []sdk.Task{{Status: "X"}}}, `tasks[0]: unknown status "X"`},
		{"position", &sdk.Response{Status: sdk.Running, Insert: []sdk.InsertedStage{{}}}, `insert[0]: unknown position ""`},
		{"outputs", &sdk.Response{Status: sdk.Running, Outputs: map[string]any{"f": func() {}}},
			"outputs: json: unsupported type: func()"},
		{"metadata", &sdk.Response{Status: sdk.Running, Artifacts: []sdk.Artifact{{Metadata: map[string]any{"c": make(chan int)}}}},
			"artifacts[0]: metadata: json: unsupported type: chan int"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plugin, _ := start(t, stage{info: sdk.Info{Type: "demo"},
				run: func(context.Context, *sdk.Request) (*sdk.Response, error) { return test.resp, nil }})
			step, err := plugin.Run(t.Context(), sdk.Request{State: []byte("old")})
			if err != nil {
				t.Fatal(err)
			}
			if step.Status != sdk.Terminal || !strings.Contains(step.Message, test.want) ||
				!strings.HasPrefix(step.Message, `stage "demo" (demo) broke the plugin contract: `) {
				t.Errorf("got %s %q", step.Status, step.Message)
			}
			if string(step.State) != "old" {
				t.Errorf("the state is lost: %q", step.State)
			}
		})
	}
}

func TestNeitherResponseNorError(t *testing.T) {
	plugin, _ := start(t, stopper{stage{info: sdk.Info{Type: "demo"},
		run: func(context.Context, *sdk.Request) (*sdk.Response, error) { return nil, nil }}})
	step, err := plugin.Run(t.Context(), sdk.Request{})
	if err != nil || step.Status != sdk.Terminal || step.Message != "the stage returned neither a response nor an error" {
		t.Errorf("got %+v, %v", step, err)
	}
}

func TestCancel(t *testing.T) {
	plugin, _ := start(t, stage{info: sdk.Info{Type: "plain"}}, stopper{stage{info: sdk.Info{Type: "stopper"}}})
	req := sdk.Request{CancelReason: "too late", CanceledBy: "anna"}
	for stageType, want := range map[string]string{"plain": "", "stopper": "anna: too late"} {
		req.Type = stageType
		step, err := plugin.Cancel(t.Context(), req)
		if err != nil || step.Status != sdk.Canceled || step.Message != want {
			t.Errorf("%s: got %+v, %v", stageType, step, err)
		}
	}
}

func TestPlan(t *testing.T) {
	plugin, _ := start(t, stage{info: sdk.Info{Type: "plain"}}, stopper{stage{info: sdk.Info{Type: "planner"}}})
	if _, err := plugin.Plan(t.Context(), sdk.Request{Type: "plain"}); status.Code(err) != codes.Unimplemented {
		t.Errorf("plain: %v", err)
	}
	if _, err := plugin.Plan(t.Context(), sdk.Request{Type: "planner", Config: sdk.Config{"broken": true}}); err == nil ||
		status.Convert(err).Message() != "cannot plan that" {
		t.Errorf("broken: %v", err)
	}
	plan, err := plugin.Plan(t.Context(), sdk.Request{Type: "planner"})
	if err != nil {
		t.Fatal(err)
	}
	want := sdk.PlannedChange{Action: sdk.ActionUpdate, Target: "deployment shipit", Diff: "-a\n+b\n"}
	if plan.Message != "one change" || len(plan.Changes) != 1 || plan.Changes[0] != want {
		t.Errorf("got %+v", plan)
	}
}

func TestShutdownWaitsForRunningStepsAndRefusesNewOnes(t *testing.T) {
	running, finish := make(chan struct{}), make(chan struct{})
	plugin, _ := start(t, stage{info: sdk.Info{Type: "demo"},
		run: func(context.Context, *sdk.Request) (*sdk.Response, error) {
			close(running)
			<-finish
			return &sdk.Response{Status: sdk.Succeeded}, nil
		}})
	stepped, stopped := make(chan error, 1), make(chan error, 1)
	go func() {
		step, err := plugin.Run(t.Context(), sdk.Request{})
		if err == nil && step.Status != sdk.Succeeded {
			err = errors.New(step.Message)
		}
		stepped <- err
	}()
	<-running
	hasty, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := plugin.Client.Shutdown(hasty, &stagev1.ShutdownRequest{}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("shutdown with a running step: %v", err)
	}
	go func() {
		_, err := plugin.Client.Shutdown(t.Context(), &stagev1.ShutdownRequest{})
		stopped <- err
	}()
	if _, err := plugin.Run(t.Context(), sdk.Request{}); status.Code(err) != codes.Unavailable ||
		status.Convert(err).Message() != `plugin "demo" is shutting down` {
		t.Errorf("a new step: %v", err)
	}
	close(finish)
	for _, result := range []chan error{stepped, stopped} {
		if err := <-result; err != nil {
			t.Error(err)
		}
	}
}

func TestInfo(t *testing.T) {
	plugin, _ := start(t,
		stopper{stage{info: sdk.Info{Type: "a", Aliases: []string{"b"}, Description: "d", ConfigSchema: "{}", OutputsSchema: "true",
			MaxStep: time.Minute, Timeout: time.Hour, AccountFields: []string{"account"}, OwnExpressions: []string{"manifest"}}}},
		stage{info: sdk.Info{Type: "c"}, run: succeed})
	info := plugin.Info()
	if info.GetName() != "demo" || info.GetVersion() != "1" || strings.Join(info.GetApiVersions(), " ") != "stage.v1" ||
		strings.Join(info.GetCapabilities(), " ") != "plan cancel" {
		t.Errorf("got %v", info)
	}
	a, c := info.GetStageTypes()[0], info.GetStageTypes()[1]
	if a.GetType() != "a" || a.GetAliases()[0] != "b" || a.GetDescription() != "d" || a.GetConfigSchema() != "{}" ||
		a.GetOutputsSchema() != "true" || a.GetMaxStep().AsDuration() != time.Minute || a.GetTimeout().AsDuration() != time.Hour ||
		a.GetAccountFields()[0] != "account" || a.GetOwnExpressions()[0] != "manifest" {
		t.Errorf("got %v", a)
	}
	if c.GetMaxStep().AsDuration() != sdk.DefaultMaxStep || c.GetTimeout() != nil {
		t.Errorf("got %v", c)
	}
	if step, err := plugin.Run(t.Context(), sdk.Request{Type: "c"}); err != nil || step.Status != sdk.Succeeded {
		t.Errorf("got %v, %v", step, err)
	}
}

func TestPluginsThatCannotBeServed(t *testing.T) {
	a := stage{info: sdk.Info{Type: "a"}}
	tests := []struct {
		name   string
		plugin sdk.Plugin
		want   string
	}{
		{"nameless", sdk.Plugin{Stages: []sdk.Stage{a}}, "a plugin needs a name and at least one stage"},
		{"empty", sdk.Plugin{Name: "p"}, "a plugin needs a name and at least one stage"},
		{"twice", sdk.Plugin{Name: "p", Stages: []sdk.Stage{a, stage{info: sdk.Info{Type: "b", Aliases: []string{"a"}}}}},
			`plugin "p": two stages of type "a"`},
		{"typeless", sdk.Plugin{Name: "p", Stages: []sdk.Stage{stage{}}}, `plugin "p": a sdk_test.stage without a type, or with an empty alias`},
	}
	for _, test := range tests {
		if _, err := sdk.NewServer(test.plugin, nil); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}

func TestConfigure(t *testing.T) {
	var got sdk.Config
	plugin := sdk.Plugin{Name: "demo", Stages: []sdk.Stage{stage{info: sdk.Info{Type: "demo"}, run: succeed}},
		Configure: func(_ context.Context, config sdk.Config) error {
			got = config
			if config["bad"] != nil {
				return errors.New("bad is not known")
			}
			return nil
		}}
	running := plugintest.Start(t, plugin, &plugintest.Host{}, sdk.Config{"master": "ci"})
	if got["master"] != "ci" {
		t.Errorf("got %v", got)
	}
	for in, want := range map[*stagev1.ConfigureRequest]string{
		{ApiVersion: "stage.v1", ConfigJson: `{"bad":1}`}: `plugin "demo": configuration: bad is not known`,
		{ApiVersion: "stage.v1", ConfigJson: `[]`}:        `plugin "demo": config_json: json: cannot unmarshal array into Go value of type map[string]interface {}`,
		{ApiVersion: "stage.v2"}:                          `plugin "demo" does not speak "stage.v2"`,
	} {
		if _, err := running.Client.Configure(t.Context(), in); err == nil || status.Convert(err).Message() != want {
			t.Errorf("%v: got %v", in, err)
		}
	}
}

func TestRequestsThatCannotBeRead(t *testing.T) {
	plugin, _ := start(t, stage{info: sdk.Info{Type: "demo"}, run: succeed})
	for name, in := range map[string]*stagev1.RunRequest{
		"config_json":                   {ConfigJson: "{"},
		"ancestor_outputs_json":         {AncestorOutputsJson: "[]"},
		"trigger_json":                  {TriggerJson: "{} {}"},
		"artifacts: [0]: metadata_json": {Artifacts: []*stagev1.Artifact{{MetadataJson: "x"}}},
		"resolved_expected_artifacts[0].bound_artifact: metadata_json": {ResolvedExpectedArtifacts: []*stagev1.ExpectedArtifact{
			{BoundArtifact: &stagev1.Artifact{MetadataJson: "x"}}}},
	} {
		in.Type = "demo"
		_, err := plugin.Client.Run(t.Context(), in)
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestLogIsBounded(t *testing.T) {
	_, host := runOnce(t, func(_ context.Context, req *sdk.Request) (*sdk.Response, error) {
		req.Host.Log(slog.LevelInfo, strings.Repeat("x", 100_000)+"\xff")
		for range 5000 {
			req.Host.Log(slog.LevelDebug, "flood")
		}
		return &sdk.Response{Status: sdk.Succeeded}, nil
	})
	logs := host.Logs()
	if len(logs) > 1100 || len(logs[0].Text) > 17_000 {
		t.Errorf("%d lines, the first of %d bytes", len(logs), len(logs[0].Text))
	}
	if last := logs[len(logs)-1]; last.Level != "warn" || !strings.Contains(last.Text, "log lines were dropped by the plugin") {
		t.Errorf("the last line is %v", last)
	}
}

func TestHostIsDeadWhenTheStepHasEnded(t *testing.T) {
	var host *sdk.Host
	runOnce(t, func(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
		host = req.Host
		return &sdk.Response{Status: sdk.Succeeded}, nil
	})
	host.Log(slog.LevelInfo, "too late") // must not crash
	if err := host.Checkpoint(context.Background(), []byte("x")); err == nil {
		t.Error("a checkpoint after the end")
	}
}

// runOnce runs one step of a stage.
func runOnce(t *testing.T, run func(context.Context, *sdk.Request) (*sdk.Response, error)) (*plugintest.Step, *plugintest.Host) {
	t.Helper()
	host := &plugintest.Host{}
	return plugintest.Run(t, stage{info: sdk.Info{Type: "demo"}, run: run}, sdk.Request{}, host), host
}

func TestErrorsOfTheHost(t *testing.T) {
	host := &plugintest.Host{
		Jenkins:      &plugintest.Jenkins{Jobs: map[string][]string{"ci": {"smoke"}}},
		OnCheckpoint: func([]byte) error { return status.Error(codes.Unavailable, "the store is busy") },
	}
	plugintest.Run(t, stage{info: sdk.Info{Type: "demo"}, run: func(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
		err := req.Host.Checkpoint(ctx, []byte("x"))
		if err == nil || err.Error() != "checkpoint: the store is busy" || !sdk.IsRetryable(err) {
			t.Errorf("checkpoint: %v", err)
		}
		if err := req.Host.Checkpoint(ctx, make([]byte, wire.MaxState+1)); err == nil || sdk.IsRetryable(err) {
			t.Errorf("large checkpoint: %v", err)
		}
		if _, err := req.Host.Account(ctx, "prod"); err == nil || sdk.IsRetryable(err) ||
			err.Error() != `account "prod": the stage does not name this account in one of its account fields` {
			t.Errorf("account: %v", err)
		}
		for code, unknown := range map[codes.Code]bool{
			codes.NotFound: false, codes.FailedPrecondition: false, codes.Aborted: false, codes.PermissionDenied: false,
			codes.Unavailable: true, codes.Unknown: true, codes.DeadlineExceeded: true,
		} {
			host.Jenkins.BeforeStart = func(plugintest.JenkinsBuild) error { return status.Error(code, "no") }
			_, err := req.Host.StartBuild(ctx, "ci", "smoke", nil)
			if err == nil || sdk.OutcomeUnknown(err) != unknown {
				t.Errorf("%s: %v, outcome unknown: %t", code, err, sdk.OutcomeUnknown(err))
			}
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := req.Host.ResolveImage(ended, "nginx"); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
		return &sdk.Response{Status: sdk.Succeeded}, nil
	}}, sdk.Request{Config: sdk.Config{"master": "ci"}}, host)
}
