package pluginhost_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/wire"
)

// servePlugin is the main function of the test plugins.
func servePlugin(role string) {
	switch role {
	case "prints-first":
		fmt.Println("starting up")
		serveDemo()
	case "crashes-at-start":
		fmt.Fprintln(os.Stderr, "no license")
		os.Exit(1)
	case "other-cookie":
		goplugin.Serve(&goplugin.ServeConfig{
			HandshakeConfig: goplugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "OTHER", MagicCookieValue: "x"},
		})
	case "other-transport":
		goplugin.Serve(&goplugin.ServeConfig{
			HandshakeConfig: goplugin.HandshakeConfig{
				ProtocolVersion: 2, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue},
			Plugins:    goplugin.PluginSet{},
			GRPCServer: func(opts []grpc.ServerOption) *grpc.Server { return grpc.NewServer(opts...) },
		})
	case "future":
		serveRogue(func(out *stagev1.GetInfoResponse) { out.ApiVersions = []string{"stage.v8", "stage.v9"} })
	case "typeless":
		serveRogue(func(out *stagev1.GetInfoResponse) { out.StageTypes = nil })
	case "rogue":
		serveRogue(func(*stagev1.GetInfoResponse) {})
	case "second":
		sdk.Serve(sdk.Plugin{Name: "second", Version: "2", Stages: []sdk.Stage{
			demo{sdk.Info{Type: "demo"}}, demo{sdk.Info{Type: "other", Aliases: []string{"sample"}}},
		}})
	default:
		serveDemo()
	}
}

func serveDemo() {
	sdk.Serve(sdk.Plugin{Name: "demo", Version: "1.2", Stages: []sdk.Stage{
		demo{sdk.Info{
			Type: "demo", Aliases: []string{"sample"}, Description: "d", ConfigSchema: "{}", MaxStep: 10 * time.Second,
			Timeout: time.Hour, AccountFields: []string{"account", "targets.account"}, OwnExpressions: []string{"text"},
		}},
		demo{sdk.Info{Type: "short", MaxStep: 100 * time.Millisecond}},
	}, Configure: func(_ context.Context, config sdk.Config) error {
		if config["refuse"] != nil {
			return errors.New("this configuration is refused")
		}
		return nil
	}})
}

// demo does what its config's field `do` says.
type demo struct{ info sdk.Info }

func (d demo) Info() sdk.Info { return d.info }

func (d demo) Validate(config sdk.Config) []sdk.FieldError {
	if config["do"] == "hang" {
		select {}
	}
	return []sdk.FieldError{{Path: "do", Message: "is what it is", Warning: true}}
}

func (d demo) Plan(_ context.Context, req *sdk.Request) (*sdk.Plan, error) {
	return &sdk.Plan{Message: req.Name}, nil
}

