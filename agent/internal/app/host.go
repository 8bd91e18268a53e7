package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/agent/internal/fetch/image"
	"github.com/gennaker/gennaker/agent/internal/pluginhost"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// maxBody is the largest body that a plugin may store, in bytes.
const maxBody = 256 << 20

// host is what the agent does for a running step of a plugin.
type host struct{ *agent }

// blobs opens bodies of the store.
type blobs struct{ store store.Store }

func (b blobs) Open(ctx context.Context, sha256 string) (io.ReadCloser, error) {
	body, _, err := b.store.OpenBlob(ctx, sha256)
	return body, err
}

func (h host) Checkpoint(ctx context.Context, call pluginhost.Call, state []byte) error {
	return h.runner.Checkpoint(ctx, call.Execution, call.Stage, state)
}

func (h host) Log(ctx context.Context, call pluginhost.Call, lines []pluginhost.LogLine) error {
	rows := make([]store.LogLine, len(lines))
	for i, line := range lines {
		rows[i] = store.LogLine{Time: line.Time, Level: strings.ToLower(line.Level.String()), Text: line.Text}
	}
	return h.store.Update(ctx, func(tx store.Tx) error { return tx.AppendStageLog(call.Execution, call.Stage, rows) })
}

func (h host) OpenArtifact(ctx context.Context, _ pluginhost.Call, in *stagev1.Artifact) (io.ReadCloser, error) {
	artifact, err := artifactOf(in)
	if err != nil {
		return nil, pluginhost.Refused(err)
	}
	body, err := h.fetch.Open(ctx, artifact)
	if err != nil {
		return nil, fetchError(err)
	}
	return artifactBody{body}, nil
}

// openArtifact opens the body of an artifact for a stage of the agent's own.
func (a *agent) openArtifact(ctx context.Context, source spinnaker.Artifact) (body io.ReadCloser, temporary bool, err error) {
	body, err = a.fetch.Open(ctx, source)
	failed := (*fetch.Error)(nil)
	return body, errors.As(err, &failed) && failed.Retryable, err
}

// fetchError says what a failed fetch means for the step. The plugin names the artifact itself.
func fetchError(err error) error {
	failed := (*fetch.Error)(nil)
	switch {
	case !errors.As(err, &failed):
		return err
	case failed.Retryable:
		return pluginhost.Temporary(errors.New(failed.Text()))
	default:
		return pluginhost.Refused(errors.New(failed.Text()))
	}
}

// artifactBody is a body whose reading may fail, too.
type artifactBody struct{ io.ReadCloser }

func (b artifactBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fetchError(fmt.Errorf("read the body: %w", err))
	}
	return n, err
}

// artifactOf reads a plugin's artifact.
func artifactOf(in *stagev1.Artifact) (spinnaker.Artifact, error) {
	a := spinnaker.Artifact{Type: in.GetType(), CustomKind: in.GetCustomKind(), Name: in.GetName(), Version: in.GetVersion(),
		Location: in.GetLocation(), Reference: in.GetReference(), ArtifactAccount: in.GetArtifactAccount(),
		Provenance: in.GetProvenance(), UUID: in.GetUuid()}
	if in.GetMetadataJson() == "" {
		return a, nil
	}
	if err := spinnaker.Decode([]byte(in.GetMetadataJson()), &a.Metadata); err != nil {
		return a, fmt.Errorf("artifact %s %q: metadata: %w", a.Type, a.Name, err)
	}
	return a, nil
}

func (h host) ReadBlob(ctx context.Context, _ pluginhost.Call, blob *stagev1.Blob) (io.ReadCloser, error) {
	body, _, err := h.store.OpenBlob(ctx, blob.GetSha256())
	if errors.Is(err, store.ErrNotFound) {
		return nil, pluginhost.NotFound(err)
	}
	return body, err
}

func (h host) WriteBlob(ctx context.Context, call pluginhost.Call, mediaType string, body io.Reader) (*stagev1.Blob, error) {
	ref := store.BlobRef{ExecutionID: call.Execution, StageID: call.Stage, Attempt: call.Attempt}
	blob, err := h.store.PutBlob(ctx, ref, mediaType, body, maxBody)
	return &stagev1.Blob{Sha256: blob.SHA256, Size: blob.Size, MediaType: blob.MediaType}, err
}

func (h host) Evaluate(ctx context.Context, call pluginhost.Call, in *stagev1.EvaluateRequest) (*stagev1.EvaluateResponse, error) {
	var document any
	if err := spinnaker.Decode([]byte(in.GetDocumentJson()), &document); err != nil {
		return nil, pluginhost.Refused(fmt.Errorf("evaluate: the document is not JSON: %w", err))
	}
	evaluated, summary, err := h.runner.Evaluate(ctx, call.Execution, call.Stage, document)
	if err != nil {
		return nil, err
	}
	documentJSON, err := json.Marshal(evaluated)
	if err != nil {
		return nil, err
	}
	summaryJSON, err := json.Marshal(summary.Update(nil))
	if err != nil {
		return nil, err
	}
	out := &stagev1.EvaluateResponse{DocumentJson: string(documentJSON), SummaryJson: string(summaryJSON)}
	for _, warning := range summary.Warnings {
		out.Warnings = append(out.Warnings, warning.String())
	}
	return out, nil
}

func (h host) Account(_ context.Context, call pluginhost.Call, name string) (*stagev1.GetAccountResponse, error) {
	if !slices.Contains(call.Accounts, name) {
		return nil, pluginhost.Refused(fmt.Errorf("account %q is not one that the stage names", name))
	}
	settings, ok := h.accounts.settings(name)
	if !ok {
		return nil, pluginhost.NotFound(fmt.Errorf("account %q is not configured; kubernetes.accounts has: %s",
			name, strings.Join(h.accounts.names(), ", ")))
	}
	data, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	return &stagev1.GetAccountResponse{Name: name, Type: "kubernetes", SettingsJson: string(data)}, nil
}

func (h host) ResolveImage(ctx context.Context, _ pluginhost.Call, reference string) (*stagev1.ResolveImageResponse, error) {
	found, err := h.images.Resolve(ctx, reference)
	if failed := (*image.Error)(nil); errors.As(err, &failed) && !failed.Retryable {
		return nil, pluginhost.Refused(err)
	}
	if err != nil {
		return nil, pluginhost.Temporary(err)
	}
	return &stagev1.ResolveImageResponse{Known: found.Known, Found: found.Found, Digest: found.Digest, Detail: found.Detail}, nil
}
