package manifest

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// RemovedAPIs says what to do with objects of an API that the cluster no longer serves.
type RemovedAPIs string

// What to do with removed APIs.
const (
	// RemovedFail refuses the whole set before anything is written.
	RemovedFail RemovedAPIs = "fail"
	// RemovedConvert rewrites what can be rewritten without loss and refuses the rest.
	RemovedConvert RemovedAPIs = "convert"
	// RemovedOff leaves it to the API server, which refuses the object when its turn comes.
	RemovedOff RemovedAPIs = "off"
)

// Arrangement is what Arrange has to know.
type Arrangement struct {
	// Scope says whether the cluster serves an API, and whether its objects have namespaces.
	Scope func(schema.GroupVersionKind) (namespaced, served bool)
	// Removed says what to do with removed APIs; empty means RemovedFail.
	Removed RemovedAPIs
	// Namespace, if set, is the namespace of every namespaced object (`namespaceOverride`).
	Namespace string
	// DefaultNamespace is where a namespaced object without a namespace goes: the account's default, else that of
	// the kubeconfig's context, else "default".
	DefaultNamespace string
}

// Arrange brings objects to APIs that the cluster serves, gives each its effective namespace, drops and reports
// duplicates, and sorts by deploy priority. It changes the objects. The error joins everything that is wrong; the
// objects are then those with which nothing is, so that they can be checked further.
func (k *Kinds) Arrange(objects []Object, a Arrangement) (arranged []Object, warnings []string, err error) {
	defined := Definitions(objects)
	var good []Object
	var findings []error
	for _, o := range objects {
		warning, err := a.modernize(o, defined)
		if warning != "" {
			warnings = append(warnings, o.Title()+": "+warning)
		}
		if err != nil {
			findings = append(findings, fmt.Errorf("%s: %w", o.Title(), err))
			continue
		}
		o.SetNamespace(k.namespace(o, a, defined))
		good = append(good, o)
	}
	arranged, twice, err := k.unique(good)
	if err != nil {
		findings = append(findings, err)
	}
	warnings = append(warnings, twice...)
	for _, o := range arranged {
		for _, duplicate := range k.Dedupe(o) {
			warnings = append(warnings, fmt.Sprintf("%s: %s", o.Title(), duplicate))
		}
	}
	k.order(arranged)
	return arranged, warnings, errors.Join(findings...)
}

// modernize checks that an object's API is served, or will be, and rewrites it where it is to be rewritten.
func (a Arrangement) modernize(o Object, defined map[schema.GroupVersionKind]bool) (warning string, err error) {
	gvk := o.GroupVersionKind()
	if _, served := a.Scope(gvk); served {
		return "", nil
	}
	if _, willBe := defined[gvk]; willBe {
		return "", nil
	}
	old, known := removed(gvk)
	if !known {
		return "", fmt.Errorf("this cluster serves no kind %s of %s: check apiVersion and kind, or install the definition first", gvk.Kind, gvk.GroupVersion())
	}
	if a.Removed == RemovedOff {
		return fmt.Sprintf("%s %s, and this cluster does not serve it", gvk.GroupVersion(), old), nil
	}
	replacement := old.Replacement.WithKind(gvk.Kind)
	_, replaced := a.Scope(replacement)
	rewritable := replaced && old.convert != nil
	if a.Removed != RemovedConvert {
		return "", errors.New(old.refusal(gvk, rewritable))
	}
	if !rewritable {
		return "", fmt.Errorf("%s (removedApis: convert cannot rewrite it)", old.refusal(gvk, false))
	}
	if err := old.rewrite(o); err != nil {
		return "", fmt.Errorf("%s (removedApis: convert cannot rewrite it: %w)", old.refusal(gvk, false), err)
	}
	return fmt.Sprintf("rewritten from %s to %s", gvk.GroupVersion(), old.Replacement), nil
}

func (r removal) refusal(gvk schema.GroupVersionKind, rewritable bool) string {
	text := fmt.Sprintf("this cluster does not serve kind %s of %s, which %s", gvk.Kind, gvk.GroupVersion(), r)
	if rewritable {
		text += "; or say removedApis: convert in the stage or the account to have it rewritten"
	}
	return text
}

// namespace is an object's effective namespace. Everything after works on effective namespaces: Spinnaker compares
// the texts in the manifests, so that a chart that sets the namespace of some objects only is bound half.
func (k *Kinds) namespace(o Object, a Arrangement, defined map[schema.GroupVersionKind]bool) string {
	gvk := o.GroupVersionKind()
	namespaced, known := a.Scope(gvk)
	if !known {
		namespaced, known = defined[gvk]
	}
	if !known {
		namespaced = k.Of(gvk).Namespaced
	}
	switch {
	case !namespaced:
		return ""
	case a.Namespace != "":
		return a.Namespace
	case o.GetNamespace() != "":
		return o.GetNamespace()
	default:
		return a.DefaultNamespace
	}
}

// Definitions lists the kinds that CustomResourceDefinitions among the objects define, and whether their objects have
// namespaces.
func Definitions(objects []Object) map[schema.GroupVersionKind]bool {
	defined := make(map[schema.GroupVersionKind]bool)
	for _, o := range objects {
		if o.GetKind() != "CustomResourceDefinition" || o.GroupVersionKind().Group != "apiextensions.k8s.io" {
			continue
		}
		group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
		scope, _, _ := unstructured.NestedString(o.Object, "spec", "scope")
		versions, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
		for _, element := range versions {
			version, _ := element.(map[string]any)
			name, _ := version["name"].(string)
			defined[schema.GroupVersionKind{Group: group, Version: name, Kind: kind}] = scope != "Cluster"
		}
	}
	return defined
}
