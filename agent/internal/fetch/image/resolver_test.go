package image_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch/image"
)

// registryServer serves an image registry and returns its host.
func registryServer(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// push pushes a new image and returns its digest.
func push(t *testing.T, reference string, auth authn.Authenticator) string {
	t.Helper()
	made, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(parsed, made, remote.WithAuth(auth)); err != nil {
		t.Fatal(err)
	}
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func newResolver(t *testing.T, registries []config.Registry, ecrs []config.ECR) *image.Resolver {
	t.Helper()
	resolver, err := image.New(t.Context(), registries, ecrs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(resolver.Close)
	return resolver
}

func TestRegistry(t *testing.T) {
	host := registryServer(t, nil)
	digest := push(t, host+"/team/web:1.0", authn.Anonymous)
	resolver := newResolver(t, []config.Registry{{Name: "main", Address: "http://" + host}}, nil)
	missing := strings.Repeat("0", 64)
	tests := []struct {
		reference string
		want      image.Result
	}{
		{host + "/team/web:1.0", image.Result{Known: true, Found: true, Digest: digest}},
		{host + "/team/web@" + digest, image.Result{Known: true, Found: true, Digest: digest}},
		{host + "/team/web:1.0@" + digest, image.Result{Known: true, Found: true, Digest: digest}},
		{host + "/team/web:2.0", image.Result{Known: true, Detail: fmt.Sprintf(
			`image %[1]s/team/web:2.0 is not in the registry: registry account "main": %[1]s has no team/web:2.0. Push it, or check its name and tag`, host)}},
		{host + "/team/web", image.Result{Known: true, Detail: fmt.Sprintf(
			`image %[1]s/team/web is not in the registry: registry account "main": %[1]s has no team/web:latest. Push it, or check its name and tag`, host)}},
		{host + "/none:1", image.Result{Known: true, Detail: fmt.Sprintf(
			`image %[1]s/none:1 is not in the registry: registry account "main": %[1]s has no none:1. Push it, or check its name and tag`, host)}},
		{host + "/team/web@sha256:" + missing, image.Result{Known: true, Detail: fmt.Sprintf(
			`image %[1]s/team/web@sha256:%[2]s is not in the registry: registry account "main": %[1]s has no team/web@sha256:%[2]s. Push it, or check its name and tag`, host, missing)}},
		{"nginx:1", image.Result{}},
		{"other.example/team/web:1.0", image.Result{}},
	}
	for _, test := range tests {
		got, err := resolver.Resolve(t.Context(), test.reference)
		if err != nil {
			t.Errorf("%s: %v", test.reference, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reference, diff)
		}
	}
}

func TestRegistryWithPassword(t *testing.T) {
	host := registryServer(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "robot" || password != "s3cret" {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	digest := push(t, host+"/web:1", &authn.Basic{Username: "robot", Password: "s3cret"})
	account := config.Registry{Name: "main", Address: host, Insecure: true, Username: "robot", Password: config.NewSecret("s3cret")}
	got, err := newResolver(t, []config.Registry{account}, nil).Resolve(t.Context(), host+"/web:1")
	if err != nil || got.Digest != digest {
		t.Errorf("got %+v, %v", got, err)
	}
	account.Password = config.NewSecret("wr0ng")
	_, err = newResolver(t, []config.Registry{account}, nil).Resolve(t.Context(), host+"/web:1")
	wantError(t, err, fmt.Sprintf(`image %[1]s/web:1: registry account "main": %[1]s answered 401 Unauthorized. `+
		`Check the account's username and password, and what they may read`, host), false)
}

func wantError(t *testing.T, err error, text string, retryable bool) {
	t.Helper()
	var failed *image.Error
	if !errors.As(err, &failed) {
		t.Fatalf("error %v, want an *image.Error", err)
	}
	if err.Error() != text || failed.Retryable != retryable {
		t.Errorf("got error (retryable %v)\n%v\nwant (retryable %v)\n%s", failed.Retryable, err, retryable, text)
	}
}

func TestTokensAreKept(t *testing.T) {
	var tokens atomic.Int64
	host := registryServer(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/token":
				tokens.Add(1)
				fmt.Fprint(w, `{"token": "T", "expires_in": 300}`)
			case r.Header.Get("Authorization") != "Bearer T":
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host))
				w.WriteHeader(http.StatusUnauthorized)
			default:
				next.ServeHTTP(w, r)
			}
		})
	})
	push(t, host+"/web:1", authn.Anonymous)
	tokens.Store(0)
	resolver := newResolver(t, []config.Registry{{Name: "main", Address: "http://" + host}}, nil)
	for range 3 {
		if got, err := resolver.Resolve(t.Context(), host+"/web:1"); err != nil || !got.Found {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if got := tokens.Load(); got != 1 {
		t.Errorf("%d tokens were asked for, want 1", got)
	}
}

func TestRegistryTrouble(t *testing.T) {
	var requests atomic.Int64
	down := registryServer(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
	})
	resolver := newResolver(t, []config.Registry{{Name: "main", Address: "http://" + down}}, nil)
	_, err := resolver.Resolve(t.Context(), down+"/web:1")
	wantError(t, err, fmt.Sprintf(`image %[1]s/web:1: registry account "main": %[1]s answered 503 Service Unavailable`, down), true)
	if requests.Load() < 2 {
		t.Error("the request was not repeated")
	}

	gone := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(gone.URL, "http://")
	gone.Close()
	_, err = newResolver(t, []config.Registry{{Name: "main", Address: gone.URL}}, nil).Resolve(t.Context(), host+"/web:1")
	wantError(t, err, fmt.Sprintf(`image %[1]s/web:1: registry account "main": %[1]s: connect: connection refused`, host), true)

	_, err = resolver.Resolve(t.Context(), "Not A Reference")
	wantError(t, err, `image Not A Reference: it is no image reference: could not parse reference: Not A Reference`, false)
}

