package plugintest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// Class says what a step's error means for the agent.
type Class string

// The classes; a step without error has none.
const (
	Waiting   Class = "waiting"
	Failed    Class = "failed"
	Retryable Class = "retryable"
)

// Step is what a step answered.
type Step struct {
	sdk.Response
	Class Class
}

func requestToProto(req sdk.Request) (*stagev1.RunRequest, error) {
	in := &stagev1.RunRequest{
		Application:      req.Application,
		Pipeline:         req.Pipeline,
		PipelineConfigId: req.PipelineConfigID,
		ExecutionId:      req.ExecutionID,
		StageId:          req.StageID,
		RefId:            req.RefID,
		Type:             req.Type,
		Name:             req.Name,
		Attempt:          int32(req.Attempt),
		Step:             int32(req.Step),
		IdempotencyKey:   req.IdempotencyKey,
		User:             req.User,
		State:            req.State,
		StageStarted:     timestamppb.New(req.StageStarted),
		CancelReason:     req.CancelReason,
		CanceledBy:       req.CanceledBy,
	}
	if req.TimeLeft > 0 {
		in.TimeLeft = durationpb.New(req.TimeLeft)
	}
	var err error
	if in.ConfigJson, err = encodeObject(req.Config); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if in.AncestorOutputsJson, err = encodeObject(req.AncestorOutputs); err != nil {
		return nil, fmt.Errorf("ancestor outputs: %w", err)
	}
	if in.TriggerJson, err = encodeObject(req.Trigger); err != nil {
		return nil, fmt.Errorf("trigger: %w", err)
	}
	for _, artifact := range req.Artifacts {
		converted, err := artifactToProto(artifact)
		if err != nil {
			return nil, err
		}
		in.Artifacts = append(in.Artifacts, converted)
	}
	for _, expected := range req.ExpectedArtifacts {
		match, err := artifactToProto(expected.Match)
		if err != nil {
			return nil, err
		}
		bound, err := artifactToProto(expected.Bound)
		if err != nil {
			return nil, err
		}
		in.ResolvedExpectedArtifacts = append(in.ResolvedExpectedArtifacts,
			&stagev1.ExpectedArtifact{Id: expected.ID, MatchArtifact: match, BoundArtifact: bound})
	}
	return in, nil
}

func stepFromProto(out *stagev1.RunResponse) (*Step, error) {
	step := &Step{Response: sdk.Response{
		Status:   statusFromProto(out.GetStatus()),
		Message:  out.GetMessage(),
		Errors:   out.GetErrors(),
		Warnings: out.GetWarnings(),
		State:    out.GetState(),
	}}
	if step.Status == "" {
		return nil, fmt.Errorf("the plugin answered status %s", out.GetStatus())
	}
	switch out.GetErrorClass() {
	case stagev1.ErrorClass_ERROR_CLASS_WAITING:
		step.Class = Waiting
	case stagev1.ErrorClass_ERROR_CLASS_FAILED:
		step.Class = Failed
	case stagev1.ErrorClass_ERROR_CLASS_RETRYABLE:
		step.Class = Retryable
	}
	if out.GetRequeueAfter() != nil {
		step.RequeueAfter = out.GetRequeueAfter().AsDuration()
	}
	var err error
	if step.Context, err = decodeObject(out.GetContextJson()); err != nil {
		return nil, fmt.Errorf("context_json: %w", err)
	}
	if step.Outputs, err = decodeObject(out.GetOutputsJson()); err != nil {
		return nil, fmt.Errorf("outputs_json: %w", err)
	}
	for _, artifact := range out.GetArtifacts() {
		converted, err := artifactFromProto(artifact)
		if err != nil {
			return nil, err
		}
		step.Artifacts = append(step.Artifacts, converted)
	}
	for _, task := range out.GetTasks() {
		step.Tasks = append(step.Tasks, sdk.Task{
			Name: task.GetName(), Status: statusFromProto(task.GetStatus()), Message: task.GetMessage(),
			Start: timeFromProto(task.GetStart()), End: timeFromProto(task.GetEnd()),
		})
	}
	for _, stage := range out.GetInsert() {
		context, err := decodeObject(stage.GetContextJson())
		if err != nil {
			return nil, fmt.Errorf("insert: context_json: %w", err)
		}
		step.Insert = append(step.Insert, sdk.InsertedStage{
			Position: positionFromProto(stage.GetPosition()), Type: stage.GetType(), Name: stage.GetName(), Context: context,
		})
	}
	return step, nil
}

