package plugintest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/wire"
)

// Plugin is a running plugin: everything goes over gRPC.
type Plugin struct {
	// Client is the connection, for calls that the methods do not cover.
	Client stagev1.StageClient

	t     testing.TB
	host  *Host
	info  *stagev1.GetInfoResponse
	calls atomic.Int64
	// config is the plugin's own.
	config sdk.Config
}

// Start serves p in this process and configures it with config. The test's cleanup ends it.
func Start(t testing.TB, p sdk.Plugin, host *Host, config ...sdk.Config) *Plugin {
	t.Helper()
	hostConn := serve(t, func(s *grpc.Server) { stagev1.RegisterHostServer(s, &hostServer{host: host}) })
	server, err := sdk.NewServer(p, func(uint32) (grpc.ClientConnInterface, error) { return hostConn, nil })
	if err != nil {
		t.Fatal(err)
	}
	conn := serve(t, func(s *grpc.Server) { stagev1.RegisterStageServer(s, server) })
	plugin := &Plugin{Client: stagev1.NewStageClient(conn), t: t, host: host}
	plugin.configure(0, config)
	return plugin
}

// Run performs one step of a stage with a host: the shortest way to test a stage of a single step. A plugin error (not
// a failed stage) fails the test.
func Run(t testing.TB, stage sdk.Stage, req sdk.Request, host *Host) *Step {
	t.Helper()
	plugin := Start(t, sdk.Plugin{Name: "under-test", Version: "0", Stages: []sdk.Stage{stage}}, host)
	step, err := plugin.Run(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// serve runs a gRPC server on a connection in memory until the test ends.
func serve(t testing.TB, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(wire.ServerOptions()...)
	register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	options := append(wire.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	conn, err := grpc.NewClient("passthrough:///plugintest", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close the connection: %v", err)
		}
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("gRPC server: %v", err)
		}
	})
	return conn
}

// configure reads the plugin's info and hands over its configuration, as the agent does.
func (p *Plugin) configure(hostService uint32, config []sdk.Config) {
	p.t.Helper()
	info, err := p.Client.GetInfo(p.t.Context(), &stagev1.GetInfoRequest{})
	if err != nil {
		p.t.Fatalf("GetInfo: %v", err)
	}
	p.info = info
	in := &stagev1.ConfigureRequest{HostService: hostService, ApiVersion: wire.StageV1}
	if len(config) > 0 {
		p.config = config[0]
		in.ConfigJson = p.encode(p.config)
	}
	if _, err := p.Client.Configure(p.t.Context(), in); err != nil {
		p.t.Fatalf("Configure: %v", err)
	}
}

// Info is what the plugin said of itself.
func (p *Plugin) Info() *stagev1.GetInfoResponse { return p.info }

// Run performs one step. What the request leaves out is filled in: the only stage type of the plugin, ids, attempt and
// step 1. The error is a plugin that could not be called; a failed stage is no error.
func (p *Plugin) Run(ctx context.Context, req sdk.Request) (*Step, error) {
	return p.step(ctx, req, p.Client.Run)
}

// Cancel cancels a stage.
func (p *Plugin) Cancel(ctx context.Context, req sdk.Request) (*Step, error) {
	return p.step(ctx, req, p.Client.Cancel)
}

// maxSteps is where RunToEnd gives up.
const maxSteps = 1000

// RunToEnd performs steps until the stage is no longer running, each with the state of the last one, without waiting
// in between. Before every step but the first, it calls between (if not nil) with what the last step answered: the
// place to change the world. A plugin error or a stage that never ends fails the test.
func (p *Plugin) RunToEnd(req sdk.Request, between func(*Step)) *Step {
	p.t.Helper()
	req.Step = max(req.Step, 1)
	for range maxSteps {
		step, err := p.Run(p.t.Context(), req)
		if err != nil {
			p.t.Fatalf("step %d: %v", req.Step, err)
		}
		if step.Status != sdk.Running {
			return step
		}
		if between != nil {
			between(step)
		}
		req.State = step.State
		req.Step++
	}
	p.t.Fatalf("the stage is still running after %d steps", maxSteps)
	return nil
}

// Plan asks what Run would change.
func (p *Plugin) Plan(ctx context.Context, req sdk.Request) (*sdk.Plan, error) {
	in, done := p.request(req)
	defer done()
	out, err := p.Client.Plan(ctx, &stagev1.PlanRequest{Run: in})
	if err != nil {
		return nil, err
	}
	return planFromProto(out), nil
}

// Validate checks the configuration of a stage of a type.
func (p *Plugin) Validate(ctx context.Context, stageType string, config sdk.Config) ([]sdk.FieldError, error) {
	out, err := p.Client.Validate(ctx, &stagev1.ValidateRequest{Type: stageType, ConfigJson: p.encode(config)})
	if err != nil {
		return nil, err
	}
	var found []sdk.FieldError
	for _, e := range out.GetErrors() {
		found = append(found, sdk.FieldError{Path: e.GetPath(), Message: e.GetMessage(), Warning: e.GetWarning()})
	}
	return found, nil
}

type rpc func(context.Context, *stagev1.RunRequest, ...grpc.CallOption) (*stagev1.RunResponse, error)

func (p *Plugin) step(ctx context.Context, req sdk.Request, call rpc) (*Step, error) {
	in, done := p.request(req)
	defer done()
	out, err := call(ctx, in)
	if err != nil {
		return nil, err
	}
	return stepFromProto(out)
}

// request converts a request and opens its call at the host until done.
func (p *Plugin) request(req sdk.Request) (in *stagev1.RunRequest, done func()) {
	if req.Type == "" && len(p.info.GetStageTypes()) == 1 {
		req.Type = p.info.GetStageTypes()[0].GetType()
	}
	if req.Name == "" {
		req.Name = req.Type
	}
	if req.ExecutionID == "" {
		req.ExecutionID = "01EXECUTION"
	}
	if req.StageID == "" {
		req.StageID = "01STAGE"
	}
	if req.RefID == "" {
		req.RefID = "1"
	}
	if req.StageStarted.IsZero() {
		req.StageStarted = time.Now()
	}
	req.Attempt, req.Step = max(req.Attempt, 1), max(req.Step, 1)
	if req.IdempotencyKey == "" {
		req.IdempotencyKey = fmt.Sprintf("%s/%s/%d/%d", req.ExecutionID, req.StageID, req.Attempt, req.Step)
	}
	in, err := requestToProto(req)
	if err != nil {
		p.t.Fatal(err)
	}
	in.Call = fmt.Sprintf("call-%d", p.calls.Add(1))
	p.host.open(in.Call, wire.NewNames(in, p.accountFields(req.Type), p.config))
	return in, func() { p.host.closeCall(in.Call) }
}

// accountFields are those of a stage type.
func (p *Plugin) accountFields(stageType string) []string {
	for _, t := range p.info.GetStageTypes() {
		if t.GetType() == stageType || slices.Contains(t.GetAliases(), stageType) {
			return t.GetAccountFields()
		}
	}
	return nil
}

func (p *Plugin) encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}
