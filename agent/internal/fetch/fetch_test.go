package fetch_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/agent/internal/fetch/fetchtest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// quick are limits under which failures come soon.
func quick() fetch.Limits {
	return fetch.Limits{MaxBytes: 1 << 20, Timeout: 5 * time.Second, Tries: 3, RetryPause: time.Millisecond}
}

func newSet(t testing.TB, o fetch.Options) *fetch.Set {
	t.Helper()
	if o.Limits == (fetch.Limits{}) {
		o.Limits = quick()
	}
	set, err := fetch.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	return set
}

func serve(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// read opens and reads an artifact.
func read(t testing.TB, set *fetch.Set, a spinnaker.Artifact) (string, error) {
	t.Helper()
	body, err := set.Open(t.Context(), a)
	if err != nil {
		return "", err
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	return string(content), err
}

// wantError checks an error's text, its retry mark and that it is an *Error.
func wantError(t *testing.T, err error, text string, retryable bool) {
	t.Helper()
	var failed *fetch.Error
	if !errors.As(err, &failed) {
		t.Fatalf("error %v, want a *fetch.Error", err)
	}
	if err.Error() != text || failed.Retryable != retryable || failed.Status == 0 {
		t.Errorf("got error (retryable %v, status %d)\n%v\nwant (retryable %v)\n%s", failed.Retryable, failed.Status, err, retryable, text)
	}
}

func githubFile(reference string) spinnaker.Artifact {
	return spinnaker.Artifact{Type: "github/file", Name: "chapter9/helm.tar.gz", Reference: reference, ArtifactAccount: "gh"}
}

// accounts are the accounts of one kind.
func accounts[T any](list ...T) config.Accounts[T] { return config.Accounts[T]{Accounts: list} }

// anywhere lets an account reach the servers of a test.
var anywhere = config.Reach{AllowPrivateAddresses: true}

func basic(user, password string) config.BasicAuth {
	return config.BasicAuth{Username: user, Password: config.NewSecret(password)}
}

// gitHub is an account for a GitHub of a test.
func gitHub(token, user, password string) config.GitHub {
	return config.GitHub{Name: "gh", TokenAuth: config.TokenAuth{Token: config.NewSecret(token)}, BasicAuth: basic(user, password),
		Site: config.Site{Reach: anywhere}}
}

// web is an account for an HTTP server of a test.
func web(user, password string) config.HTTP {
	return config.HTTP{Name: "web", BasicAuth: basic(user, password), Site: config.Site{Reach: anywhere}}
}

func TestGitHubFiles(t *testing.T) {
	const contents = "/repos/o/r/contents/chapter9/helm.tar.gz"
	tests := []struct {
		name     string
		server   *fetchtest.GitHub
		account  config.GitHub
		version  string
		relative bool
		want     []string
	}{
		{name: "public, branch master", server: &fetchtest.GitHub{}, want: []string{"GET " + contents + "?ref=master none", "GET /raw/o/r/master/chapter9/helm.tar.gz none"}},
		{name: "token and version", server: &fetchtest.GitHub{Token: "secret-token"}, account: gitHub("secret-token", "", ""), version: "v1",
			want: []string{"GET " + contents + "?ref=v1 token", "GET /raw/o/r/v1/chapter9/helm.tar.gz?token=… token"}},
		{name: "token wins over basic", server: &fetchtest.GitHub{Token: "secret-token"}, account: gitHub("secret-token", "u", "p"),
			want: []string{"GET " + contents + "?ref=master token", "GET /raw/o/r/master/chapter9/helm.tar.gz?token=… token"}},
		{name: "basic", server: &fetchtest.GitHub{Username: "u", Password: "p"}, account: gitHub("", "u", "p"),
			want: []string{"GET " + contents + "?ref=master basic", "GET /raw/o/r/master/chapter9/helm.tar.gz?token=… basic"}},
		{name: "contents API", server: &fetchtest.GitHub{Token: "secret-token"},
			account: config.GitHub{TokenAuth: config.TokenAuth{Token: config.NewSecret("secret-token")}, UseContentAPI: true},
			want:    []string{"GET " + contents + "?ref=master token"}},
		{name: "reference below the account's base URL", server: &fetchtest.GitHub{}, relative: true,
			want: []string{"GET " + contents + "?ref=master none", "GET /raw/o/r/master/chapter9/helm.tar.gz none"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			github := test.server
			github.Put("o/r", "master", "chapter9/helm.tar.gz", []byte("the chart"))
			github.Put("o/r", "v1", "chapter9/helm.tar.gz", []byte("the chart"))
			server := serve(t, github)
			test.account.Name, test.account.AllowPrivateAddresses, test.account.BaseURL = "gh", true, server.URL+"/"
			set := newSet(t, fetch.Options{Accounts: config.Artifacts{GitHub: accounts(test.account)}})
			artifact := githubFile(server.URL + contents)
			if test.relative {
				artifact.Reference = contents
			}
			artifact.Version = test.version
			content, err := read(t, set, artifact)
			if err != nil || content != "the chart" {
				t.Fatalf("got %q, %v", content, err)
			}
			if diff := cmp.Diff(test.want, withoutTokens(github.Requests())); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// withoutTokens hides the tokens of download URLs.
func withoutTokens(requests []string) []string {
	out := make([]string, len(requests))
	for i, request := range requests {
		before, after, found := strings.Cut(request, "?token=")
		if out[i] = request; found {
			_, kind, _ := strings.Cut(after, " ")
			out[i] = before + "?token=… " + kind
		}
	}
	return out
}

func TestGitHubCredentialsStayWithTheHost(t *testing.T) {
	github := &fetchtest.GitHub{Token: "secret-token"}
	github.Put("o/r", "master", "f", []byte("body"))
	rawSide := serve(t, github)
	github.RawBase = strings.Replace(rawSide.URL, "127.0.0.1", "localhost", 1)
	server := serve(t, github)
	set := newSet(t, fetch.Options{Accounts: config.Artifacts{GitHub: accounts(gitHub("secret-token", "", ""))}})
	content, err := read(t, set, githubFile(server.URL+"/repos/o/r/contents/f"))
	if err != nil || content != "body" {
		t.Fatalf("got %q, %v", content, err)
	}
	want := []string{"GET /repos/o/r/contents/f?ref=master token", "GET /raw/o/r/master/f?token=… none"}
	if diff := cmp.Diff(want, withoutTokens(github.Requests())); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestGitHubFailures(t *testing.T) {
	answer := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
	}
	private := func() *fetchtest.GitHub {
		github := &fetchtest.GitHub{Token: "right"}
		github.Put("o/r", "master", "dir/f", nil)
		return github
	}
	tests := []struct {
		name    string
		handler http.Handler
		token   string
		path    string
		version string
		want    string // HOST stands for the server's address
	}{
		{name: "no such file", handler: private(), token: "right", path: "none",
			want: `artifact github/file "chapter9/helm.tar.gz": GET HOST/repos/o/r/contents/none: 404 Not Found: Not Found. ` +
				`The artifact has no version, so branch "master" was asked for. Check the artifact's reference and version, and that artifact account "gh" may read it`},
		{name: "no such version", handler: private(), token: "right", path: "dir/f", version: "v9",
			want: `artifact github/file "chapter9/helm.tar.gz": GET HOST/repos/o/r/contents/dir/f: 404 Not Found: Not Found. ` +
				`Version "v9" was asked for. Check the artifact's reference and version, and that artifact account "gh" may read it`},
		{name: "wrong token", handler: private(), token: "wrong", path: "dir/f",
			want: `artifact github/file "chapter9/helm.tar.gz": GET HOST/repos/o/r/contents/dir/f: 401 Unauthorized: Bad credentials. ` +
				`Check the credentials of artifact account "gh" and what they may read`},
		{name: "a directory", handler: private(), token: "right", path: "dir",
			want: `artifact github/file "chapter9/helm.tar.gz": GET HOST/repos/o/r/contents/dir: it is a directory. Name a file in the artifact's reference`},
		{name: "no download URL", handler: answer(`{"download_url": null}`), path: "f",
			want: `artifact github/file "chapter9/helm.tar.gz": Failed to retrieve your github artifact's download URL. ` +
				`This is likely due to incorrect auth setup. Check the account's token, and that HOST/repos/o/r/contents/f is a file`},
		{name: "an HTML page", handler: answer(`<html>`), path: "f",
			want: `artifact github/file "chapter9/helm.tar.gz": GET HOST/repos/o/r/contents/f: the answer is not JSON. ` +
				`The reference has to be a URL of GitHub's contents API: …/repos/OWNER/REPOSITORY/contents/PATH`},
		{name: "a download URL of another kind", handler: answer(`{"download_url": "file:///etc/passwd"}`), path: "f",
			want: `artifact github/file "chapter9/helm.tar.gz": GET HOST/repos/o/r/contents/f: its download_url is no http URL`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, test.handler)
			set := newSet(t, fetch.Options{Accounts: config.Artifacts{GitHub: accounts(gitHub(test.token, "", ""))}})
			artifact := githubFile(server.URL + "/repos/o/r/contents/" + test.path)
			artifact.Version = test.version
			_, err := read(t, set, artifact)
			wantError(t, err, strings.ReplaceAll(test.want, "HOST", strings.TrimPrefix(server.URL, "http://")), false)
		})
	}
}

func httpSet(t testing.TB, account config.HTTP, limits fetch.Limits) *fetch.Set {
	t.Helper()
	return newSet(t, fetch.Options{Accounts: config.Artifacts{HTTP: accounts(account)}, Limits: limits})
}

func httpFile(reference string) spinnaker.Artifact {
	return spinnaker.Artifact{Type: "http/file", Name: "values.yaml", Reference: reference, ArtifactAccount: "web"}
}

func TestHTTPFileWithBasicAuth(t *testing.T) {
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "%s %s:%s", r.URL.Query().Get("q"), user, password)
	}))
	content, err := read(t, httpSet(t, web("u", "p"), fetch.Limits{}), httpFile(server.URL+"/x?q=1"))
	if err != nil || content != "1 u:p" {
		t.Errorf("got %q, %v", content, err)
	}
}

