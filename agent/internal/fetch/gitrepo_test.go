package fetch_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/agent/internal/fetch/fetchtest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// shop is a repository with a branch main of two commits, a branch release/1 and a tag v1; first and second are the
// commits of main.
func shop(t testing.TB) (git *fetchtest.Git, first, second string) {
	t.Helper()
	git, err := fetchtest.NewGit(t.TempDir())
	must := func(text string, failed error) string {
		if failed != nil {
			t.Fatal(failed)
		}
		return text
	}
	must("", err)
	first = must(git.Commit("main", map[string]string{"README": "one", "base/kustomization.yaml": "base", "overlays/prod/kustomization.yaml": "prod one",
		"overlays/prod/run.sh": "#!/bin/sh", "overlays/prod/link": "-> ../../README"}))
	must(git.Run("tag", "-a", "-m", "first", "v1", first))
	must(git.Run("branch", "release/1", first))
	second = must(git.Commit("main", map[string]string{"overlays/prod/kustomization.yaml": "prod two"}))
	return git, first, second
}

// unpack reads a .tgz: names with their contents, directories with "", links with "-> target".
func unpack(t testing.TB, archive string) map[string]string {
	t.Helper()
	zipped, err := gzip.NewReader(strings.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for entries := tar.NewReader(zipped); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(entries)
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		if header.Typeflag == tar.TypeSymlink {
			text = "-> " + header.Linkname
		}
		files[fmt.Sprintf("%s %o", header.Name, header.Mode)] = text
	}
}

func gitSet(t testing.TB, account config.GitRepo) *fetch.Set {
	t.Helper()
	account.Name, account.AllowPrivateAddresses = "git", true
	return newSet(t, fetch.Options{Accounts: config.Artifacts{GitRepo: accounts(account)}})
}

func repository(reference, version, location string) spinnaker.Artifact {
	return spinnaker.Artifact{Type: "git/repo", Name: "shop", ArtifactAccount: "git", Reference: reference, Version: version, Location: location}
}

func TestGitRepositories(t *testing.T) {
	git, first, second := shop(t)
	git.Username, git.Password = "token", "secret"
	server := serve(t, git)
	set := gitSet(t, config.GitRepo{TokenAuth: tokenOf("secret")})
	for _, test := range []struct{ version, want string }{
		{"main", "prod two"}, {"v1", "prod one"}, {"release/1", "prod one"}, {"refs/heads/main", "prod two"}, {"HEAD", "prod two"},
		{first, "prod one"}, {second, "prod two"}, {first[:7], "prod one"}, {second[:11], "prod two"},
	} {
		archive, err := read(t, set, repository(server.URL+"/shop.git", test.version, ""))
		if err != nil {
			t.Errorf("%s: %v", test.version, err)
			continue
		}
		want := map[string]string{"README 664": "one", "base/ 775": "", "base/kustomization.yaml 664": "base", "overlays/ 775": "", "overlays/prod/ 775": "",
			"overlays/prod/kustomization.yaml 664": test.want, "overlays/prod/run.sh 775": "#!/bin/sh", "overlays/prod/link 777": "-> ../../README"}
		if diff := cmp.Diff(want, unpack(t, archive)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.version, diff)
		}
	}
	t.Run("one directory", func(t *testing.T) {
		want := map[string]string{"overlays/ 775": "", "overlays/prod/ 775": "", "overlays/prod/kustomization.yaml 664": "prod two",
			"overlays/prod/run.sh 775": "#!/bin/sh", "overlays/prod/link 777": "-> ../../README"}
		bySubPath := repository(server.URL+"/shop.git", "main", "")
		bySubPath.Metadata = map[string]any{"subPath": "overlays/prod"}
		for _, artifact := range []spinnaker.Artifact{repository(server.URL+"/shop.git", "main", "overlays/prod/"), bySubPath} {
			archive, err := read(t, set, artifact)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, unpack(t, archive)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	})
}

