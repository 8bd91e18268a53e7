package fetch_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// readTwice reads an artifact twice and wants the same.
func readTwice(t *testing.T, set *fetch.Set, a spinnaker.Artifact) string {
	t.Helper()
	first, err := read(t, set, a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := read(t, set, a)
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Errorf("%q was read first, then %q", first, second)
	}
	return first
}

// counting counts requests of one kind.
type counting struct {
	http.Handler
	counts func(r *http.Request) bool
	n      atomic.Int64
}

func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.counts(r) {
		c.n.Add(1)
	}
	c.Handler.ServeHTTP(w, r)
}

func TestUnchangedObjectsAreNotSentAgain(t *testing.T) {
	content, etag := "one", `"1"`
	sent := 0
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sent++
		if _, err := w.Write([]byte(content)); err != nil {
			t.Error(err)
		}
	}))
	set := newSet(t, fetch.Options{Accounts: config.Artifacts{S3: accounts(config.S3{Name: "s3", APIEndpoint: server.URL, APIRegion: "eu-central-1",
		AccessKeyID: "AKID", SecretAccessKey: config.NewSecret("s3cret"), Reach: anywhere})}})
	object := spinnaker.Artifact{Type: "s3/object", Name: "f", ArtifactAccount: "s3", Reference: "s3://b/f"}
	if got := readTwice(t, set, object); got != "one" || sent != 1 {
		t.Errorf("%q was sent %d times, expected one once", got, sent)
	}
	content, etag = "two", `"2"`
	if got := readTwice(t, set, object); got != "two" || sent != 2 {
		t.Errorf("%q after %d answers, expected two after 2", got, sent)
	}
}

func TestUnchangedChartsAreNotSentAgain(t *testing.T) {
	host := chartRegistry(t, chartConfig, "1.9.0")
	registry, err := url.Parse("http://" + host)
	if err != nil {
		t.Fatal(err)
	}
	layers := &counting{Handler: httputil.NewSingleHostReverseProxy(registry), counts: func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/")
	}}
	server := serve(t, layers)
	set := helmImageSet(t, strings.TrimPrefix(server.URL, "http://"), "p")
	chart := spinnaker.Artifact{Type: "helm/image", Name: "charts/shop", Version: "1.9.0", ArtifactAccount: "oci"}
	if got := readTwice(t, set, chart); got != "chart 1.9.0" || layers.n.Load() != 1 {
		t.Errorf("%q was sent %d times, expected once", got, layers.n.Load())
	}
	push(t, host+"/charts/shop:1.9.0", chartConfig, "another")
	if got, err := read(t, set, chart); err != nil || got != "another" {
		t.Errorf("after the tag moved: %q, %v", got, err)
	}
}

func TestUnchangedRepositoriesAreNotSentAgain(t *testing.T) {
	git, first, _ := shop(t)
	packs := &counting{Handler: git, counts: func(r *http.Request) bool { return r.Method == http.MethodPost }}
	server := serve(t, packs)
	set := gitSet(t, config.GitRepo{})
	before := readTwice(t, set, repository(server.URL+"/shop.git", "main", ""))
	if packs.n.Load() != 1 {
		t.Errorf("the repository was sent %d times, expected once", packs.n.Load())
	}
	readTwice(t, set, repository(server.URL+"/shop.git", "main", "base"))
	if packs.n.Load() != 2 {
		t.Errorf("with another directory the repository was sent %d times, expected twice", packs.n.Load())
	}
	if _, err := git.Commit("main", map[string]string{"README": "three"}); err != nil {
		t.Fatal(err)
	}
	after := readTwice(t, set, repository(server.URL+"/shop.git", "main", ""))
	if unpack(t, after)["README 664"] != "three" || unpack(t, before)["README 664"] != "one" {
		t.Error("the archive of the new commit is not the one of its files")
	}
	// An abbreviated commit is known only when all have been fetched.
	readTwice(t, set, repository(server.URL+"/shop.git", first[:9], ""))
}

// A chart is read from a registry of ECR with the credentials of the AWS environment, which are signed in once.
func TestChartsOfECR(t *testing.T) {
	host := chartRegistry(t, chartConfig, "1.9.0")
	var logins atomic.Int64
	token := "u:p"
	aws := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		logins.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if r.Header.Get("X-Amz-Target") != "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken" || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/ecr/") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		err := json.NewEncoder(w).Encode(map[string]any{"authorizationData": []any{map[string]any{
			"authorizationToken": base64.StdEncoding.EncodeToString([]byte(token)), "expiresAt": time.Now().Add(12 * time.Hour).Unix()}}})
		if err != nil {
			t.Error(err)
		}
	}))
	for key, value := range map[string]string{"AWS_ENDPOINT_URL_ECR": aws.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"} {
		t.Setenv(key, value)
	}
	account := config.HelmOCI{Name: "oci", Address: host, Insecure: true, ECRRegion: "eu-west-1", Reach: anywhere}
	chart := spinnaker.Artifact{Type: "helm/image", Name: "charts/shop", Version: "1.9.0", ArtifactAccount: "oci"}
	set := newSet(t, fetch.Options{Accounts: config.Artifacts{HelmOCI: accounts(account)}})
	if got := readTwice(t, set, chart); got != "chart 1.9.0" || logins.Load() != 1 {
		t.Errorf("%q after %d sign-ins, expected one", got, logins.Load())
	}
	token = "secret without a colon"
	_, err := read(t, newSet(t, fetch.Options{Accounts: config.Artifacts{HelmOCI: accounts(account)}}), chart)
	wantError(t, err, `artifact helm/image "charts/shop": sign in at ECR in eu-west-1: the answer's token is not user and password. `+
		`Check the AWS credentials in the agent's environment`, false)
}
