package manifest

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// removal says what became of an API that Kubernetes no longer serves. It is advice: what a cluster serves is for
// discovery to say.
type removal struct {
	// LastServed is the last Kubernetes minor version with the API: "1.21".
	LastServed string
	// Replacement is the version to use instead; empty where there is none.
	Replacement schema.GroupVersion
	// Advice says what to do where the replacement's name is not enough.
	Advice string

	convert func(map[string]any) error
}

// String is the advice as a sentence part: "was last served by Kubernetes 1.21; use networking.k8s.io/v1".
func (r removal) String() string {
	text := "was last served by Kubernetes " + r.LastServed
	if !r.Replacement.Empty() {
		text += "; use " + r.Replacement.String()
	}
	if r.Advice != "" {
		text += "; " + r.Advice
	}
	return text
}

// removed looks an API up in the table of removed ones.
func removed(gvk schema.GroupVersionKind) (removal, bool) {
	for _, row := range removals() {
		if row.api != gvk.GroupVersion().String() {
			continue
		}
		for _, kind := range row.kinds {
			if kind == gvk.Kind {
				replacement, err := schema.ParseGroupVersion(row.use)
				if err != nil {
					return removal{}, false
				}
				return removal{LastServed: row.last, Replacement: replacement, Advice: row.advice, convert: row.convert}, true
			}
		}
	}
	return removal{}, false
}

// Replacement is the kind to use instead of a removed one, where there is one.
func Replacement(gvk schema.GroupVersionKind) (schema.GroupVersionKind, bool) {
	old, ok := removed(gvk)
	if !ok || old.Replacement.Empty() {
		return schema.GroupVersionKind{}, false
	}
	return old.Replacement.WithKind(gvk.Kind), true
}

// rewrite turns an object of a removed API into its replacement. It fails, and leaves the object as it was, when that
// would change what the object means.
func (r removal) rewrite(o Object) error {
	if r.convert == nil {
		return errors.New("it cannot be rewritten automatically")
	}
	changed := o.DeepCopy()
	if err := r.convert(changed.Object); err != nil {
		return err
	}
	changed.SetAPIVersion(r.Replacement.String())
	delete(changed.Object, "status")
	*o.Unstructured = *changed
	return nil
}

type removalRow struct {
	api     string
	kinds   []string
	last    string
	use     string
	advice  string
	convert func(map[string]any) error
}