func TestGitFailures(t *testing.T) {
	git, _, _ := shop(t)
	git.Username, git.Password = "u", "p"
	bad, _, _ := shop(t)
	bad.Username, bad.Password = "u", "p"
	if _, err := bad.Commit("links", map[string]string{"away": "-> ../../etc/passwd"}); err != nil {
		t.Fatal(err)
	}
	if _, err := bad.Commit("bomb", map[string]string{"zeros": strings.Repeat("0", 3<<20)}); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", git)
	mux.Handle("/bad/", http.StripPrefix("/bad", bad))
	mux.Handle("/page.git/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	server := serve(t, mux)
	host := strings.TrimPrefix(server.URL, "http://")
	account := config.GitRepo{BasicAuth: basic("u", "p")}
	for _, test := range []struct {
		name, reference, version, location, want string
	}{
		{"no version", "/shop.git", "", "", "git " + host + `/shop.git: the repository has no branch or tag "master". Its default branch is "main": set the artifact's version`},
		{"no such commit", "/shop.git", "0123456", "", "git " + host + "/shop.git: no branch or tag leads to a commit 0123456. Check the artifact's version"},
		{"no such directory", "/shop.git", "main", "none", "git " + host + `/shop.git: the repository has no directory "none". Check the artifact's location`},
		{"no such repository", "/none.git", "main", "", "GET " + host + "/none.git/info/refs: 404 Not Found. Check the artifact's reference and version, and that artifact account \"git\" may read it"},
		{"a page", "/page.git", "main", "", "GET " + host + `/page.git/info/refs: the answer is "text/html; charset=utf-8", not that of a git server. Check the account's base URL or the artifact's reference`},
		{"a link that leads away", "/bad/shop.git", "links", "", "git " + host + `/bad/shop.git at "links": symbolic link "away" leads out of the repository, to "../../etc/passwd"`},
		{"a bomb", "/bad/shop.git", "bomb", "", "git " + host + `/bad/shop.git at "bomb": the repository has an object of 3145728 bytes, more than the limit of 1048576`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := read(t, gitSet(t, account), repository(server.URL+test.reference, test.version, test.location))
			wantError(t, err, `artifact git/repo "shop": `+test.want, false)
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		_, err := read(t, gitSet(t, config.GitRepo{BasicAuth: basic("u", "x")}), repository(server.URL+"/shop.git", "main", ""))
		wantError(t, err, `artifact git/repo "shop": GET `+host+"/shop.git/info/refs: 401 Unauthorized. Check the credentials of artifact account \"git\" and what they may read", false)
	})
	t.Run("a host that is not allowed", func(t *testing.T) {
		account := account
		account.AllowedHosts = []string{"git.example"}
		_, err := read(t, gitSet(t, account), repository(server.URL+"/shop.git", "main", ""))
		wantError(t, err, `artifact git/repo "shop": Repository host '127.0.0.1' is not in the allowed hosts list: [git.example]`, false)
	})
	t.Run("a redirect to a host that is not allowed", func(t *testing.T) {
		away := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)+r.URL.RequestURI(), http.StatusFound)
		}))
		account := account
		account.AllowedHosts = []string{"127.0.0.1"}
		_, err := read(t, gitSet(t, account), repository(away.URL+"/shop.git", "main", ""))
		wantError(t, err, `artifact git/repo "shop": Repository host 'localhost' is not in the allowed hosts list: [127.0.0.1]`, false)
	})
	for reference, want := range map[string]string{
		"file:///etc":           "the reference is no address of a git repository. It has to be like https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH",
		"git@git.example:o/r":   `Git reference "ssh://git@git.example/o/r" is invalid for credentials with auth type without an SSH key`,
		"--upload-pack=x:/a.it": "the reference is no address of a git repository. It has to be like https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH",
	} {
		_, err := read(t, gitSet(t, account), repository(reference, "main", ""))
		wantError(t, err, `artifact git/repo "shop": `+want, false)
	}
}

