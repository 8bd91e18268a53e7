package manifest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestKindNames(t *testing.T) {
	kinds, err := NewKinds([]CustomResource{{KubernetesKind: "Widget.example.com", DeployPriority: json.Number("7"), Versioned: true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		apiVersion, kind, want string
		priority               int
	}{
		{"apps/v1", "Deployment", "deployment", 100},
		{"extensions/v1beta1", "Ingress", "ingress", 70},
		{"networking.k8s.io/v1", "Ingress", "ingress", 70},
		{"autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscaler", 110},
		{"gateway.networking.k8s.io/v1", "HTTPRoute", "HTTPRoute.gateway.networking.k8s.io", 1000},
		{"serving.knative.dev/v1", "Service", "Service.serving.knative.dev", 1000},
		{"example.com/v1", "Widget", "Widget.example.com", 7},
		{"v1", "Endpoints", "Endpoints", 1000},
	} {
		kind := kinds.Of(schema.FromAPIVersionAndKind(test.apiVersion, test.kind))
		if kind.Name != test.want || kind.Priority != test.priority {
			t.Errorf("%s %s is %q (%d), want %q (%d)", test.apiVersion, test.kind, kind.Name, kind.Priority, test.want, test.priority)
		}
	}
	for text, want := range map[string]string{
		"deploy": "deployment", "Deployment.apps": "deployment", "RS": "replicaSet", "configmap": "configMap",
		"httproute.Gateway.Networking.k8s.io": "httproute.gateway.networking.k8s.io",
	} {
		if got := kinds.Named(text).Name; got != want {
			t.Errorf("Named(%q) is %q, want %q", text, got, want)
		}
	}
}

func TestCustomResourceErrors(t *testing.T) {
	for want, c := range map[string]CustomResource{
		"customResources[0]: kubernetesKind is missing":             {},
		`deployPriority "SOON" is neither a number nor the name`:    {KubernetesKind: "A.b", DeployPriority: "SOON"},
		"deployPriority must be a number or the name of a level, f": {KubernetesKind: "A.b", DeployPriority: true},
	} {
		if _, err := NewKinds([]CustomResource{c}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
}

// What one deploy made is found again by the next one with the same content, whatever Spinnaker's annotations in the
// Pod template look like, and whatever the API server defaulted.
func TestVersionIsFoundByContentHash(t *testing.T) {
	kinds, err := NewKinds(nil)
	if err != nil {
		t.Fatal(err)
	}
	replicaSet := func(image string) []Object {
		return mustObjects(t, fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"web","namespace":"n"},
			"spec":{"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":%q}]}}}}`, image))
	}
	ref := Ref{Kind: "replicaSet", Namespace: "n", Name: "web"}
	live := Live{Versions: make(map[Ref][]*unstructured.Unstructured)}
	deploy := func(image string) Item {
		t.Helper()
		set, err := kinds.Prepare(replicaSet(image), Options{Moniker: Moniker{App: "shop"}}, live)
		if err != nil {
			t.Fatal(err)
		}
		return set.Items[0]
	}
	for i, step := range []struct {
		image, want string
		reused      bool
	}{
		{"web:1", "web-v000", false},
		{"web:1", "web-v000", true},
		{"web:2", "web-v001", false},
		{"web:1", "web-v000", true},
	} {
		item := deploy(step.image)
		if item.Ref.Name != step.want || item.Reused != step.reused {
			t.Fatalf("deploy %d of %s: %s, reused %t; want %s, %t", i+1, step.image, item.Ref.Name, item.Reused, step.want, step.reused)
		}
		if !item.Reused {
			live.Versions[ref] = append(live.Versions[ref], item.Object.Unstructured)
		}
	}
}

func TestPriorVersionsAndSurplus(t *testing.T) {
	version := func(name, version string, age time.Duration) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{}}
		o.SetName(name + "-" + version)
		o.SetAnnotations(map[string]string{annotationType: "kubernetes/configMap", annotationName: name, annotationVersion: version})
		o.Object["metadata"].(map[string]any)["creationTimestamp"] = time.Unix(1e9, 0).Add(-age).UTC().Format(time.RFC3339)
		return o
	}
	live := []*unstructured.Unstructured{
		version("a", "v003", 0), version("b", "v000", time.Hour), version("a", "v001", 2*time.Hour), version("a", "v002", 0),
		{Object: map[string]any{"metadata": map[string]any{"name": "a"}}},
	}
	names := func(list []*unstructured.Unstructured) string {
		var names []string
		for _, o := range list {
			names = append(names, o.GetName())
		}
		return strings.Join(names, " ")
	}
	prior := PriorVersions(live, "a")
	if got := names(prior); got != "a-v001 a-v002 a-v003" {
		t.Errorf("prior versions: %s", got)
	}
	for keep, want := range map[int]string{0: "a-v001 a-v002 a-v003", 2: "a-v001", 3: "", 9: ""} {
		if got := names(Surplus(prior, keep)); got != want {
			t.Errorf("surplus over %d: %q, want %q", keep, got, want)
		}
	}
}

func TestVersionTexts(t *testing.T) {
	for text, want := range map[string]int{"v000": 0, "v7": 7, "v1000": 1000, "v-20": -1, "v0abcde": -1, "": -1, "v": -1, "7": -1, "v+1": -1} {
		got, ok := parseVersion(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("parseVersion(%q) = %d, want %d", text, got, want)
		}
	}
	for n, want := range map[int]string{0: "v000", 12: "v012", 999: "v999", 1000: "v1000"} {
		if got := (Version{Number: n}).String(); got != want {
			t.Errorf("version %d is %q, want %q", n, got, want)
		}
	}
}

func TestSelector(t *testing.T) {
	object := labels.Set{"app": "web", "tier": "front"}
	for _, test := range []struct {
		selectors []LabelSelector
		text      string
		matches   bool
	}{
		{nil, "", true},
		{[]LabelSelector{{Kind: "ANY"}}, "", true},
		{[]LabelSelector{{Kind: "equals", Key: "app", Values: []string{"web", "ignored"}}}, "app=web", true},
		{[]LabelSelector{{Kind: "NOT_EQUALS", Key: "app", Values: []string{"web"}}}, "app!=web", false},
		{[]LabelSelector{{Kind: "CONTAINS", Key: "app", Values: []string{"api", "web"}}, {Kind: "EXISTS", Key: "tier"}}, "app in (api,web),tier", true},
		{[]LabelSelector{{Kind: "NOT_CONTAINS", Key: "app", Values: []string{"api"}}}, "app notin (api)", true},
		{[]LabelSelector{{Kind: "NOT_EXISTS", Key: "tier"}}, "!tier", false},
	} {
		selector, err := Selector(test.selectors)
		if err != nil {
			t.Errorf("%v: %v", test.selectors, err)
			continue
		}
		if selector.String() != test.text || selector.Matches(object) != test.matches {
			t.Errorf("%v: %q matches %t, want %q %t", test.selectors, selector, selector.Matches(object), test.text, test.matches)
		}
	}
	for want, s := range map[string]LabelSelector{
		"labelSelectors.selectors[0]: kind EXISTS needs a key":    {Kind: "EXISTS"},
		"labelSelectors.selectors[0]: kind EQUALS needs values":   {Kind: "EQUALS", Key: "a"},
		`labelSelectors.selectors[0]: kind "LIKE" is unknown; th`: {Kind: "LIKE", Key: "a"},
	} {
		if _, err := Selector([]LabelSelector{s}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
}

func TestImagesAndMentions(t *testing.T) {
	kinds, err := NewKinds(nil)
	if err != nil {
		t.Fatal(err)
	}
	objects := mustObjects(t, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"},"spec":{
		"initContainers":[{"image":"a:1"}],"containers":[{"image":"b"},{"image":"a:1"},{"image":""}],
		"volumes":[{"configMap":{"name":"c"}},{"secret":{"secretName":"s"}}]}}`)
	if got := kinds.Images(objects); !reflect.DeepEqual(got, []string{"a:1", "b"}) {
		t.Errorf("images %v", got)
	}
	want := []Ref{{Kind: "configMap", Namespace: "n", Name: "c"}, {Kind: "secret", Namespace: "n", Name: "s"}}
	if got := kinds.Mentions(objects[0]); !reflect.DeepEqual(got, want) {
		t.Errorf("mentions %v", got)
	}
}