// removals is the table of Kubernetes' deprecation guide.
func removals() []removalRow {
	workloads := []string{"Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"}
	rbac := []string{"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
	webhooks := []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
	const noReplacement = "there is no replacement: "
	return []removalRow{
		{api: "extensions/v1beta1", kinds: workloads, last: "1.15", use: "apps/v1", convert: oldWorkload(true)},
		{api: "apps/v1beta1", kinds: workloads, last: "1.15", use: "apps/v1", convert: oldWorkload(true)},
		{api: "apps/v1beta2", kinds: workloads, last: "1.15", use: "apps/v1", convert: oldWorkload(false)},
		{api: "extensions/v1beta1", kinds: []string{"NetworkPolicy"}, last: "1.15", use: "networking.k8s.io/v1", convert: sameShape},
		{api: "extensions/v1beta1", kinds: []string{"Ingress"}, last: "1.21", use: "networking.k8s.io/v1", convert: oldIngress},
		{api: "networking.k8s.io/v1beta1", kinds: []string{"Ingress"}, last: "1.21", use: "networking.k8s.io/v1", convert: oldIngress},
		{api: "networking.k8s.io/v1beta1", kinds: []string{"IngressClass"}, last: "1.21", use: "networking.k8s.io/v1", convert: sameShape},
		{api: "apiextensions.k8s.io/v1beta1", kinds: []string{"CustomResourceDefinition"}, last: "1.21", use: "apiextensions.k8s.io/v1", advice: "it needs a schema for each version"},
		{api: "apiregistration.k8s.io/v1beta1", kinds: []string{"APIService"}, last: "1.21", use: "apiregistration.k8s.io/v1", convert: sameShape},
		{api: "admissionregistration.k8s.io/v1beta1", kinds: webhooks, last: "1.21", use: "admissionregistration.k8s.io/v1", convert: oldWebhooks},
		{api: "certificates.k8s.io/v1beta1", kinds: []string{"CertificateSigningRequest"}, last: "1.21", use: "certificates.k8s.io/v1", advice: "signerName and usages are required"},
		{api: "coordination.k8s.io/v1beta1", kinds: []string{"Lease"}, last: "1.21", use: "coordination.k8s.io/v1", convert: sameShape},
		{api: "rbac.authorization.k8s.io/v1alpha1", kinds: rbac, last: "1.21", use: "rbac.authorization.k8s.io/v1", advice: "subjects' apiVersion became apiGroup"},
		{api: "rbac.authorization.k8s.io/v1beta1", kinds: rbac, last: "1.21", use: "rbac.authorization.k8s.io/v1", convert: sameShape},
		{api: "scheduling.k8s.io/v1beta1", kinds: []string{"PriorityClass"}, last: "1.21", use: "scheduling.k8s.io/v1", convert: sameShape},
		{api: "storage.k8s.io/v1beta1", kinds: []string{"StorageClass", "CSIDriver", "CSINode", "VolumeAttachment"}, last: "1.21", use: "storage.k8s.io/v1", convert: sameShape},
		{api: "batch/v1beta1", kinds: []string{"CronJob"}, last: "1.24", use: "batch/v1", convert: sameShape},
		{api: "discovery.k8s.io/v1beta1", kinds: []string{"EndpointSlice"}, last: "1.24", use: "discovery.k8s.io/v1", advice: "topology became nodeName and zone"},
		{api: "autoscaling/v2beta1", kinds: []string{"HorizontalPodAutoscaler"}, last: "1.24", use: "autoscaling/v2", convert: oldAutoscaler},
		{api: "autoscaling/v2beta2", kinds: []string{"HorizontalPodAutoscaler"}, last: "1.25", use: "autoscaling/v2", convert: sameShape},
		{api: "policy/v1beta1", kinds: []string{"PodDisruptionBudget"}, last: "1.24", use: "policy/v1", convert: oldDisruptionBudget},
		{api: "policy/v1beta1", kinds: []string{"PodSecurityPolicy"}, last: "1.24", advice: noReplacement + "use Pod Security Admission or a policy engine"},
		{api: "extensions/v1beta1", kinds: []string{"PodSecurityPolicy"}, last: "1.15", advice: noReplacement + "use Pod Security Admission or a policy engine"},
		{api: "node.k8s.io/v1beta1", kinds: []string{"RuntimeClass"}, last: "1.24", use: "node.k8s.io/v1", convert: sameShape},
		{api: "storage.k8s.io/v1beta1", kinds: []string{"CSIStorageCapacity"}, last: "1.26", use: "storage.k8s.io/v1", convert: sameShape},
		{api: "flowcontrol.apiserver.k8s.io/v1beta1", kinds: []string{"FlowSchema", "PriorityLevelConfiguration"}, last: "1.25", use: "flowcontrol.apiserver.k8s.io/v1", advice: "assuredConcurrencyShares became nominalConcurrencyShares"},
		{api: "flowcontrol.apiserver.k8s.io/v1beta2", kinds: []string{"FlowSchema", "PriorityLevelConfiguration"}, last: "1.28", use: "flowcontrol.apiserver.k8s.io/v1", advice: "assuredConcurrencyShares became nominalConcurrencyShares"},
		{api: "flowcontrol.apiserver.k8s.io/v1beta3", kinds: []string{"FlowSchema", "PriorityLevelConfiguration"}, last: "1.31", use: "flowcontrol.apiserver.k8s.io/v1", advice: "a nominalConcurrencyShares of 0 now means 0"},
	}
}

// sameShape is for versions that differ in their name only.
func sameShape(map[string]any) error { return nil }

// specOf returns an object's spec, which conversions change.
func specOf(object map[string]any) (map[string]any, error) {
	spec, ok := object["spec"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it has no spec")
	}
	return spec, nil
}
