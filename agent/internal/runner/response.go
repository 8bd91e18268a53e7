package runner

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

const (
	// maxInline is the size up to which an artifact's body travels inside the execution, as Spinnaker's users know it.
	maxInline = 64 << 10
	// blobScheme begins the reference of an artifact whose body the agent holds: ref://<application>/<sha256>.
	//
	// Source: spinnaker/spinnaker kork/kork-artifacts artifacts/artifactstore/ArtifactReferenceURI.java.
	blobScheme = "ref://"
)

// storeError is a failure to read what a plugin has written. It is not the plugin's.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

// answerFailure is the result of a step whose answer could not be used.
func answerFailure(stageType string, err error) engine.Result {
	if errors.As(err, new(*storeError)) {
		return engine.Result{Status: spinnaker.Running, Class: engine.ClassRetryable, Message: fmt.Sprintf(
			"take over what stage type %q made: %v", stageType, err)}
	}
	return engine.Result{Status: spinnaker.Terminal, Class: engine.ClassBug, Message: fmt.Sprintf(
		"the plugin for stage type %q broke its contract: %v", stageType, err)}
}

// resultOf reads a plugin's answer. An error means that the plugin broke the contract.
func (r *Runner) resultOf(ctx context.Context, s *step, response *stagev1.RunResponse) (engine.Result, error) {
	if response == nil {
		return engine.Result{}, errors.New("it answered nothing")
	}
	result := engine.Result{
		Message: response.GetMessage(), Errors: response.GetErrors(), Warnings: response.GetWarnings(),
		RequeueAfter: response.GetRequeueAfter().AsDuration(), Tasks: tasksOf(response.GetTasks()),
	}
	if len(response.GetState()) > 0 {
		result.State = response.GetState()
	}
	var err error
	if result.Status, result.Class, err = statusOf(response); err != nil {
		return engine.Result{}, err
	}
	if result.Context, err = object("context", response.GetContextJson()); err != nil {
		return engine.Result{}, err
	}
	if result.Outputs, err = object("outputs", response.GetOutputsJson()); err != nil {
		return engine.Result{}, err
	}
	for _, inserted := range response.GetInsert() {
		stage, err := insertedOf(inserted)
		if err != nil {
			return engine.Result{}, err
		}
		result.Insert = append(result.Insert, stage)
	}
	for _, produced := range response.GetArtifacts() {
		artifact, err := r.produced(ctx, s.ex.Application, produced)
		if err != nil {
			return engine.Result{}, fmt.Errorf("artifact %q: %w", produced.GetName(), err)
		}
		result.Artifacts = append(result.Artifacts, artifact)
	}
	return result, nil
}

// statusOf reads status and error class. A failure that may pass leaves the stage running.
func statusOf(response *stagev1.RunResponse) (spinnaker.Status, engine.Class, error) {
	switch response.GetErrorClass() {
	case stagev1.ErrorClass_ERROR_CLASS_WAITING:
		return spinnaker.Running, engine.ClassWaiting, nil
	case stagev1.ErrorClass_ERROR_CLASS_RETRYABLE:
		return spinnaker.Running, engine.ClassRetryable, nil
	}
	switch response.GetStatus() {
	case stagev1.Status_STATUS_RUNNING:
		return spinnaker.Running, engine.ClassNone, nil
	case stagev1.Status_STATUS_SUCCEEDED:
		return spinnaker.Succeeded, engine.ClassNone, nil
	case stagev1.Status_STATUS_TERMINAL:
		return spinnaker.Terminal, engine.ClassFailed, nil
	case stagev1.Status_STATUS_CANCELED:
		return spinnaker.Canceled, engine.ClassNone, nil
	case stagev1.Status_STATUS_SKIPPED:
		return spinnaker.Skipped, engine.ClassNone, nil
	case stagev1.Status_STATUS_STOPPED:
		return spinnaker.Stopped, engine.ClassFailed, nil
	case stagev1.Status_STATUS_FAILED_CONTINUE:
		return spinnaker.FailedContinue, engine.ClassFailed, nil
	}
	if response.GetErrorClass() == stagev1.ErrorClass_ERROR_CLASS_FAILED {
		return spinnaker.Terminal, engine.ClassFailed, nil
	}
	return "", "", fmt.Errorf("its answer has the status %s", response.GetStatus())
}

// object reads a field that holds a JSON object.
func object(field, text string) (map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	var value map[string]any
	if err := spinnaker.Decode([]byte(text), &value); err != nil {
		return nil, fmt.Errorf("%s is no JSON object: %w", field, err)
	}
	return value, nil
}

