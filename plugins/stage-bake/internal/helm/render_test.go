package helm_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/gennaker/gennaker/plugins/stage-bake/internal/helm"
)

// chartOf makes a request out of a chart's files in txtar form. Chart.yaml may be left out.
func chartOf(text string) helm.Request {
	request := helm.Request{ReleaseName: "r", KubeVersion: kubeVersion}
	hasChartFile := false
	for _, file := range txtar.Parse([]byte(text)).Files {
		hasChartFile = hasChartFile || file.Name == "Chart.yaml"
		if name, isValues := strings.CutPrefix(file.Name, "from-pipeline/"); isValues {
			request.Values = append(request.Values, helm.ValuesFile{Name: name, Data: file.Data})
			continue
		}
		request.Chart = append(request.Chart, helm.File(file))
	}
	if !hasChartFile {
		request.Chart = append(request.Chart, helm.File{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: web\nversion: 0.1.0\n")})
	}
	return request
}

const oneObject = `
-- templates/cm.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: cm}
data: {value: {{ .Values.value | toJson | quote }}}
`

func TestRenderFails(t *testing.T) {
	tests := []struct {
		name    string
		chart   string
		change  func(*helm.Request)
		wantErr string
	}{
		{name: "nil pointer, with file and line", chart: `
-- templates/deployment.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Values.image.repository }}}
`, wantErr: `chart "web" 0.1.0: template web/templates/deployment.yaml line 3: at <.Values.image.repository>: nil pointer evaluating interface {}.repository`},
		{name: "an error in a partial names both places", chart: `
-- templates/_helpers.tpl --
{{ define "labels" }}
app: {{ .Values.a.b }}
{{ end }}
-- templates/cm.yaml --
metadata:
  labels: {{ include "labels" . }}
`, wantErr: `chart "web" 0.1.0: template web/templates/_helpers.tpl line 2 (from web/templates/cm.yaml line 2): at <.Values.a.b>: nil pointer evaluating interface {}.b`},
		{name: "syntax", chart: `
-- templates/cm.yaml --
kind: ConfigMap
{{ if .Values.a }}
`, wantErr: `chart "web" 0.1.0: template web/templates/cm.yaml line 3: unexpected EOF`},
		{name: "unknown function", chart: "-- templates/cm.yaml --\n{{ nope }}\n",
			wantErr: `chart "web" 0.1.0: template web/templates/cm.yaml line 1: function "nope" not defined`},
		{name: "required value", chart: "-- templates/cm.yaml --\n{{ required \"redis.url is not set\" .Values.url }}\n",
			wantErr: `chart "web" 0.1.0: template web/templates/cm.yaml line 1: redis.url is not set`},
		{name: "the chart's own fail", chart: "-- templates/cm.yaml --\n\n{{ fail \"no: never\" }}\n",
			wantErr: `chart "web" 0.1.0: template web/templates/cm.yaml line 2: no: never`},
		{name: "output that is not YAML", chart: "-- templates/cm.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"x}\n",
			wantErr: `chart "web" 0.1.0: template web/templates/cm.yaml renders invalid YAML at line 3 of the document: found unexpected end of stream. Render it with ` + "`helm template --debug` to see the text"},
		{name: "no objects", chart: "-- templates/cm.yaml --\n{{ if .Values.on }}kind: ConfigMap{{ end }}\n",
			wantErr: `chart "web" 0.1.0: it renders no objects with these values. Check what its templates are conditional on`},
		{name: "only tests", chart: "-- templates/tests/pod.yaml --\napiVersion: v1\nkind: Pod\n",
			wantErr: `chart "web" 0.1.0: it renders no objects`},
		{name: "library chart", chart: "-- Chart.yaml --\napiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n",
			wantErr: `chart "lib" 1.0.0: charts of type "library" cannot be rendered by themselves`},
		{name: "missing dependency", chart: "-- Chart.yaml --\napiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: redis, version: 1.x}]\n",
			wantErr: `chart "web" 1.0.0: dependencies redis are in Chart.yaml but not in charts/. Run ` + "`helm dependency build`"},
		{name: "kubeVersion", chart: "-- Chart.yaml --\napiVersion: v2\nname: web\nversion: 1.0.0\nkubeVersion: \"<1.30\"\n",
			wantErr: `chart "web" 1.0.0: it requires kubeVersion <1.30, which excludes v1.37.0. Set the stage's kubeVersion to the cluster's`},
		{name: "no Chart.yaml", chart: "-- templates/cm.yaml --\nx: y\n", change: func(r *helm.Request) { r.Chart = r.Chart[:1] },
			wantErr: `load chart: Chart.yaml file is missing`},
		{name: "bad Chart.yaml", chart: "-- Chart.yaml --\nname: [\n", wantErr: `load chart: cannot load Chart.yaml`},
		{name: "no version", chart: "-- Chart.yaml --\napiVersion: v2\nname: web\n", wantErr: `load chart: validation: chart.metadata.version is required`},
		{name: "values file that is a list", chart: oneObject + "-- from-pipeline/values-spin.yaml --\n- a\n",
			wantErr: `chart "web" 0.1.0: values file "values-spin.yaml": error unmarshaling JSON`},
		{name: "no release name", chart: oneObject, change: func(r *helm.Request) { r.ReleaseName = "" },
			wantErr: "no release name: set outputName"},
		{name: "release name", chart: oneObject, change: func(r *helm.Request) { r.ReleaseName = "Shipit_Staging" },
			wantErr: `release name "Shipit_Staging" (outputName): invalid release name, must match regex`},
		{name: "long release name", chart: oneObject, change: func(r *helm.Request) { r.ReleaseName = strings.Repeat("a", 54) },
			wantErr: `release name "` + strings.Repeat("a", 54) + `" (outputName): invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53`},
		{name: "cluster version", chart: oneObject, change: func(r *helm.Request) { r.KubeVersion = "newest" },
			wantErr: `version of Kubernetes "newest": could not parse "newest" as version`},
		{name: "null override", chart: oneObject, change: func(r *helm.Request) { r.Overrides.Entries = map[string]any{"a.b": nil} },
			wantErr: `chart "web" 0.1.0: override "a.b": it has no value (null). Remove it`},
		{name: "override with a bad index", chart: oneObject, change: func(r *helm.Request) { r.Overrides.Entries = map[string]any{"a[x]": "1"} },
			wantErr: `chart "web" 0.1.0: override "a[x]": error parsing index`},
		{name: "override with a huge index", chart: oneObject, change: func(r *helm.Request) { r.Overrides.Entries = map[string]any{"a[999999999]": "1"} },
			wantErr: `chart "web" 0.1.0: override "a[999999999]": index of 999999999 is greater than maximum supported index`},
		{name: "schema", chart: oneObject + `
-- values.schema.json --
{"type": "object", "properties": {"value": {"type": "integer"}, "port": {"maximum": 10}}, "required": ["host"]}
-- values.yaml --
value: text
port: 11
`, wantErr: `chart "web" 0.1.0: values do not fit values.schema.json: chart "web": at '': missing property 'host', at '/port': maximum: got 11, want 10, at '/value': got string, want integer`},
		{name: "schema that is none", chart: oneObject + "-- values.schema.json --\n{\"type\": 3}\n",
			wantErr: `chart "web" 0.1.0: values.schema.json of chart "web": `},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request := chartOf(test.chart)
			if test.change != nil {
				test.change(&request)
			}
			_, err := helm.Render(request)
			if err == nil || !strings.HasPrefix(err.Error(), test.wantErr) {
				t.Errorf("error\n%v\nwant\n%s", err, test.wantErr)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	tests := []struct {
		name   string
		chart  string
		change func(*helm.Request)
		want   []string
	}{
		{name: "nothing odd", chart: oneObject},
		{name: "random", chart: "-- templates/s.yaml --\nkind: Secret\nx: {{ randAlphaNum 20 }}\n",
			want: []string{"two bakes of the same input differ: the chart uses the time or random values, so every bake makes new versions"}},
		{name: "a random function that is not reached", chart: "-- templates/s.yaml --\nkind: Secret\nx: {{ if .Values.x }}{{ randAlphaNum 20 }}{{ end }}\n"},
		{name: "hooks", chart: "-- templates/j.yaml --\nkind: Job\nmetadata:\n  annotations: {helm.sh/hook: pre-install}\n",
			want: []string{"1 Helm hooks are deployed as ordinary objects: their events, weights and delete policies have no effect"}},
		{name: "deprecated", chart: "-- Chart.yaml --\napiVersion: v2\nname: old\nversion: 1.0.0\ndeprecated: true\n" + oneObject,
			want: []string{`chart "old" is deprecated`}},
		{name: "index over the chart's default list", chart: oneObject + "-- values.yaml --\nhosts: [{host: a, paths: [/]}]\n",
			change: func(r *helm.Request) { r.Overrides.Entries = map[string]any{"hosts[0].host": "b"} },
			want: []string{`override "hosts[0].host" replaces the chart's default list "hosts": what the default has besides is lost. ` +
				`Give the list in a values file, or set mergeListOverrides`}},
		{name: "index over a list of a values file", chart: oneObject + "-- from-pipeline/v.yaml --\nhosts: [{host: a, paths: [/]}]\n",
			change: func(r *helm.Request) { r.Overrides.Entries = map[string]any{"hosts[0].host": "b"} }},
		{name: "false as text", chart: oneObject + "-- values.yaml --\ningress: {enabled: true}\n",
			change: func(r *helm.Request) { r.Overrides.Entries = map[string]any{"ingress.enabled": "false"} },
			want:   []string{`override "ingress.enabled" is the text "false", which templates take for true. Set rawOverrides to pass a boolean`}},
		{name: "schema of a known draft", chart: oneObject + "-- values.schema.json --\n" + `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}`},
		{name: "schema with references", chart: oneObject + "-- values.schema.json --\n" +
			`{"properties": {"a": {"$ref": "http://127.0.0.1:1/x.json"}, "b": {"$ref": "file:///etc/hostname"}}}`,
			want: []string{
				`values.schema.json of chart "web" refers to file:///etc/hostname, which a bake does not load: that part is not checked`,
				`values.schema.json of chart "web" refers to http://127.0.0.1:1/x.json, which a bake does not load: that part is not checked`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request := chartOf(test.chart)
			if test.change != nil {
				test.change(&request)
			}
			result, err := helm.Render(request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, result.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// printed renders a chart that prints .Values.value as JSON and returns it.
func printed(t *testing.T, values string, overrides helm.Overrides) string {
	t.Helper()
	request := chartOf(oneObject + values)
	request.Overrides = overrides
	result, err := helm.Render(request)
	if err != nil {
		t.Fatal(err)
	}
	value := regexp.MustCompile(`\{value: "(.*)"\}`).FindSubmatch(result.Manifest)
	if value == nil {
		t.Fatalf("no value in:\n%s", result.Manifest)
	}
	return strings.ReplaceAll(string(value[1]), `\"`, `"`)
}

func TestOverrideValues(t *testing.T) {
	tests := []struct {
		name string
		key  string
		json string
		raw  bool
		want string
	}{
		{name: "comma", json: `"a,b"`, want: `"a,b"`},
		{name: "escaped comma", json: `"a\\,b"`, want: `"a,b"`},
		{name: "comma and equals sign", json: `"a,b=c"`, want: `"a,b=c"`},
		{name: "list", json: `"{a,b}"`, want: `["a","b"]`},
		{name: "bool", json: `false`, want: `"false"`},
		{name: "bool, raw", json: `false`, raw: true, want: `false`},
		{name: "number keeps its spelling", json: `1.50`, want: `"1.50"`},
		{name: "large number, raw", json: `1234567`, raw: true, want: `1234567`},
		{name: "null as text", json: `"null"`, want: `"null"`},
		{name: "JSON list", json: `[{"HTTPS":443},{"HTTP":80}]`, want: `[{"HTTPS":443},{"HTTP":80}]`},
		{name: "JSON object", json: `{"a":{"b":true}}`, want: `{"a":{"b":true}}`},
		{name: "text that looks like JSON stays text", json: `"[1]"`, want: `"[1]"`},
		{name: "escaped dots", key: `value.a\.b/c`, json: `"x"`, want: `{"a.b/c":"x"}`},
		{name: "index", key: "value[1].x", json: `"x"`, want: `[null,{"x":"x"}]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			decoder := json.NewDecoder(strings.NewReader(test.json))
			decoder.UseNumber()
			var value any
			if err := decoder.Decode(&value); err != nil {
				t.Fatal(err)
			}
			if test.key == "" {
				test.key = "value"
			}
			got := printed(t, "", helm.Overrides{Entries: map[string]any{test.key: value}, Raw: test.raw})
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestMergeListsKeepsTheRestOfTheDefault(t *testing.T) {
	const defaults = "-- values.yaml --\nvalue: {hosts: [{host: a, paths: [/x]}, {host: z}]}\n"
	entries := map[string]any{"value.hosts[0].host": "b"}
	if got, want := printed(t, defaults, helm.Overrides{Entries: entries}), `{"hosts":[{"host":"b"}]}`; got != want {
		t.Errorf("as Helm: got %s, want %s", got, want)
	}
	got := printed(t, defaults, helm.Overrides{Entries: entries, MergeLists: true})
	if want := `{"hosts":[{"host":"b","paths":["/x"]},{"host":"z"}]}`; got != want {
		t.Errorf("merged: got %s, want %s", got, want)
	}
}

func TestResultDescribesTheChart(t *testing.T) {
	request := chartOf(oneObject + "-- templates/more.yaml --\n# only a comment\n---\nkind: A\n---\nkind: B\n" +
		"-- crds/c.yaml --\nkind: CustomResourceDefinition\n---\nkind: CustomResourceDefinition\n")
	request.IncludeCRDs = true
	result, err := helm.Render(request)
	if err != nil {
		t.Fatal(err)
	}
	if result.ChartName != "web" || result.ChartVersion != "0.1.0" || result.Objects != 5 {
		t.Errorf("got %s %s with %d objects, want web 0.1.0 with 5", result.ChartName, result.ChartVersion, result.Objects)
	}
}

func TestCRDsOfSubchartsHaveAnOrder(t *testing.T) {
	request := chartOf(oneObject)
	for _, name := range []string{"d", "b", "a", "c"} {
		request.Chart = append(request.Chart,
			helm.File{Name: "charts/" + name + "/Chart.yaml", Data: []byte("apiVersion: v2\nversion: 1.0.0\nname: " + name)},
			helm.File{Name: "charts/" + name + "/crds/x.yaml", Data: []byte("kind: CustomResourceDefinition")})
	}
	request.IncludeCRDs = true
	for range 10 {
		result, err := helm.Render(request)
		if err != nil {
			t.Fatal(err)
		}
		sources := regexp.MustCompile(`charts/(.)/crds`).FindAllString(string(result.Manifest), -1)
		want := []string{"charts/a/crds", "charts/b/crds", "charts/c/crds", "charts/d/crds"}
		if diff := cmp.Diff(want, sources); diff != "" {
			t.Fatalf("order (-want +got):\n%s", diff)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add("name: web\nversion: 1.0.0\napiVersion: v2", "a: 1", "kind: A\nx: {{ .Values.a }}", "a[0].b", "c,d")
	f.Add("name: web\nversion: 1.0.0\napiVersion: v1\ntype: application", "{}", "{{ range .Values.l }}\n---\nkind: B{{ end }}", "l", "{a,b}")
	f.Add("name: [", "- x", "{{", "a\\.b", "null")
	f.Fuzz(func(t *testing.T, chartFile, values, template, key, value string) {
		if strings.Contains(template, "until") || strings.Contains(template, "repeat") || strings.Contains(template, "gen") ||
			strings.Contains(template, "range") || strings.Contains(template, "tpl") {
			return // could run for very long
		}
		result, err := helm.Render(helm.Request{
			ReleaseName: "r", KubeVersion: kubeVersion,
			Chart:     []helm.File{{Name: "Chart.yaml", Data: []byte(chartFile)}, {Name: "templates/a.yaml", Data: []byte(template)}},
			Values:    []helm.ValuesFile{{Name: "v", Data: []byte(values)}},
			Overrides: helm.Overrides{Entries: map[string]any{key: value}},
		})
		if (err == nil) == (result == nil) {
			t.Errorf("result %v with error %v", result, err)
		}
	})
}
