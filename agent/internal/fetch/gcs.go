package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	publicGCS = "https://storage.googleapis.com"
	// readObjects is what tokens are asked for.
	readObjects = "https://www.googleapis.com/auth/devstorage.read_only"
	// metadataServer gives the machine's own tokens; Google's libraries read the variable, too.
	metadataServer     = "169.254.169.254"
	metadataServerName = "GCE_METADATA_HOST"
)

// gcsObject fetches gcs/object: gs://BUCKET/PATH, with #GENERATION for one that is not the newest.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-gcs GcsArtifactCredentials.java.
type gcsObject struct {
	client *client
}

// newGCS reads the account's key. grants sends the requests for tokens.
func newGCS(account config.GCS, objects, grants *client) (*gcsObject, error) {
	address := account.APIEndpoint
	if address == "" {
		address = publicGCS
	}
	home, err := parseHome(address)
	if err != nil {
		return nil, fmt.Errorf("apiEndpoint: %w", err)
	}
	objects.home = home
	switch {
	case account.Anonymous:
	case account.JSONPath != "":
		if objects.credentials, err = serviceAccount(account.JSONPath, grants); err != nil {
			return nil, err
		}
	default:
		objects.credentials = machineAccount(grants)
	}
	return &gcsObject{client: objects}, nil
}

// Open implements Fetcher.
func (g *gcsObject) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	bucket, path, ok := strings.Cut(strings.TrimPrefix(a.Reference, "gs://"), "/")
	if !ok || bucket == "" || path == "" {
		return nil, &Error{Problem: fmt.Sprintf("GCS references must be of the format gs://<bucket>/<file-path>, got: %s", a.Reference), Status: http.StatusBadRequest}
	}
	query := url.Values{"alt": {"media"}}
	if at := strings.LastIndexByte(path, '#'); at >= 0 {
		generation := path[at+1:]
		if _, err := strconv.ParseInt(generation, 10, 64); err != nil {
			return nil, &Error{Problem: fmt.Sprintf("generation %q of the reference is not a number", generation), Status: http.StatusBadRequest}
		}
		path = path[:at]
		query.Set("generation", generation)
	}
	target := g.client.home.JoinPath("storage/v1/b", url.PathEscape(bucket), "o", url.PathEscape(path))
	target.RawQuery = query.Encode()
	body, err := g.client.open(ctx, g.client.file(target))
	if err != nil {
		return nil, gcsError(err, bucket, path)
	}
	return body, nil
}

// gcsError names the object as people do.
func gcsError(err error, bucket, path string) error {
	if failed := (*Error)(nil); errors.As(err, &failed) && failed.Status == http.StatusNotFound {
		failed.Problem = fmt.Sprintf("gs://%s/%s not found", bucket, path)
	}
	return err
}

// bearer signs requests with tokens that are renewed before they end.
func bearer(renew func(context.Context) (expiring, error)) credentials {
	var kept tokens
	return func(ctx context.Context, r *http.Request) error {
		token, err := kept.get(ctx, "", renew)
		if err == nil {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return err
	}
}

// serviceAccount gets tokens with the key of a service account.
func serviceAccount(path string, grants *client) (credentials, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("jsonPath: read the key: %w", err)
	}
	var key struct {
		Email      string `json:"client_email"`
		PrivateKey string `json:"private_key"`
		KeyID      string `json:"private_key_id"`
		TokenURI   string `json:"token_uri"`
	}
	if err := json.Unmarshal(text, &key); err != nil || key.Email == "" || key.TokenURI == "" {
		return nil, fmt.Errorf("jsonPath: %s is not the key file of a service account", path)
	}
	private, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(key.PrivateKey))
	if err != nil {
		return nil, fmt.Errorf("jsonPath: the private_key in %s is no RSA key in PEM: %w", path, err)
	}
	target, err := parseURL(key.TokenURI)
	if err != nil {
		return nil, fmt.Errorf("jsonPath: the token_uri in %s is no URL", path)
	}
	return bearer(func(ctx context.Context) (expiring, error) {
		now := time.Now()
		claims := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": key.Email, "aud": key.TokenURI, "scope": readObjects,
			"iat": now.Add(-clockSkew).Unix(), "exp": now.Add(assertionAge).Unix()})
		claims.Header["kid"] = key.KeyID
		assertion, err := claims.SignedString(private)
		if err != nil {
			return expiring{}, &Error{Problem: "sign as " + key.Email + ": " + err.Error(), Err: err}
		}
		body := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
		return grant(ctx, grants, request{url: target, form: &form{contentType: "application/x-www-form-urlencoded", body: []byte(body.Encode())}})
	}), nil
}

// machineAccount gets tokens of the machine or Pod that the agent runs on.
func machineAccount(grants *client) credentials {
	host := os.Getenv(metadataServerName)
	if host == "" {
		host = metadataServer
	}
	target := &url.URL{Scheme: "http", Host: host, Path: "/computeMetadata/v1/instance/service-accounts/default/token",
		RawQuery: url.Values{"scopes": {readObjects}}.Encode()}
	return bearer(func(ctx context.Context) (expiring, error) {
		token, err := grant(ctx, grants, request{url: target, header: http.Header{"Metadata-Flavor": {"Google"}}})
		if failed := (*Error)(nil); errors.As(err, &failed) {
			failed.Problem = "get a token of this machine: " + failed.Problem
			failed.Advice = "Outside of Google's cloud the account needs jsonPath, or anonymous: true for public buckets"
		}
		return token, err
	})
}

// grant asks for a token.
func grant(ctx context.Context, grants *client, r request) (expiring, error) {
	text, err := grants.read(ctx, r, "the answer", maxMetadata)
	if err != nil {
		return expiring{}, err
	}
	var granted struct {
		Token   string `json:"access_token"`
		Seconds int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(text, &granted); err != nil || granted.Token == "" {
		return expiring{}, &Error{Problem: fmt.Sprintf("%s %s: the answer holds no access_token", r.method(), place(r.url)), Err: err}
	}
	return expiring{granted.Token, time.Now().Add(time.Duration(granted.Seconds) * time.Second)}, nil
}