func TestRedirects(t *testing.T) {
	showAuth := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "auth="+r.Header.Get("Authorization"))
	})
	elsewhere := serve(t, showAuth)
	mux := http.NewServeMux()
	mux.Handle("/here", showAuth)
	redirect := func(path, to string) { mux.Handle(path, http.RedirectHandler(to, http.StatusFound)) }
	redirect("/same", "/here")
	redirect("/other", elsewhere.URL+"/x")
	redirect("/back", strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)+"/y")
	redirect("/loop", "/loop")
	redirect("/file", "file:///etc/passwd")
	mux.HandleFunc("/none", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) })
	mux.HandleFunc("/ten", func(w http.ResponseWriter, r *http.Request) {
		n := len(r.URL.Query().Get("n"))
		if n == 10 {
			showAuth(w, r)
			return
		}
		http.Redirect(w, r, "/ten?n="+strings.Repeat("x", n+1), http.StatusTemporaryRedirect)
	})
	server := serve(t, mux)
	host := strings.TrimPrefix(server.URL, "http://")
	tests := []struct{ path, want, wantErr string }{
		{path: "/same", want: "auth=Basic dTpw"},
		{path: "/ten", want: "auth=Basic dTpw"},
		{path: "/other", want: "auth="},
		{path: "/back", want: "auth="},
		{path: "/loop?secret=1", wantErr: `artifact http/file "values.yaml": too many redirects (>10) following ` + host + `/loop. Check the account's base URL or the artifact's reference`},
		{path: "/none", wantErr: `artifact http/file "values.yaml": received redirect (302) from ` + host + `/none with no Location header`},
		{path: "/file", wantErr: `artifact http/file "values.yaml": received redirect (302) from ` + host + `/file to a URL of scheme "file"`},
	}
	set := httpSet(t, web("u", "p"), fetch.Limits{})
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			content, err := read(t, set, httpFile(server.URL+test.path))
			if test.wantErr != "" {
				wantError(t, err, test.wantErr, false)
				return
			}
			if err != nil || content != test.want {
				t.Errorf("got %q, %v, want %q", content, err, test.want)
			}
		})
	}
}

