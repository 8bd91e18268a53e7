package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

const demoChart = "../../charts/shipitclicker"

// packDir packs a directory as `tar czf x.tgz NAME` does. The replacements stand in for files of the directory.
func packDir(t testing.TB, dir string, replacements map[string][]byte) []byte {
	t.Helper()
	archive := &txtar.Archive{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path.Join(dir, name))
		if replacement, ok := replacements[name]; ok {
			data = replacement
		}
		archive.Files = append(archive.Files, txtar.File{Name: path.Join(path.Base(dir), name), Data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pack(t, archive)
}

func pack(t testing.TB, archive *txtar.Archive) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	for _, file := range archive.Files {
		if err := w.WriteHeader(&tar.Header{Name: file.Name, Mode: 0o644, Size: int64(len(file.Data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(file.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// config reads a stage configuration as the agent hands it over.
func config(t testing.TB, text string) sdk.Config {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var out sdk.Config
	if err := decoder.Decode(&out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// demo is the stage of the worked example: chart and values out of expected artifacts, two overrides.
const demo = `{
	"refId": "1", "type": "bakeManifest", "name": "Bake", "cloudProvider": "kubernetes", "templateRenderer": "HELM3",
	"outputName": "shipit-staging", "namespace": "default",
	"inputArtifacts": [{"id": "chart-id", "account": "gh"}, {"id": "values-id", "account": "gh"}],
	"overrides": {"image.repository": "123.dkr.example/shipitclicker:0.5.3-42", "ingress.hosts[0].host": "shipit-stage.eks.example.com"},
	"rawOverrides": false,
	"expectedArtifacts": [{"id": "baked-id", "displayName": "kube-templates.yaml", "usePriorArtifact": false, "useDefaultArtifact": false,
		"matchArtifact": {"type": "embedded/base64", "name": "kube-templates.yaml", "artifactAccount": "embedded-artifact"}}]}`

func demoRequest(t testing.TB) (sdk.Request, *plugintest.Host) {
	t.Helper()
	github := func(name string) sdk.Artifact {
		return sdk.Artifact{Type: "github/file", Name: name, Reference: "https://git.example/api/repos/o/r/contents/" + name, ArtifactAccount: "other"}
	}
	chart, values := github("helm.tar.gz"), github("values-spin.yaml")
	host := &plugintest.Host{Artifacts: map[string][]byte{
		chart.Reference:  packDir(t, demoChart, nil),
		values.Reference: readFile(t, demoChart+"/values-spin.yaml"),
	}}
	return sdk.Request{
		Config: config(t, demo),
		ExpectedArtifacts: []sdk.ExpectedArtifact{
			{ID: "chart-id", Bound: chart},
			{ID: "values-id", Bound: values},
			{ID: "chart-id", Bound: github("of-an-older-stage.tgz")},
		},
	}, host
}

func TestBakeOfTheDemoChart(t *testing.T) {
	request, host := demoRequest(t)
	step := plugintest.Run(t, testStage(), request, host)
	if step.Status != sdk.Succeeded {
		t.Fatalf("status %s: %s", step.Status, step.Message)
	}
	if len(step.Artifacts) != 1 || step.Artifacts[0].Blob == nil {
		t.Fatalf("artifacts %+v, want one with a blob", step.Artifacts)
	}
	produced := step.Artifacts[0]
	manifest := host.Blob(produced.Blob.SHA256)
	produced.Blob = nil
	if diff := cmp.Diff(sdk.Artifact{Type: "embedded/base64", Name: "kube-templates.yaml"}, produced); diff != "" {
		t.Errorf("produced artifact (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(string(readFile(t, "testdata/shipit-staging.yaml")), string(manifest)); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if want := "baked shipitclicker 0.5.3 into 6 objects (5.4 KiB)"; step.Message != want {
		t.Errorf("message %q, want %q", step.Message, want)
	}
	if len(step.Warnings) > 0 {
		t.Errorf("warnings %q", step.Warnings)
	}
	provider := map[string]any{"cloudProvider": "kubernetes"}
	if diff := cmp.Diff(provider, step.Outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(provider, step.Context); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
	var tasks []string
	for _, task := range step.Tasks {
		tasks = append(tasks, task.Name+" "+string(task.Status))
	}
	if diff := cmp.Diff([]string{"createBake SUCCEEDED", "bindProducedArtifacts SUCCEEDED"}, tasks); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	var log []string
	for _, line := range host.Logs() {
		log = append(log, line.Text)
	}
	wantLog := []string{`chart: github/file "helm.tar.gz", 14 files`, `values: github/file "values-spin.yaml", 461 bytes`}
	if diff := cmp.Diff(wantLog, log); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestBakeIsRepeatable(t *testing.T) {
	request, host := demoRequest(t)
	plugin := plugintest.Start(t, testPlugin(), host)
	sums := map[string]bool{}
	for range 3 {
		step, err := plugin.Run(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		sums[step.Artifacts[0].Blob.SHA256] = true
	}
	if len(sums) != 1 {
		t.Errorf("three bakes of the same made %d texts", len(sums))
	}
}

func TestOldIngressIsBakedAsItIs(t *testing.T) {
	request, host := demoRequest(t)
	host.Artifacts[request.ExpectedArtifacts[0].Bound.Reference] = packDir(t, demoChart, map[string][]byte{
		"templates/ingress.yaml": readFile(t, "testdata/v1beta1/ingress.yaml"),
	})
	step := plugintest.Run(t, testStage(), request, host)
	if step.Status != sdk.Succeeded {
		t.Fatalf("status %s: %s", step.Status, step.Message)
	}
	manifest := string(host.Blob(step.Artifacts[0].Blob.SHA256))
	for _, want := range []string{"apiVersion: networking.k8s.io/v1beta1\nkind: Ingress", "serviceName: shipit-staging-shipitclicker", "servicePort: 80"} {
		if !strings.Contains(manifest, want) {
			t.Errorf("no %q in the manifest: preflight of a deploy, not the bake, has to find it", want)
		}
	}
}

func testStage() sdk.Stage { return testPlugin().Stages[0] }

func testPlugin() sdk.Plugin { return newPlugin() }

// inlineChart is a stage with an inline chart artifact of name chart.tgz, and what %s adds.
func inlineChart(t testing.TB, more string) sdk.Config {
	t.Helper()
	c := config(t, `{"templateRenderer": "HELM3", "outputName": "web", "inputArtifacts": [{"artifact": {"type": "http/file", "reference": "chart.tgz"}}],
		"expectedArtifacts": [{"matchArtifact": {"type": "embedded/base64", "name": "web"}}]}`)
	for key, value := range config(t, more) {
		c[key] = value
	}
	return c
}

const smallChart = `
-- web/Chart.yaml --
apiVersion: v2
name: web
version: 0.1.0
-- web/values.yaml --
hosts: [{host: a, paths: [/]}]
-- web/crds/c.yaml --
kind: CustomResourceDefinition
-- web/templates/cm.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}
data: {hosts: {{ .Values.hosts | toJson | quote }}, text: {{ .Values.text | toJson | quote }}, kube: {{ .Capabilities.KubeVersion.Version }}, served: {{ .Capabilities.APIVersions.Has "x/v1" | quote }}}
-- web/ignored/templates/x.yaml --
not part of the chart
-- web/.helmignore --
*.bak
-- web/templates/old.bak --
kind: Old
`

func TestFieldsOfTheStage(t *testing.T) {
	tests := []struct {
		name     string
		more     string
		settings sdk.Config
		change   func(*sdk.Request, *plugintest.Host)
		want     []string
		warnings []string
	}{
		{name: "defaults", more: `{}`, want: []string{"{name: web, namespace: default}", "kube: v1.37.0", `served: "false"`, "kind: Old"}},
		{name: "renderer in small letters", more: `{"templateRenderer": "helm3"}`, want: []string{"kind: ConfigMap"}},
		{name: "HELM2", more: `{"templateRenderer": "HELM2"}`, want: []string{"kind: ConfigMap"},
			warnings: []string{"HELM2 is rendered by Helm 3: crds/ only with includeCRDs, and no Tiller objects"}},
		{name: "namespace", more: `{"namespace": "shop"}`, want: []string{"namespace: shop"}},
		{name: "includeCRDs as text", more: `{"includeCRDs": "true"}`, want: []string{"# Source: web/crds/c.yaml"}},
		{name: "versions", more: `{"kubeVersion": "1.29", "apiVersions": "y/v1, x/v1"}`, want: []string{"kube: v1.29,", `served: "true"`}},
		{name: "versions of the plugin's configuration", more: `{}`, settings: sdk.Config{"kubeVersion": "v1.30.1", "apiVersions": []any{"x/v1"}},
			want: []string{"kube: v1.30.1", `served: "true"`}},
		{name: "comma in an override", more: `{"overrides": {"text": "a,b"}}`, want: []string{`text: "\"a,b\""`}},
		{name: "raw override", more: `{"overrides": {"text": "3"}, "rawOverrides": true}`, want: []string{`text: "3"`}},
		{name: "an override that drops the rest of a list", more: `{"overrides": {"hosts[0].host": "b"}}`, want: []string{`[{\"host\":\"b\"}]`},
			warnings: []string{`override "hosts[0].host" replaces the chart's default list "hosts": what the default has besides is lost. ` +
				`Give the list in a values file, or set mergeListOverrides`}},
		{name: "mergeListOverrides", more: `{"overrides": {"hosts[0].host": "b"}, "mergeListOverrides": true}`,
			want: []string{`[{\"host\":\"b\",\"paths\":[\"/\"]}]`}},
		{name: "evaluateOverrideExpressions", more: `{"overrides": {"text": "${x}"}, "evaluateOverrideExpressions": true}`,
			change: func(_ *sdk.Request, host *plugintest.Host) {
				host.Evaluate = func(any) (sdk.Evaluation, error) {
					return sdk.Evaluation{Document: map[string]any{"text": "evaluated"}, Warnings: []string{"text: no y"}}, nil
				}
			}, want: []string{`text: "\"evaluated\""`}, warnings: []string{"overrides: text: no y"}},
		{name: "expressions in a default artifact", more: `{"inputArtifacts": [{"id": "c"}]}`,
			change: func(req *sdk.Request, host *plugintest.Host) {
				req.ExpectedArtifacts = []sdk.ExpectedArtifact{{ID: "c", Bound: sdk.Artifact{Type: "http/file", Reference: "${ref}"}}}
				host.Evaluate = func(doc any) (sdk.Evaluation, error) {
					doc.(map[string]any)["reference"] = "chart.tgz"
					return sdk.Evaluation{Document: doc}, nil
				}
			}, want: []string{"kind: ConfigMap"}},
		{name: "directory of a repository", more: `{"inputArtifacts": [{"artifact": {"type": "git/repo", "reference": "chart.tgz"}}], "helmChartFilePath": "web/Chart.yaml"}`,
			want: []string{"kind: ConfigMap", "!kind: Old"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := &plugintest.Host{Artifacts: map[string][]byte{"chart.tgz": pack(t, txtar.Parse([]byte(smallChart)))}}
			request := sdk.Request{Config: inlineChart(t, test.more)}
			if test.change != nil {
				test.change(&request, host)
			}
			plugin := plugintest.Start(t, testPlugin(), host, test.settings)
			step, err := plugin.Run(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			if step.Status != sdk.Succeeded {
				t.Fatalf("status %s: %s", step.Status, step.Message)
			}
			manifest := string(host.Blob(step.Artifacts[0].Blob.SHA256))
			for _, want := range test.want {
				text, absent := strings.CutPrefix(want, "!")
				if strings.Contains(manifest, text) == absent {
					t.Errorf("want %q in:\n%s", want, manifest)
				}
			}
			if diff := cmp.Diff(test.warnings, step.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBakeFails(t *testing.T) {
	tests := []struct {
		name, more, want string
	}{
		{"no inputs", `{"inputArtifacts": []}`, "At least one input artifact to bake must be supplied"},
		{"unknown id", `{"inputArtifacts": [{"id": "x", "account": "gh"}]}`,
			"Input artifact (id: x, account: gh) could not be found in execution (id: 01EXECUTION). Check that the trigger or an earlier stage expects"},
		{"no outputs before a bad renderer", `{"expectedArtifacts": [], "templateRenderer": "CF"}`,
			"The Bake (Manifest) stage produces one embedded base64 artifact.  Please ensure that your Bake (Manifest) stage config's " +
				"`Produces Artifacts` section (`expectedArtifacts` field) contains exactly one artifact."},
		{"renderer of later", `{"templateRenderer": "Kustomize"}`, "template renderer KUSTOMIZE is not provided by this version, which has HELM3"},
		{"no such renderer", `{"templateRenderer": "jinja"}`, "Invalid template renderer jinja. Set templateRenderer to HELM3"},
		{"chart is not there", `{"inputArtifacts": [{"artifact": {"type": "http/file", "reference": "gone.tgz"}}]}`,
			`fetch the chart: artifact http/file "gone.tgz": not found`},
		{"values file is not there", `{"inputArtifacts": [{"artifact": {"type": "http/file", "reference": "chart.tgz"}}, {"artifact": {"type": "http/file", "reference": "v.yaml"}}]}`,
			`fetch a values file: artifact http/file "v.yaml": not found`},
		{"chart is no archive", `{"inputArtifacts": [{"artifact": {"type": "http/file", "name": "values.yaml", "reference": "text"}}]}`,
			`chart http/file "values.yaml": it is text/plain, not a gzipped tar archive`},
		{"chart does not render", `{"outputName": "web", "overrides": {"hosts": "x"}, "inputArtifacts": [{"artifact": {"type": "http/file", "reference": "broken.tgz"}}]}`,
			`bake http/file "broken.tgz": chart "web" 0.1.0: template web/templates/a.yaml line 2: at <.Values.hosts.first>: can't evaluate field first`},
		{"release name", `{"outputName": "Web"}`, `bake http/file "chart.tgz": release name "Web" (outputName): invalid release name`},
		{"overrides of another type", `{"overrides": ["a"]}`, `field overrides: found a list, expected an object of keys and values`},
		{"a flag of another type", `{"rawOverrides": 1}`, `field rawOverrides: found a number, expected true or false`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := &plugintest.Host{Artifacts: map[string][]byte{
				"chart.tgz":  pack(t, txtar.Parse([]byte(smallChart))),
				"broken.tgz": pack(t, txtar.Parse([]byte("-- web/Chart.yaml --\napiVersion: v2\nname: web\nversion: 0.1.0\n-- web/templates/a.yaml --\na:\n  b: {{ .Values.hosts.first }}\n"))),
				"text":       []byte("key: value\n"),
			}}
			step := plugintest.Run(t, testStage(), sdk.Request{Config: inlineChart(t, test.more)}, host)
			if step.Status != sdk.Terminal || !strings.HasPrefix(step.Message, test.want) {
				t.Errorf("%s: %s\nwant TERMINAL: %s", step.Status, step.Message, test.want)
			}
			if len(step.Tasks) != 2 || step.Tasks[0].Status != sdk.Terminal {
				t.Errorf("tasks %+v, want createBake TERMINAL", step.Tasks)
			}
		})
	}
}

func TestWhatPassesByItselfIsTriedAgain(t *testing.T) {
	host := &plugintest.Host{Evaluate: func(any) (sdk.Evaluation, error) {
		return sdk.Evaluation{}, status.Error(codes.Unavailable, "the agent is busy")
	}}
	request := sdk.Request{Config: inlineChart(t, `{"overrides": {"a": "${b}"}, "evaluateOverrideExpressions": true}`)}
	step := plugintest.Run(t, testStage(), request, host)
	if step.Status != sdk.Running || step.Class != plugintest.Retryable || step.Message != "overrides: evaluate expressions: the agent is busy" {
		t.Errorf("got %s (%s): %s", step.Status, step.Class, step.Message)
	}
	if len(step.Tasks) != 2 || step.Tasks[0].Status != sdk.Running {
		t.Errorf("tasks %+v, want createBake RUNNING", step.Tasks)
	}
}

func TestDefaultKubeVersionIsThatOfTheClientLibraries(t *testing.T) {
	linked := regexp.MustCompile(`k8s.io/client-go v0\.(\d+)\.`).FindSubmatch(readFile(t, "../../go.mod"))
	if linked == nil {
		t.Fatal("k8s.io/client-go is not in go.mod")
	}
	if got, want := defaultSettings().KubeVersion, "v1."+string(linked[1])+".0"; got != want {
		t.Errorf("charts see Kubernetes %s by default, the client libraries are those of %s", got, want)
	}
}

func TestConfigureRefusesMistakes(t *testing.T) {
	for text, want := range map[string]string{
		`{"kubeVersoin": "1.30"}`: `unknown field "kubeVersoin"`,
		`{"kubeVersion": "new"}`:  `kubeVersion: version of Kubernetes "new"`,
	} {
		stage := &bakeManifest{settings: defaultSettings()}
		if err := stage.configure(t.Context(), config(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
}
