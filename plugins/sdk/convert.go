package sdk

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

func requestFromProto(in *stagev1.RunRequest) (*Request, error) {
	req := &Request{
		Application:      in.GetApplication(),
		Pipeline:         in.GetPipeline(),
		PipelineConfigID: in.GetPipelineConfigId(),
		ExecutionID:      in.GetExecutionId(),
		StageID:          in.GetStageId(),
		RefID:            in.GetRefId(),
		Type:             in.GetType(),
		Name:             in.GetName(),
		Attempt:          int(in.GetAttempt()),
		Step:             int(in.GetStep()),
		IdempotencyKey:   in.GetIdempotencyKey(),
		User:             in.GetUser(),
		State:            in.GetState(),
		StageStarted:     timeFromProto(in.GetStageStarted()),
		TimeLeft:         -1,
		CancelReason:     in.GetCancelReason(),
		CanceledBy:       in.GetCanceledBy(),
	}
	if in.GetTimeLeft() != nil {
		req.TimeLeft = max(in.GetTimeLeft().AsDuration(), 0)
	}
	config, err := decodeObject(in.GetConfigJson())
	if err != nil {
		return nil, fmt.Errorf("config_json: %w", err)
	}
	req.Config = config
	if req.AncestorOutputs, err = decodeObject(in.GetAncestorOutputsJson()); err != nil {
		return nil, fmt.Errorf("ancestor_outputs_json: %w", err)
	}
	if req.Trigger, err = decodeObject(in.GetTriggerJson()); err != nil {
		return nil, fmt.Errorf("trigger_json: %w", err)
	}
	if req.Artifacts, err = artifactsFromProto(in.GetArtifacts()); err != nil {
		return nil, fmt.Errorf("artifacts: %w", err)
	}
	for i, expected := range in.GetResolvedExpectedArtifacts() {
		match, err := artifactFromProto(expected.GetMatchArtifact())
		if err != nil {
			return nil, fmt.Errorf("resolved_expected_artifacts[%d].match_artifact: %w", i, err)
		}
		bound, err := artifactFromProto(expected.GetBoundArtifact())
		if err != nil {
			return nil, fmt.Errorf("resolved_expected_artifacts[%d].bound_artifact: %w", i, err)
		}
		req.ExpectedArtifacts = append(req.ExpectedArtifacts,
			ExpectedArtifact{ID: expected.GetId(), Match: match, Bound: bound})
	}
	return req, nil
}

func responseToProto(resp *Response) (*stagev1.RunResponse, error) {
	status, err := statusToProto(resp.Status)
	if err != nil {
		return nil, err
	}
	out := &stagev1.RunResponse{
		Status:   status,
		Message:  resp.Message,
		Errors:   resp.Errors,
		Warnings: resp.Warnings,
		State:    resp.State,
	}
	if status == stagev1.Status_STATUS_TERMINAL {
		out.ErrorClass = stagev1.ErrorClass_ERROR_CLASS_FAILED
	}
	if resp.RequeueAfter > 0 {
		out.RequeueAfter = durationpb.New(resp.RequeueAfter)
	}
	if out.ContextJson, err = encodeObject(resp.Context); err != nil {
		return nil, fmt.Errorf("context: %w", err)
	}
	if out.OutputsJson, err = encodeObject(resp.Outputs); err != nil {
		return nil, fmt.Errorf("outputs: %w", err)
	}
	for i, artifact := range resp.Artifacts {
		converted, err := artifactToProto(artifact)
		if err != nil {
			return nil, fmt.Errorf("artifacts[%d]: %w", i, err)
		}
		out.Artifacts = append(out.Artifacts, converted)
	}
	if out.Tasks, err = tasksToProto(resp.Tasks); err != nil {
		return nil, err
	}
	out.Insert, err = insertedToProto(resp.Insert)
	return out, err
}

func tasksToProto(tasks []Task) ([]*stagev1.Task, error) {
	var out []*stagev1.Task
	for i, task := range tasks {
		status := stagev1.Status_STATUS_UNSPECIFIED // not started
		if task.Status != "" {
			var err error
			if status, err = statusToProto(task.Status); err != nil {
				return nil, fmt.Errorf("tasks[%d]: %w", i, err)
			}
		}
		out = append(out, &stagev1.Task{
			Name: task.Name, Status: status, Message: task.Message,
			Start: timeToProto(task.Start), End: timeToProto(task.End),
		})
	}
	return out, nil
}

