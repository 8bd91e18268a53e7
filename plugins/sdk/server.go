package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

// Server implements the Stage service for a Plugin. Serve makes one; only a transport of one's own, such as the one of
// plugintest, needs NewServer.
type Server struct {
	stagev1.UnimplementedStageServer
	plugin Plugin
	stages map[string]Stage
	dial   wire.HostDialer
	calls  wire.Gate

	mu   sync.Mutex
	host stagev1.HostClient
}

// NewServer checks the plugin: it has a name and stages, and no two stages have a type or alias in common.
func NewServer(p Plugin, dial wire.HostDialer) (*Server, error) {
	if p.Name == "" || len(p.Stages) == 0 {
		return nil, errors.New("a plugin needs a name and at least one stage")
	}
	stages := map[string]Stage{}
	for _, stage := range p.Stages {
		info := stage.Info()
		for _, name := range append([]string{info.Type}, info.Aliases...) {
			if name == "" {
				return nil, fmt.Errorf("plugin %q: a %T without a type, or with an empty alias", p.Name, stage)
			}
			if _, ok := stages[name]; ok {
				return nil, fmt.Errorf("plugin %q: two stages of type %q", p.Name, name)
			}
			stages[name] = stage
		}
	}
	return &Server{plugin: p, stages: stages, dial: dial}, nil
}

// GetInfo implements the Stage service.
func (s *Server) GetInfo(context.Context, *stagev1.GetInfoRequest) (*stagev1.GetInfoResponse, error) {
	out := &stagev1.GetInfoResponse{Name: s.plugin.Name, Version: s.plugin.Version, ApiVersions: wire.APIVersions()}
	capabilities := map[string]bool{}
	for _, stage := range s.plugin.Stages {
		info := stage.Info()
		converted := &stagev1.StageType{
			Type:           info.Type,
			Description:    info.Description,
			ConfigSchema:   info.ConfigSchema,
			OutputsSchema:  info.OutputsSchema,
			MaxStep:        durationpb.New(maxStep(info)),
			Aliases:        info.Aliases,
			AccountFields:  info.AccountFields,
			OwnExpressions: info.OwnExpressions,
		}
		if info.Timeout > 0 {
			converted.Timeout = durationpb.New(info.Timeout)
		}
		out.StageTypes = append(out.StageTypes, converted)
		if _, ok := stage.(Planner); ok {
			capabilities["plan"] = true
		}
		if _, ok := stage.(Canceler); ok {
			capabilities["cancel"] = true
		}
	}
	for _, name := range []string{"plan", "cancel"} {
		if capabilities[name] {
			out.Capabilities = append(out.Capabilities, name)
		}
	}
	return out, nil
}

// Configure implements the Stage service.
func (s *Server) Configure(ctx context.Context, in *stagev1.ConfigureRequest) (*stagev1.ConfigureResponse, error) {
	if !slices.Contains(wire.APIVersions(), in.GetApiVersion()) {
		return nil, status.Errorf(codes.FailedPrecondition, "plugin %q does not speak %q", s.plugin.Name, in.GetApiVersion())
	}
	config, err := decodeObject(in.GetConfigJson())
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "plugin %q: config_json: %v", s.plugin.Name, err)
	}
	conn, err := s.dial(in.GetHostService())
	if err != nil {
		return nil, status.Errorf(codes.Unavailable, "plugin %q: %v", s.plugin.Name, err)
	}
	if s.plugin.Configure != nil {
		if err := s.plugin.Configure(ctx, config); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "plugin %q: configuration: %v", s.plugin.Name, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host = stagev1.NewHostClient(conn)
	return &stagev1.ConfigureResponse{}, nil
}

// Validate implements the Stage service.
func (s *Server) Validate(_ context.Context, in *stagev1.ValidateRequest) (*stagev1.ValidateResponse, error) {
	stage, leave, err := s.enter(in.GetType())
	if err != nil {
		return nil, err
	}
	defer leave()
	config, err := decodeObject(in.GetConfigJson())
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "stage type %q: config_json: %v", in.GetType(), err)
	}
	out := &stagev1.ValidateResponse{}
	err = guard(func() error {
		for _, found := range stage.Validate(config) {
			out.Errors = append(out.Errors,
				&stagev1.FieldError{Path: found.Path, Message: found.Message, Warning: found.Warning})
		}
		return nil
	})
	if err != nil {
		return nil, status.Errorf(codes.Internal, "stage type %q: validate: %v", in.GetType(), err)
	}
	return out, nil
}

