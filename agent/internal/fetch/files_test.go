package fetch_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/agent/internal/fetch/fetchtest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// newKey makes keys once: they take long.
var newKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func privateKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tokenOf(text string) config.TokenAuth {
	return config.TokenAuth{Token: config.NewSecret(text)}
}

func TestGitLabFiles(t *testing.T) {
	const path = "/api/v4/projects/1/repository/files/chart%2Fvalues.yaml/raw"
	gitlab := &fetchtest.Files{Header: "Private-Token", Value: "secret", Content: map[string]string{path + "?ref=master": "on master", path + "?ref=v1": "at v1"}}
	server := serve(t, gitlab)
	file := spinnaker.Artifact{Type: "gitlab/file", Name: "values", ArtifactAccount: "gl", Reference: server.URL + path}
	set := newSet(t, fetch.Options{Accounts: config.Artifacts{GitLab: accounts(config.GitLab{Name: "gl", TokenAuth: tokenOf("secret"),
		Site: config.Site{Reach: anywhere}})}})
	for version, want := range map[string]string{"": "on master", "v1": "at v1"} {
		file.Version = version
		if content, err := read(t, set, file); err != nil || content != want {
			t.Errorf("version %q: got %q, %v, want %q", version, content, err, want)
		}
	}
	file.Version = "v2"
	_, err := read(t, set, file)
	wantError(t, err, `artifact gitlab/file "values": GET `+strings.TrimPrefix(server.URL, "http://")+path+`: 404 Not Found: 404 File Not Found. `+
		`Version "v2" was asked for. Check the artifact's reference and version, and that artifact account "gl" may read it`, false)
}

func TestBitbucketFiles(t *testing.T) {
	file := spinnaker.Artifact{Type: "bitbucket/file", Name: "values", ArtifactAccount: "bb"}
	for _, test := range []struct {
		name, header string
		account      config.Bitbucket
	}{
		{"token", "Bearer secret", config.Bitbucket{TokenAuth: tokenOf("secret"), BasicAuth: basic("u", "p")}},
		{"user and password", "Basic dTpw", config.Bitbucket{BasicAuth: basic("u", "p")}},
		{"token in a file", "Bearer from-a-file", config.Bitbucket{TokenAuth: config.TokenAuth{Token: config.NewSecret("no"), TokenFile: writeFile(t, "token", "from-a-file\n")}}},
		{"user and password in a file", "Basic dTpwOnA=", config.Bitbucket{BasicAuth: config.BasicAuth{Username: "no", UsernamePasswordFile: writeFile(t, "login", "u:p:p\n")}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, &fetchtest.Files{Header: "Authorization", Value: test.header, Content: map[string]string{"/2.0/repositories/o/r/src/main/f": "body"}})
			test.account.Name, test.account.Reach = "bb", anywhere
			set := newSet(t, fetch.Options{Accounts: config.Artifacts{Bitbucket: accounts(test.account)}})
			file.Reference = server.URL + "/2.0/repositories/o/r/src/main/f"
			if content, err := read(t, set, file); err != nil || content != "body" {
				t.Errorf("got %q, %v", content, err)
			}
		})
	}
}

func TestCredentialFilesThatCannotBeUsed(t *testing.T) {
	server := serve(t, http.NotFoundHandler())
	for _, test := range []struct {
		auth config.BasicAuth
		want string
	}{
		{config.BasicAuth{UsernamePasswordFile: "testdata/none"}, "read the account's usernamePasswordFile: open testdata/none: no such file or directory"},
		{config.BasicAuth{UsernamePasswordFile: writeFile(t, "empty", "\n")}, "is empty"},
		{config.BasicAuth{UsernamePasswordFile: writeFile(t, "login", "s3cret")}, "does not hold USER:PASSWORD"},
	} {
		account := web("", "")
		account.BasicAuth = test.auth
		_, err := read(t, httpSet(t, account, fetch.Limits{}), httpFile(server.URL))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error %v, want %s", err, test.want)
		}
	}
}

// With a base URL the credentials of an account are for its host only, wherever a reference leads.
func TestCredentialsStayAtTheBaseURL(t *testing.T) {
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/closed" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "%s %q", r.URL.Path, r.Header.Get("Authorization"))
	})
	home, other := serve(t, show), serve(t, show)
	account := web("u", "p")
	account.BaseURL = home.URL + "/files"
	set := httpSet(t, account, fetch.Limits{})
	for reference, want := range map[string]string{
		"values.yaml":      `/files/values.yaml "Basic dTpw"`,
		home.URL + "/x":    `/x "Basic dTpw"`,
		other.URL + "/x":   `/x ""`,
		"/values/prod.yml": `/files/values/prod.yml "Basic dTpw"`,
	} {
		if content, err := read(t, set, httpFile(reference)); err != nil || content != want {
			t.Errorf("%s: got %q, %v, want %q", reference, content, err, want)
		}
	}
	_, err := read(t, set, httpFile(other.URL+"/closed"))
	wantError(t, err, `artifact http/file "values.yaml": GET `+strings.TrimPrefix(other.URL, "http://")+`/closed: 401 Unauthorized. `+
		`Check the credentials of artifact account "web" and what they may read. The account's credentials were not sent: they are for `+
		strings.TrimPrefix(home.URL, "http://")+` only`, false)
}

