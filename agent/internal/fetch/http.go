package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// httpFile fetches http/file and bitbucket/file, whose reference is the file's address.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-http HttpArtifactCredentials.java,
// clouddriver-artifacts-bitbucket BitbucketArtifactCredentials.java.
type httpFile struct {
	client *client
	header http.Header
}

// Open implements Fetcher.
func (h httpFile) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	target, err := locate(a.Reference, h.client.home)
	if err != nil {
		return nil, err
	}
	r := h.client.file(target)
	r.header = h.header
	return h.client.open(ctx, r)
}

// Get reads an address that no account covers, for expressions: only public addresses, without credentials.
func (s *Set) Get(ctx context.Context, address string) ([]byte, error) {
	body, err := s.public.Open(ctx, spinnaker.Artifact{Reference: address})
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(body)
	return data, errors.Join(err, body.Close())
}

// defaultBranch is the version of an artifact that names none, as in Spinnaker.
const defaultBranch = "master"

func version(a spinnaker.Artifact) string {
	if a.Version == "" {
		return defaultBranch
	}
	return a.Version
}

// atVersion adds the artifact's version to the address of a file of a repository.
func atVersion(file *url.URL, a spinnaker.Artifact) *url.URL {
	out := *file
	query := out.Query()
	if a.Version != "" || query.Get("ref") == "" {
		query.Set("ref", version(a))
	}
	out.RawQuery = query.Encode()
	return &out
}

// sayVersion adds to a 404 what servers do not say: which version was asked for.
func sayVersion(err error, a spinnaker.Artifact) error {
	if failed := (*Error)(nil); errors.As(err, &failed) && failed.Status == http.StatusNotFound {
		asked := fmt.Sprintf("Version %q was asked for", a.Version)
		if a.Version == "" {
			asked = fmt.Sprintf("The artifact has no version, so branch %q was asked for", defaultBranch)
		}
		failed.Advice = asked + ". " + failed.Advice
	}
	return err
}

// gitLab fetches gitlab/file. References are URLs of its files API: …/projects/ID/repository/files/PATH/raw.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-gitlab GitlabArtifactCredentials.java.
type gitLab struct {
	client *client
}

// Open implements Fetcher.
func (g gitLab) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	file, err := locate(a.Reference, g.client.home)
	if err != nil {
		return nil, err
	}
	body, err := g.client.open(ctx, g.client.file(atVersion(file, a)))
	if err != nil {
		return nil, sayVersion(err, a)
	}
	return body, nil
}