func TestAliasesAreBounded(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	for text, want := range map[string]string{
		bomb.String(): "aliases expand to more than",
		"a: &a [*a]":  "nested deeper than",
		"a: " + strings.Repeat("[", 250) + strings.Repeat("]", 250): "nested deeper than",
		"a: .inf":   "has no JSON form",
		"a: !Ref b": "unknown tag !Ref",
		"[a]: b":    "must be a scalar",
		"<<: 3":     "<< needs a mapping",
	} {
		if _, _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want …%s…", text, err, want)
		}
	}
}

// FuzzParse checks that any text gives documents of JSON values or an error, and that JSON is read as JSON.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a: 1\n---\nb: [yes, 0x1F, 1e3, ~]\n", `{"a":[1,2.5,"x",null]}`, `{"a":1}{"b":2}`, "a: &x {b: c}\nd: {<<: *x}\n",
		"- 1\n- a: |\n    text\n", "---\n...\n", "\ufeffa: b", "{a: b", "[1, 2", "? [a]\n: b", "a: 2024-01-02", "!!binary aGk=",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		docs, _, err := Parse(text)
		if err != nil {
			return
		}
		for _, doc := range docs {
			if _, err := json.Marshal(doc.Value); err != nil {
				t.Errorf("%s: %v", doc.Origin, err)
			}
			normal, err := Normalize(doc.Value)
			if err != nil || !reflect.DeepEqual(normal, doc.Value) {
				t.Errorf("%s: not in normal form: %v", doc.Origin, err)
			}
		}
		if json.Valid(text) && len(docs) == 1 {
			var want any
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(docs[0].Value)
			if err != nil {
				t.Fatal(err)
			}
			var back any
			if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, want) {
				t.Errorf("JSON %s was read as %s", text, got)
			}
		}
	})
}

