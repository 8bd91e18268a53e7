package kube

import (
	"context"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// TestStatus reads testdata/status.yaml: objects as they are in a cluster, and what we make of them.
func TestStatus(t *testing.T) {
	cluster := offline(t)
	for _, test := range readCases(t, "testdata/status.yaml") {
		t.Run(test.Name, func(t *testing.T) {
			status := cluster.StatusOf(&unstructured.Unstructured{Object: normal(t, test.Object)})
			got := "waiting"
			switch {
			case status.Failed:
				got = "failed"
			case status.Stable:
				got = "stable"
			}
			if status.Message != "" {
				got += ": " + status.Message
			}
			if got != test.Want {
				t.Errorf("got  %s\nwant %s", got, test.Want)
			}
		})
	}
}

// TestProblems reads testdata/problems.yaml: Pods, and what we make of them when 3 crashes are too many.
func TestProblems(t *testing.T) {
	for _, test := range readCases(t, "testdata/problems.yaml") {
		t.Run(test.Name, func(t *testing.T) {
			var pod corev1.Pod
			if err := convert(normal(t, test.Object), &pod); err != nil {
				t.Fatal(err)
			}
			var got string
			for _, p := range podProblems(&pod, 3) {
				got += []string{"passing", "lingering", "final"}[p.Severity] + ": " + p.Message + "\n"
			}
			if got != test.Want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.Want)
			}
		})
	}
}

type statusCase struct {
	Name   string         `json:"name"`
	Object map[string]any `json:"object"`
	Want   string         `json:"want"`
}

func readCases(t *testing.T, file string) []statusCase {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []statusCase
	if err := yaml.UnmarshalStrict(text, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func normal(t *testing.T, object map[string]any) map[string]any {
	t.Helper()
	value, err := manifest.Normalize(object)
	if err != nil {
		t.Fatal(err)
	}
	// yaml.Unmarshal makes every number a float64.
	return whole(value).(map[string]any)
}

func whole(value any) any {
	switch v := value.(type) {
	case float64:
		return int64(v)
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = whole(v[key])
		}
	}
	return value
}

func object(t *testing.T, text string) manifest.Object {
	t.Helper()
	docs, _, err := manifest.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Objects(docs)
	if err != nil || len(objects) != 1 {
		t.Fatalf("%d objects: %v", len(objects), err)
	}
	return objects[0]
}

// offline is a cluster that is never asked.
func offline(t *testing.T) *Cluster {
	t.Helper()
	cluster, err := Connect("offline", Settings{KubeconfigContents: kubeconfigText})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

func TestWarningsBelongToTheirRequest(t *testing.T) {
	first, one := collectWarnings(t.Context())
	second, two := collectWarnings(t.Context())
	var h warningHandler
	h.HandleWarningHeaderWithContext(first, 299, "-", "a")
	h.HandleWarningHeaderWithContext(first, 299, "-", "a")
	h.HandleWarningHeaderWithContext(second, 299, "-", "b")
	h.HandleWarningHeaderWithContext(second, 199, "-", "not the API server's")
	h.HandleWarningHeaderWithContext(context.Background(), 299, "-", "nobody asked")
	if got := append(one.list(), two.list()...); len(got) != 2 || got[0] != "a" || got[1] != "b" {
		t.Errorf("warnings %q", got)
	}
}

// FuzzStatus checks that no object, however odd, brings the wait down.
func FuzzStatus(f *testing.F) {
	for _, seed := range []string{
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"replicas":"x"},"status":{"conditions":{}}}`,
		`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a"},"status":{"conditions":[3,{"type":"Failed","status":true}]}}`,
		`{"apiVersion":"example.com/v1","kind":"W","metadata":{"name":"a","generation":"1"},"status":{"observedGeneration":{}}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"status":[]}`,
	} {
		f.Add([]byte(seed))
	}
	cluster, err := Connect("offline", Settings{KubeconfigContents: kubeconfigText})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, text []byte) {
		docs, _, err := manifest.Parse(text)
		if err != nil {
			return
		}
		objects, err := manifest.Objects(docs)
		if err != nil {
			return
		}
		for _, o := range objects {
			cluster.StatusOf(o.Unstructured)
			creationProblems(o.Unstructured)
			same(o.Unstructured, o.Unstructured)
		}
	})
}
