package plugintest

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// checkMaster checks a question about a master.
func (s *hostServer) checkMaster(in interface {
	GetCall() string
	GetMaster() string
}) error {
	names, err := s.names(in.GetCall())
	if err == nil && !names.Mention(in.GetMaster()) {
		err = status.Error(codes.FailedPrecondition, "neither the stage nor the plugin's configuration names this master")
	}
	return err
}

func (s *hostServer) StartBuild(_ context.Context, in *stagev1.StartBuildRequest) (*stagev1.StartBuildResponse, error) {
	if err := s.checkMaster(in); err != nil {
		return nil, err
	}
	build, err := s.host.Jenkins.start(in.GetMaster(), in.GetJob(), in.GetParameters())
	if err != nil {
		return nil, err
	}
	return &stagev1.StartBuildResponse{QueueItem: build.QueueItem, RequestedAt: timestamppb.New(build.RequestedAt)}, nil
}

func (s *hostServer) FindBuild(_ context.Context, in *stagev1.FindBuildRequest) (*stagev1.FindBuildResponse, error) {
	if err := s.checkMaster(in); err != nil {
		return nil, err
	}
	var found []JenkinsBuild
	var err error
	if item := in.GetQueueItem(); item != 0 {
		found, err = s.host.Jenkins.byItem(in.GetMaster(), in.GetJob(), item)
	} else {
		found, err = s.host.Jenkins.byParameters(in.GetMaster(), in.GetJob(), timeFromProto(in.GetAfter()), in.GetParameters())
	}
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return &stagev1.FindBuildResponse{State: stagev1.FindBuildResponse_STATE_NOT_FOUND}, nil
	case 1:
		build := found[0]
		return &stagev1.FindBuildResponse{
			State: buildStateToProto(build.State), QueueItem: build.QueueItem, Number: build.Number, Why: build.Why,
		}, nil
	}
	return &stagev1.FindBuildResponse{State: stagev1.FindBuildResponse_STATE_AMBIGUOUS}, nil
}

func (s *hostServer) GetBuild(_ context.Context, in *stagev1.GetBuildRequest) (*stagev1.GetBuildResponse, error) {
	if err := s.checkMaster(in); err != nil {
		return nil, err
	}
	build, err := s.host.Jenkins.byNumber(in.GetMaster(), in.GetJob(), in.GetNumber())
	if err != nil {
		return nil, err
	}
	info, err := encodeObject(build.Info)
	return &stagev1.GetBuildResponse{Building: build.Building, Result: build.Result, Url: build.URL, InfoJson: info}, err
}

func (s *hostServer) StopBuild(_ context.Context, in *stagev1.StopBuildRequest) (*stagev1.StopBuildResponse, error) {
	if err := s.checkMaster(in); err != nil {
		return nil, err
	}
	found, err := s.host.Jenkins.find(func(b *JenkinsBuild) bool {
		sameBuild := in.GetNumber() != 0 && b.Number == in.GetNumber()
		sameItem := in.GetNumber() == 0 && b.QueueItem == in.GetQueueItem()
		return b.Master == in.GetMaster() && b.Job == in.GetJob() && (sameBuild || sameItem)
	})
	if err != nil {
		return nil, err
	}
	for _, build := range found {
		s.host.Jenkins.Update(build.QueueItem, stop)
	}
	return &stagev1.StopBuildResponse{}, nil
}

// stop does what Jenkins does: a running build is aborted, a waiting item canceled, all else left.
func stop(b *JenkinsBuild) {
	b.Stops++
	switch {
	case b.Building:
		b.Building, b.Result = false, "ABORTED"
	case b.State == sdk.BuildQueued:
		b.State = sdk.BuildCanceled
	}
}

func (s *hostServer) GetBuildProperties(_ context.Context, in *stagev1.GetBuildPropertiesRequest) (
	*stagev1.GetBuildPropertiesResponse, error) {
	if err := s.checkMaster(in); err != nil {
		return nil, err
	}
	build, err := s.host.Jenkins.byNumber(in.GetMaster(), in.GetJob(), in.GetNumber())
	if err != nil {
		return nil, err
	}
	file, ok := build.Properties[in.GetFile()]
	if !ok {
		return &stagev1.GetBuildPropertiesResponse{State: stagev1.GetBuildPropertiesResponse_STATE_MISSING}, nil
	}
	properties, err := encodeObject(file.Properties)
	return &stagev1.GetBuildPropertiesResponse{
		State: propertiesStateToProto(file.State), PropertiesJson: properties, Detail: file.Detail,
	}, err
}

func buildStateToProto(state sdk.BuildState) stagev1.FindBuildResponse_State {
	switch state {
	case sdk.BuildQueued:
		return stagev1.FindBuildResponse_STATE_QUEUED
	case sdk.BuildStarted:
		return stagev1.FindBuildResponse_STATE_STARTED
	case sdk.BuildCanceled:
		return stagev1.FindBuildResponse_STATE_CANCELED
	case sdk.BuildNotFound:
		return stagev1.FindBuildResponse_STATE_NOT_FOUND
	case sdk.BuildAmbiguous:
		return stagev1.FindBuildResponse_STATE_AMBIGUOUS
	}
	return stagev1.FindBuildResponse_STATE_UNSPECIFIED
}

func propertiesStateToProto(state sdk.PropertiesState) stagev1.GetBuildPropertiesResponse_State {
	switch state {
	case sdk.PropertiesFound:
		return stagev1.GetBuildPropertiesResponse_STATE_FOUND
	case sdk.PropertiesMissing:
		return stagev1.GetBuildPropertiesResponse_STATE_MISSING
	case sdk.PropertiesEmpty:
		return stagev1.GetBuildPropertiesResponse_STATE_EMPTY
	case sdk.PropertiesMalformed:
		return stagev1.GetBuildPropertiesResponse_STATE_MALFORMED
	}
	return stagev1.GetBuildPropertiesResponse_STATE_UNSPECIFIED
}