// The app's token goes to the app's own GitHub only, whatever host the artifact names.
func TestGitWithAGitHubApp(t *testing.T) {
	git, _, _ := shop(t)
	git.Username, git.Password = "x-access-token", "installation-token"
	app := &fetchtest.GitHubApp{ID: "17", Key: &privateKey(t).PublicKey, Installations: map[string]int64{"acme": 42}, Token: "installation-token",
		Next: http.StripPrefix("/acme", git)}
	server := serve(t, app)
	var leaked atomic.Bool
	stranger := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			leaked.Store(true)
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	set := gitSet(t, config.GitRepo{GitHubApp: &config.GitHubApp{AppID: "17", APIBaseURL: server.URL,
		PrivateKeyPath: writeFile(t, "key.pem", fetchtest.PrivateKey(privateKey(t)))}})
	archive, err := read(t, set, repository(server.URL+"/acme/shop.git", "main", "base"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"base/ 775": "", "base/kustomization.yaml 664": "base"}, unpack(t, archive)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := read(t, set, repository(stranger.URL+"/acme/shop.git", "main", "base")); err == nil || leaked.Load() {
		t.Errorf("another host got the token: %v, %v", leaked.Load(), err)
	}
}

// A redirect of the repository is followed, without the credentials when it leads to another host.
func TestGitRedirects(t *testing.T) {
	git, _, _ := shop(t)
	server := serve(t, git)
	moved := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "p" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, server.URL+strings.Replace(r.URL.RequestURI(), "/old.git/", "/shop.git/", 1), http.StatusMovedPermanently)
	}))
	archive, err := read(t, gitSet(t, config.GitRepo{BasicAuth: basic("u", "p")}), repository(moved.URL+"/old.git", "main", "base"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"base/ 775": "", "base/kustomization.yaml 664": "base"}, unpack(t, archive)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want := []string{"GET /shop.git/info/refs?service=git-upload-pack 200", "POST /shop.git/git-upload-pack 200"}
	if diff := cmp.Diff(want, git.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// sshKey makes a key, and its text as files hold it.
func sshKey(t testing.TB) (signer ssh.Signer, text string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if signer, err = ssh.NewSignerFromKey(key); err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, string(pem.EncodeToMemory(block))
}

// locked is a key's text with the passphrase "open".
func locked(t testing.TB, text string) string {
	t.Helper()
	key, err := ssh.ParseRawPrivateKey([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("open"))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func TestGitOverSSH(t *testing.T) {
	work := t.TempDir()
	t.Setenv("TMPDIR", work)
	git, first, _ := shop(t)
	host, _ := sshKey(t)
	client, clientKey := sshKey(t)
	stranger, strangerKey := sshKey(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- (&fetchtest.SSH{Git: git, Host: host, Client: client.PublicKey()}).Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(listener.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
	address := listener.Addr().String()
	known := func(key ssh.PublicKey) string {
		return writeFile(t, "known_hosts", knownhosts.Line([]string{address}, key)+"\n")
	}
	account := config.GitRepo{SSHPrivateKeyFilePath: writeFile(t, "key", clientKey), SSHKnownHostsFilePath: known(host.PublicKey())}
	reference := "ssh://git@" + address + "/srv/shop.git"
	for version, want := range map[string]string{"main": "prod two", first: "prod one", first[:8]: "prod one"} {
		archive, err := read(t, gitSet(t, account), repository(reference, version, "overlays/prod"))
		if err != nil {
			t.Fatal(err)
		}
		if got := unpack(t, archive)["overlays/prod/kustomization.yaml 664"]; got != want {
			t.Errorf("%s: got %q, want %q", version, got, want)
		}
	}
	for _, test := range []struct {
		name      string
		change    func(*config.GitRepo, *spinnaker.Artifact)
		want      string
		retryable bool
	}{
		{"any server", func(g *config.GitRepo, _ *spinnaker.Artifact) {
			g.SSHKnownHostsFilePath, g.SSHTrustUnknownHosts = "", true
		}, "", false},
		{"a key with a passphrase", func(g *config.GitRepo, _ *spinnaker.Artifact) {
			g.SSHPrivateKeyFilePath, g.SSHPrivateKeyPassphrase = writeFile(t, "locked", locked(t, clientKey)), config.NewSecret("open")
		}, "", false},
		{"an unknown server", func(g *config.GitRepo, _ *spinnaker.Artifact) { g.SSHKnownHostsFilePath = writeFile(t, "none", "") },
			`at "main": the server's key is not in the account's sshKnownHostsFilePath`, false},
		{"another server", func(g *config.GitRepo, _ *spinnaker.Artifact) { g.SSHKnownHostsFilePath = known(stranger.PublicKey()) },
			`at "main": the server's key is another one than in the account's sshKnownHostsFilePath: it was changed, or this is not the server`, false},
		{"an unknown client", func(g *config.GitRepo, _ *spinnaker.Artifact) {
			g.SSHPrivateKeyFilePath = writeFile(t, "key", strangerKey)
		},
			`at "main": ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain`, false},
		{"no such repository", func(_ *config.GitRepo, a *spinnaker.Artifact) { a.Reference = "ssh://git@" + address + "/none.git" },
			`at "main": the server says: fatal: `, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			account, artifact := account, repository(reference, "main", "base")
			test.change(&account, &artifact)
			_, err := read(t, gitSet(t, account), artifact)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error\n%v\nwant\n%s", err, test.want)
			}
		})
	}
	if left, err := os.ReadDir(work); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
