package fetch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// answers stands in for the network.
type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

func testClient(answer answers) *client {
	return &client{account: "gh", transport: answer, cache: &cache{}, limits: Limits{MaxBytes: 1 << 20, Timeout: time.Minute, Tries: 1, RetryPause: time.Millisecond}}
}

func TestUnknownHostSaysWhatToCheck(t *testing.T) {
	github := &gitHub{base: publicGitHub(), client: testClient(func(r *http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: r.URL.Host, IsNotFound: true}}
	})}
	set := &Set{accounts: []account{{name: "gh", types: []string{typeGitHub}, fetcher: github}}}
	_, err := set.Open(t.Context(), spinnaker.Artifact{Type: typeGitHub, Name: "chapter9/helm.tar.gz", ArtifactAccount: "gh",
		Reference: "https://api.gitgub.com/repos/o/r/contents/chapter9/helm.tar.gz"})
	want := `artifact github/file "chapter9/helm.tar.gz": GET api.gitgub.com: no such host. Check the account's base URL or the artifact's reference`
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
}

func FuzzGitHubAnswer(f *testing.F) {
	f.Add("https://git.example/repos/o/r/contents/f", "main", 200, `{"download_url": "https://raw.example/f?token=x"}`, "")
	f.Add("repos/o/r/contents/f?ref=a", "", 302, "", "//other.example/x")
	f.Add("http://[::1]:80/%zz", "v", 404, `{"message": "Not Found"}`, "")
	f.Add("https://git.example/x", "", 200, `[{}]`, "")
	f.Fuzz(func(t *testing.T, reference, version string, status int, answer, redirect string) {
		github := &gitHub{base: publicGitHub(), client: testClient(func(r *http.Request) (*http.Response, error) {
			if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
				t.Errorf("a request goes to %s", r.URL)
			}
			header := http.Header{}
			if redirect != "" {
				header.Set("Location", redirect)
			}
			return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(answer)), ContentLength: -1}, nil
		})}
		body, err := github.Open(context.Background(), spinnaker.Artifact{Type: typeGitHub, Reference: reference, Version: version})
		var failed *Error
		switch {
		case err == nil:
			if err := body.Close(); err != nil {
				t.Error(err)
			}
		case !errors.As(err, &failed):
			t.Errorf("error %v is no *Error", err)
		}
	})
}

func FuzzBlobOf(f *testing.F) {
	f.Add("ref://app/" + strings.Repeat("aB", 32))
	f.Add("ref://")
	f.Fuzz(func(t *testing.T, reference string) {
		sum, ok := BlobOf(spinnaker.Artifact{Type: artifact.Remote, Reference: reference})
		if ok && (len(sum) != 64 || strings.ToLower(sum) != sum || strings.ContainsAny(sum, "/.")) {
			t.Errorf("%q gives %q", reference, sum)
		}
	})
}

func TestSameOrigin(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"https://git.example/a", "https://GIT.example:443/b", true},
		{"http://git.example", "http://git.example:80", true},
		{"https://git.example", "http://git.example", false},
		{"https://git.example", "https://git.example:8443", false},
		{"https://git.example", "https://git.example.evil", false},
	} {
		a, errA := url.Parse(test.a)
		b, errB := url.Parse(test.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if sameOrigin(a, b) != test.want {
			t.Errorf("sameOrigin(%s, %s) is not %v", test.a, test.b, test.want)
		}
	}
}

func TestMessageIsCutBetweenCharacters(t *testing.T) {
	body := `{"message":"x` + strings.Repeat("é", maxMessage) + `"}`
	message := closeWithMessage(&http.Response{Body: io.NopCloser(strings.NewReader(body))})
	if !utf8.ValidString(message) || len(message) < maxMessage-utf8.UTFMax || len(message) > maxMessage {
		t.Errorf("%d bytes: %q", len(message), message)
	}
}
