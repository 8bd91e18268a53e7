package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gennaker/gennaker/agent/internal/masters"
	"github.com/gennaker/gennaker/agent/internal/pluginhost"
	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jobname"
	"github.com/gennaker/gennaker/jenkins/properties"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// states are the answers to FindBuild on the wire.
var states = map[masters.FoundState]stagev1.FindBuildResponse_State{
	masters.Queued:    stagev1.FindBuildResponse_STATE_QUEUED,
	masters.Started:   stagev1.FindBuildResponse_STATE_STARTED,
	masters.Canceled:  stagev1.FindBuildResponse_STATE_CANCELED,
	masters.NotFound:  stagev1.FindBuildResponse_STATE_NOT_FOUND,
	masters.Ambiguous: stagev1.FindBuildResponse_STATE_AMBIGUOUS,
}

// marked says what an error of Jenkins means for the step that asked.
func marked(err error) error {
	failed := (*jenkins.Error)(nil)
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &failed):
		return pluginhost.Refused(err)
	case failed.Uncertain:
		return err
	case failed.Kind == jenkins.KindNotFound:
		return pluginhost.NotFound(err)
	case failed.Temporary():
		return pluginhost.NothingDone(err)
	default:
		return pluginhost.Refused(err)
	}
}

func (h host) StartBuild(ctx context.Context, _ pluginhost.Call, in *stagev1.StartBuildRequest) (*stagev1.StartBuildResponse, error) {
	client, err := h.masters.Client(in.GetMaster())
	if err != nil {
		return nil, pluginhost.NotFound(err)
	}
	requested := timestamppb.Now()
	queued, err := client.StartBuild(ctx, jobname.Full(in.GetJob()), in.GetParameters())
	if err != nil {
		return nil, marked(err)
	}
	return &stagev1.StartBuildResponse{QueueItem: queued.ID, RequestedAt: requested}, nil
}

func (h host) FindBuild(ctx context.Context, _ pluginhost.Call, in *stagev1.FindBuildRequest) (*stagev1.FindBuildResponse, error) {
	found, err := h.masters.FindBuild(ctx, in.GetMaster(), in.GetJob(), in.GetQueueItem(), in.GetAfter().AsTime(), in.GetParameters())
	if err != nil {
		return nil, marked(err)
	}
	return &stagev1.FindBuildResponse{State: states[found.State], QueueItem: found.QueueItem, Number: found.Number, Why: found.Why}, nil
}

func (h host) GetBuild(ctx context.Context, _ pluginhost.Call, in *stagev1.GetBuildRequest) (*stagev1.GetBuildResponse, error) {
	build, err := h.masters.Build(ctx, in.GetMaster(), in.GetJob(), in.GetNumber())
	if err != nil {
		return nil, marked(err)
	}
	info, err := json.Marshal(build.Info)
	if err != nil {
		return nil, err
	}
	building, _ := build.Info["building"].(bool)
	return &stagev1.GetBuildResponse{Building: building, Result: build.Result, Url: build.URL, InfoJson: string(info)}, nil
}

func (h host) StopBuild(ctx context.Context, _ pluginhost.Call, in *stagev1.StopBuildRequest) error {
	client, err := h.masters.Client(in.GetMaster())
	if err != nil {
		return pluginhost.NotFound(err)
	}
	if in.GetNumber() == 0 {
		return marked(client.CancelQueueItem(ctx, in.GetQueueItem()))
	}
	return marked(client.StopBuild(ctx, jobname.Full(in.GetJob()), int(in.GetNumber()), jenkins.Stop))
}

func (h host) BuildProperties(ctx context.Context, _ pluginhost.Call, in *stagev1.GetBuildPropertiesRequest) (*stagev1.GetBuildPropertiesResponse, error) {
	values, _, err := h.masters.Properties(ctx, in.GetMaster(), in.GetJob(), in.GetNumber(), in.GetFile())
	out := &stagev1.GetBuildPropertiesResponse{State: stagev1.GetBuildPropertiesResponse_STATE_FOUND}
	switch {
	case errors.Is(err, properties.ErrMissing):
		out.State = stagev1.GetBuildPropertiesResponse_STATE_MISSING
	case errors.Is(err, properties.ErrEmpty):
		out.State = stagev1.GetBuildPropertiesResponse_STATE_EMPTY
	case jenkins.KindOf(err) == jenkins.KindProperties:
		out.State = stagev1.GetBuildPropertiesResponse_STATE_MALFORMED
	case err != nil:
		return nil, marked(err)
	}
	if err != nil {
		out.Detail = err.Error()
		return out, nil
	}
	data, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("property file %q: %w", in.GetFile(), err)
	}
	out.PropertiesJson = string(data)
	return out, nil
}
