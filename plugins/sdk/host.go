package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

// hostTimeout bounds one question to the agent that no stream belongs to.
const hostTimeout = 30 * time.Second

// Host is the agent, as one running step sees it. It hands out only what the step's stage names, and refuses everything
// once the step has ended. Its methods may be used from several goroutines of the step.
//
// An error that passes by itself carries the mark of Retryable.
type Host struct {
	client stagev1.HostClient
	call   string
	logs   *logStream

	mu         sync.Mutex
	checkpoint []byte
}

func newHost(client stagev1.HostClient, call string) *Host {
	return &Host{client: client, call: call, logs: newLogStream(client, call)}
}

// close sends the last log lines and stops the log.
func (h *Host) close() { h.logs.close() }

// Checkpoint makes state (at most 64 KiB) durable at once. Call it before an effect that must not be repeated: if the
// step is lost, the next one gets this state.
func (h *Host) Checkpoint(ctx context.Context, state []byte) error {
	if len(state) > wire.MaxState {
		return fmt.Errorf("checkpoint: state of %d bytes is over the limit of %d; put large things into a blob",
			len(state), wire.MaxState)
	}
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	if _, err := h.client.Checkpoint(ctx, &stagev1.CheckpointRequest{Call: h.call, State: state}); err != nil {
		return hostError("checkpoint", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checkpoint = state
	return nil
}

// lastCheckpoint is nil when the step made none.
func (h *Host) lastCheckpoint() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.checkpoint
}

// OpenArtifact streams an artifact's body, fetched through the agent's accounts or, when the artifact has a Blob, read
// from the agent's store. The caller closes it.
func (h *Host) OpenArtifact(ctx context.Context, a Artifact) (io.ReadCloser, error) {
	what := fmt.Sprintf("artifact %s %q", a.Type, a.label())
	in, err := artifactToProto(a)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := h.client.OpenArtifact(ctx, &stagev1.OpenArtifactRequest{Call: h.call, Artifact: in})
	return openStream(what, stream, err, cancel)
}

// ReadArtifact reads an artifact's whole body and refuses one of more than limit bytes.
func (h *Host) ReadArtifact(ctx context.Context, a Artifact, limit int64) ([]byte, error) {
	body, err := h.OpenArtifact(ctx, a)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	content, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("artifact %s %q is larger than the limit of %d bytes", a.Type, a.label(), limit)
	}
	return content, nil
}

// ReadBlob streams a body of the agent's store. The caller closes it.
func (h *Host) ReadBlob(ctx context.Context, b Blob) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := h.client.ReadBlob(ctx, &stagev1.ReadBlobRequest{Call: h.call, Blob: blobToProto(&b)})
	return openStream("blob "+b.SHA256, stream, err, cancel)
}

// WriteBlob stores what r gives. The agent keeps the blob as long as the stage's result names it.
func (h *Host) WriteBlob(ctx context.Context, mediaType string, r io.Reader) (Blob, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := h.client.WriteBlob(ctx)
	if err != nil {
		return Blob{}, hostError("write blob", err)
	}
	if err := sendBlob(stream, h.call, mediaType, r); err != nil {
		return Blob{}, err
	}
	out, err := stream.CloseAndRecv()
	if err != nil {
		return Blob{}, hostError("write blob", err)
	}
	blob := blobFromProto(out.GetBlob())
	if blob == nil {
		return Blob{}, errors.New("write blob: the agent's answer names no blob")
	}
	return *blob, nil
}

// Evaluation is a document with its expressions evaluated.
type Evaluation struct {
	// Document is the result; what could not be evaluated stands in it as it was.
	Document any
	// Summary is Spinnaker's expressionEvaluationSummary; empty when everything was evaluated.
	Summary map[string]any
	// Warnings are the same failures as sentences, each with its field path.
	Warnings []string
}

