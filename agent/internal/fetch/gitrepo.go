package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch/git"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// maxAdvertised bounds what a git server says of its branches and tags, in bytes.
	maxAdvertised = 16 << 20
	// unpackedFactor is how much larger than its archive a repository may be.
	unpackedFactor = 4
	maxGitEntries  = 100_000
)

// gitRepo fetches git/repo: an archive of a repository, or of the directory that is the artifact's location.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-gitrepo GitRepoArtifactCredentials.java,
// GitJobExecutor.java.
type gitRepo struct {
	account config.GitRepo
	client  *client
	dial    dial
	// keys are nil for an account without SSH.
	keys   *git.Keys
	limits Limits
}

// newGitRepo reads the account's keys. grants sends the requests for tokens of a GitHub App.
func newGitRepo(account config.GitRepo, c *client, dial dial, grants *client) (*gitRepo, error) {
	g := &gitRepo{account: account, client: c, dial: dial, limits: c.limits}
	c.credentials = gitCredentials(account)
	if account.GitHubApp != nil {
		app, err := newGitHubApp(*account.GitHubApp, grants)
		if err != nil {
			return nil, err
		}
		c.credentials = app.gitCredentials
	}
	if account.SSHPrivateKeyFilePath == "" {
		return g, nil
	}
	knownHosts := account.SSHKnownHostsFilePath
	if account.SSHTrustUnknownHosts {
		knownHosts = ""
	}
	var err error
	g.keys, err = git.ReadKeys(account.SSHPrivateKeyFilePath, account.SSHPrivateKeyPassphrase.Reveal(), knownHosts)
	return g, err
}

// gitCredentials signs in as git servers expect it: a token is a password.
func gitCredentials(account config.GitRepo) credentials {
	hasToken := account.Token.IsSet() || account.TokenFile != ""
	if account.Password.IsSet() || account.UsernamePasswordFile != "" || !hasToken {
		return basic(account.BasicAuth)
	}
	user := account.Username
	if user == "" {
		user = "token"
	}
	return func(_ context.Context, r *http.Request) error {
		token, err := readToken(account.TokenAuth)
		if err == nil {
			r.SetBasicAuth(user, token)
		}
		return err
	}
}

// gitCredentials signs requests to https://HOST/OWNER/REPOSITORY.git/… with a token for that repository, at the app's own
// GitHub.
func (g *gitHubApp) gitCredentials(ctx context.Context, r *http.Request) error {
	host := g.base.Host
	if host == publicGitHub().Host {
		host = "github.com"
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 2 || !strings.EqualFold(r.URL.Host, host) {
		return nil
	}
	owner, repository := parts[0], strings.TrimSuffix(parts[1], ".git")
	if !gitHubName.MatchString(owner) || !gitHubName.MatchString(repository) {
		return nil
	}
	token, err := g.token(ctx, owner, repository)
	if err == nil {
		r.SetBasicAuth("x-access-token", token)
	}
	return err
}

// Open implements Fetcher. An archive of a commit that was read before is not made again, but the server is asked for the commit.
func (g *gitRepo) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	place, err := parseRepository(a.Reference)
	if err != nil {
		return nil, err
	}
	if err := allowedHost(g.account.AllowedHosts, place.Hostname()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, g.limits.Timeout, errTooSlow)
	archive, err := g.archive(ctx, place, a)
	if err != nil {
		defer cancel()
		return nil, g.failure(ctx, place, a, err)
	}
	return &stream{ReadCloser: archive, cancel: cancel, from: "git " + place.Host, left: g.limits.MaxBytes, limit: g.limits.MaxBytes,
		failure: func(err error) error { return &Error{Problem: "read the archive: " + err.Error(), Err: err} }}, nil
}

func (g *gitRepo) archive(ctx context.Context, place *url.URL, a spinnaker.Artifact) (archive io.ReadCloser, err error) {
	limits := git.Limits{Pack: g.limits.MaxBytes, Archive: g.limits.MaxBytes, Object: g.limits.MaxBytes,
		Total: unpackedFactor * g.limits.MaxBytes, Entries: maxGitEntries}
	var key string
	kept := func(id string) io.ReadCloser {
		key = cacheKey(g.account.Name, directory(a), place.String()+"@"+id)
		return g.client.cache.open(key)
	}
	// Only what the server has named by its id is recognised the next time.
	defer func() {
		if err == nil && key != "" {
			archive = g.client.cache.recorded(archive, &cached{key: key})
		}
	}()
	if place.Scheme != "ssh" {
		if g.keys != nil && g.client.credentials == nil {
			return nil, invalidFor(place, "SSH")
		}
		return git.Archive(ctx, &gitOverHTTP{client: g.client, base: place}, version(a), directory(a), limits, kept)
	}
	if g.keys == nil {
		return nil, invalidFor(place, "without an SSH key")
	}
	remote := &git.SSH{Dial: g.dial, Keys: g.keys, User: place.User.Username(), Host: net.JoinHostPort(place.Hostname(), sshPort(place)), Path: place.Path}
	defer func() { err = errors.Join(err, remote.Close()) }()
	return git.Archive(ctx, remote, version(a), directory(a), limits, kept)
}

func invalidFor(place *url.URL, kind string) error {
	return &Error{Problem: fmt.Sprintf("Git reference %q is invalid for credentials with auth type %s", place.Redacted(), kind), Status: http.StatusBadRequest}
}

