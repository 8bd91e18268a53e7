package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Apply is kubectl's: it removes what left the manifest, keeps what others wrote, and writes nothing when nothing
// would change.
func TestThreeWayApply(t *testing.T) {
	b := newBench(t)
	b.apply(deployment(`{name: A, value: "1"}, {name: B, value: "2"}`), Created)
	first := b.apply(deployment(`{name: A, value: "1"}, {name: B, value: "2"}`), Unchanged)

	theirs := []byte(`{"metadata":{"annotations":{"theirs":"yes"}},"spec":{"replicas":0,"minReadySeconds":7}}`)
	if _, err := b.cluster.Client().AppsV1().Deployments(b.namespace).Patch(t.Context(), "web", types.MergePatchType, theirs, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	b.apply(deployment(`{name: A, value: "1"}, {name: B, value: "2"}`), Unchanged)

	changed := b.apply(deployment(`{name: B, value: "3"}`), Configured)
	if got := env(t, changed.After); got != "B=3" {
		t.Errorf("env %s, want B=3", got)
	}
	if changed.After.GetAnnotations()["theirs"] != "yes" || (fields{changed.After.Object}).int("spec", "minReadySeconds") != 7 {
		t.Errorf("what others wrote is gone: %v", changed.After.Object)
	}
	if first.After.GetUID() != changed.After.GetUID() {
		t.Error("the object was replaced")
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	b := newBench(t)
	result, err := b.DryRun(t.Context(), b.item(deployment(`{name: A, value: "1"}`)))
	if err != nil || result.Action != Created {
		t.Fatalf("%s, %v; want created", result.Action, err)
	}
	b.apply(deployment(`{name: A, value: "1"}`), Created)
	for want, text := range map[Action]string{Configured: deployment(`{name: A, value: "2"}`), Unchanged: deployment(`{name: A, value: "1"}`)} {
		result, err := b.DryRun(t.Context(), b.item(text))
		if err != nil || result.Action != want {
			t.Errorf("%s, %v; want %s", result.Action, err, want)
		}
	}
	b.apply(deployment(`{name: A, value: "1"}`), Unchanged)
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	b := newBench(t)
	text := strings.Replace(deployment(""), "  replicas: 0", "  replicas: 0\n  replica: 3", 1)
	_, err := b.Apply(t.Context(), b.item(text))
	if err == nil || !strings.Contains(err.Error(), `unknown field "spec.replica"`) {
		t.Errorf("got %v, want the unknown field named", err)
	}
}

// kubectl deletes a variable when one of two equal entries leaves the manifest. We do not: neither when the manifest
// has the twins, nor when the cluster has them from an earlier deploy by Spinnaker.
func TestTwinsInTheCluster(t *testing.T) {
	for name, test := range map[string]struct{ live, wanted, want string }{
		"equal":              {`{name: A, value: "1"}, {name: A, value: "1"}, {name: B, value: "2"}`, `{name: A, value: "1"}, {name: B, value: "2"}`, "A=1 B=2"},
		"different, changed": {`{name: A, value: "1"}, {name: B, value: "2"}, {name: A, value: "3"}`, `{name: A, value: "4"}, {name: B, value: "2"}`, "A=4 B=2"},
		"removed":            {`{name: A, value: "1"}, {name: A, value: "1"}, {name: B, value: "2"}`, `{name: B, value: "2"}`, "B=2"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			twins := object(t, deployment(test.live)) // as kubectl would, without taking the twins out
			twins.SetNamespace(b.namespace)
			wanted, _, err := withLastApplied(twins.Unstructured)
			if err != nil {
				t.Fatal(err)
			}
			at, err := b.at(t.Context(), twins.GroupVersionKind(), b.namespace)
			if err != nil {
				t.Fatal(err)
			}
			before, err := at.Create(t.Context(), wanted, metav1.CreateOptions{FieldManager: managerClientSide})
			if err != nil {
				t.Fatal(err)
			}
			after := b.apply(deployment(test.wanted), Configured).After
			if got := sortedWords(env(t, after)); got != test.want {
				t.Errorf("env %s, want %s", got, test.want)
			}
			if after.GetGeneration() != before.GetGeneration()+1 {
				t.Errorf("generation went from %d to %d: more than one rollout", before.GetGeneration(), after.GetGeneration())
			}
			b.apply(deployment(test.wanted), Unchanged)
		})
	}
}

func sortedWords(text string) string {
	words := strings.Fields(text)
	slices.Sort(words)
	return strings.Join(words, " ")
}

// A field that leaves the manifest leaves the object, also when the way of applying changes in between.
func TestOwnershipMoves(t *testing.T) {
	b := newBench(t)
	const serverSide = `strategy.spinnaker.io/server-side-apply: "true"`
	b.apply(deployment(`{name: A, value: "1"}, {name: B, value: "2"}, {name: C, value: "3"}`), Created)

	result := b.apply(deployment(`{name: A, value: "1"}, {name: B, value: "changed"}`, serverSide), Configured)
	if got := env(t, result.After); got != "A=1 B=changed" {
		t.Errorf("env after the change to server-side apply: %s", got)
	}
	if len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "taken over for server-side apply") {
		t.Errorf("warnings %q", result.Warnings)
	}
	b.apply(deployment(`{name: A, value: "1"}, {name: B, value: "changed"}`, serverSide), Unchanged)

	result = b.apply(deployment(`{name: A, value: "1"}`), Configured)
	if got := env(t, result.After); got != "A=1" {
		t.Errorf("env after the change back: %s", got)
	}
	if appliedServerSide(result.After) {
		t.Error("server-side apply still owns fields")
	}
	result = b.apply(deployment(``), Configured)
	if got := env(t, result.After); got != "" {
		t.Errorf("env at the end: %s", got)
	}
}

