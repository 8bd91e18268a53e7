package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/plugins/internal/kubetest"
	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// The manifest comes from an artifact of an earlier stage, with expressions in it.
func TestArtifactSource(t *testing.T) {
	b := newBench(t)
	text := "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: '${name}', labels: {enabled: 'on'}}\n"
	baked := sdk.Artifact{Type: "embedded/base64", Name: "kube.yaml", Reference: base64.StdEncoding.EncodeToString([]byte(text))}
	b.host.Artifacts = map[string][]byte{baked.Reference: []byte(text)}
	b.host.Evaluate = func(doc any) (sdk.Evaluation, error) {
		list := doc.([]any)
		metadata := list[0].(map[string]any)["metadata"].(map[string]any)
		if metadata["name"] != "${name}" {
			return sdk.Evaluation{Document: doc}, nil
		}
		metadata["name"] = "evaluated"
		return sdk.Evaluation{Document: list, Summary: map[string]any{"${x}": []any{}}, Warnings: []string{"metadata.x: ${x} has no x"}}, nil
	}
	request := func(more map[string]any) sdk.Request {
		req := b.request("", map[string]any{"source": "artifact", "manifests": nil})
		for key, value := range more {
			req.Config[key] = value
		}
		req.ExpectedArtifacts = []sdk.ExpectedArtifact{{ID: "baked-id", Match: sdk.Artifact{ArtifactAccount: "embedded-artifact"}, Bound: baked}}
		return req
	}
	step := b.run(request(map[string]any{"manifestArtifactId": "baked-id"}))
	if step.Status != sdk.Succeeded || strings.Join(b.written(), " ") != "serviceAccount evaluated" {
		t.Fatal(step.Status, step.Message, step.Errors, b.written())
	}
	if len(step.Warnings) != 1 || step.Warnings[0] != "metadata.x: ${x} has no x" {
		t.Errorf("warnings %q", step.Warnings)
	}
	for want, more := range map[string]map[string]any{
		"Failure evaluating manifest expressions: metadata.x: ${x} has no x":                                                        {"manifestArtifactId": "baked-id", "failOnFailedExpressions": "true"},
		`No manifest artifact was specified. The expected artifact "other" is not among those bound`:                                {"manifestArtifactId": "other"},
		"No manifest artifact was specified. Fill manifestArtifactId or manifestArtifact.":                                          {},
		`manifest artifact: artifact http/file "gone.yaml"`:                                                                         {"manifestArtifact": map[string]any{"type": "http/file", "name": "gone.yaml"}},
		"No artifact with id nowhere could be found in the pipeline context.":                                                       {"manifestArtifactId": "baked-id", "requiredArtifactIds": []any{"nowhere"}},
		`serviceAccount ${name} (document 1, line 1): ServiceAccount "${name}" is invalid: metadata.name: Invalid value: "${name}"`: {"manifestArtifactId": "baked-id", "skipExpressionEvaluation": true},
		`the rollout strategy "bluegreen" is not available`:                                                                         {"trafficManagement": map[string]any{"enabled": true, "options": map[string]any{"strategy": "bluegreen"}}},
	} {
		step := b.run(request(more))
		if said := step.Message + strings.Join(step.Errors, " "); step.Status != sdk.Terminal || !strings.Contains(said, want) {
			t.Errorf("%v: %s: %s\nwant %s", more, step.Status, said, want)
		}
	}
}