func TestPrivateAddressesAreRefusedUnlessAllowed(t *testing.T) {
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://127.0.0.1:"+r.Host[strings.LastIndex(r.Host, ":")+1:]+"/", http.StatusFound)
			return
		}
		fmt.Fprint(w, "ok")
	}))
	byName := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	refused := func(host string) string {
		return fmt.Sprintf(`artifact http/file "values.yaml": GET %s: its address 127.0.0.1 is not public. Set allowPrivateAddresses on the artifact account "web" if that is meant`, host)
	}
	tests := []struct {
		name    string
		reach   config.Reach
		url     string
		wantErr string
	}{
		{name: "by default", url: server.URL, wantErr: refused(strings.TrimPrefix(server.URL, "http://"))},
		{name: "allowed addresses", reach: config.Reach{AllowPrivateAddresses: true}, url: server.URL},
		{name: "allowed host", reach: config.Reach{AllowedHosts: []string{"Localhost"}}, url: byName},
		{name: "a redirect from an allowed host", reach: config.Reach{AllowedHosts: []string{"localhost"}}, url: byName + "/away",
			wantErr: refused(strings.TrimPrefix(server.URL, "http://"))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			content, err := read(t, httpSet(t, config.HTTP{Name: "web", Site: config.Site{Reach: test.reach}}, fetch.Limits{}), httpFile(test.url))
			if test.wantErr != "" {
				wantError(t, err, test.wantErr, false)
			} else if err != nil || content != "ok" {
				t.Errorf("got %q, %v", content, err)
			}
		})
	}
}