func planFromProto(out *stagev1.PlanResponse) *sdk.Plan {
	plan := &sdk.Plan{Message: out.GetMessage()}
	for _, change := range out.GetChanges() {
		plan.Changes = append(plan.Changes, sdk.PlannedChange{
			Action: actionFromProto(change.GetAction()), Target: change.GetTarget(), Diff: change.GetDiff(),
		})
	}
	return plan
}

func statusFromProto(in stagev1.Status) sdk.Status {
	switch in {
	case stagev1.Status_STATUS_RUNNING:
		return sdk.Running
	case stagev1.Status_STATUS_SUCCEEDED:
		return sdk.Succeeded
	case stagev1.Status_STATUS_TERMINAL:
		return sdk.Terminal
	case stagev1.Status_STATUS_CANCELED:
		return sdk.Canceled
	case stagev1.Status_STATUS_SKIPPED:
		return sdk.Skipped
	case stagev1.Status_STATUS_STOPPED:
		return sdk.Stopped
	case stagev1.Status_STATUS_FAILED_CONTINUE:
		return sdk.FailedContinue
	}
	return ""
}

func positionFromProto(in stagev1.InsertedStage_Position) sdk.Position {
	switch in {
	case stagev1.InsertedStage_POSITION_BEFORE:
		return sdk.Before
	case stagev1.InsertedStage_POSITION_AFTER:
		return sdk.After
	case stagev1.InsertedStage_POSITION_ON_FAILURE:
		return sdk.OnFailure
	}
	return ""
}

func actionFromProto(in stagev1.PlannedChange_Action) sdk.Action {
	switch in {
	case stagev1.PlannedChange_ACTION_NONE:
		return sdk.ActionNone
	case stagev1.PlannedChange_ACTION_CREATE:
		return sdk.ActionCreate
	case stagev1.PlannedChange_ACTION_UPDATE:
		return sdk.ActionUpdate
	case stagev1.PlannedChange_ACTION_DELETE:
		return sdk.ActionDelete
	case stagev1.PlannedChange_ACTION_RUN:
		return sdk.ActionRun
	}
	return ""
}

func artifactToProto(a sdk.Artifact) (*stagev1.Artifact, error) {
	metadata, err := encodeObject(a.Metadata)
	if err != nil {
		return nil, fmt.Errorf("artifact %q: metadata: %w", a.Reference, err)
	}
	out := &stagev1.Artifact{
		Type: a.Type, CustomKind: a.CustomKind, Name: a.Name, Version: a.Version, Location: a.Location,
		Reference: a.Reference, ArtifactAccount: a.ArtifactAccount, Provenance: a.Provenance, Uuid: a.UUID,
		MetadataJson: metadata,
	}
	if a.Blob != nil {
		out.Blob = &stagev1.Blob{Sha256: a.Blob.SHA256, Size: a.Blob.Size, MediaType: a.Blob.MediaType}
	}
	return out, nil
}

func artifactFromProto(in *stagev1.Artifact) (sdk.Artifact, error) {
	artifact := sdk.Artifact{
		Type: in.GetType(), CustomKind: in.GetCustomKind(), Name: in.GetName(), Version: in.GetVersion(),
		Location: in.GetLocation(), Reference: in.GetReference(), ArtifactAccount: in.GetArtifactAccount(),
		Provenance: in.GetProvenance(), UUID: in.GetUuid(),
	}
	if blob := in.GetBlob(); blob != nil {
		artifact.Blob = &sdk.Blob{SHA256: blob.GetSha256(), Size: blob.GetSize(), MediaType: blob.GetMediaType()}
	}
	if in.GetMetadataJson() == "" {
		return artifact, nil
	}
	var err error
	if artifact.Metadata, err = decodeObject(in.GetMetadataJson()); err != nil {
		return sdk.Artifact{}, fmt.Errorf("artifact %q: metadata_json: %w", in.GetReference(), err)
	}
	return artifact, nil
}

func timeFromProto(in *timestamppb.Timestamp) time.Time {
	if in == nil {
		return time.Time{}
	}
	return in.AsTime()
}

func encodeObject(object map[string]any) (string, error) {
	if len(object) == 0 {
		return "", nil
	}
	text, err := json.Marshal(object)
	return string(text), err
}

func decodeObject(text string) (map[string]any, error) {
	object := map[string]any{}
	if text == "" {
		return object, nil
	}
	return object, decodeValue(text, &object)
}

// decodeValue keeps numbers as they are written.
func decodeValue(text string, into any) error {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	return decoder.Decode(into)
}