func insertedOf(stage *stagev1.InsertedStage) (engine.Inserted, error) {
	inserted := engine.Inserted{Type: stage.GetType(), Name: stage.GetName()}
	if inserted.Type == "" {
		return inserted, errors.New("a stage to insert has no type")
	}
	switch stage.GetPosition() {
	case stagev1.InsertedStage_POSITION_BEFORE:
		inserted.Owner = spinnaker.StageBefore
	case stagev1.InsertedStage_POSITION_AFTER:
		inserted.Owner = spinnaker.StageAfter
	case stagev1.InsertedStage_POSITION_ON_FAILURE:
		inserted.Owner, inserted.OnFailure = spinnaker.StageAfter, true
	default:
		return inserted, fmt.Errorf("stage %q to insert has the position %s", inserted.Name, stage.GetPosition())
	}
	var err error
	inserted.Context, err = object("context of stage to insert", stage.GetContextJson())
	return inserted, err
}

func tasksOf(list []*stagev1.Task) []spinnaker.Task {
	var tasks []spinnaker.Task
	for _, task := range list {
		shown := spinnaker.Task{
			Name: task.GetName(), ImplementingClass: task.GetName(), Status: taskStatus(task.GetStatus()),
			StartTime: spinnaker.MillisOf(timeOf(task.GetStart())), EndTime: spinnaker.MillisOf(timeOf(task.GetEnd())),
		}
		if message := task.GetMessage(); message != "" && shown.Status.Failed() {
			shown.TaskExceptionDetails = map[string]any{"exception": map[string]any{
				"details": map[string]any{"error": message, "errors": []any{message}},
			}}
		}
		tasks = append(tasks, shown)
	}
	return tasks
}

func timeOf(stamp *timestamppb.Timestamp) time.Time {
	if stamp == nil {
		return time.Time{}
	}
	return stamp.AsTime()
}

func taskStatus(status stagev1.Status) spinnaker.Status {
	switch status {
	case stagev1.Status_STATUS_RUNNING:
		return spinnaker.Running
	case stagev1.Status_STATUS_SUCCEEDED:
		return spinnaker.Succeeded
	case stagev1.Status_STATUS_TERMINAL:
		return spinnaker.Terminal
	case stagev1.Status_STATUS_CANCELED:
		return spinnaker.Canceled
	case stagev1.Status_STATUS_SKIPPED:
		return spinnaker.Skipped
	case stagev1.Status_STATUS_STOPPED:
		return spinnaker.Stopped
	case stagev1.Status_STATUS_FAILED_CONTINUE:
		return spinnaker.FailedContinue
	default:
		return spinnaker.NotStarted
	}
}

// produced reads an artifact that a plugin made. A small embedded body travels inside the execution from here on; any
// other body stays in the store, and the artifact's reference names it.
func (r *Runner) produced(ctx context.Context, application string, a *stagev1.Artifact) (spinnaker.Artifact, error) {
	made := spinnaker.Artifact{
		Type: a.GetType(), Name: a.GetName(), Version: a.GetVersion(), Location: a.GetLocation(), Reference: a.GetReference(),
		ArtifactAccount: a.GetArtifactAccount(), Provenance: a.GetProvenance(), UUID: a.GetUuid(), CustomKind: a.GetCustomKind(),
	}
	var err error
	if made.Metadata, err = object("metadata", a.GetMetadataJson()); err != nil {
		return made, err
	}
	blob := a.GetBlob()
	switch {
	case blob == nil:
	case made.Type == artifact.Embedded && blob.GetSize() <= maxInline:
		made.Reference, err = r.inline(ctx, blob)
	case made.Type == artifact.Embedded:
		made.Type = artifact.Remote
		made.Reference = blobScheme + application + "/" + blob.GetSha256()
	case made.Type == artifact.Remote || made.Reference == "":
		made.Reference = blobScheme + application + "/" + blob.GetSha256()
	}
	return made, err
}

// inline reads a small body as base64.
func (r *Runner) inline(ctx context.Context, blob *stagev1.Blob) (string, error) {
	body, _, err := r.Store.OpenBlob(ctx, blob.GetSha256())
	if errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("its body was never written: %w", err)
	}
	if err != nil {
		return "", &storeError{err}
	}
	data, err := io.ReadAll(io.LimitReader(body, maxInline+1))
	if err := errors.Join(err, body.Close()); err != nil {
		return "", &storeError{err}
	}
	if len(data) > maxInline {
		return "", fmt.Errorf("its body has more than the %d bytes it was said to have", blob.GetSize())
	}
	return base64.StdEncoding.EncodeToString(data), nil
}