// Plan implements the Stage service.
func (s *Server) Plan(ctx context.Context, in *stagev1.PlanRequest) (*stagev1.PlanResponse, error) {
	stage, leave, err := s.enter(in.GetRun().GetType())
	if err != nil {
		return nil, err
	}
	defer leave()
	planner, ok := stage.(Planner)
	if !ok {
		return nil, status.Errorf(codes.Unimplemented, "stage type %q cannot plan", in.GetRun().GetType())
	}
	call, err := s.begin(ctx, stage, in.GetRun())
	if err != nil {
		return nil, err
	}
	defer call.end()
	var plan *Plan
	err = guard(func() (err error) {
		plan, err = planner.Plan(call.ctx, call.req)
		return err
	})
	if err == nil && plan == nil {
		err = errors.New("the stage returned neither a plan nor an error")
	}
	if err != nil {
		if overrun := call.overrun(err); overrun != nil {
			return nil, overrun
		}
		return nil, status.Errorf(codes.FailedPrecondition, "%v", err)
	}
	out, err := planToProto(plan)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "stage type %q: plan: %v", call.req.Type, err)
	}
	return out, nil
}

// Run implements the Stage service.
func (s *Server) Run(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	return s.step(ctx, in, Stage.Run)
}

// Cancel implements the Stage service. A stage without anything to stop is canceled at once.
func (s *Server) Cancel(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	return s.step(ctx, in, func(stage Stage, ctx context.Context, req *Request) (*Response, error) {
		canceler, ok := stage.(Canceler)
		if !ok {
			return &Response{Status: Canceled, State: req.State}, nil
		}
		return canceler.Cancel(ctx, req)
	})
}

// Shutdown implements the Stage service: it returns when the running calls have ended, and refuses new ones.
func (s *Server) Shutdown(ctx context.Context, _ *stagev1.ShutdownRequest) (*stagev1.ShutdownResponse, error) {
	select {
	case <-s.calls.Close():
		return &stagev1.ShutdownResponse{}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

type stepFunc func(stage Stage, ctx context.Context, req *Request) (*Response, error)

func (s *Server) step(ctx context.Context, in *stagev1.RunRequest, run stepFunc) (*stagev1.RunResponse, error) {
	stage, leave, err := s.enter(in.GetType())
	if err != nil {
		return nil, err
	}
	defer leave()
	call, err := s.begin(ctx, stage, in)
	if err != nil {
		return nil, err
	}
	defer call.end()
	var resp *Response
	err = guard(func() (err error) {
		resp, err = run(stage, call.ctx, call.req)
		return err
	})
	if err == nil && resp == nil {
		err = errors.New("the stage returned neither a response nor an error")
	}
	if err != nil {
		if overrun := call.overrun(err); overrun != nil {
			return nil, overrun
		}
		return call.failure(resp, err), nil
	}
	return call.answer(resp), nil
}

// enter finds the stage and counts the call until leave.
func (s *Server) enter(stageType string) (stage Stage, leave func(), err error) {
	stage, ok := s.stages[stageType]
	if !ok {
		return nil, nil, status.Errorf(codes.NotFound, "plugin %q has no stage type %q, only %s",
			s.plugin.Name, stageType, strings.Join(s.types(), ", "))
	}
	if !s.calls.Enter() {
		return nil, nil, status.Errorf(codes.Unavailable, "plugin %q is shutting down", s.plugin.Name)
	}
	return stage, s.calls.Leave, nil
}

func (s *Server) types() []string {
	var types []string
	for _, stage := range s.plugin.Stages {
		types = append(types, stage.Info().Type)
	}
	return types
}

// begin makes a step of a request.
func (s *Server) begin(ctx context.Context, stage Stage, in *stagev1.RunRequest) (*call, error) {
	s.mu.Lock()
	host := s.host
	s.mu.Unlock()
	if host == nil {
		return nil, status.Errorf(codes.FailedPrecondition, "plugin %q is not configured yet", s.plugin.Name)
	}
	req, err := requestFromProto(in)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "stage %q: %v", in.GetName(), err)
	}
	info := stage.Info()
	req.Type = info.Type
	req.Host = newHost(host, in.GetCall())
	c := &call{parent: ctx, req: req, limit: maxStep(info)}
	c.ctx, c.cancel = context.WithTimeout(ctx, c.limit)
	return c, nil
}