func TestRetries(t *testing.T) {
	tests := []struct {
		name         string
		status       int
		failures     int64
		wantRequests int64
		wantErr      string // HOST stands for the server's address
		retryable    bool
	}{
		{name: "a server that recovers", status: 503, failures: 2, wantRequests: 3},
		{name: "too many requests", status: 429, failures: 1, wantRequests: 2},
		{name: "a server that stays down", status: 502, failures: 9, wantRequests: 3, retryable: true,
			wantErr: `artifact http/file "values.yaml": GET HOST/: 502 Bad Gateway: down`},
		{name: "not found is final", status: 404, failures: 9, wantRequests: 1,
			wantErr: `artifact http/file "values.yaml": GET HOST/: 404 Not Found: down. Check the artifact's reference and version, and that artifact account "web" may read it`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var requests atomic.Int64
			server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if requests.Add(1) <= test.failures {
					w.WriteHeader(test.status)
					fmt.Fprint(w, `{"message": "down."}`)
					return
				}
				fmt.Fprint(w, "ok")
			}))
			content, err := read(t, httpSet(t, web("", ""), fetch.Limits{}), httpFile(server.URL+"/"))
			if test.wantErr != "" {
				wantError(t, err, strings.ReplaceAll(test.wantErr, "HOST", strings.TrimPrefix(server.URL, "http://")), test.retryable)
			} else if err != nil || content != "ok" {
				t.Errorf("got %q, %v", content, err)
			}
			if got := requests.Load(); got != test.wantRequests {
				t.Errorf("%d requests, want %d", got, test.wantRequests)
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	server := serve(t, http.NotFoundHandler())
	server.Close()
	_, err := read(t, httpSet(t, web("", ""), fetch.Limits{}), httpFile(server.URL))
	wantError(t, err, `artifact http/file "values.yaml": GET `+strings.TrimPrefix(server.URL, "http://")+`: connect: connection refused`, true)
}

