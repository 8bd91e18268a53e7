package app

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// FetchArtifact implements gate.Accounts.
func (a accounts) FetchArtifact(ctx context.Context, artifact spinnaker.Artifact) (io.ReadCloser, error) {
	body, err := a.artifacts.Open(ctx, artifact)
	if err != nil {
		return nil, shownFetchError(err)
	}
	return shownBody{body}, nil
}

// ArtifactNames implements gate.Accounts.
func (a accounts) ArtifactNames(ctx context.Context, account, artifactType string) ([]string, error) {
	names, err := a.artifacts.Names(ctx, account, artifactType)
	return names, shownFetchError(err)
}

// ArtifactVersions implements gate.Accounts.
func (a accounts) ArtifactVersions(ctx context.Context, account, artifactType, name string) ([]string, error) {
	versions, err := a.artifacts.Versions(ctx, account, artifactType, name)
	return versions, shownFetchError(err)
}

// shownFetchError is a failed fetch as the API answers it. What another server refuses for want of credentials is no
// reason for our caller to sign in again.
func shownFetchError(err error) error {
	failed := (*fetch.Error)(nil)
	if !errors.As(err, &failed) {
		return err
	}
	status := failed.Status
	if status == http.StatusUnauthorized {
		status = http.StatusBadGateway
	}
	return &spinnaker.Error{Status: status, Message: failed.Error()}
}

// shownBody is a body whose reading may fail with an error for people.
type shownBody struct{ io.ReadCloser }

func (b shownBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = shownFetchError(err)
	}
	return n, err
}
