package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// request describes a step to a plugin.
func (r *Runner) request(ctx context.Context, s *step, described StageType, evaluation engine.Evaluation, deadline time.Time) (*stagev1.RunRequest, error) {
	config := s.stage.Context
	if evaluation.Context != nil {
		config = evaluation.Context
	}
	request := &stagev1.RunRequest{
		Application: s.ex.Application, Pipeline: s.ex.Name, PipelineConfigId: s.ex.PipelineConfigID,
		ExecutionId: s.ex.ID, StageId: s.stage.ID, RefId: s.stage.RefID, Type: described.Type, Name: s.stage.Name,
		Attempt: int32(s.work.Attempt), Step: int32(s.work.Step), IdempotencyKey: s.key(),
		User: engine.User(s.ex.Execution, s.stage), State: s.work.State,
		StageStarted: timestamppb.New(s.stage.StartTime.Time()),
		CancelReason: s.ex.CancellationReason, CanceledBy: s.ex.CanceledBy,
	}
	if !deadline.IsZero() {
		request.TimeLeft = durationpb.New(max(0, deadline.Sub(r.clock())))
	}
	shown := s.ex.Execution
	for _, part := range []struct {
		into  *string
		value any
	}{
		{&request.ConfigJson, config},
		{&request.AncestorOutputsJson, engine.AncestorOutputs(shown, s.stage)},
		{&request.TriggerJson, map[string]any(shown.Trigger)},
	} {
		data, err := json.Marshal(part.value)
		if err != nil {
			return nil, err
		}
		*part.into = string(data)
	}
	for _, artifact := range engine.VisibleArtifacts(shown, s.stage) {
		request.Artifacts = append(request.Artifacts, r.toProto(ctx, s.ex.Application, artifact))
	}
	for _, expected := range engine.ResolvedArtifacts(shown, s.stage) {
		resolved := &stagev1.ExpectedArtifact{Id: expected.ID}
		if expected.MatchArtifact != nil {
			resolved.MatchArtifact = r.toProto(ctx, s.ex.Application, *expected.MatchArtifact)
		}
		if expected.BoundArtifact != nil {
			resolved.BoundArtifact = r.toProto(ctx, s.ex.Application, *expected.BoundArtifact)
		}
		request.ResolvedExpectedArtifacts = append(request.ResolvedExpectedArtifacts, resolved)
	}
	return request, nil
}

// key is the same whenever this step is repeated.
func (s *step) key() string {
	return fmt.Sprintf("%s/%s/%d/%d", s.ex.ID, s.stage.ID, s.work.Attempt, s.work.Step)
}

// toProto is an artifact as plugins see it. One whose body the agent holds for the same application has a handle on it.
func (r *Runner) toProto(ctx context.Context, application string, a spinnaker.Artifact) *stagev1.Artifact {
	metadata, err := json.Marshal(a.Metadata)
	if err != nil || len(a.Metadata) == 0 {
		metadata = nil
	}
	artifact := &stagev1.Artifact{
		Type: a.Type, Name: a.Name, Version: a.Version, Location: a.Location, Reference: a.Reference,
		ArtifactAccount: a.ArtifactAccount, Provenance: a.Provenance, Uuid: a.UUID, CustomKind: a.CustomKind,
		MetadataJson: string(metadata),
	}
	sum, ok := strings.CutPrefix(a.Reference, blobScheme+application+"/")
	if !ok {
		return artifact
	}
	body, blob, err := r.Store.OpenBlob(ctx, sum)
	if err != nil {
		r.Log.Warn("look up the body of an artifact", "application", application, "reference", a.Reference, "error", err)
		return artifact
	}
	if err := body.Close(); err != nil {
		r.Log.Warn("close the body of an artifact", "application", application, "reference", a.Reference, "error", err)
	}
	artifact.Blob = &stagev1.Blob{Sha256: blob.SHA256, Size: blob.Size, MediaType: blob.MediaType}
	return artifact
}
