package masters

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/jenkins/properties"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden compares a value, as JSON, with a file of testdata.
func golden(t *testing.T, name string, value any) {
	t.Helper()
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// shop is a master with a job that has builds of all kinds. Its clock stands still.
func shop(t *testing.T) (*jenkinstest.Server, *Masters) {
	t.Helper()
	server := serve(t, jenkinstest.Options{RootURL: "http://ci.example/"})
	cart := server.Branch("shop/cart", "feature/x").SetConcurrent(true)
	build := cart.Start(jenkinstest.StartOptions{
		Revisions: []jenkinstest.Revision{
			{Branch: "origin/feature/x", SHA1: "5f2d", Remote: "https://robot:secret@git.example/shop/cart.git"},
			{Branch: "main", SHA1: "5f2d", Remote: "https://git.example/shop/cart.git"},
		},
		Tests: &jenkinstest.TestCount{Skipped: 1, Total: 120},
	})
	build.AddArtifact(jenkinstest.File{Path: "out/build.properties", Data: []byte("IMAGE=registry.example/cart:1\n")})
	server.Advance(88 * time.Second)
	build.Finish("SUCCESS")
	cart.Finished("FAILURE")
	cart.Start(jenkinstest.StartOptions{})
	return server, connected(t, server)
}

const branchJob = "shop/job/cart/job/feature%2Fx"

// What pipelines see of a build: trigger.buildInfo and trigger.artifacts (spinnaker/spinnaker igor/igor-core
// build/model/GenericBuild.java).
func TestBuild(t *testing.T) {
	_, m := shop(t)
	for number, name := range map[int64]string{1: "build-success", 2: "build-failure", 3: "build-running"} {
		build, err := m.Build(t.Context(), "ci", branchJob, number)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, build)
	}
}

func TestLists(t *testing.T) {
	server, m := shop(t)
	server.Job("deploy", jenkinstest.Freestyle).SetParameters(
		jenkinstest.Parameter{Name: "TAG", Type: "String", Description: "what to deploy", Default: "main"},
		jenkinstest.Parameter{Name: "ENV", Type: "Choice", Choices: []string{"stage", "prod"}})
	names, err := m.JobNames(t.Context(), "ci")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"deploy", branchJob}; !slices.Equal(names, want) {
		t.Errorf("jobs %q, want %q", names, want)
	}
	builds, err := m.Builds(t.Context(), "ci", branchJob)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "builds", builds)
	job, err := m.Job(t.Context(), "ci", "deploy")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "job", job)
}

// Source: spinnaker/spinnaker igor/igor-web build/BuildArtifactFilter.java.
func TestPipelinesSeeTwentyArtifacts(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	var files []jenkinstest.File
	for i := range 25 {
		files = append(files, jenkinstest.File{Path: fmt.Sprintf("bin/part-%02d.o", i)})
	}
	for _, last := range []string{"report.html", "values.yml", "build.properties", "app.deb"} {
		files = append(files, jenkinstest.File{Path: last})
	}
	server.Job("cart", jenkinstest.Freestyle).Finished("SUCCESS", files...)
	m := connected(t, server)
	build, err := m.Build(t.Context(), "ci", "cart", 1)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, artifact := range build.Artifacts {
		seen = append(seen, artifact.Reference)
	}
	want := []string{"app.deb", "build.properties", "values.yml", "report.html"}
	for i := range 16 {
		want = append(want, fmt.Sprintf("bin/part-%02d.o", i))
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("preferred extensions first, then the order of the build (-want +got):\n%s", diff)
	}
	if shown := build.Info["artifacts"].([]any); len(shown) != len(want) {
		t.Errorf("buildInfo shows %d artifacts", len(shown))
	}
	// The property file is looked for among all of them.
	server.Job("cart", jenkinstest.Freestyle).Build(1).AddArtifact(jenkinstest.File{Path: "z/last.yaml", Data: []byte("a: b\n")})
	if values, _, err := m.Properties(t.Context(), "ci", "cart", 1, "last.yaml"); err != nil || values["a"] != "b" {
		t.Errorf("%v, %v", values, err)
	}
}

