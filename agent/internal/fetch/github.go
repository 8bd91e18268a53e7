package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	rawContent = "application/vnd.github.v3.raw"
	// maxMetadata bounds what a server says of a file, in bytes. GitHub may add a copy of the file, of 1 MiB.
	maxMetadata = 4 << 20
)

// publicGitHub is the API of github.com.
func publicGitHub() *url.URL { return &url.URL{Scheme: "https", Host: "api.github.com", Path: "/"} }

// gitHub fetches github/file. References are URLs of the contents API: …/repos/OWNER/REPOSITORY/contents/PATH.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-github GitHubArtifactCredentials.java.
type gitHub struct {
	client *client
	// base is where relative references belong.
	base          *url.URL
	useContentAPI bool
}

// Open implements Fetcher.
func (g *gitHub) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	file, err := locate(a.Reference, g.base)
	if err != nil {
		return nil, err
	}
	contents := atVersion(file, a)
	if g.useContentAPI {
		r := g.client.file(contents)
		r.header = http.Header{"Accept": {rawContent}}
		body, err := g.client.open(ctx, r)
		if err != nil {
			return nil, sayVersion(err, a)
		}
		return body, nil
	}
	download, err := g.downloadURL(ctx, a, contents)
	if err != nil {
		return nil, err
	}
	return g.client.open(ctx, request{url: download, trusted: g.client.trusts(contents), reusable: true})
}

// downloadURL asks GitHub where the file is. It may be another host, which then gets no credentials: GitHub puts a
// token of its own into the URL.
func (g *gitHub) downloadURL(ctx context.Context, a spinnaker.Artifact, contents *url.URL) (*url.URL, error) {
	r := request{url: contents, header: http.Header{"Accept": {"application/json"}}, trusted: g.client.trusts(contents)}
	text, err := g.client.read(ctx, r, "what it says of the file", maxMetadata)
	if err != nil {
		return nil, sayVersion(err, a)
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		return nil, &Error{Problem: fmt.Sprintf("GET %s: it is a directory", place(contents)), Advice: "Name a file in the artifact's reference"}
	}
	var metadata struct {
		DownloadURL string `json:"download_url"`
	}
	if err := json.Unmarshal(text, &metadata); err != nil {
		return nil, &Error{Problem: fmt.Sprintf("GET %s: the answer is not JSON", place(contents)),
			Advice: "The reference has to be a URL of GitHub's contents API: …/repos/OWNER/REPOSITORY/contents/PATH", Err: err}
	}
	if metadata.DownloadURL == "" {
		return nil, &Error{Problem: "Failed to retrieve your github artifact's download URL. This is likely due to incorrect auth setup",
			Advice: fmt.Sprintf("Check the account's token, and that %s is a file", place(contents))}
	}
	download, err := parseURL(metadata.DownloadURL)
	if err != nil {
		return nil, &Error{Problem: fmt.Sprintf("GET %s: its download_url is no http URL", place(contents)), Err: err}
	}
	return download, nil
}
