package fetch

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// embedded decodes embedded/base64, whose body is its reference.
type embedded struct {
	limits Limits
}

// Open implements Fetcher.
func (e embedded) Open(_ context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	if int64(base64.StdEncoding.DecodedLen(len(a.Reference))) > e.limits.MaxBytes+2 {
		return nil, &Error{Problem: fmt.Sprintf("it is larger than the limit of %d bytes", e.limits.MaxBytes), Status: http.StatusRequestEntityTooLarge}
	}
	text, err := base64.StdEncoding.DecodeString(a.Reference)
	if err != nil {
		return nil, &Error{Problem: "its reference is not base64: " + err.Error(), Status: http.StatusBadRequest, Err: err}
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// stored reads remote/base64: ref://APPLICATION/SHA-256, a body of the agent's own store.
//
// Source: spinnaker/spinnaker kork/kork-artifacts artifactstore/ArtifactReferenceURI.java.
type stored struct {
	blobs Blobs
}

// Open implements Fetcher.
func (s stored) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	sum, ok := BlobOf(a)
	if !ok {
		return nil, &Error{Problem: fmt.Sprintf("its reference %q is not of the form ref://APPLICATION/SHA-256", a.Reference), Status: http.StatusBadRequest}
	}
	body, err := s.blobs.Open(ctx, sum)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &Error{Problem: "the agent keeps no such body", Advice: "It may have been deleted with the executions that referred to it",
			Status: http.StatusNotFound, Err: err}
	}
	if err != nil {
		return nil, &Error{Problem: err.Error(), Err: err}
	}
	return body, nil
}

// BlobOf returns the SHA-256 in hex of the body that a remote/base64 artifact refers to.
func BlobOf(a spinnaker.Artifact) (sha256 string, ok bool) {
	where, found := strings.CutPrefix(a.Reference, "ref://")
	if a.Type != artifact.Remote || !found {
		return "", false
	}
	sum := path.Base(where)
	decoded, err := hex.DecodeString(sum)
	return strings.ToLower(sum), err == nil && len(decoded) == 32
}

// jenkinsFile fetches jenkins/file: a file that build `version` of job `name` archived at `reference`.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-jenkins JenkinsArtifactCredentials.java.
type jenkinsFile struct {
	files  JenkinsFiles
	master string
	limits Limits
}

// Open implements Fetcher.
func (j jenkinsFile) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	number, err := strconv.ParseInt(a.Version, 10, 64)
	if err != nil {
		return nil, &Error{Problem: fmt.Sprintf("its version %q is not a build number", a.Version), Status: http.StatusBadRequest, Err: err}
	}
	if a.Name == "" || a.Reference == "" {
		return nil, &Error{Problem: "it needs the job as name and the file's path as reference", Status: http.StatusBadRequest}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, j.limits.Timeout, errTooSlow)
	file, err := j.files.Artifact(ctx, j.master, a.Name, number, a.Reference, j.limits.MaxBytes)
	if err != nil {
		cancel()
		return nil, jenkinsError(err)
	}
	return &stream{ReadCloser: file, cancel: cancel, from: "jenkins " + j.master, left: j.limits.MaxBytes, limit: j.limits.MaxBytes, failure: jenkinsError}, nil
}

// jenkinsError takes over what Jenkins' client says, and whether it may pass.
func jenkinsError(err error) error {
	var temporary interface{ Temporary() bool }
	return &Error{Problem: err.Error(), Err: err, Retryable: errors.As(err, &temporary) && temporary.Temporary()}
}
