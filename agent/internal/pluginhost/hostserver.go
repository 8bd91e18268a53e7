package pluginhost

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

// questionTimeout bounds the answer to one question of a plugin; bodies are bounded by the step's time instead.
const questionTimeout = 30 * time.Second

// hostServer answers the questions of one plugin process.
type hostServer struct {
	stagev1.UnimplementedHostServer
	services HostServices
	limits   Limits
	log      *slog.Logger
	calls    callTable
}

// ask answers one question of a call within questionTimeout.
func ask[Out any](s *hostServer, question context.Context, token string,
	answer func(ctx context.Context, call *openCall) (Out, error)) (Out, error) {
	var nothing Out
	call, ctx, done, err := s.calls.enter(question, token)
	if err != nil {
		return nothing, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	out, err := answer(ctx, call)
	if err != nil {
		return nothing, statusOf(err)
	}
	return out, nil
}

func (s *hostServer) Checkpoint(ctx context.Context, in *stagev1.CheckpointRequest) (*stagev1.CheckpointResponse, error) {
	if size := len(in.GetState()); size > wire.MaxState {
		return nil, status.Errorf(codes.InvalidArgument, "state of %d bytes is over the limit of %d", size, wire.MaxState)
	}
	return ask(s, ctx, in.GetCall(), func(ctx context.Context, call *openCall) (*stagev1.CheckpointResponse, error) {
		return &stagev1.CheckpointResponse{}, s.services.Checkpoint(ctx, call.Call, in.GetState())
	})
}

func (s *hostServer) Log(ctx context.Context, in *stagev1.LogRequest) (*stagev1.LogResponse, error) {
	return ask(s, ctx, in.GetCall(), func(ctx context.Context, call *openCall) (*stagev1.LogResponse, error) {
		lines, dropped := call.log.take(in.GetLines())
		if len(lines) > 0 {
			if err := s.services.Log(ctx, call.Call, lines); err != nil {
				return nil, err
			}
		}
		return &stagev1.LogResponse{Dropped: dropped}, nil
	})
}

func (s *hostServer) Evaluate(ctx context.Context, in *stagev1.EvaluateRequest) (*stagev1.EvaluateResponse, error) {
	return ask(s, ctx, in.GetCall(), func(ctx context.Context, call *openCall) (*stagev1.EvaluateResponse, error) {
		return s.services.Evaluate(ctx, call.Call, in)
	})
}

func (s *hostServer) GetAccount(ctx context.Context, in *stagev1.GetAccountRequest) (*stagev1.GetAccountResponse, error) {
	return ask(s, ctx, in.GetCall(), func(ctx context.Context, call *openCall) (*stagev1.GetAccountResponse, error) {
		if !slices.Contains(call.Accounts, in.GetName()) {
			return nil, Refused(fmt.Errorf("the stage does not name this account in %s",
				strings.Join(call.accountFields, ", ")))
		}
		return s.services.Account(ctx, call.Call, in.GetName())
	})
}

func (s *hostServer) ResolveImage(ctx context.Context, in *stagev1.ResolveImageRequest) (*stagev1.ResolveImageResponse, error) {
	return ask(s, ctx, in.GetCall(), func(ctx context.Context, call *openCall) (*stagev1.ResolveImageResponse, error) {
		return s.services.ResolveImage(ctx, call.Call, in.GetReference())
	})
}

func (s *hostServer) StartBuild(ctx context.Context, in *stagev1.StartBuildRequest) (*stagev1.StartBuildResponse, error) {
	return askMaster(s, ctx, in, s.services.StartBuild)
}

func (s *hostServer) FindBuild(ctx context.Context, in *stagev1.FindBuildRequest) (*stagev1.FindBuildResponse, error) {
	return askMaster(s, ctx, in, s.services.FindBuild)
}

func (s *hostServer) GetBuild(ctx context.Context, in *stagev1.GetBuildRequest) (*stagev1.GetBuildResponse, error) {
	return askMaster(s, ctx, in, s.services.GetBuild)
}

func (s *hostServer) StopBuild(ctx context.Context, in *stagev1.StopBuildRequest) (*stagev1.StopBuildResponse, error) {
	return askMaster(s, ctx, in,
		func(ctx context.Context, call Call, in *stagev1.StopBuildRequest) (*stagev1.StopBuildResponse, error) {
			return &stagev1.StopBuildResponse{}, s.services.StopBuild(ctx, call, in)
		})
}

func (s *hostServer) GetBuildProperties(ctx context.Context, in *stagev1.GetBuildPropertiesRequest) (
	*stagev1.GetBuildPropertiesResponse, error) {
	return askMaster(s, ctx, in, s.services.BuildProperties)
}

// masterQuestion is a message about a master.
type masterQuestion interface {
	GetCall() string
	GetMaster() string
}

// askMaster answers a question about a master that the stage names.
func askMaster[In masterQuestion, Out any](s *hostServer, ctx context.Context, in In,
	answer func(context.Context, Call, In) (Out, error)) (Out, error) {
	return ask(s, ctx, in.GetCall(), func(ctx context.Context, call *openCall) (Out, error) {
		if !call.names.Mention(in.GetMaster()) {
			var nothing Out
			return nothing, Refused(fmt.Errorf("neither the stage nor the configuration of plugin %q names this master",
				call.Plugin))
		}
		return answer(ctx, call.Call, in)
	})
}