func TestAddressesOfAccounts(t *testing.T) {
	if _, err := image.New(t.Context(), []config.Registry{{Name: "x"}}, nil); err == nil ||
		err.Error() != `docker registry account "x": address "" names no host` {
		t.Errorf("error %v", err)
	}
}

// ecrStub answers DescribeImages as ECR does, for repository shipitclicker of registry 123456789012.
type ecrStub struct {
	digest string
	// fault is answered in place of an image: an error type of the API.
	fault    string
	requests atomic.Int64
}

func (e *ecrStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.requests.Add(1)
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(body); err != nil {
			panic(err)
		}
	}
	fail := func(kind, message string) {
		answer(http.StatusBadRequest, map[string]any{"__type": kind, "message": message})
	}
	var in struct {
		RegistryID     string `json:"registryId"`
		RepositoryName string `json:"repositoryName"`
		ImageIDs       []struct {
			ImageTag, ImageDigest string
		} `json:"imageIds"`
	}
	switch err := json.NewDecoder(r.Body).Decode(&in); {
	case err != nil || r.Header.Get("X-Amz-Target") != "AmazonEC2ContainerRegistry_V20150921.DescribeImages":
		fail("InvalidParameterException", "unexpected request")
	case !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/ecr/"):
		fail("UnrecognizedClientException", "signed for another region or service")
	case e.fault != "":
		fail(e.fault, "no")
	case in.RegistryID != "123456789012" || in.RepositoryName != "shipitclicker":
		fail("RepositoryNotFoundException", fmt.Sprintf("The repository with name '%s' does not exist in the registry with id '%s'", in.RepositoryName, in.RegistryID))
	case in.ImageIDs[0].ImageTag != "0.5.3-42" && in.ImageIDs[0].ImageDigest != e.digest:
		fail("ImageNotFoundException", "The image with imageId {imageDigest:'null', imageTag:'"+in.ImageIDs[0].ImageTag+"'} does not exist")
	default:
		answer(http.StatusOK, map[string]any{"imageDetails": []any{map[string]any{"imageDigest": e.digest, "imagePushedAt": 1.7e9}}})
	}
}

func startECR(t *testing.T, stub *ecrStub) {
	t.Helper()
	server := httptest.NewServer(stub)
	t.Cleanup(server.Close)
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL_ECR": server.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_REGION": "eu-west-1",
	} {
		t.Setenv(key, value)
	}
}