func TestGitHubApp(t *testing.T) {
	github := &fetchtest.GitHub{Token: "installation-token"}
	github.Put("acme/shop", "main", "f", []byte("body"))
	app := &fetchtest.GitHubApp{ID: "17", Key: &privateKey(t).PublicKey, Installations: map[string]int64{"acme": 42}, Token: "installation-token", Next: github}
	server := serve(t, app)
	keyFile := writeFile(t, "key.pem", fetchtest.PrivateKey(privateKey(t)))
	file := githubFile(server.URL + "/repos/acme/shop/contents/f")
	file.Version = "main"
	newApp := func(c config.GitHubApp) *fetch.Set {
		c.AppID, c.PrivateKeyPath, c.APIBaseURL = "17", keyFile, server.URL
		return newSet(t, fetch.Options{Accounts: config.Artifacts{GitHub: accounts(config.GitHub{Name: "gh", GitHubApp: &c, Site: config.Site{Reach: anywhere}})}})
	}
	t.Run("the installation is looked up, its token kept", func(t *testing.T) {
		set := newApp(config.GitHubApp{AllowedOrganizations: []string{"ACME"}})
		for range 2 {
			if content, err := read(t, set, file); err != nil || content != "body" {
				t.Fatalf("got %q, %v", content, err)
			}
		}
		want := []string{"GET /repos/acme/shop/installation 200", "POST /app/installations/42/access_tokens 201"}
		if diff := cmp.Diff(want, app.Requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
	t.Run("a fixed installation", func(t *testing.T) {
		if content, err := read(t, newApp(config.GitHubApp{InstallationID: "42"}), file); err != nil || content != "body" {
			t.Errorf("got %q, %v", content, err)
		}
	})
	t.Run("an owner who is not allowed", func(t *testing.T) {
		_, err := read(t, newApp(config.GitHubApp{AllowedOrganizations: []string{"others"}}), file)
		wantError(t, err, `artifact github/file "chapter9/helm.tar.gz": GitHub App 17 is not permitted to access repositories owned by 'acme'. Allowed organizations: [others]`, false)
	})
	t.Run("an owner without the app", func(t *testing.T) {
		stranger := file
		stranger.Reference = server.URL + "/repos/nobody/shop/contents/f"
		_, err := read(t, newApp(config.GitHubApp{}), stranger)
		wantError(t, err, `artifact github/file "chapter9/helm.tar.gz": GitHub App 17 has no installation with access to 'nobody/shop' on `+
			strings.TrimPrefix(server.URL, "http://")+`. Install the app in 'nobody' and grant it access to the repository`, false)
	})
}

func TestAFileThatHasNotChangedIsNotSentAgain(t *testing.T) {
	files := &fetchtest.Files{Content: map[string]string{"/f": "one"}}
	server := serve(t, files)
	set := httpSet(t, web("", ""), fetch.Limits{})
	for _, want := range []string{"one", "one", "two", "two"} {
		if want == "two" {
			files.Content["/f"] = "two"
		}
		if content, err := read(t, set, httpFile(server.URL+"/f")); err != nil || content != want {
			t.Fatalf("got %q, %v, want %q", content, err, want)
		}
	}
	want := []string{"GET /f 200", "GET /f 304", "GET /f 200", "GET /f 304"}
	if diff := cmp.Diff(want, files.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	delete(files.Content, "/f")
	if content, err := read(t, set, httpFile(server.URL+"/f")); err == nil {
		t.Errorf("a deleted file was read: %q", content)
	}
}

func TestWhenAServerAsksToBeLeftAlone(t *testing.T) {
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/limit" {
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	host := strings.TrimPrefix(server.URL, "http://")
	set := httpSet(t, web("", ""), fetch.Limits{})
	_, err := read(t, set, httpFile(server.URL+"/f"))
	wantError(t, err, `artifact http/file "values.yaml": GET `+host+`/f: 429 Too Many Requests. It asks to be left alone for 1m0s`, true)
	_, err = read(t, set, httpFile(server.URL+"/limit"))
	wantError(t, err, `artifact http/file "values.yaml": GET `+host+`/limit: 403 Forbidden`, true)
}