func TestTextSource(t *testing.T) {
	b := newBench(t)
	for want, more := range map[string]map[string]any{
		"No text manifest was specified":                                            {"manifests": nil},
		`manifests[0]: expected a Kubernetes object`:                                {"manifests": []any{"text"}},
		`manifests[1], element 1: kind is missing`:                                  {"manifests": []any{nil, []any{map[string]any{"apiVersion": "v1"}}}},
		`field source: found "git", expected text or artifact`:                      {"source": "git"},
		`field stableManifestTimeoutMinutes: found value "soon", expected a number`: {"stableManifestTimeoutMinutes": "soon"},
	} {
		b.fail("", more, want)
	}
	step := b.run(b.request("", map[string]any{"manifests": []any{}, "manifest": map[string]any{
		"apiVersion": "v1", "kind": "List", "items": []any{map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": "old-form"}}},
	}}))
	if step.Status != sdk.Succeeded || strings.Join(b.written(), " ") != "serviceAccount old-form" {
		t.Fatal(step.Status, step.Message, step.Errors, b.written())
	}
}

func TestPlan(t *testing.T) {
	b := newBench(t)
	secret := func(value string) string {
		return fmt.Sprintf("---\n{apiVersion: v1, kind: Secret, metadata: {name: s, annotations: {strategy.spinnaker.io/versioned: \"false\"}}, stringData: {p: %q}}\n", value)
	}
	plan := func(text string) (string, *sdk.Plan) {
		t.Helper()
		plan, err := b.plugin.Plan(t.Context(), b.request(text, nil))
		b.must(err)
		var out []string
		for _, change := range plan.Changes {
			out = append(out, string(change.Action)+" "+strings.TrimSuffix(change.Target, " in namespace "+b.namespace))
		}
		return strings.Join(out, ", "), plan
	}
	before := web(kubetest.PauseImage, "", `, env: [{name: A, value: "1"}]`) + secret("hunter2")
	if got, _ := plan(before); got != "create secret s, create deployment web" {
		t.Errorf("first: %s", got)
	}
	if got := b.written(); len(got) != 0 {
		t.Fatalf("the plan wrote %q", got)
	}
	b.deploy(before, nil)
	if got, _ := plan(before); got != "none secret s, none deployment web" {
		t.Errorf("unchanged: %s", got)
	}
	got, changed := plan(web(kubetest.PauseImage, "", `, env: [{name: A, value: "2"}]`) + secret("hunter3"))
	if got != "update secret s, update deployment web" {
		t.Errorf("changed: %s", got)
	}
	diffs := changed.Changes[0].Diff + changed.Changes[1].Diff
	for _, want := range []string{`-          value: "1"`, `+          value: "2"`, "+  p: (secret, changed)"} {
		if !strings.Contains(diffs, want) {
			t.Errorf("no %q in\n%s", want, diffs)
		}
	}
	for _, secret := range []string{"hunter", "aHVudGVyM"} {
		if strings.Contains(diffs, secret) {
			t.Errorf("the plan tells the secret:\n%s", diffs)
		}
	}
	_, stopped := plan("{apiVersion: v1, kind: Service, metadata: {name: s, namespace: nowhere}, spec: {ports: [{port: 1}]}}")
	if !strings.Contains(stopped.Message, `would stop before the first write: service s: namespace "nowhere" does not exist`) {
		t.Errorf("message %q", stopped.Message)
	}
}

func TestValidate(t *testing.T) {
	plugin := plugintest.Start(t, newPlugin(), &plugintest.Host{})
	good := func() sdk.Config {
		return sdk.Config{
			"account": "staging", "cloudProvider": "kubernetes", "source": "text", "moniker": map[string]any{"app": "shop"},
			"manifests": []any{map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "s"}}},
		}
	}
	for name, test := range map[string]struct {
		change map[string]any
		want   string
	}{
		"good":                   {nil, ""},
		"expressions everywhere": {map[string]any{"account": "${a}", "source": "${b}", "skipExpressionEvaluation": "${c}", "stableManifestTimeoutMinutes": "${d}", "removedApis": "${e}", "manifests": "${f}"}, ""},
		"expression in manifest": {map[string]any{"manifests": []any{map[string]any{"${x}": 1}}}, ""},
		"no account":             {map[string]any{"account": nil}, "account: is missing: name the Kubernetes account to deploy to"},
		"other provider":         {map[string]any{"cloudProvider": "aws"}, `cloudProvider: found "aws", expected "kubernetes"`},
		"bad source":             {map[string]any{"source": "git"}, `source: found "git", expected text or artifact`},
		"no manifests":           {map[string]any{"manifests": nil}, "manifests: is missing: give the objects to deploy, or set source to artifact"},
		"bad manifest":           {map[string]any{"manifests": []any{map[string]any{"kind": "Service"}}}, "manifests[0]: apiVersion is missing; every manifest needs apiVersion, kind and metadata.name"},
		"no artifact":            {map[string]any{"source": "artifact"}, "manifestArtifactId: is missing: name an expected artifact, or give manifestArtifact"},
		"no application":         {map[string]any{"moniker": nil}, "moniker.app: is missing: the pipeline's application is used (warning)"},
		"bad selector":           {map[string]any{"labelSelectors": map[string]any{"selectors": []any{map[string]any{"kind": "LIKE", "key": "a"}}}}, `labelSelectors.selectors[0]: kind "LIKE" is unknown; there are ANY, EQUALS, NOT_EQUALS, CONTAINS, NOT_CONTAINS, EXISTS, NOT_EXISTS`},
		"bad mode":               {map[string]any{"removedApis": "maybe"}, `removedApis: found "maybe", expected fail, convert or off`},
		"bad flag":               {map[string]any{"trafficManagement": map[string]any{"enabled": "maybe"}}, `trafficManagement.enabled: found value "maybe", expected true or false`},
		"strategy":               {map[string]any{"trafficManagement": map[string]any{"enabled": true, "options": map[string]any{"strategy": "redblack"}}}, `trafficManagement.options.strategy: the rollout strategy "redblack" is not available in this version; choose none, or turn traffic management off`},
		"no strategy":            {map[string]any{"trafficManagement": map[string]any{"enabled": true, "options": map[string]any{"strategy": "None"}}}, ""},
		"negative grace":         {map[string]any{"podFailureGraceSeconds": -1}, "podFailureGraceSeconds: found -1, expected 0 or more"},
		"empty requirement":      {map[string]any{"requiredArtifacts": []any{map[string]any{}}}, "requiredArtifacts[0]: names no artifact"},
	} {
		config := good()
		for key, value := range test.change {
			config[key] = value
		}
		found, err := plugin.Validate(t.Context(), "deployManifest", config)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, f := range found {
			text := f.Path + ": " + f.Message
			if f.Warning {
				text += " (warning)"
			}
			texts = append(texts, text)
		}
		if got := strings.Join(texts, "; "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestStateStaysSmall(t *testing.T) {
	s := &state{Phase: phaseSettle, Settled: strings.Repeat("w", 5000), Ailing: make(map[int]ailing)}
	for i := range 5000 {
		s.Findings.add(fmt.Sprint(i) + strings.Repeat("x", 2000))
		s.Warnings.add(fmt.Sprint(i) + strings.Repeat("x", 2000))
		s.ail(i, ailing{Reason: "ImagePullBackOff"})
	}
	text, err := s.encode()
	if err != nil || len(text) > 64<<10 {
		t.Errorf("%d bytes, %v; at most 64 KiB", len(text), err)
	}
	if list := s.Findings.list(); len(list) != maxNotes+1 || list[maxNotes] != fmt.Sprintf("and %d more", 5000-maxNotes) {
		t.Errorf("findings end with %q", list[len(list)-1])
	}
	again, err := readState(text)
	if err != nil || again.Settled != s.Settled {
		t.Errorf("the state does not come back: %v", err)
	}
}

// The executable keeps the contract of plugins, with a request that reaches a real API server.
func TestExecutable(t *testing.T) {
	cluster := kubetest.Start(t)
	kubeconfig, err := os.ReadFile(cluster.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]any{"kubeconfigContents": string(kubeconfig), "defaultNamespace": cluster.Namespace(t)}
	plugintest.Contract{
		Path: plugintest.Build(t, "."),
		Host: &plugintest.Host{Accounts: map[string]sdk.Account{"staging": {Name: "staging", Type: "kubernetes", Settings: settings}}},
		Requests: []sdk.Request{{Type: "deployManifest", Application: "shop", Config: sdk.Config{
			"account": "staging", "source": "text", "moniker": map[string]any{"app": "shop"},
			"manifests": []any{map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": "robot"}}},
		}}},
	}.Check(t)
}

// FuzzConfig checks that no configuration brings Validate or a first step down.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		`{"account":"a","manifests":[{"apiVersion":"v1"}]}`, `{"moniker":{"app":3}}`, `{"requiredArtifacts":[null,{"artifact":{}}]}`,
		`{"trafficManagement":{"options":{"services":[1]}}}`, `{"stableManifestTimeoutMinutes":1e99}`, `{"manifests":"${x}","versioned":"true"}`,
	} {
		f.Add([]byte(seed))
	}
	stage := &deployManifest{accounts: newAccounts()}
	f.Fuzz(func(t *testing.T, text []byte) {
		var config sdk.Config
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if decoder.Decode(&config) != nil {
			return
		}
		for _, found := range stage.Validate(config) {
			if found.Message == "" {
				t.Errorf("a finding without message for %s", text)
			}
		}
	})
}

// Outputs of very many objects are shortened to what names them.
func TestOutputsAreBounded(t *testing.T) {
	r := &deploy{state: &state{}}
	object := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c"}, "data": map[string]any{"big": strings.Repeat("x", maxOutputs)}}
	if got := r.bounded("outputs.manifests", []any{map[string]any{"kind": "Service", "spec": "kept"}}); jsonOf(t, got) != `[{"kind":"Service","spec":"kept"}]` {
		t.Errorf("small outputs were shortened: %v", got)
	}
	got := r.bounded("outputs.manifests", []any{object})
	if text := jsonOf(t, got); text != `[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}]` {
		t.Errorf("%.200s", text)
	}
	if len(r.state.Warnings.Texts) != 1 {
		t.Errorf("warnings %q", r.state.Warnings.Texts)
	}
}
