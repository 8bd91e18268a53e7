package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	publicGitHub = "https://api.github.com"
	// defaultBranch is the version of an artifact that names none.
	defaultBranch = "master"
	rawContent    = "application/vnd.github.v3.raw"
	// maxMetadata bounds what GitHub says of a file, which may hold a copy of it of 1 MiB.
	maxMetadata = 4 << 20
)

// gitHub fetches github/file. References are URLs of the contents API: …/repos/OWNER/REPOSITORY/contents/PATH.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-github GitHubArtifactCredentials.java.
type gitHub struct {
	client        *client
	base          *url.URL
	useContentAPI bool
}

func newGitHub(a GitHub, c *client) (*gitHub, error) {
	address := a.BaseURL
	if address == "" {
		address = publicGitHub
	}
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("base URL %q does not begin with http:// or https://", address)
	}
	return &gitHub{client: c, base: base, useContentAPI: a.UseContentAPI}, nil
}

// Open implements Fetcher.
func (g *gitHub) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	contents, err := g.contents(a)
	if err != nil {
		return nil, err
	}
	if g.useContentAPI {
		return g.open(ctx, a, request{url: contents, accept: rawContent, trusted: contents})
	}
	download, err := g.downloadURL(ctx, a, contents)
	if err != nil {
		return nil, err
	}
	return g.client.open(ctx, request{url: download, trusted: contents})
}

// contents is the URL of the contents API for the artifact.
func (g *gitHub) contents(a spinnaker.Artifact) (*url.URL, error) {
	reference := a.Reference
	if !strings.Contains(reference, "://") {
		reference = strings.TrimRight(g.base.String(), "/") + "/" + strings.TrimLeft(reference, "/")
	}
	contents, err := parseURL(reference)
	if err != nil {
		return nil, err
	}
	query := contents.Query()
	if a.Version != "" || query.Get("ref") == "" {
		query.Set("ref", version(a))
	}
	contents.RawQuery = query.Encode()
	return contents, nil
}

func version(a spinnaker.Artifact) string {
	if a.Version == "" {
		return defaultBranch
	}
	return a.Version
}

// open adds to a 404 what GitHub does not say: which version was asked for.
func (g *gitHub) open(ctx context.Context, a spinnaker.Artifact, r request) (io.ReadCloser, error) {
	body, err := g.client.open(ctx, r)
	if failed, ok := err.(*Error); ok && failed.Status == http.StatusNotFound {
		asked := fmt.Sprintf("Version %q was asked for", version(a))
		if a.Version == "" {
			asked = fmt.Sprintf("The artifact has no version, so branch %q was asked for", defaultBranch)
		}
		failed.Advice = asked + ". " + failed.Advice
	}
	return body, err
}

// downloadURL asks GitHub where the file is. It may be another host, which then gets no credentials: GitHub puts a
// token of its own into the URL.
func (g *gitHub) downloadURL(ctx context.Context, a spinnaker.Artifact, contents *url.URL) (*url.URL, error) {
	body, err := g.open(ctx, a, request{url: contents, accept: "application/json", trusted: contents})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxMetadata+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxMetadata {
		return nil, &Error{Problem: fmt.Sprintf("GET %s: what it says of the file is over %d bytes", place(contents), maxMetadata)}
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