func TestServerSideConflicts(t *testing.T) {
	b := newBench(t)
	b.apply(deployment("", `strategy.spinnaker.io/server-side-apply: "true"`), Created)
	theirs := []byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":1}}`)
	force := true
	_, err := b.cluster.Client().AppsV1().Deployments(b.namespace).Patch(t.Context(), "web", types.ApplyPatchType, theirs, metav1.PatchOptions{FieldManager: "theirs", Force: &force})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Apply(t.Context(), b.item(deployment("", `strategy.spinnaker.io/server-side-apply: "true"`)))
	if err == nil || !strings.Contains(err.Error(), `conflict with "theirs"`) || Judge(err) != Refused {
		t.Errorf("got %v, want the conflict, and no other try", err)
	}
	want := "take the fields over"
	if got := verdicts(t, b.Cluster, b.items(deployment("", `strategy.spinnaker.io/server-side-apply: "true"`))); !strings.Contains(got, want) {
		t.Errorf("preflight says %s, want …%s…", got, want)
	}
	b.apply(deployment("", `strategy.spinnaker.io/server-side-apply: force-conflicts`), Configured)
}

// An object that is too large for kubectl's annotation is applied server-side, and comes back when it is smaller.
func TestLargeObject(t *testing.T) {
	b := newBench(t)
	config := func(size int, more string) string {
		return fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: big, annotations: {strategy.spinnaker.io/versioned: "false"}}, data: {big: %q%s}}`, strings.Repeat("x", size), more)
	}
	result := b.apply(config(300<<10, ", more: a"), Created)
	if len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "too large for client-side apply") {
		t.Errorf("warnings %q", result.Warnings)
	}
	b.apply(config(300<<10, ", more: a"), Unchanged)
	result = b.apply(config(10, ""), Configured)
	if data, _, err := nestedKeys(result.After.Object); err != nil || data != "big" {
		t.Errorf("data %s, %v; want only big", data, err)
	}
}

func nestedKeys(object map[string]any) (string, bool, error) {
	data, ok := object["data"].(map[string]any)
	if !ok {
		return "", false, fmt.Errorf("no data in %v", object)
	}
	var keys []string
	for key := range data {
		keys = append(keys, key)
	}
	return sortedWords(strings.Join(keys, " ")), true, nil
}

func TestReplace(t *testing.T) {
	b := newBench(t)
	const replace = `strategy.spinnaker.io/replace: "true"`
	b.apply(deployment(`{name: A, value: "1"}`, replace), Created)
	b.apply(deployment(`{name: A, value: "1"}`, replace), Unchanged)
	theirs := []byte(`{"spec":{"minReadySeconds":7}}`)
	if _, err := b.cluster.Client().AppsV1().Deployments(b.namespace).Patch(t.Context(), "web", types.MergePatchType, theirs, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	result := b.apply(deployment(`{name: A, value: "1"}`, replace), Configured)
	if (fields{result.After.Object}).int("spec", "minReadySeconds") != 0 {
		t.Error("replace kept a field that is not in the manifest")
	}
	if result.After.GetAnnotations()["kubectl.kubernetes.io/last-applied-configuration"] != "" {
		t.Error("replace wrote kubectl's annotation")
	}
}

// A repeated create of one deploy finds what it created; the next deploy creates another.
func TestGeneratedNames(t *testing.T) {
	b := newBench(t)
	item := b.item(`{apiVersion: v1, kind: ConfigMap, metadata: {generateName: run-}, data: {a: b}}`)
	for _, want := range []Action{Created, Unchanged} {
		result, err := b.Apply(t.Context(), item)
		if err != nil || result.Action != want || !strings.HasPrefix(result.After.GetName(), "run-") {
			t.Fatalf("%s %s, %v; want %s", result.After.GetName(), result.Action, err, want)
		}
	}
}

// Custom resources have no keyed lists: they are patched as plain JSON. Their kind is found although discovery was
// read before it was defined.
func TestCustomResources(t *testing.T) {
	b := newBench(t)
	b.apply(`{apiVersion: v1, kind: ConfigMap, metadata: {name: first}}`, Created) // reads discovery
	group := strings.ReplaceAll(b.namespace, "-", "") + ".example.com"
	definition := fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
`, group)
	widget := fmt.Sprintf(`{apiVersion: %s/v1, kind: Widget, metadata: {name: w}, spec: {list: [1, 2], keep: yes}}`, group)
	set := b.items(definition + "---\n" + widget)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		at, err := b.at(ctx, set.Items[0].Object.GroupVersionKind(), "")
		if err == nil {
			err = at.Delete(ctx, set.Items[0].Ref.Name, metav1.DeleteOptions{})
		}
		if err != nil {
			t.Error(err)
		}
	})
	if _, err := b.Apply(t.Context(), set.Items[1]); !IsNoKind(err) {
		t.Fatalf("got %v, want no such kind", err)
	}
	if _, err := b.Apply(t.Context(), set.Items[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "custom resource applied", func() bool {
		result, err := b.Apply(t.Context(), set.Items[1])
		return err == nil && result.Action == Created
	})
	b.apply(widget, Unchanged)
	result := b.apply(strings.Replace(widget, "list: [1, 2], ", "", 1), Configured)
	if (fields{result.After.Object}).has("spec", "list") || !(fields{result.After.Object}).has("spec", "keep") {
		t.Errorf("spec %v", result.After.Object["spec"])
	}
}

func TestDeleteIsOfOneObject(t *testing.T) {
	b := newBench(t)
	text := `{apiVersion: v1, kind: ConfigMap, metadata: {name: c, annotations: {strategy.spinnaker.io/versioned: "false"}}}`
	first := b.apply(text, Created).After
	item := b.item(text)
	for range 2 {
		if err := b.Delete(t.Context(), item.Object, first.GetUID()); err != nil {
			t.Fatal(err)
		}
	}
	second := b.apply(text, Created).After
	if err := b.Delete(t.Context(), item.Object, first.GetUID()); err != nil {
		t.Fatal(err)
	}
	live, err := b.Get(t.Context(), item.Object)
	if err != nil || live == nil || live.GetUID() != second.GetUID() {
		t.Errorf("the successor was deleted: %v, %v", live, err)
	}
}