func TestLimits(t *testing.T) {
	hang := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/announced", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "2000")
		w.WriteHeader(200)
	})
	mux.HandleFunc("/chunked", func(w http.ResponseWriter, _ *http.Request) {
		for range 20 {
			fmt.Fprint(w, strings.Repeat("x", 100))
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/exact", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 1000)) })
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) { <-hang })
	mux.HandleFunc("/stalls", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half")
		w.(http.Flusher).Flush()
		<-hang
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hang) })
	limits := quick()
	limits.MaxBytes, limits.Timeout = 1000, 200*time.Millisecond
	set := httpSet(t, web("", ""), limits)
	host := strings.TrimPrefix(server.URL, "http://")
	tests := []struct {
		path, wantErr string
		retryable     bool
	}{
		{path: "/exact"},
		{path: "/announced", wantErr: "GET " + host + "/announced: the file is larger than the limit of 1000 bytes"},
		{path: "/chunked", wantErr: "GET " + host + "/chunked: the file is larger than the limit of 1000 bytes"},
		{path: "/silent", wantErr: "GET " + host + ": no complete answer in time", retryable: true},
		{path: "/stalls", wantErr: "GET " + host + ": no complete answer in time", retryable: true},
		{path: "/cut", wantErr: "GET " + host + ": unexpected EOF", retryable: true},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			_, err := read(t, set, httpFile(server.URL+test.path))
			if test.wantErr != "" {
				wantError(t, err, `artifact http/file "values.yaml": `+test.wantErr, test.retryable)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestACallerThatGivesUpEndsTheFetch(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hang) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := httpSet(t, web("", ""), fetch.Limits{}).Open(ctx, httpFile(server.URL))
	wantError(t, err, `artifact http/file "values.yaml": GET `+strings.TrimPrefix(server.URL, "http://")+`: context deadline exceeded`, false)
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	github := serve(t, &fetchtest.GitHub{Token: "right"})
	gone := serve(t, http.NotFoundHandler())
	gone.Close()
	set := newSet(t, fetch.Options{Accounts: config.Artifacts{GitHub: accounts(gitHub("s3cret", "", "")), HTTP: accounts(web("u", "s3cret"))}})
	for _, artifact := range []spinnaker.Artifact{
		{Type: "github/file", ArtifactAccount: "gh", Reference: github.URL + "/repos/o/r/contents/f?token=s3cret"},
		{Type: "http/file", ArtifactAccount: "web", Reference: gone.URL + "/f?token=s3cret"},
		{Type: "http/file", ArtifactAccount: "web", Reference: strings.Replace(gone.URL, "http://", "http://u:s3cret@", 1)},
		{Type: "http/file", ArtifactAccount: "web", Reference: "ftp://host/x?token=s3cret"},
		{Type: "http/file", ArtifactAccount: "none", Reference: "http://u:s3cret@host/?token=s3cret"},
	} {
		_, err := read(t, set, artifact)
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error %v holds a secret, or is none", err)
		}
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			t.Errorf("error %v carries one that prints its URL", err)
		}
	}
}

// blobs is a store of bodies.
type blobs map[string]string

func (b blobs) Open(_ context.Context, sum string) (io.ReadCloser, error) {
	content, ok := b[sum]
	if !ok {
		return nil, fmt.Errorf("no blob %s", sum)
	}
	return io.NopCloser(strings.NewReader(content)), nil
}

