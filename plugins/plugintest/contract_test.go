package plugintest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/plugins/plugintest"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/wire"
)

// The test binary is also the plugins that the contract is held against: roleEnv says which.
const roleEnv = "PLUGINTEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleEnv)
	switch role {
	case "":
		goleak.VerifyTestMain(m)
		return
	case "prints first":
		fmt.Println("hello")
	case "ignores the agent's end":
		if err := os.Unsetenv(wire.LifelineEnv); err != nil {
			panic(err)
		}
	}
	if bad, ok := badPlugins()[role]; ok {
		serveBad(bad)
		return
	}
	sdk.Serve(goodPlugin())
}

func goodPlugin() sdk.Plugin {
	return sdk.Plugin{Name: "good", Version: "1.0", Stages: []sdk.Stage{stage{
		info: sdk.Info{
			Type: "demo", Aliases: []string{"demo2"}, Description: "Does nothing.",
			ConfigSchema: `{"type": "object", "properties": {"field": {"type": "string"}}, "required": ["field"]}`,
		},
		run: func(_ context.Context, req *sdk.Request) (*sdk.Response, error) {
			if req.Config["field"] == nil {
				return nil, errors.New("field is missing")
			}
			return &sdk.Response{Status: sdk.Succeeded}, nil
		},
	}}}
}

// badServer is a plugin that breaks one rule of the contract.
type badServer struct {
	stagev1.StageServer
	validate func() (*stagev1.ValidateResponse, error)
	run      func(*stagev1.RunRequest) (*stagev1.RunResponse, error)
	cancel   func() (*stagev1.RunResponse, error)
	shutdown func() (*stagev1.ShutdownResponse, error)
	info     func(*stagev1.GetInfoResponse)
}

func serveBad(bad *badServer) {
	wire.Serve(func(dial wire.HostDialer) stagev1.StageServer {
		good, err := sdk.NewServer(goodPlugin(), dial)
		if err != nil {
			panic(err)
		}
		bad.StageServer = good
		return bad
	})
}

func (b *badServer) GetInfo(ctx context.Context, in *stagev1.GetInfoRequest) (*stagev1.GetInfoResponse, error) {
	out, err := b.StageServer.GetInfo(ctx, in)
	if b.info != nil {
		b.info(out)
	}
	return out, err
}

func (b *badServer) Validate(ctx context.Context, in *stagev1.ValidateRequest) (*stagev1.ValidateResponse, error) {
	if b.validate != nil {
		return b.validate()
	}
	return b.StageServer.Validate(ctx, in)
}

func (b *badServer) Run(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	if b.run != nil {
		return b.run(in)
	}
	return b.StageServer.Run(ctx, in)
}

func (b *badServer) Cancel(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	if b.cancel != nil {
		return b.cancel()
	}
	return b.StageServer.Cancel(ctx, in)
}

func (b *badServer) Shutdown(ctx context.Context, in *stagev1.ShutdownRequest) (*stagev1.ShutdownResponse, error) {
	if b.shutdown != nil {
		return b.shutdown()
	}
	return b.StageServer.Shutdown(ctx, in)
}

func badPlugins() map[string]*badServer {
	calls := 0
	return map[string]*badServer{
		"no version":     {info: func(out *stagev1.GetInfoResponse) { out.Version = "" }},
		"no common api":  {info: func(out *stagev1.GetInfoResponse) { out.ApiVersions = []string{"stage.v9"} }},
		"wrong schema":   {info: func(out *stagev1.GetInfoResponse) { out.StageTypes[0].ConfigSchema = `{"type": 17}` }},
		"narrow schema":  {info: func(out *stagev1.GetInfoResponse) { out.StageTypes[0].ConfigSchema = `{"required": ["x"]}` }},
		"alias twice":    {info: func(out *stagev1.GetInfoResponse) { out.StageTypes[0].Aliases = []string{"demo"} }},
		"no description": {info: func(out *stagev1.GetInfoResponse) { out.StageTypes[0].Description = "" }},
		"takes any type": {run: func(*stagev1.RunRequest) (*stagev1.RunResponse, error) {
			return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
		}},
		"crashes in validate": {validate: func() (*stagev1.ValidateResponse, error) { os.Exit(2); return nil, nil }},
		"differs the second time": {run: func(*stagev1.RunRequest) (*stagev1.RunResponse, error) {
			if calls++; calls == 1 {
				return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
			}
			return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SKIPPED}, nil
		}},
		"fails without a word": {run: func(*stagev1.RunRequest) (*stagev1.RunResponse, error) {
			return &stagev1.RunResponse{Status: stagev1.Status_STATUS_TERMINAL}, nil
		}},
		"fails to cancel": {cancel: func() (*stagev1.RunResponse, error) {
			return &stagev1.RunResponse{Status: stagev1.Status_STATUS_TERMINAL}, nil
		}},
		"works after shutdown": {shutdown: func() (*stagev1.ShutdownResponse, error) { return &stagev1.ShutdownResponse{}, nil }},
	}
}