// call is one running step.
type call struct {
	parent, ctx context.Context
	cancel      context.CancelFunc
	req         *Request
	limit       time.Duration
}

func (c *call) end() {
	c.req.Host.close()
	c.cancel()
}

// overrun returns the gRPC error of a step that failed because its time was over or its caller gone; nil when it failed
// for a reason of its own.
func (c *call) overrun(err error) error {
	if c.parent.Err() != nil {
		return status.FromContextError(c.parent.Err()).Err()
	}
	if c.ctx.Err() == nil {
		return nil
	}
	return status.Errorf(codes.DeadlineExceeded, "%s: the step did not end within its %s: %v", c.label(), c.limit, err)
}

// failure is the answer of a step that returned an error. What the stage returned with it is kept.
func (c *call) failure(resp *Response, err error) *stagev1.RunResponse {
	if resp == nil {
		resp = &Response{}
	}
	if len(resp.State) == 0 {
		resp.State = c.newestState()
	}
	resp.Message = err.Error()
	var panicked *panicError
	if errors.As(err, &panicked) {
		resp.Message = fmt.Sprintf("%s: %v. This is a bug of the plugin; where it happened is in the stage's log.",
			c.label(), err)
		c.req.Host.Log(slog.LevelError, fmt.Sprintf("%v\n%s", err, panicked.stack))
	}
	var waiting *waitingError
	switch {
	case errors.As(err, &waiting):
		resp.Status, resp.RequeueAfter = Running, waiting.after
		out := c.answer(resp)
		out.ErrorClass = stagev1.ErrorClass_ERROR_CLASS_WAITING
		return out
	case IsRetryable(err):
		resp.Status = Running
		out := c.answer(resp)
		out.ErrorClass = stagev1.ErrorClass_ERROR_CLASS_RETRYABLE
		return out
	}
	resp.Status = Terminal
	if len(resp.Errors) == 0 {
		resp.Errors = []string{resp.Message}
	}
	return c.answer(resp)
}

// newestState is what the next step is to get when this one names no state.
func (c *call) newestState() []byte {
	if state := c.req.Host.lastCheckpoint(); state != nil {
		return state
	}
	return c.req.State
}

// answer converts a response, or says why it cannot be one.
func (c *call) answer(resp *Response) *stagev1.RunResponse {
	if len(resp.State) > wire.MaxState {
		return c.refused(fmt.Sprintf("its state of %d bytes is over the limit of %d; put large things into a blob",
			len(resp.State), wire.MaxState))
	}
	out, err := responseToProto(resp)
	if err != nil {
		return c.refused(err.Error())
	}
	if size := proto.Size(out); size > wire.MaxMessage {
		return c.refused(fmt.Sprintf("its answer of %d bytes is over the limit of %d; put large things into a blob",
			size, wire.MaxMessage))
	}
	return out
}

func (c *call) refused(why string) *stagev1.RunResponse {
	message := fmt.Sprintf("%s broke the plugin contract: %s", c.label(), why)
	return &stagev1.RunResponse{
		Status:     stagev1.Status_STATUS_TERMINAL,
		ErrorClass: stagev1.ErrorClass_ERROR_CLASS_FAILED,
		Message:    message,
		Errors:     []string{message},
		State:      c.newestState(),
	}
}

func (c *call) label() string {
	return fmt.Sprintf("stage %q (%s)", c.req.Name, c.req.Type)
}

func maxStep(info Info) time.Duration {
	if info.MaxStep > 0 {
		return info.MaxStep
	}
	return DefaultMaxStep
}

// guard turns a panic into an error with the place where it happened.
func guard(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &panicError{cause: cause, stack: debug.Stack()}
		}
	}()
	return f()
}

type panicError struct {
	cause any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.cause) }