func (d demo) Run(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	done := &sdk.Response{Status: sdk.Succeeded, Message: req.Type}
	// A name that stands here is not one that the stage names: it is only part of a text.
	do, name, _ := strings.Cut(fmt.Sprint(req.Config["do"]), ": ")
	switch do {
	case "checkpoint and hang":
		if err := req.Host.Checkpoint(ctx, []byte("intent")); err != nil {
			return nil, err
		}
		select {}
	case "checkpoint and wait":
		if err := req.Host.Checkpoint(ctx, []byte("intent")); err != nil {
			return nil, err
		}
		<-ctx.Done()
		return nil, ctx.Err()
	case "checkpoint and finish":
		if err := req.Host.Checkpoint(ctx, []byte("intent")); err != nil {
			return nil, err
		}
		time.Sleep(300 * time.Millisecond) // the work of the step
		return done, nil
	case "hang":
		select {}
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "panic":
		panic("at the disco")
	case "exit":
		os.Exit(7)
	case "spawn":
		child := exec.Command("/bin/sleep", "600")
		if err := child.Start(); err != nil {
			return nil, err
		}
		done.Message = fmt.Sprint(child.Process.Pid)
	case "flood the log":
		for i := range 200_000 {
			req.Host.Log(slog.LevelInfo, fmt.Sprint("line ", i))
		}
	case "flood the output":
		for range 100_000 {
			fmt.Println("all work and no play")
			fmt.Fprintln(os.Stderr, "makes jack a dull boy")
		}
	case "environment":
		done.Message = strings.Join(os.Environ(), "\n")
	case "answer 9 MiB":
		done.Outputs = map[string]any{"x": strings.Repeat("x", 9<<20)}
	case "ask everything":
		return done, askEverything(ctx, req)
	case "account":
		_, err := req.Host.Account(ctx, name)
		return done, err
	case "artifact":
		body, err := req.Host.OpenArtifact(ctx, sdk.Artifact{ArtifactAccount: name})
		if err != nil {
			return nil, err
		}
		size, err := io.Copy(io.Discard, body)
		done.Message = fmt.Sprint(size)
		return done, errors.Join(err, body.Close())
	case "blob":
		blob, err := req.Host.WriteBlob(ctx, "text/plain", io.LimitReader(zeros{}, 3<<20))
		done.Artifacts = []sdk.Artifact{{Blob: &blob}}
		return done, err
	case "build":
		_, err := req.Host.StartBuild(ctx, name, "job", nil)
		if err != nil {
			return nil, fmt.Errorf("retryable %t, unknown %t: %w", sdk.IsRetryable(err), sdk.OutcomeUnknown(err), err)
		}
	}
	return done, nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// askEverything asks the agent each question once and compares the answer.
func askEverything(ctx context.Context, req *sdk.Request) error {
	h := req.Host
	evaluation, err := h.Evaluate(ctx, map[string]any{"text": "${x}"})
	if err != nil || evaluation.Document.(map[string]any)["text"] != "evaluated" || evaluation.Warnings[0] != "w" ||
		len(evaluation.Summary) != 1 {
		return fmt.Errorf("evaluate: %+v, %w", evaluation, err)
	}
	account, err := h.Account(ctx, "prod")
	if err != nil || account.Type != "kubernetes" || account.Settings["token"] != "t" {
		return fmt.Errorf("account: %+v, %w", account, err)
	}
	image, err := h.ResolveImage(ctx, "nginx")
	if err != nil || image != (sdk.Image{Known: true, Found: true, Digest: "sha256:nginx"}) {
		return fmt.Errorf("image: %+v, %w", image, err)
	}
	item, err := h.StartBuild(ctx, "ci", "job", map[string]string{"a": "b"})
	if err != nil || item.ID != 5 {
		return fmt.Errorf("start: %+v, %w", item, err)
	}
	found, err := h.FindBuild(ctx, sdk.BuildQuery{Master: "ci", Job: "job", QueueItem: item.ID})
	if err != nil || found.Number != 6 {
		return fmt.Errorf("find: %+v, %w", found, err)
	}
	build, err := h.GetBuild(ctx, "ci", "job", found.Number)
	if err != nil || build.Result != "SUCCESS" || fmt.Sprint(build.Info["number"]) != "6" {
		return fmt.Errorf("get: %+v, %w", build, err)
	}
	properties, err := h.BuildProperties(ctx, "ci", "job", 6, "build.properties")
	if err != nil || properties.Properties["a"] != "b" {
		return fmt.Errorf("properties: %+v, %w", properties, err)
	}
	if err := h.StopBuild(ctx, "ci", "job", 6, 0); err != nil {
		return err
	}
	h.Log(slog.LevelWarn, "asked everything")
	return nil
}

// rogue speaks gRPC itself and breaks the rules that the SDK keeps.
type rogue struct {
	stagev1.UnimplementedStageServer
	dial   wire.HostDialer
	change func(*stagev1.GetInfoResponse)
	host   stagev1.HostClient
	// kept is the token of an earlier call.
	kept string
}

func serveRogue(change func(*stagev1.GetInfoResponse)) {
	wire.Serve(func(dial wire.HostDialer) stagev1.StageServer { return &rogue{dial: dial, change: change} })
}

func (r *rogue) GetInfo(context.Context, *stagev1.GetInfoRequest) (*stagev1.GetInfoResponse, error) {
	out := &stagev1.GetInfoResponse{
		Name: "rogue", Version: "1", ApiVersions: []string{"stage.v1"}, StageTypes: []*stagev1.StageType{{Type: "rogue"}},
	}
	r.change(out)
	return out, nil
}

func (r *rogue) Configure(_ context.Context, in *stagev1.ConfigureRequest) (*stagev1.ConfigureResponse, error) {
	conn, err := r.dial(in.GetHostService())
	if err != nil {
		return nil, err
	}
	r.host = stagev1.NewHostClient(conn)
	return &stagev1.ConfigureResponse{}, nil
}

func (r *rogue) Run(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	ok := &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}
	background := context.Background()
	switch in.GetConfigJson() {
	case `{"do":"9 MiB"}`:
		ok.OutputsJson = `{"x":"` + strings.Repeat("x", 9<<20) + `"}`
	case `{"do":"no status"}`:
		return &stagev1.RunResponse{}, nil
	case `{"do":"large state"}`:
		ok.State = make([]byte, wire.MaxState+1)
	case `{"do":"bad outputs"}`:
		ok.OutputsJson = "[1]"
	case `{"do":"keep the token"}`:
		r.kept = in.GetCall()
	case `{"do":"use the kept token"}`:
		_, err := r.host.Checkpoint(ctx, &stagev1.CheckpointRequest{Call: r.kept, State: []byte("x")})
		ok.Message = fmt.Sprint(err)
	case `{"do":"large checkpoint"}`:
		_, err := r.host.Checkpoint(ctx, &stagev1.CheckpointRequest{Call: in.GetCall(), State: make([]byte, wire.MaxState+1)})
		ok.Message = fmt.Sprint(err)
	case `{"do":"leave streams open"}`:
		if _, err := r.host.OpenArtifact(background, &stagev1.OpenArtifactRequest{Call: in.GetCall()}); err != nil {
			return nil, err
		}
		upload, err := r.host.WriteBlob(background)
		if err != nil {
			return nil, err
		}
		if err := upload.Send(&stagev1.WriteBlobRequest{Call: in.GetCall(), Data: []byte("x")}); err != nil {
			return nil, err
		}
		// The answer to this one shows that the agent works on the others.
		_, err = r.host.Checkpoint(ctx, &stagev1.CheckpointRequest{Call: in.GetCall()})
		return ok, err
	case `{"do":"flood the log"}`:
		line := &stagev1.LogLine{Level: "error", Text: "\x1b[31m" + strings.Repeat("x", 20_000)}
		for range 200 {
			if _, err := r.host.Log(ctx, &stagev1.LogRequest{Call: in.GetCall(), Lines: []*stagev1.LogLine{line, line, line}}); err != nil {
				return nil, err
			}
		}
	case `{"do":"unknown error"}`:
		return nil, errors.New("computer says no")
	}
	return ok, nil
}