// checkIn runs a check of the contract, or all of it, against a role of this binary: in a process of its own because it
// may fail.
func checkIn(t *testing.T, role, check string) (failed bool, output string) {
	t.Helper()
	run := exec.Command(os.Args[0], "-test.run=^TestContractOfRole$/"+check, "-test.v")
	run.Env = append(os.Environ(), "CONTRACT_OF="+role, raceExit)
	var out bytes.Buffer
	run.Stdout, run.Stderr = &out, &out
	err := run.Run()
	return err != nil, out.String()
}

// raceExit spares the race detector's pause at the end of a process.
const raceExit = "GORACE=atexit_sleep_ms=0"

func TestContractOfRole(t *testing.T) {
	role := os.Getenv("CONTRACT_OF")
	if role == "" {
		t.Skip("only started by the other tests")
	}
	plugintest.Contract{
		Path: os.Args[0], Env: []string{roleEnv + "=" + role, raceExit},
		Requests: []sdk.Request{{Type: "demo", Config: sdk.Config{"field": "x"}}},
	}.Check(t)
}

func TestGoodPluginFulfilsTheContract(t *testing.T) {
	if failed, out := checkIn(t, "good", ""); failed {
		t.Error(out)
	}
}

func TestContractFindsWhatIsWrong(t *testing.T) {
	tests := []struct{ role, check, want string }{
		{"prints first", "starts", `the first line on standard output is "hello\n"`},
		{"ignores the agent's end", "ends", `the plugin still runs 5s after its lifeline's end`},
		{"no version", "describes", `name "good", version "": both must be there`},
		{"no common api", "describes", `no common version of the stage contract`},
		{"wrong schema", "describes", `demo config schema: `},
		{"narrow schema", "describes", `demo: a realistic configuration does not fit the schema`},
		{"alias twice", "describes", `stage type or alias "demo" is empty or there twice`},
		{"no description", "describes", `demo: no description`},
		{"takes any type", "unknown", `Run answered <nil>, expected NotFound`},
		{"crashes in validate", "validates", `demo: Validate(`},
		{"differs the second time", "repeats", `demo: the same step ended SUCCEEDED (: ), then SKIPPED`},
		{"fails without a word", "repeats", `demo: TERMINAL with message "" and class ""`},
		{"fails to cancel", "cancels", `demo: first Cancel of a stage that never answered: TERMINAL`},
		{"works after shutdown", "drains", `Run after Shutdown: <nil>, expected Unavailable`},
	}
	for _, test := range tests {
		t.Run(test.role, func(t *testing.T) {
			t.Parallel()
			failed, out := checkIn(t, test.role, test.check)
			if !failed || !strings.Contains(out, test.want) {
				t.Errorf("failed: %t; expected the output to have %q:\n%s", failed, test.want, out)
			}
		})
	}
}

func TestJenkinsTable(t *testing.T) {
	jenkins := &plugintest.Jenkins{Jobs: map[string][]string{"ci": {"smoke"}}}
	host := &plugintest.Host{Jenkins: jenkins}
	params := map[string]string{"IMAGE": "a"}
	plugintest.Run(t, stage{run: func(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
		before := time.Now()
		item, err := req.Host.StartBuild(ctx, "ci", "smoke", params)
		if err != nil {
			return nil, err
		}
		find := func(q sdk.BuildQuery) sdk.FoundBuild {
			t.Helper()
			q.Master, q.Job = "ci", "smoke"
			found, err := req.Host.FindBuild(ctx, q)
			if err != nil {
				t.Error(err)
			}
			return found
		}
		if found := find(sdk.BuildQuery{QueueItem: item.ID}); found.State != sdk.BuildQueued {
			t.Errorf("queued: %+v", found)
		}
		jenkins.Begin(item.ID, 7)
		if found := find(sdk.BuildQuery{After: before, Parameters: params}); found.State != sdk.BuildStarted || found.Number != 7 {
			t.Errorf("by parameters: %+v", found)
		}
		if found := find(sdk.BuildQuery{After: time.Now().Add(time.Hour), Parameters: params}); found.State != sdk.BuildNotFound {
			t.Errorf("asked for later: %+v", found)
		}
		jenkins.Add(plugintest.JenkinsBuild{Master: "ci", Job: "smoke", Parameters: params, RequestedAt: time.Now()})
		if found := find(sdk.BuildQuery{After: before, Parameters: params}); found.State != sdk.BuildAmbiguous {
			t.Errorf("two: %+v", found)
		}
		if err := req.Host.StopBuild(ctx, "ci", "smoke", 7, 0); err != nil {
			t.Error(err)
		}
		if build, err := req.Host.GetBuild(ctx, "ci", "smoke", 7); err != nil || build.Building || build.Result != "ABORTED" {
			t.Errorf("stopped: %+v, %v", build, err)
		}
		if _, err := req.Host.StartBuild(ctx, "ci", "nope", nil); err == nil || sdk.OutcomeUnknown(err) {
			t.Errorf("unknown job: %v", err)
		}
		return &sdk.Response{Status: sdk.Succeeded}, nil
	}}, sdk.Request{Config: sdk.Config{"master": "ci"}}, host)
}