func TestECR(t *testing.T) {
	const host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
	digest := "sha256:" + strings.Repeat("ab", 32)
	startECR(t, &ecrStub{digest: digest})
	resolver := newResolver(t, nil, []config.ECR{{Name: "prod", RegistryID: "123456789012", Region: "eu-west-1", Hosts: []string{"localhost:5000"}}})
	found := image.Result{Known: true, Found: true, Digest: digest}
	tests := []struct {
		reference string
		want      image.Result
	}{
		{host + "/shipitclicker:0.5.3-42", found},
		{host + "/shipitclicker@" + digest, found},
		{"localhost:5000/shipitclicker:0.5.3-42", found},
		{"123456789012.dkr-ecr.eu-west-1.on.aws/shipitclicker:0.5.3-42", found},
		{host + "/shipitclicker:0.5.3-43", image.Result{Known: true, Detail: "image " + host + "/shipitclicker:0.5.3-43 is not in the registry: " +
			`ecr account "prod": The image with imageId {imageDigest:'null', imageTag:'0.5.3-43'} does not exist. Push it, or check its name and tag`}},
		{host + "/other:1", image.Result{Known: true, Detail: "image " + host + "/other:1 is not in the registry: " +
			`ecr account "prod": The repository with name 'other' does not exist in the registry with id '123456789012'. Push it, or check its name and tag`}},
		{"123456789012.dkr.ecr.us-east-1.amazonaws.com/shipitclicker:1", image.Result{}},
		{"999999999999.dkr.ecr.eu-west-1.amazonaws.com/shipitclicker:1", image.Result{}},
		{"public.ecr.aws/x/shipitclicker:1", image.Result{}},
	}
	for _, test := range tests {
		got, err := resolver.Resolve(t.Context(), test.reference)
		if err != nil {
			t.Errorf("%s: %v", test.reference, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reference, diff)
		}
	}
}

func TestECRAccountForEverything(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	startECR(t, &ecrStub{digest: digest})
	t.Setenv("AWS_REGION", "us-east-1")
	got, err := newResolver(t, nil, []config.ECR{{Name: "all"}}).Resolve(t.Context(), "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shipitclicker:0.5.3-42")
	if err != nil || got.Digest != digest {
		t.Errorf("registry id and region of the host: got %+v, %v", got, err)
	}
}

func TestECRTrouble(t *testing.T) {
	const reference = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shipitclicker:0.5.3-42"
	tests := []struct {
		fault     string
		requests  int64
		retryable bool
		want      string
	}{
		{"AccessDeniedException", 1, false, "image " + reference + `: ecr account "prod": DescribeImages: AccessDeniedException: no`},
		{"ThrottlingException", 3, true, "image " + reference + `: ecr account "prod": DescribeImages: ThrottlingException: no`},
	}
	for _, test := range tests {
		t.Run(test.fault, func(t *testing.T) {
			stub := &ecrStub{fault: test.fault}
			startECR(t, stub)
			_, err := newResolver(t, nil, []config.ECR{{Name: "prod", Region: "eu-west-1"}}).Resolve(t.Context(), reference)
			wantError(t, err, test.want, test.retryable)
			if got := stub.requests.Load(); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
		})
	}
}

func TestECRWithoutCredentials(t *testing.T) {
	startECR(t, &ecrStub{})
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err := newResolver(t, nil, []config.ECR{{Name: "prod", Region: "eu-west-1"}}).
		Resolve(t.Context(), "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shipitclicker:1")
	var failed *image.Error
	if !errors.As(err, &failed) || !strings.HasSuffix(err.Error(), "Check the AWS region and credentials in the agent's environment") {
		t.Errorf("error %v", err)
	}
}

// A registry leads to the agent's own machine under another name, to where clouds give credentials away, and in a circle.
func TestRegistryThatLeadsAstray(t *testing.T) {
	var inside atomic.Int64
	secret := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		inside.Add(1)
		if _, err := w.Write([]byte(`{"tags":["stolen"]}`)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(secret.Close)
	target := ""
	host := registryServer(t, func(inner http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" {
				inner.ServeHTTP(w, r)
				return
			}
			to := target
			if to == "loop" {
				to = r.URL.Path
			}
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		})
	})
	for to, want := range map[string]string{
		strings.Replace(secret.URL, "127.0.0.1", "localhost", 1): "an address of this machine or network segment, and is not followed",
		"http://169.254.169.254/latest/meta-data":                "it leads to 169.254.169.254, an address of this machine or network segment, and is not followed",
		"loop": "stopped after 10 redirects",
	} {
		target = to
		resolver := newResolver(t, []config.Registry{{Name: "main", Address: "http://" + host}}, nil)
		if tags, err := resolver.Registry("main").Tags(t.Context(), "team/web"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("tags, led to %s: %v, %v", to, tags, err)
		}
		if to == "loop" {
			continue // the library tries again until the time is over
		}
		if _, err := resolver.Resolve(t.Context(), host+"/team/web:1"); err == nil {
			t.Errorf("an image was found, led to %s", to)
		}
	}
	if inside.Load() != 0 {
		t.Errorf("the server inside was asked %d times", inside.Load())
	}
}