// FuzzPrepare checks that no manifest, however odd its shape, brings the deploy down.
func FuzzPrepare(f *testing.F) {
	for _, seed := range []string{
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"template":{"metadata":{"labels":[]},"spec":{"containers":[{"env":[3,{"name":"A"},{"name":"A"}]}],"volumes":{}}}}}`,
		`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"a"},"spec":[]}]}`,
		`{"apiVersion":"networking.k8s.io/v1beta1","kind":"Ingress","metadata":{"name":"a"},"spec":{"backend":{"serviceName":1},"rules":[{"http":{"paths":[{"backend":3}]}}]}}`,
		`{"apiVersion":"autoscaling/v2beta1","kind":"HorizontalPodAutoscaler","metadata":{"name":"a","annotations":{"strategy.spinnaker.io/use-source-capacity":"true"}},"spec":{"metrics":[{"type":"Pods","pods":{}}]}}`,
		`{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"a","annotations":{"traffic.spinnaker.io/load-balancers":"[\"service a\"]"}},"spec":3}`,
	} {
		f.Add(seed)
	}
	kinds, err := NewKinds(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		docs, _, err := Parse([]byte(text))
		if err != nil {
			return
		}
		objects, err := Objects(docs)
		if err != nil {
			return
		}
		arranged, _, err := kinds.Arrange(objects, Arrangement{
			Removed:          RemovedConvert,
			DefaultNamespace: "default",
			Scope: func(gvk schema.GroupVersionKind) (bool, bool) {
				return kinds.Of(gvk).Namespaced, !strings.Contains(gvk.Version, "beta")
			},
		})
		if err != nil {
			return
		}
		set, err := kinds.Prepare(arranged, Options{
			Moniker: Moniker{App: "a"}, EnableTraffic: true, Services: []string{"service a"}, Binding: true,
			Optional: []Artifact{{Type: "docker/image", Name: "a", Reference: "a:1"}}, NameSuffix: func(int) string { return "x" },
		}, Live{})
		if err != nil {
			return
		}
		for _, item := range set.Items {
			if item.Object.GetName() == "" {
				t.Errorf("%s has no name", item.Ref)
			}
		}
	})
}

func mustObjects(t *testing.T, text string) []Object {
	t.Helper()
	docs, _, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := Objects(docs)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
