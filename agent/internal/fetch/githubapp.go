package fetch

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gennaker/gennaker/agent/internal/config"
)

const (
	// assertionAge is how long the proof of being the app is good for; GitHub takes ten minutes at most.
	assertionAge = 9 * time.Minute
	// clockSkew is how much earlier than now proofs begin: the other clock may be behind.
	clockSkew = time.Minute
)

// gitHubApp gets tokens in the name of a GitHub App: each is for one installation, which belongs to an owner.
//
// Source: spinnaker/spinnaker kork/kork-github GitHubAppAuthenticator.java.
type gitHubApp struct {
	client *client
	config config.GitHubApp
	base   *url.URL
	tokens tokens
}

// newGitHubApp reads the app's key. The client's requests are signed by it.
func newGitHubApp(c config.GitHubApp, client *client) (*gitHubApp, error) {
	base := publicGitHub()
	if c.APIBaseURL != "" {
		var err error
		if base, err = parseHome(c.APIBaseURL); err != nil {
			return nil, fmt.Errorf("githubApp: apiBaseUrl: %w", err)
		}
	}
	pem, err := os.ReadFile(c.PrivateKeyPath)
	if err != nil {
		return nil, fmt.Errorf("githubApp: read the private key: %w", err)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(pem)
	if err != nil {
		return nil, fmt.Errorf("githubApp: %s holds no RSA key in PEM: %w", c.PrivateKeyPath, err)
	}
	client.home = base
	client.credentials = asApp(c.AppID, key)
	return &gitHubApp{client: client, config: c, base: base}, nil
}

// asApp signs requests as the app itself.
func asApp(id string, key *rsa.PrivateKey) credentials {
	return func(_ context.Context, r *http.Request) error {
		now := time.Now()
		assertion, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"iss": id, "iat": now.Add(-clockSkew).Unix(), "exp": now.Add(assertionAge).Unix(),
		}).SignedString(key)
		if err != nil {
			return &Error{Problem: "sign as GitHub App " + id + ": " + err.Error(), Err: err}
		}
		r.Header.Set("Authorization", "Bearer "+assertion)
		r.Header.Set("Accept", "application/vnd.github+json")
		return nil
	}
}

// credentials sign requests to the app's own GitHub with the token of the installation that is meant. Requests whose
// path names no repository go without, as the download URLs of GitHub do, which carry a token of their own.
func (g *gitHubApp) credentials(ctx context.Context, r *http.Request) error {
	owner, repository, ok := repositoryOf(r.URL.Path)
	if !sameOrigin(r.URL, g.base) || !ok && g.config.InstallationID == "" {
		return nil
	}
	token, err := g.token(ctx, owner, repository)
	if err == nil {
		r.Header.Set("Authorization", "token "+token)
	}
	return err
}

// token is a token for a repository.
func (g *gitHubApp) token(ctx context.Context, owner, repository string) (string, error) {
	key := strings.ToLower(owner)
	if g.config.InstallationID != "" {
		key = ""
	} else if allowed := g.config.AllowedOrganizations; len(allowed) > 0 &&
		!slices.ContainsFunc(allowed, func(o string) bool { return strings.EqualFold(o, owner) }) {
		return "", &Error{Status: http.StatusForbidden, Problem: fmt.Sprintf(
			"GitHub App %s is not permitted to access repositories owned by '%s'. Allowed organizations: [%s]", g.config.AppID, owner, strings.Join(allowed, ", "))}
	}
	return g.tokens.get(ctx, key, func(ctx context.Context) (expiring, error) {
		installation, err := g.installation(ctx, owner, repository)
		if err != nil {
			return expiring{}, err
		}
		return g.mint(ctx, installation)
	})
}

// installation is the configured one, or the one that may read the repository.
func (g *gitHubApp) installation(ctx context.Context, owner, repository string) (string, error) {
	if g.config.InstallationID != "" {
		return g.config.InstallationID, nil
	}
	var found struct {
		ID int64 `json:"id"`
	}
	err := g.ask(ctx, request{url: g.base.JoinPath("repos", owner, repository, "installation")}, &found)
	if failed := (*Error)(nil); errors.As(err, &failed) && failed.Status == http.StatusNotFound {
		failed.Problem = fmt.Sprintf("GitHub App %s has no installation with access to '%s/%s' on %s", g.config.AppID, owner, repository, g.base.Host)
		failed.Status = http.StatusForbidden
		failed.Advice = fmt.Sprintf("Install the app in '%s' and grant it access to the repository", owner)
	}
	return strconv.FormatInt(found.ID, 10), err
}

// mint gets a token of an installation.
func (g *gitHubApp) mint(ctx context.Context, installation string) (expiring, error) {
	var minted struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	err := g.ask(ctx, request{url: g.base.JoinPath("app", "installations", installation, "access_tokens"), form: &form{contentType: "application/json"}}, &minted)
	if err == nil && minted.Token == "" {
		err = &Error{Problem: fmt.Sprintf("POST %s: the answer holds no token", g.base.Host)}
	}
	return expiring{minted.Token, minted.ExpiresAt}, err
}

func (g *gitHubApp) ask(ctx context.Context, r request, into any) error {
	r.trusted = g.base
	text, err := g.client.read(ctx, r, "the answer", maxMetadata)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return &Error{Problem: fmt.Sprintf("%s %s: the answer is not JSON", r.method(), place(r.url)), Err: err}
	}
	return nil
}

// repositoryOf reads owner and repository from the path of an API URL (…/repos/OWNER/REPOSITORY/…).
func repositoryOf(path string) (owner, repository string, ok bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	at := slices.Index(parts, "repos")
	if at < 0 || len(parts) < at+3 || !gitHubName.MatchString(parts[at+1]) || !gitHubName.MatchString(parts[at+2]) {
		return "", "", false
	}
	return parts[at+1], parts[at+2], true
}

// gitHubName is the name of an owner or a repository. None is a step up or down in a path.
var gitHubName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)