func insertedToProto(stages []InsertedStage) ([]*stagev1.InsertedStage, error) {
	var out []*stagev1.InsertedStage
	for i, stage := range stages {
		converted := &stagev1.InsertedStage{Type: stage.Type, Name: stage.Name}
		switch stage.Position {
		case Before:
			converted.Position = stagev1.InsertedStage_POSITION_BEFORE
		case After:
			converted.Position = stagev1.InsertedStage_POSITION_AFTER
		case OnFailure:
			converted.Position = stagev1.InsertedStage_POSITION_ON_FAILURE
		default:
			return nil, fmt.Errorf("insert[%d]: unknown position %q", i, stage.Position)
		}
		var err error
		if converted.ContextJson, err = encodeObject(stage.Context); err != nil {
			return nil, fmt.Errorf("insert[%d].context: %w", i, err)
		}
		out = append(out, converted)
	}
	return out, nil
}

func planToProto(plan *Plan) (*stagev1.PlanResponse, error) {
	out := &stagev1.PlanResponse{Message: plan.Message}
	for i, change := range plan.Changes {
		action, err := actionToProto(change.Action)
		if err != nil {
			return nil, fmt.Errorf("changes[%d]: %w", i, err)
		}
		out.Changes = append(out.Changes,
			&stagev1.PlannedChange{Action: action, Target: change.Target, Diff: change.Diff})
	}
	return out, nil
}

func actionToProto(action Action) (stagev1.PlannedChange_Action, error) {
	switch action {
	case ActionNone:
		return stagev1.PlannedChange_ACTION_NONE, nil
	case ActionCreate:
		return stagev1.PlannedChange_ACTION_CREATE, nil
	case ActionUpdate:
		return stagev1.PlannedChange_ACTION_UPDATE, nil
	case ActionDelete:
		return stagev1.PlannedChange_ACTION_DELETE, nil
	case ActionRun:
		return stagev1.PlannedChange_ACTION_RUN, nil
	}
	return 0, fmt.Errorf("unknown action %q", action)
}

func statusToProto(status Status) (stagev1.Status, error) {
	switch status {
	case Running:
		return stagev1.Status_STATUS_RUNNING, nil
	case Succeeded:
		return stagev1.Status_STATUS_SUCCEEDED, nil
	case Terminal:
		return stagev1.Status_STATUS_TERMINAL, nil
	case Canceled:
		return stagev1.Status_STATUS_CANCELED, nil
	case Skipped:
		return stagev1.Status_STATUS_SKIPPED, nil
	case Stopped:
		return stagev1.Status_STATUS_STOPPED, nil
	case FailedContinue:
		return stagev1.Status_STATUS_FAILED_CONTINUE, nil
	}
	return 0, fmt.Errorf("unknown status %q", status)
}

func artifactsFromProto(in []*stagev1.Artifact) ([]Artifact, error) {
	var out []Artifact
	for i, artifact := range in {
		converted, err := artifactFromProto(artifact)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		out = append(out, converted)
	}
	return out, nil
}

func artifactFromProto(in *stagev1.Artifact) (Artifact, error) {
	artifact := Artifact{
		Type:            in.GetType(),
		CustomKind:      in.GetCustomKind(),
		Name:            in.GetName(),
		Version:         in.GetVersion(),
		Location:        in.GetLocation(),
		Reference:       in.GetReference(),
		ArtifactAccount: in.GetArtifactAccount(),
		Provenance:      in.GetProvenance(),
		UUID:            in.GetUuid(),
		Blob:            blobFromProto(in.GetBlob()),
	}
	if in.GetMetadataJson() == "" {
		return artifact, nil
	}
	var err error
	if artifact.Metadata, err = decodeObject(in.GetMetadataJson()); err != nil {
		return Artifact{}, fmt.Errorf("metadata_json: %w", err)
	}
	return artifact, nil
}

func artifactToProto(a Artifact) (*stagev1.Artifact, error) {
	metadata, err := encodeObject(a.Metadata)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	return &stagev1.Artifact{
		Type:            a.Type,
		CustomKind:      a.CustomKind,
		Name:            a.Name,
		Version:         a.Version,
		Location:        a.Location,
		Reference:       a.Reference,
		ArtifactAccount: a.ArtifactAccount,
		Provenance:      a.Provenance,
		Uuid:            a.UUID,
		MetadataJson:    metadata,
		Blob:            blobToProto(a.Blob),
	}, nil
}

// label is what a message calls the artifact.
func (a Artifact) label() string {
	for _, text := range []string{a.Name, a.Reference, a.UUID} {
		if text != "" {
			return text
		}
	}
	return "without reference or name"
}

func blobFromProto(in *stagev1.Blob) *Blob {
	if in == nil {
		return nil
	}
	return &Blob{SHA256: in.GetSha256(), Size: in.GetSize(), MediaType: in.GetMediaType()}
}

func blobToProto(blob *Blob) *stagev1.Blob {
	if blob == nil {
		return nil
	}
	return &stagev1.Blob{Sha256: blob.SHA256, Size: blob.Size, MediaType: blob.MediaType}
}

func timeFromProto(in *timestamppb.Timestamp) time.Time {
	if in == nil {
		return time.Time{}
	}
	return in.AsTime()
}

func timeToProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
