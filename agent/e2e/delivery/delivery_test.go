package delivery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/scripts/demo/world"
)

// The main job: a build's image ends up in the Deployment, and is tested.
func TestDelivery(t *testing.T) {
	w := newWorld(t, nil)
	useCluster(t, w)
	agent := startAgent(t, w)
	url, err := w.StandIn()
	if err != nil {
		t.Fatal(err)
	}
	save(t, w, agent, w.PipelineConfig(world.Pipeline, w.DeliveryStages(url)...))

	for _, name := range []string{"first build", "second build of the same chart"} {
		t.Run(name, func(t *testing.T) {
			image := push(t, w)
			execution := deliver(t, w, agent, image)
			mustSucceed(t, execution)
			if deployed, err := w.Cluster.Image(t.Context()); err != nil || deployed != image {
				t.Errorf("the Deployment runs %q (%v), want %q", deployed, err, image)
			}
			if n := w.SmokeTests(image); n != 1 {
				t.Errorf("the smoke test ran %d times, want once", n)
			}
		})
	}
	t.Run("objects of equal content keep their version", func(t *testing.T) {
		objects, err := w.Cluster.Deployed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, object := range objects {
			names = append(names, object.GetKind()+" "+object.GetName())
		}
		got := strings.Join(names, "\n")
		want := strings.Join([]string{"ServiceAccount shipit-staging-shipitclicker", "Secret shipit-staging-secrets-v000",
			"ConfigMap shipit-staging-configmap-v000", "Service shipit-staging-shipitclicker",
			"Ingress shipit-staging-shipitclicker", "Deployment shipit-staging-shipitclicker"}, "\n")
		if got != want {
			t.Errorf("objects:\n%s\nwant:\n%s", got, want)
		}
	})
	t.Run("why", func(t *testing.T) {
		out, err := gennaker(t, agent, "why", "--master", world.Master, "--job", world.BuildJob, "--build", "1").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "shipandspin / shipit-eks-staging: fired → ") {
			t.Errorf("gennaker why: %v\n%s", err, out)
		}
	})
}

// The chart may come from the build itself.
func TestDeliveryOfTheArchivedChart(t *testing.T) {
	w := newWorld(t, nil)
	useCluster(t, w)
	agent := startAgent(t, w)
	stages := w.DeliveryStages("http://127.0.0.1:1/")[:2]
	pipeline := w.PipelineConfig("archived", stages...)
	expected := pipeline["expectedArtifacts"].([]map[string]any)
	expected[0] = map[string]any{"id": "chart", "displayName": "helm.tar.gz", "usePriorArtifact": false, "useDefaultArtifact": false,
		"matchArtifact": map[string]any{"type": "jenkins/file", "reference": "helm.tar.gz", "artifactAccount": world.Master}}
	pipeline["triggers"].([]map[string]any)[0]["expectedArtifactIds"] = []string{"chart"}
	stages[0]["inputArtifacts"] = []map[string]any{{"id": "chart", "account": world.Master}, {"id": "values", "account": "gh"}}
	save(t, w, agent, pipeline)
	image := push(t, w)
	mustSucceed(t, deliver(t, w, agent, image))
	if deployed, err := w.Cluster.Image(t.Context()); err != nil || deployed != image {
		t.Errorf("the Deployment runs %q (%v), want %q", deployed, err, image)
	}
}

// An image that nobody pushed is found missing before anything is written.
func TestImageNotInTheRegistry(t *testing.T) {
	w := newWorld(t, nil)
	useCluster(t, w)
	agent := startAgent(t, w)
	save(t, w, agent, w.PipelineConfig(world.Pipeline, w.DeliveryStages("http://127.0.0.1:1/")...))
	image := strings.Replace(push(t, w), "0.5.3-1", "9.9.9", 1)
	mustFail(t, deliver(t, w, agent, image), "Deploy", image, "not in the registry")
	if objects, err := w.Cluster.Deployed(t.Context()); err != nil || len(objects) > 0 {
		t.Errorf("something was written: %v, %v", objects, err)
	}
}

func mustSucceed(t *testing.T, execution *spinnaker.Execution) {
	t.Helper()
	if execution.Status != spinnaker.Succeeded {
		t.Fatal(execution.Failure())
	}
}

// mustFail checks that an execution failed in one stage with all the texts in the stage's errors.
func mustFail(t *testing.T, execution *spinnaker.Execution, stage string, texts ...string) {
	t.Helper()
	if execution.Status != spinnaker.Terminal {
		t.Fatalf("the execution ended %s, want TERMINAL", execution.Status)
	}
	for _, s := range execution.Stages {
		if s.Name != stage {
			continue
		}
		got := strings.Join(s.Failures(), "\n")
		t.Logf("stage %s: %s", stage, got)
		if s.Status != spinnaker.Terminal {
			t.Errorf("stage %s ended %s, want TERMINAL", stage, s.Status)
		}
		for _, text := range texts {
			if !strings.Contains(got, text) {
				t.Errorf("the errors of stage %s lack %q:\n%s", stage, text, got)
			}
		}
	}
}

// An Ingress of a version that the cluster no longer serves stops the deployment before anything is written, with the
// replacement named; an account that says so has it converted.
func TestRemovedIngress(t *testing.T) {
	chart := removedIngressChart(t)
	for _, c := range []struct{ removedAPIs string }{{""}, {"convert"}} {
		t.Run("removedApis="+c.removedAPIs, func(t *testing.T) {
			w := newWorld(t, func(o *world.Options) { o.Chart, o.RemovedAPIs = chart, c.removedAPIs })
			useCluster(t, w)
			agent := startAgent(t, w)
			save(t, w, agent, w.PipelineConfig(world.Pipeline, w.DeliveryStages("http://127.0.0.1:1/")[:2]...))
			execution := deliver(t, w, agent, push(t, w))
			objects, err := w.Cluster.Deployed(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if c.removedAPIs == "convert" {
				mustSucceed(t, execution)
				return
			}
			mustFail(t, execution, "Deploy", "networking.k8s.io/v1beta1", "use networking.k8s.io/v1", "removedApis: convert")
			if len(objects) > 0 {
				t.Errorf("%d objects were written", len(objects))
			}
		})
	}
}

// removedIngressChart packs the sample chart with an Ingress of networking.k8s.io/v1beta1.
func removedIngressChart(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shipitclicker")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "charts", "shipitclicker"))); err != nil {
		t.Fatal(err)
	}
	ingress, err := os.ReadFile(filepath.Join(root, "plugins", "stage-bake", "testdata", "v1beta1", "ingress.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "templates", "ingress.yaml"), ingress, 0o600); err != nil {
		t.Fatal(err)
	}
	archive, err := world.Pack(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "helm.tar.gz")
	if err := os.WriteFile(path, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
