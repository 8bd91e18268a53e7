package e2e

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gennaker/gennaker/api/client"
	"github.com/gennaker/gennaker/api/echo"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// feedWait bounds waiting for what a feed brings about.
const feedWait = 2 * time.Minute

// A pipeline waits for tags of a repository that is not there yet. Each tag starts it once, also the one that was pushed
// while the agent was dead.
func TestTagsStartPipelines(t *testing.T) {
	var lists atomic.Int64
	inner := ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0)))
	images := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		if strings.HasSuffix(r.URL.Path, "/tags/list") {
			lists.Add(1)
		}
	}))
	t.Cleanup(images.Close)
	configuration := map[string]any{"dockerRegistry": map[string]any{"accounts": []map[string]any{
		{"name": "hub", "address": images.URL, "cacheIntervalSeconds": 1}}}}
	folder := t.TempDir()
	agent := startAgent(t, folder, configuration)
	save(t, agent.URL, map[string]any{"type": "docker", "enabled": true, "account": "hub", "repository": "team/cart", "tag": `\d+\.\d+`})
	// The look after one that is over has begun after the pipeline was saved, and the third list says that it is over.
	const looks = 3
	waitFor(t, "looks at the repository", func() bool { return lists.Load() >= looks })

	first := pushTag(t, images.URL, "team/cart:1.0")
	pushTag(t, images.URL, "team/cart:nightly")
	wantTags(t, agent.URL, map[string]string{"1.0": first})

	agent.kill(t)
	second := pushTag(t, images.URL, "team/cart:1.1")
	agent = startAgent(t, folder, configuration)
	wantTags(t, agent.URL, map[string]string{"1.0": first, "1.1": second})
	lists.Store(0)
	waitFor(t, "further looks", func() bool { return lists.Load() >= looks })
	wantTags(t, agent.URL, map[string]string{"1.0": first, "1.1": second})
}

// A new version of a chart starts a pipeline.
func TestChartsStartPipelines(t *testing.T) {
	var index atomic.Value
	index.Store("entries: {cart: [{version: 1.0.0, digest: aa, urls: [a.tgz]}]}")
	var looks atomic.Int64
	charts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(w, index.Load().(string)); err == nil {
			looks.Add(1)
		}
	}))
	t.Cleanup(charts.Close)
	agent := startAgent(t, t.TempDir(), map[string]any{"artifacts": map[string]any{"helm": map[string]any{"accounts": []map[string]any{
		{"name": "charts", "repository": charts.URL, "pollInterval": "100ms", "allowPrivateAddresses": true}}}}})
	save(t, agent.URL, map[string]any{"type": "helm", "enabled": true, "account": "charts", "version": "~1.0"})
	waitFor(t, "looks at the index", func() bool { return looks.Load() >= 2 })
	index.Store("entries: {cart: [{version: 1.0.0, digest: aa, urls: [a.tgz]}, {version: 1.0.1, digest: bb, urls: [b.tgz]}]}")
	var executions []spinnaker.Execution
	waitFor(t, "an execution", func() bool {
		if err := connected(t, agent.URL).Get(t.Context(), "/applications/shop/executions/search?size=100", &executions); err != nil {
			t.Fatal(err)
		}
		return len(executions) > 0
	})
	if got := executions[0].Trigger; len(executions) != 1 || got.Text("artifactName") != "cart" || got.Text("version") != "1.0.1" || got.Text("digest") != "bb" {
		t.Errorf("%d executions, the first by %v", len(executions), got)
	}

	var feeds []echo.Feed
	look := func() {
		feeds = nil
		if err := connected(t, agent.URL).Get(t.Context(), "/gennaker/feeds", &feeds); err != nil || len(feeds) != 1 {
			t.Fatalf("%d feeds, %v", len(feeds), err)
		}
	}
	if look(); feeds[0].Kind != "helm" || feeds[0].Account != "charts" || feeds[0].LastLook == 0 || feeds[0].Items != 1 ||
		feeds[0].Failing != 0 || feeds[0].Error != "" || feeds[0].Holder == "" || feeds[0].Host == "" {
		t.Errorf("the feed fares %+v", feeds[0])
	}
	index.Store("]")
	waitFor(t, "the index's problem", func() bool { look(); return feeds[0].Failing == 1 })
	if len(feeds[0].Problems) != 1 || feeds[0].Problems[0].Error == "" {
		t.Errorf("the feed fares %+v", feeds[0])
	}
	doctor := exec.Command(program, "doctor", "--config", "gennaker.yaml")
	doctor.Dir = agent.Folder
	if text, err := doctor.CombinedOutput(); err != nil || !strings.Contains(string(text), `helm account "charts": 1 of 1 have a problem`) {
		t.Errorf("gennaker doctor: %v\n%s", err, text)
	}
}

// waitFor waits until something is so.
func waitFor(t testing.TB, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(feedWait)
	for !so() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", feedWait, what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// save saves a pipeline with a trigger.
func save(t *testing.T, url string, trigger map[string]any) {
	t.Helper()
	err := connected(t, url).SavePipeline(t.Context(), map[string]any{"application": "shop", "name": "deploy", "triggers": []any{trigger},
		"stages": []map[string]any{{"refId": "1", "type": "wait", "name": "wait", "waitTime": 0}}})
	if err != nil {
		t.Fatal(err)
	}
}

func connected(t testing.TB, url string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// wantTags waits until executions were started by as many tags, and compares which, with their digests.
func wantTags(t *testing.T, url string, want map[string]string) {
	t.Helper()
	c := connected(t, url)
	var executions []spinnaker.Execution
	waitFor(t, "executions", func() bool {
		if err := c.Get(t.Context(), "/applications/shop/executions/search?size=100", &executions); err != nil {
			t.Fatal(err)
		}
		return len(executions) >= len(want)
	})
	var got []string
	for _, execution := range executions {
		tag := execution.Trigger.Text("tag")
		if digest := execution.Trigger.Text("digest"); digest != want[tag] {
			t.Errorf("tag %s has digest %s, want %s", tag, digest, want[tag])
		}
		got = append(got, tag)
	}
	slices.Sort(got)
	if len(got) != len(want) {
		t.Errorf("executions of the tags %q, want one of each of %v", got, want)
	}
}

// pushTag pushes a new image and returns its digest.
func pushTag(t *testing.T, registry, image string) string {
	t.Helper()
	reference, err := name.NewTag(strings.TrimPrefix(registry, "http://")+"/"+image, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	made, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference, made); err != nil {
		t.Fatal(err)
	}
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}
