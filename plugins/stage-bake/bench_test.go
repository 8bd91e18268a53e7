package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helm"
	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helmcli"
)

// BenchmarkBakeAgainstHelmTemplate bakes the demo chart in process and with a `helm template` process on the same
// inputs. The texts must be equal, test objects aside; `ratio` is how many times the process takes longer.
func BenchmarkBakeAgainstHelmTemplate(b *testing.B) {
	command := helmcli.Path(b)
	dir := b.TempDir()
	archivePath := filepath.Join(dir, "helm.tar.gz")
	packed := packDir(b, demoChart, nil)
	if err := os.WriteFile(archivePath, packed, 0o644); err != nil {
		b.Fatal(err)
	}
	valuesPath := demoChart + "/values-spin.yaml"
	arguments := []string{"template", "shipit-staging", archivePath, "--namespace", "default", "--values", valuesPath,
		"--set-string", "image.repository=123.dkr.example/shipitclicker:0.5.3-42",
		"--set-string", "ingress.hosts[0].host=shipit-stage.eks.example.com"}
	process := func() []byte {
		run := exec.Command(command, arguments...)
		run.Env = []string{"HOME=" + dir}
		out, err := run.Output()
		if err != nil {
			b.Fatalf("helm template: %v", err)
		}
		return out
	}
	values := readFile(b, valuesPath)
	inProcess := func() []byte {
		chart, _, err := readChart(bytes.NewReader(packed), "")
		if err != nil {
			b.Fatal(err)
		}
		result, err := helm.Render(helm.Request{
			Chart: chart, ReleaseName: "shipit-staging", Namespace: "default", KubeVersion: defaultSettings().KubeVersion,
			Values: []helm.ValuesFile{{Name: "values-spin.yaml", Data: values}},
			Overrides: helm.Overrides{Entries: map[string]any{
				"image.repository":      "123.dkr.example/shipitclicker:0.5.3-42",
				"ingress.hosts[0].host": "shipit-stage.eks.example.com",
			}},
		})
		if err != nil {
			b.Fatal(err)
		}
		return result.Manifest
	}
	if want, got := withoutTests(process()), inProcess(); !bytes.Equal(want, got) {
		b.Fatalf("texts differ:\n--- helm template\n%s\n--- bake\n%s", want, got)
	}

	var baking, helming time.Duration
	for b.Loop() {
		start := time.Now()
		inProcess()
		baking += time.Since(start)
		start = time.Now()
		process()
		helming += time.Since(start)
	}
	b.ReportMetric(float64(baking.Microseconds())/float64(b.N)/1000, "ms/bake")
	b.ReportMetric(float64(helming.Microseconds())/float64(b.N)/1000, "ms/helm")
	b.ReportMetric(float64(helming)/float64(baking), "ratio")
}

// withoutTests drops the demo chart's test from what helm printed.
func withoutTests(text []byte) []byte {
	at := bytes.Index(text, []byte("---\n# Source: shipitclicker/templates/tests/"))
	if at < 0 {
		return text
	}
	return text[:at]
}

// BenchmarkBake is a bake of the demo chart alone, without the agent.
func BenchmarkBake(b *testing.B) {
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
