package fetch

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/gennaker/gennaker/agent/internal/fetch/maven"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// maxQuestions is how often metadata are asked for one file: for LATEST, and then for the snapshot that it is.
const maxQuestions = 2

// mavenFile fetches maven/file. References are coordinates: GROUP:ARTIFACT:VERSION[:CLASSIFIER].
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-maven MavenArtifactCredentials.java.
type mavenFile struct {
	client *client
}

// Open implements Fetcher.
func (m mavenFile) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	file, err := maven.Parse(a.Reference)
	if err != nil {
		return nil, &Error{Problem: "reference " + err.Error(), Status: http.StatusBadRequest, Err: err}
	}
	for range maxQuestions {
		question := file.Question()
		if question == "" {
			break
		}
		if file, err = m.resolve(ctx, file, question); err != nil {
			return nil, err
		}
	}
	return m.client.open(ctx, m.client.file(m.client.home.JoinPath(file.Path())))
}

// resolve asks the repository what a version stands for.
func (m mavenFile) resolve(ctx context.Context, file maven.Coordinates, question string) (maven.Coordinates, error) {
	target := m.client.home.JoinPath(question)
	text, err := m.client.read(ctx, m.client.file(target), "the metadata", maxMetadata)
	if err != nil {
		return file, err
	}
	metadata, err := maven.ParseMetadata(text)
	if err != nil {
		return file, &Error{Problem: fmt.Sprintf("GET %s: %v", place(target), err), Advice: "Check the account's repositoryUrl", Err: err}
	}
	resolved, err := file.Resolve(metadata)
	if err != nil {
		return file, &Error{Problem: fmt.Sprintf("GET %s: %v", place(target), err), Status: http.StatusNotFound, Err: err}
	}
	return resolved, nil
}