// directory is the part of the repository that the artifact names.
func directory(a spinnaker.Artifact) string {
	if a.Location != "" {
		return a.Location
	}
	sub, _ := a.Metadata["subPath"].(string)
	return sub
}

// failure says what was asked for, and keeps what is known of an error.
func (g *gitRepo) failure(ctx context.Context, place *url.URL, a spinnaker.Artifact, err error) error {
	var known *Error
	var missing *git.MissingError
	var network net.Error
	asked := fmt.Sprintf("git %s%s at %q", place.Host, place.Path, version(a))
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &missing):
		return &Error{Problem: fmt.Sprintf("git %s%s: %v", place.Host, place.Path, missing), Advice: missing.Advice(), Status: http.StatusNotFound, Err: err}
	case ctx.Err() != nil, errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF):
		return networkError(ctx, asked, err)
	default:
		return &Error{Problem: asked + ": " + err.Error(), Err: err}
	}
}

// scpStyle is USER@HOST:PATH.
var scpStyle = regexp.MustCompile(`^([A-Za-z0-9._-]+)@([A-Za-z0-9._-]+):(.+)$`)

// parseRepository reads the address of a repository: http, https, ssh, or USER@HOST:PATH.
func parseRepository(reference string) (*url.URL, error) {
	if found := scpStyle.FindStringSubmatch(reference); found != nil {
		return &url.URL{Scheme: "ssh", User: url.User(found[1]), Host: found[2], Path: found[3]}, nil
	}
	parsed, err := url.Parse(reference)
	if err != nil || parsed.Hostname() == "" || parsed.Path == "" {
		return nil, malformedRepository()
	}
	switch parsed.Scheme {
	case "http", "https":
		parsed.User, parsed.RawQuery, parsed.Fragment = nil, "", ""
	case "ssh":
		user := parsed.User.Username()
		if user == "" {
			user = "git"
		}
		parsed.User = url.User(user)
	default:
		return nil, malformedRepository()
	}
	return parsed, nil
}

func malformedRepository() error {
	return &Error{Problem: "the reference is no address of a git repository", Status: http.StatusBadRequest,
		Advice: "It has to be like https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH"}
}

func sshPort(place *url.URL) string {
	if port := place.Port(); port != "" {
		return port
	}
	return "22"
}

// allowedHost checks a host against the only ones that may be reached; hosts below them may, too.
func allowedHost(allowed []string, host string) error {
	if len(allowed) == 0 {
		return nil
	}
	host = strings.ToLower(host)
	for _, one := range allowed {
		if one = strings.ToLower(one); host == one || strings.HasSuffix(host, "."+one) {
			return nil
		}
	}
	return &Error{Problem: fmt.Sprintf("Repository host '%s' is not in the allowed hosts list: [%s]", host, strings.Join(allowed, ", ")),
		Status: http.StatusForbidden}
}

// newGitDial makes connections for a git account: with allowed hosts to those only, whatever their addresses.
func newGitDial(account config.GitRepo) dial {
	if len(account.AllowedHosts) == 0 {
		return newDial(account.Name, config.Reach{AllowPrivateAddresses: account.AllowPrivateAddresses})
	}
	open := newDial(account.Name, config.Reach{AllowPrivateAddresses: true})
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if err := allowedHost(account.AllowedHosts, host); err != nil {
			return nil, err
		}
		return open(ctx, network, address)
	}
}

// gitOverHTTP is git's smart protocol over HTTP. It is for one archive.
type gitOverHTTP struct {
	client *client
	// base is the repository's address, after redirects once its branches are known.
	base *url.URL
	// origin is where the credentials belong: the host that the artifact names.
	origin *url.URL
}

// Advertised implements git.Remote.
func (g *gitOverHTTP) Advertised(ctx context.Context) (*packp.AdvRefs, error) {
	const service = "info/refs"
	g.origin = g.base
	target := g.base.JoinPath(service)
	target.RawQuery = "service=git-upload-pack"
	body, err := g.client.open(ctx, request{url: target, trusted: g.origin})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := readAll(body, "GET "+place(target), "its list of branches and tags", maxAdvertised)
	if err != nil {
		return nil, err
	}
	if kind := body.header.Get("Content-Type"); kind != "application/x-git-upload-pack-advertisement" {
		return nil, &Error{Problem: fmt.Sprintf("GET %s: the answer is %q, not that of a git server", place(target), kind), Advice: checkReference}
	}
	moved := *body.url
	moved.Path, moved.RawPath, moved.RawQuery = strings.TrimSuffix(moved.Path, "/"+service), "", ""
	g.base = &moved
	advertised := packp.NewAdvRefs()
	if err := advertised.Decode(bytes.NewReader(text)); err != nil {
		return nil, fmt.Errorf("the server's list of branches makes no sense: %w", err)
	}
	return advertised, nil
}

// Pack implements git.Remote.
func (g *gitOverHTTP) Pack(ctx context.Context, asked *packp.UploadPackRequest) (io.ReadCloser, error) {
	text, err := git.EncodeRequest(asked)
	if err != nil {
		return nil, err
	}
	body, err := g.client.open(ctx, request{url: g.base.JoinPath("git-upload-pack"), trusted: g.origin,
		header: http.Header{"Accept": {"application/x-git-upload-pack-result"}},
		form:   &form{contentType: "application/x-git-upload-pack-request", body: text}})
	if err != nil {
		return nil, err
	}
	return git.DecodeResponse(asked, body)
}
