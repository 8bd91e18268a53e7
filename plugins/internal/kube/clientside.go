package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kubectl/pkg/util"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// clientSide applies as `kubectl apply` does: what the last apply wrote, what is wanted and what is there make a patch
// that removes only what an earlier apply had written.
func (a *applier) clientSide(ctx context.Context, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	wanted, text, err := withLastApplied(a.object)
	if err != nil {
		return nil, err
	}
	if annotationBytes(wanted) > maxAnnotations {
		a.note("the object is too large for client-side apply, which keeps a copy in an annotation: applied server-side")
		return a.serverSide(ctx, live, false)
	}
	if live == nil {
		return a.create(ctx, wanted, managerClientSide)
	}
	if appliedServerSide(live) && len(a.dryRun) == 0 {
		if live, err = a.leaveServerSide(ctx); err != nil {
			return nil, err
		}
	}
	merge, err := newThreeWay(a.cluster.Kinds, live, text)
	if err != nil {
		return nil, err
	}
	switch {
	case merge.empty():
		return live, nil
	case merge.twins:
		merged, err := merge.result()
		if err != nil {
			return nil, err
		}
		a.note("the object in the cluster has list entries with equal keys; it was merged here and written as a whole")
		return a.update(ctx, merged, live.GetResourceVersion(), managerClientSide)
	default:
		return a.patch(ctx, merge.kind, merge.patch, managerClientSide)
	}
}

// withLastApplied returns the object with its own text in kubectl's annotation, and that text with the annotation.
func withLastApplied(o *unstructured.Unstructured) (*unstructured.Unstructured, []byte, error) {
	annotated := o.DeepCopy()
	if err := util.CreateApplyAnnotation(annotated, unstructured.UnstructuredJSONScheme); err != nil {
		return nil, nil, fmt.Errorf("last-applied annotation: %w", err)
	}
	text, err := runtime.Encode(unstructured.UnstructuredJSONScheme, annotated)
	if err != nil {
		return nil, nil, fmt.Errorf("last-applied annotation: %w", err)
	}
	return annotated, text, nil
}

func annotationBytes(o *unstructured.Unstructured) int {
	total := 0
	for key, value := range o.GetAnnotations() {
		total += len(key) + len(value)
	}
	return total
}

// threeWay is the patch that turns the live object into the wanted one.
type threeWay struct {
	current []byte
	patch   []byte
	kind    types.PatchType
	schema  strategicpatch.LookupPatchMeta // nil for kinds that are patched as plain JSON
	// twins is true when the live object has list entries with equal keys. A strategic merge patch cannot address
	// them: the API server would change the first of the twins, while the last one counts.
	twins bool
}

func newThreeWay(kinds *manifest.Kinds, live *unstructured.Unstructured, wanted []byte) (*threeWay, error) {
	original, err := util.GetOriginalConfiguration(live)
	if err != nil {
		return nil, fmt.Errorf("last-applied annotation of the live object: %w", err)
	}
	t := &threeWay{}
	current := manifest.Object{Unstructured: live.DeepCopy()}
	t.twins = len(kinds.Dedupe(current)) > 0
	if t.current, err = current.Unstructured.MarshalJSON(); err != nil {
		return nil, fmt.Errorf("live object: %w", err)
	}
	if t.twins {
		if original, err = withoutTwins(kinds, original); err != nil {
			return nil, err
		}
	}
	typed, err := scheme.Scheme.New(live.GroupVersionKind())
	switch {
	case err == nil:
		t.kind = types.StrategicMergePatchType
		t.schema, err = strategicpatch.NewPatchMetaFromStruct(typed)
		if err != nil {
			return nil, fmt.Errorf("patch: %w", err)
		}
		t.patch, err = strategicpatch.CreateThreeWayMergePatch(original, wanted, t.current, t.schema, true)
	case runtime.IsNotRegisteredError(err):
		t.kind = types.MergePatchType
		t.patch, err = jsonmergepatch.CreateThreeWayJSONMergePatch(original, wanted, t.current,
			mergepatch.RequireKeyUnchanged("apiVersion"), mergepatch.RequireKeyUnchanged("kind"), mergepatch.RequireMetadataKeyUnchanged("name"))
	}
	if err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	return t, nil
}

func withoutTwins(kinds *manifest.Kinds, original []byte) ([]byte, error) {
	if len(original) == 0 {
		return nil, nil
	}
	var o unstructured.Unstructured
	if err := o.UnmarshalJSON(original); err != nil {
		return nil, fmt.Errorf("last-applied annotation of the live object: %w", err)
	}
	kinds.Dedupe(manifest.Object{Unstructured: &o})
	return o.MarshalJSON()
}

func (t *threeWay) empty() bool { return string(t.patch) == "{}" }

// result is the merged object.
func (t *threeWay) result() (*unstructured.Unstructured, error) {
	if t.schema == nil {
		return nil, errors.New("merge: only kinds with keyed lists have twins")
	}
	text, err := strategicpatch.StrategicMergePatchUsingLookupPatchMeta(t.current, t.patch, t.schema)
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	var merged unstructured.Unstructured
	if err := merged.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	return &merged, nil
}

// same compares two states of an object, leaving out what every write changes.
func same(a, b *unstructured.Unstructured) bool {
	left, errLeft := json.Marshal(Essence(a))
	right, errRight := json.Marshal(Essence(b))
	return errLeft == nil && errRight == nil && string(left) == string(right)
}

// Essence is an object without status, managed fields, versions, times, kubectl's copy of it and the deployment
// controller's notes: what a person compares.
func Essence(o *unstructured.Unstructured) map[string]any {
	if o == nil {
		return nil
	}
	essence := o.DeepCopy().Object
	delete(essence, "status")
	if metadata, ok := essence["metadata"].(map[string]any); ok {
		for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
			delete(metadata, field)
		}
		if annotations, ok := metadata["annotations"].(map[string]any); ok {
			maps.DeleteFunc(annotations, func(key string, _ any) bool {
				return key == corev1.LastAppliedConfigAnnotation || strings.HasPrefix(key, bookkeeping)
			})
		}
	}
	return essence
}