func TestArtifactsThatHoldTheirBody(t *testing.T) {
	sum := sha256.Sum256([]byte("stored"))
	hash := hex.EncodeToString(sum[:])
	set := newSet(t, fetch.Options{Blobs: blobs{hash: "stored"}, Limits: fetch.Limits{MaxBytes: 10}})
	tests := []struct{ kind, reference, want, wantErr string }{
		{kind: "embedded/base64", reference: base64.StdEncoding.EncodeToString([]byte("0123456789")), want: "0123456789"},
		{kind: "embedded/base64", reference: base64.StdEncoding.EncodeToString(make([]byte, 20)),
			wantErr: `artifact embedded/base64 "without a name": it is larger than the limit of 10 bytes`},
		{kind: "embedded/base64", reference: "%%%%",
			wantErr: `artifact embedded/base64 "without a name": its reference is not base64: illegal base64 data at input byte 0`},
		{kind: "remote/base64", reference: "ref://app/" + hash, want: "stored"},
		{kind: "remote/base64", reference: "ref://app/" + strings.Repeat("0", 64),
			wantErr: `artifact remote/base64 "app/0000000000000000000000000000000000000000000000000000000000000000": no blob 0000000000000000000000000000000000000000000000000000000000000000`},
		{kind: "remote/base64", reference: "ref://app/x", wantErr: `artifact remote/base64 "app/x": its reference "ref://app/x" is not of the form ref://APPLICATION/SHA-256`},
		{kind: "docker/image", reference: "registry.example/web:1", wantErr: `artifact docker/image "registry.example/web:1": an image is used by its reference, there is no file to fetch`},
		{kind: "kubernetes/configMap", reference: "web-v000", wantErr: `artifact kubernetes/configMap "web-v000": a Kubernetes object is used by its reference, there is no file to fetch`},
	}
	for _, test := range tests {
		content, err := read(t, set, spinnaker.Artifact{Type: test.kind, Reference: test.reference, ArtifactAccount: "whatever"})
		if test.wantErr != "" {
			wantError(t, err, test.wantErr, false)
		} else if err != nil || content != test.want {
			t.Errorf("%s: got %q, %v", test.kind, content, err)
		}
	}
}

// archived is a Jenkins with one archived file.
type archived struct{ err error }

func (archived) Masters() []string { return []string{"ci"} }

func (a archived) Artifact(_ context.Context, master, job string, number int64, path string, limit int64) (io.ReadCloser, error) {
	if a.err != nil {
		return nil, a.err
	}
	return io.NopCloser(strings.NewReader(fmt.Sprint(master, " ", job, " ", number, " ", path, " ", limit))), nil
}

type passing struct{ error }

func (passing) Temporary() bool { return true }

func TestJenkinsFiles(t *testing.T) {
	file := spinnaker.Artifact{Type: "jenkins/file", ArtifactAccount: "ci", Name: "shop/job/cart", Version: "41", Reference: "out/helm.tar.gz"}
	content, err := read(t, newSet(t, fetch.Options{Jenkins: archived{}, Limits: fetch.Limits{MaxBytes: 99}}), file)
	if want := "ci shop/job/cart 41 out/helm.tar.gz 99"; err != nil || content != want {
		t.Errorf("got %q, %v, want %q", content, err, want)
	}
	bad := file
	bad.Version = "latest"
	_, err = read(t, newSet(t, fetch.Options{Jenkins: archived{}}), bad)
	wantError(t, err, `artifact jenkins/file "shop/job/cart": its version "latest" is not a build number`, false)
	_, err = read(t, newSet(t, fetch.Options{Jenkins: archived{err: errors.New("jenkins \"ci\": gone")}}), file)
	wantError(t, err, `artifact jenkins/file "shop/job/cart": jenkins "ci": gone`, false)
	_, err = read(t, newSet(t, fetch.Options{Jenkins: archived{err: passing{errors.New("restarting")}}}), file)
	wantError(t, err, `artifact jenkins/file "shop/job/cart": restarting`, true)
}

