package registry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/gennaker/gennaker/scripts/testcluster/registry"
)

// start serves a registry from dir until the test ends.
func start(t *testing.T, dir string) *registry.Server {
	t.Helper()
	s, err := registry.Start(registry.Config{
		Dir:          dir,
		RegistryAddr: "127.0.0.1:0",
		ECRAddr:      "127.0.0.1:0",
		Log:          slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// admin sends a request to the admin endpoint and decodes its answer into out.
func admin(t *testing.T, s *registry.Server, method, path, body string, out any) {
	t.Helper()
	if status, text := adminRaw(t, s, method, path, body); status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, status, text)
	} else if out != nil {
		if err := json.Unmarshal([]byte(text), out); err != nil {
			t.Fatal(err)
		}
	}
}

func adminRaw(t *testing.T, s *registry.Server, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.Admin()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(bytes.TrimSpace(text))
}

// push has the server push one image under all names and returns its digest.
func push(t *testing.T, s *registry.Server, names ...string) string {
	t.Helper()
	body, err := json.Marshal(map[string][]string{"images": names})
	if err != nil {
		t.Fatal(err)
	}
	var pushed registry.Pushed
	admin(t, s, http.MethodPost, "/push", string(body), &pushed)
	return pushed.Digest
}

func TestAnonymousRegistryTakesAnyPush(t *testing.T) {
	s := start(t, t.TempDir())
	img, err := random.Image(32, 2)
	if err != nil {
		t.Fatal(err)
	}
	ref := s.Registry() + "/team/app:1"
	if err := crane.Push(img, ref); err != nil {
		t.Fatal(err)
	}
	got, err := crane.Digest(ref)
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := img.Digest(); got != want.String() {
		t.Errorf("digest %s, want %s", got, want)
	}
	if _, err := crane.Digest(s.Registry() + "/team/app:2"); err == nil {
		t.Error("a tag that nobody pushed was found")
	}
}

func TestPrivateRegistryAsksForAnIssuedToken(t *testing.T) {
	s := start(t, t.TempDir())
	digest := push(t, s, "app:1")
	host := strings.TrimPrefix(s.ECR(), "http://")
	login := func(password string) crane.Option {
		return crane.WithAuth(&authn.Basic{Username: "AWS", Password: password})
	}
	var token registry.Token
	admin(t, s, http.MethodPost, "/token", "", &token)

	if got, err := crane.Digest(host+"/app:1", login(token.Password)); err != nil || got != digest {
		t.Errorf("with a token: %q, %v; want %q", got, err, digest)
	}
	for name, option := range map[string]crane.Option{
		"anonymous":      crane.WithAuth(authn.Anonymous),
		"made-up token":  login("secret"),
		"changed token":  login("AAAA" + token.Password[4:]),
		"other username": crane.WithAuth(&authn.Basic{Username: "me", Password: token.Password}),
	} {
		if _, err := crane.Digest(host+"/app:1", option); err == nil || !strings.Contains(err.Error(), "UNAUTHORIZED") {
			t.Errorf("%s: error %v, want UNAUTHORIZED", name, err)
		}
	}
	img, err := random.Image(32, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := crane.Push(img, host+"/nobody/made/this:1", login(token.Password)); err == nil || !strings.Contains(err.Error(), "NAME_UNKNOWN") {
		t.Errorf("push to a repository that does not exist: %v, want NAME_UNKNOWN", err)
	}

	admin(t, s, http.MethodPost, "/clock", `{"advance":"12h1m"}`, nil)
	if _, err := crane.Digest(host+"/app:1", login(token.Password)); err == nil || !strings.Contains(err.Error(), "UNAUTHORIZED") {
		t.Errorf("with an expired token: %v, want UNAUTHORIZED", err)
	}
}

func TestRestartKeepsImagesAndTokens(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	digest := push(t, first, "app:1", "app:latest")
	newer := push(t, first, "app:latest")
	var token registry.Token
	admin(t, first, http.MethodPost, "/token", "", &token)

	second := start(t, dir) // the first is not stopped: it might have been killed
	host := strings.TrimPrefix(second.ECR(), "http://")
	login := crane.WithAuth(&authn.Basic{Username: "AWS", Password: token.Password})
	for tag, want := range map[string]string{"1": digest, "latest": newer} {
		if got, err := crane.Digest(host+"/app:"+tag, login); err != nil || got != want {
			t.Errorf("app:%s is %q, %v; want %q", tag, got, err, want)
		}
		if _, err := crane.Pull(second.Registry() + "/app:" + tag); err != nil {
			t.Errorf("pull app:%s: %v", tag, err)
		}
	}
}

func TestRegistryFaults(t *testing.T) {
	s := start(t, t.TempDir())
	push(t, s, "app:1")
	tests := []struct{ kind, want string }{
		{"access-denied", "403"},
		{"expired-token", "401"},
		{"throttling", "429"},
		{"server-error", "500"},
		{"unavailable", "503"},
		{"drop", "EOF"},
	}
	for _, test := range tests {
		t.Run(test.kind, func(t *testing.T) {
			admin(t, s, http.MethodPost, "/faults", `{"target":"registry","kind":"`+test.kind+`"}`, nil)
			answer, err := http.Get("http://" + s.Registry() + "/v2/app/manifests/1")
			var got string
			if err != nil {
				got = err.Error()
			} else {
				got = answer.Status
				answer.Body.Close()
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q in it", got, test.want)
			}
			admin(t, s, http.MethodDelete, "/faults", "", nil)
			if _, err := crane.Digest(s.Registry() + "/app:1"); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

func TestAdminRefusesWhatItDoesNotKnow(t *testing.T) {
	s := start(t, t.TempDir())
	tests := []struct{ path, body, want string }{
		{"/faults", `{"target":"moon","kind":"drop"}`, `fault target "moon"`},
		{"/faults", `{"target":"ecr","kind":"hiccup"}`, `fault kind "hiccup"`},
		{"/faults", `{"target":"ecr","kind":"delay"}`, "fault delay"},
		{"/faults", `{"target":"ecr","kind":"drop","tims":2}`, `unknown field "tims"`},
		{"/clock", `{"advance":"tomorrow"}`, "clock"},
		{"/push", `{"images":["app"]}`, "want NAME:TAG"},
		{"/push", `{}`, "no image named"},
	}
	for _, test := range tests {
		status, text := adminRaw(t, s, http.MethodPost, test.path, test.body)
		if status != http.StatusBadRequest || !strings.Contains(text, test.want) {
			t.Errorf("%s %s: %d %q, want 400 with %q", test.path, test.body, status, text, test.want)
		}
	}
}