// Evaluate evaluates the expressions in a document of JSON values as the agent does for the stage's configuration.
func (h *Host) Evaluate(ctx context.Context, doc any) (Evaluation, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return Evaluation{}, fmt.Errorf("evaluate expressions: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	out, err := h.client.Evaluate(ctx, &stagev1.EvaluateRequest{Call: h.call, DocumentJson: string(text)})
	if err != nil {
		return Evaluation{}, hostError("evaluate expressions", err)
	}
	result := Evaluation{Warnings: out.GetWarnings()}
	if err := decodeValue(out.GetDocumentJson(), &result.Document); err != nil {
		return Evaluation{}, fmt.Errorf("evaluate expressions: the agent's answer: %w", err)
	}
	if result.Summary, err = decodeObject(out.GetSummaryJson()); err != nil {
		return Evaluation{}, fmt.Errorf("evaluate expressions: the agent's summary: %w", err)
	}
	return result, nil
}

// Account is one of the agent's accounts, its secrets resolved. Nothing of it belongs into a log, state or output.
type Account struct {
	Name string
	// Type is the account's provider, for example "kubernetes".
	Type string
	// Settings are the account's own fields.
	Settings map[string]any
}

// Account returns an account that the stage's configuration names in one of Info.AccountFields.
func (h *Host) Account(ctx context.Context, name string) (Account, error) {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	out, err := h.client.GetAccount(ctx, &stagev1.GetAccountRequest{Call: h.call, Name: name})
	if err != nil {
		return Account{}, hostError(fmt.Sprintf("account %q", name), err)
	}
	settings, err := decodeObject(out.GetSettingsJson())
	if err != nil {
		return Account{}, fmt.Errorf("account %q: the agent's answer is not JSON", name)
	}
	return Account{Name: out.GetName(), Type: out.GetType(), Settings: settings}, nil
}

// Image is what the registries say of an image reference.
type Image struct {
	// Known is false when none of the agent's registries covers the image's host: nothing is said about it then.
	Known bool
	// Found says whether the image exists.
	Found bool
	// Digest as "sha256:…" when found.
	Digest string
	// Detail says in words what was asked and what came back when the image was not found.
	Detail string
}

// ResolveImage asks the image's registry whether it exists and what its digest is.
func (h *Host) ResolveImage(ctx context.Context, reference string) (Image, error) {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	out, err := h.client.ResolveImage(ctx, &stagev1.ResolveImageRequest{Call: h.call, Reference: reference})
	if err != nil {
		return Image{}, hostError("image "+reference, err)
	}
	return Image{Known: out.GetKnown(), Found: out.GetFound(), Digest: out.GetDigest(), Detail: out.GetDetail()}, nil
}

// hostError says what was asked, in the agent's words, and marks what passes by itself.
func hostError(what string, err error) error {
	answer, ok := status.FromError(err)
	if !ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	wrapped := fmt.Errorf("%s: %w", what, &agentError{answer})
	switch answer.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted:
		return Retryable(wrapped)
	}
	return wrapped
}

// OutcomeUnknown reports whether a Host method that changes something may have changed it although it returned err: the
// agent lost the answer, or was lost itself. When the agent refused, or knows that it did nothing, it is false.
func OutcomeUnknown(err error) bool {
	if err == nil {
		return false
	}
	var answer *agentError
	if !errors.As(err, &answer) {
		return true
	}
	switch answer.status.Code() {
	case codes.Aborted, codes.AlreadyExists, codes.FailedPrecondition, codes.InvalidArgument, codes.NotFound,
		codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return false
	}
	return true
}

// agentError prints a gRPC status without its code, which tells people nothing, and keeps context errors comparable.
type agentError struct{ status *status.Status }

func (e *agentError) Error() string { return e.status.Message() }

func (e *agentError) Is(target error) bool {
	switch e.status.Code() {
	case codes.Canceled:
		return target == context.Canceled
	case codes.DeadlineExceeded:
		return target == context.DeadlineExceeded
	}
	return false
}
