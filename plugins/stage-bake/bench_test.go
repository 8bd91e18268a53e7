package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helm"
	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helmcli"
)

// BenchmarkBakeAgainstHelmTemplate bakes the demo chart in the plugin's process, a whole step with its artifacts fetched
// from the agent and its result stored there, and renders it with a `helm template` process on the same inputs. The
// texts must be equal, test objects aside. `ratio` is how many times longer the process takes; `MiB` is the plugin's
// resident memory afterwards.
func BenchmarkBakeAgainstHelmTemplate(b *testing.B) {
	template := helmTemplate(b)
	request, host := demoRequest(b)
	plugin := plugintest.Launch(b, plugintest.Build(b, "."), nil, host)
	bake := func() string {
		step, err := plugin.Run(b.Context(), request)
		if err != nil || step.Status != sdk.Succeeded {
			b.Fatalf("bake: %+v, %v", step, err)
		}
		return step.Artifacts[0].Blob.SHA256
	}
	if want, got := withoutTests(template()), host.Blob(bake()); !bytes.Equal(want, got) {
		b.Fatalf("texts differ:\n--- helm template\n%s\n--- bake\n%s", want, got)
	}

	var baking, helming time.Duration
	for b.Loop() {
		start := time.Now()
		bake()
		baking += time.Since(start)
		start = time.Now()
		template()
		helming += time.Since(start)
	}
	b.ReportMetric(baking.Seconds()*1000/float64(b.N), "ms/bake")
	b.ReportMetric(helming.Seconds()*1000/float64(b.N), "ms/helm")
	b.ReportMetric(float64(helming)/float64(baking), "ratio")
	b.ReportMetric(residentMiB(b), "MiB")
}

// helmTemplate returns a function that runs `helm template` with the inputs of demoRequest.
func helmTemplate(b *testing.B) func() []byte {
	b.Helper()
	command := helmcli.Path(b)
	dir := b.TempDir()
	chart := filepath.Join(dir, "helm.tar.gz")
	if err := os.WriteFile(chart, packDir(b, demoChart, nil), 0o644); err != nil {
		b.Fatal(err)
	}
	arguments := []string{"template", "shipit-staging", chart, "--namespace", "default", "--values", demoChart + "/values-spin.yaml"}
	for key, value := range config(b, demo)["overrides"].(map[string]any) {
		arguments = append(arguments, "--set-string", fmt.Sprintf("%s=%s", key, value))
	}
	return func() []byte {
		run := exec.Command(command, arguments...)
		run.Env = []string{"HOME=" + dir}
		out, err := run.Output()
		if err != nil {
			b.Fatalf("helm template: %v", err)
		}
		return out
	}
}

// withoutTests drops the demo chart's test from what helm printed.
func withoutTests(text []byte) []byte {
	before, _, _ := bytes.Cut(text, []byte("---\n# Source: shipitclicker/templates/tests/"))
	return before
}

// residentMiB is the resident memory of the child process stage-bake; 0 where /proc does not tell.
func residentMiB(b *testing.B) float64 {
	b.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		b.Fatal(err)
	}
	for _, list := range lists {
		children, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, pid := range strings.Fields(string(children)) {
			status, err := os.ReadFile("/proc/" + pid + "/status")
			_, rest, found := strings.Cut(string(status), "VmRSS:")
			if err != nil || !found || !strings.HasPrefix(string(status), "Name:\tstage-bake") {
				continue
			}
			var kib float64
			if _, err := fmt.Sscan(rest, &kib); err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	return 0
}

// BenchmarkRender is the rendering alone, archive included.
func BenchmarkRender(b *testing.B) {
	packed := packDir(b, demoChart, nil)
	values := readFile(b, demoChart+"/values-spin.yaml")
	b.ReportAllocs()
	for b.Loop() {
		chart, _, err := readChart(bytes.NewReader(packed), "")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := helm.Render(helm.Request{
			Chart: chart, ReleaseName: "shipit-staging", KubeVersion: "1.37",
			Values: []helm.ValuesFile{{Name: "values-spin.yaml", Data: values}},
		}); err != nil {
			b.Fatal(err)
		}
	}
}