func TestPropertyFileThatMayCome(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	job := server.Job("cart", jenkinstest.Freestyle)
	job.Finished("SUCCESS", jenkinstest.File{Path: "late.properties", Data: []byte("a=b\n"), Late: 5 * time.Second},
		jenkinstest.File{Path: "bad.json", Data: []byte("{")})
	m := connected(t, server)
	_, mayCome, err := m.Properties(t.Context(), "ci", "cart", 1, "late.properties")
	if !mayCome || !errors.Is(err, properties.ErrMissing) {
		t.Errorf("a late file: mayCome %v, %v", mayCome, err)
	}
	_, mayCome, err = m.Properties(t.Context(), "ci", "cart", 1, "bad.json")
	if mayCome || err == nil || !strings.Contains(err.Error(), `"bad.json"`) {
		t.Errorf("a malformed file: mayCome %v, %v", mayCome, err)
	}
	server.Advance(5 * time.Second)
	values, _, err := m.Properties(t.Context(), "ci", "cart", 1, "late.properties")
	if err != nil || values["a"] != "b" {
		t.Errorf("%v, %v", values, err)
	}
}

// Texts of Igor's and Gate's 404 (spinnaker/spinnaker gate/gate-web services/internal/IgorService.java).
func TestNotFound(t *testing.T) {
	_, m := shop(t)
	for text, ask := range map[string]func() error{
		"Build master 'cd' not found":                      func() error { _, err := m.JobNames(t.Context(), "cd"); return err },
		"Job not found (controller: 'ci', job: 'a/job/b')": func() error { _, err := m.Job(t.Context(), "ci", "a/job/b"); return err },
		"Builds not found (controller: 'ci', job: 'nope')": func() error { _, err := m.Builds(t.Context(), "ci", "nope"); return err },
		"Build not found (controller: 'ci', job: '" + branchJob + "', build: 99)": func() error {
			_, err := m.Build(t.Context(), "ci", branchJob, 99)
			return err
		},
		"Build not found (controller: 'ci', job: 'nope', build: 1)": func() error {
			_, _, err := m.Event(t.Context(), "ci", "nope", 1)
			return err
		},
	} {
		err := ask()
		answer := (*spinnaker.Error)(nil)
		if !errors.As(err, &answer) || answer.Status != http.StatusNotFound || err.Error() != text {
			t.Errorf("error %v, want the 404 %s", err, text)
		}
	}
}

// The API answers 502, and a stage still sees what kind of failure it was.
func TestJenkinsAway(t *testing.T) {
	server, m := shop(t)
	server.Faults.Add(jenkinstest.Fault{Drop: true})
	_, err := m.Build(t.Context(), "ci", branchJob, 1)
	answer := (*spinnaker.Error)(nil)
	if !errors.As(err, &answer) || answer.Status != http.StatusBadGateway || jenkins.KindOf(err) != jenkins.KindUnreachable {
		t.Errorf("error %v", err)
	}
}

// Polling and Igor's event door name a build the same way, so that it is taken in once.
func TestAnEventHasTheKeyOfPolling(t *testing.T) {
	r := newRig(t, "shop/job/cart")
	cart := r.jenkins.Job("shop/cart", jenkinstest.Freestyle)
	r.cycle()
	cart.Finished("SUCCESS")
	r.cycle()
	event, key, err := r.masters.Event(t.Context(), "ci", "shop/job/cart", 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.events()[0].Event.Key(), event.Key()); diff != "" {
		t.Error(diff)
	}
	if err := r.store.Update(t.Context(), func(tx store.Tx) error { return r.accept(tx, event, key) }); !errors.Is(err, store.ErrExists) {
		t.Errorf("taking it in once more: %v", err)
	}
}

func TestBadMaster(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		master config.Master
		want   string
	}{
		"no certificates": {config.Master{Name: "ci", Address: "https://ci.example", CA: empty}, `jenkins master "ci": read the CA: ` + empty + " holds no PEM certificate"},
		"no file":         {config.Master{Name: "ci", Address: "https://ci.example", CA: empty + "x"}, `jenkins master "ci": read the CA: open ` + empty + "x: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(Options{Masters: []config.Master{test.master}}); err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}