func TestAccountsAreFoundByNameAndType(t *testing.T) {
	configured := config.Artifacts{GitHub: accounts(config.GitHub{Name: "shared"}, config.GitHub{Name: "gh"}), HTTP: accounts(config.HTTP{Name: "shared"})}
	set := newSet(t, fetch.Options{Accounts: configured, Jenkins: archived{}, Blobs: blobs{}})
	want := []fetch.Account{
		{Name: "ci", Types: []string{"jenkins/file"}},
		{Name: "embedded-artifact", Types: []string{"embedded/base64", "remote/base64"}},
		{Name: "gh", Types: []string{"github/file"}},
		{Name: "shared", Types: []string{"github/file", "http/file"}},
	}
	if diff := cmp.Diff(want, set.Accounts()); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	_, err := read(t, set, spinnaker.Artifact{Type: "github/file", Name: "x", ArtifactAccount: "ci"})
	wantError(t, err, `artifact github/file "x": Credentials 'ci' supporting artifact type 'github/file' cannot be found. Accounts for its type: gh, shared`, false)
	_, err = read(t, set, spinnaker.Artifact{Type: "github/file", Name: "x"})
	wantError(t, err, `artifact github/file "x": An artifact account must be supplied to download this artifact: x. Accounts for its type: gh, shared`, false)
	_, err = read(t, set, spinnaker.Artifact{Type: "s3/object", Name: "x", ArtifactAccount: "aws"})
	wantError(t, err, `artifact s3/object "x": Credentials 'aws' supporting artifact type 's3/object' cannot be found. Accounts for its type: none`, false)
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		accounts config.Artifacts
		want     string
	}{
		{config.Artifacts{GitHub: accounts(config.GitHub{Name: "a"}, config.GitHub{Name: "a"})}, `two artifact accounts for github/file are named "a"`},
		{config.Artifacts{HTTP: accounts(config.HTTP{})}, `an artifact account for http/file has no name`},
		{config.Artifacts{GitHub: accounts(config.GitHub{Name: "a", Site: config.Site{BaseURL: "git.example"}})},
			`github artifact account "a": address "git.example" does not begin with http:// or https://`},
		{config.Artifacts{GitHub: accounts(config.GitHub{Name: "a", GitHubApp: &config.GitHubApp{AppID: "1", PrivateKeyPath: "testdata/none"}})},
			`github artifact account "a": githubApp: read the private key: open testdata/none: no such file or directory`},
		{config.Artifacts{GCS: accounts(config.GCS{Name: "a", JSONPath: "fetch_test.go"})}, `gcs artifact account "a": jsonPath: fetch_test.go is not the key file of a service account`},
		{config.Artifacts{GitRepo: accounts(config.GitRepo{Name: "a", SSHPrivateKeyFilePath: "fetch_test.go", SSHTrustUnknownHosts: true})},
			`gitRepo artifact account "a": private key fetch_test.go: ssh: no key found`},
		{config.Artifacts{HelmOCI: accounts(config.HelmOCI{Name: "a", Address: "https://"})}, `helmOci artifact account "a": address "https://" names no host`},
	}
	for _, test := range tests {
		if _, err := fetch.New(t.Context(), fetch.Options{Accounts: test.accounts}); err == nil || err.Error() != test.want {
			t.Errorf("error %v, want %s", err, test.want)
		}
	}
}

func TestAccountsOfTheConfiguration(t *testing.T) {
	c, err := config.Parse([]byte(`
artifacts:
  github: {accounts: [{name: a, token: t, baseUrl: "https://git.example/api/v3"}]}
  gitlab: {accounts: [{name: a, tokenFile: /run/t}]}
  bitbucket: {accounts: [{name: a, username: u, password: p}]}
  http: {accounts: [{name: a, usernamePasswordFile: /run/up, allowedHosts: [files.example]}]}
  helm: {accounts: [{name: a, repository: "https://charts.example"}]}
  helmOci: {accounts: [{name: a, address: registry.example}]}
  gitRepo: {accounts: [{name: a, token: t}]}
  s3: {accounts: [{name: a, region: eu-central-1, awsAccessKeyId: k, awsSecretAccessKey: s}]}
  gcs: {accounts: [{name: a, anonymous: true}]}
  maven: {accounts: [{name: a, repositoryUrl: "https://m2.example"}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	set := newSet(t, fetch.Options{Accounts: c.Artifacts})
	want := []string{"github/file", "gitlab/file", "bitbucket/file", "http/file", "helm/chart", "helm/index", "helm/image", "maven/file", "git/repo", "s3/object", "gcs/object"}
	if diff := cmp.Diff(want, set.Accounts()[0].Types); diff != "" {
		t.Errorf("types of account a (-want +got):\n%s", diff)
	}
}
