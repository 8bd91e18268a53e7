package manifest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Annotations and labels that Spinnaker writes and reads (clouddriver-kubernetes
// description/manifest/KubernetesManifestAnnotater.java, KubernetesManifestLabeler.java, KubernetesManifestStrategy.java).
const (
	annotationType          = "artifact.spinnaker.io/type"
	annotationName          = "artifact.spinnaker.io/name"
	annotationLocation      = "artifact.spinnaker.io/location"
	annotationVersion       = "artifact.spinnaker.io/version"
	annotationApplication   = "moniker.spinnaker.io/application"
	annotationCluster       = "moniker.spinnaker.io/cluster"
	annotationStack         = "moniker.spinnaker.io/stack"
	annotationDetail        = "moniker.spinnaker.io/detail"
	annotationSequence      = "moniker.spinnaker.io/sequence"
	annotationLoadBalancers = "traffic.spinnaker.io/load-balancers"
	annotationVersioned     = "strategy.spinnaker.io/versioned"
	annotationMaxVersions   = "strategy.spinnaker.io/max-version-history"
	annotationUseCapacity   = "strategy.spinnaker.io/use-source-capacity"

	labelName      = "app.kubernetes.io/name"
	labelManagedBy = "app.kubernetes.io/managed-by"
	labelSequence  = "moniker.spinnaker.io/sequence"
)

// annotationHash is ours: the content of a versioned object as it came, so that a version is found again whatever
// was written into the object later.
const annotationHash = "gennaker.io/content-hash"

// Moniker says which application and cluster an object belongs to (kork-moniker Moniker.java).
type Moniker struct {
	App      string  `json:"app"`
	Cluster  string  `json:"cluster"`
	Stack    *string `json:"stack"`
	Detail   *string `json:"detail"`
	Sequence *int    `json:"sequence"`
}

// annotate writes annotations into object and Pod template where the key is absent.
func annotate(o Object, pairs map[string]string) error {
	if err := setAbsent(o, pairs); err != nil {
		return err
	}
	if template, ok := templateMetadata(o); ok {
		addAbsent(template, "annotations", pairs)
	}
	return nil
}

func setAbsent(o Object, pairs map[string]string) error {
	metadata, ok := o.Object["metadata"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s has no metadata", o.Title())
	}
	addAbsent(metadata, "annotations", pairs)
	return nil
}

func addAbsent(metadata map[string]any, field string, pairs map[string]string) {
	values := child(metadata, field)
	for key, value := range pairs {
		if _, present := values[key]; !present {
			values[key] = value
		}
	}
}

// child returns an object field, made empty if it is missing.
func child(holder map[string]any, field string) map[string]any {
	values, ok := holder[field].(map[string]any)
	if !ok {
		values = make(map[string]any)
		holder[field] = values
	}
	return values
}

// templateMetadata is spec.template.metadata; it is never made where it is missing.
func templateMetadata(o Object) (map[string]any, bool) {
	value := any(o.Object)
	for _, field := range []string{"spec", "template", "metadata"} {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		value = object[field]
	}
	metadata, ok := value.(map[string]any)
	return metadata, ok
}

func artifactAnnotations(a Artifact) map[string]string {
	return map[string]string{
		annotationType:     a.Type,
		annotationName:     a.Name,
		annotationLocation: a.Location,
		annotationVersion:  a.Version,
	}
}

func monikerAnnotations(m Moniker) map[string]string {
	pairs := map[string]string{annotationApplication: m.App, annotationCluster: m.Cluster}
	if m.Stack != nil {
		pairs[annotationStack] = *m.Stack
	}
	if m.Detail != nil {
		pairs[annotationDetail] = *m.Detail
	}
	if m.Sequence != nil {
		pairs[annotationSequence] = strconv.Itoa(*m.Sequence)
	}
	return pairs
}

// label writes Spinnaker's labels: the application only where none is named, the others over what is there.
func label(o Object, m Moniker, managedBy string, skipTemplate bool) {
	metadata, _ := o.Object["metadata"].(map[string]any)
	writeLabels(metadata, m, managedBy)
	if template, ok := templateMetadata(o); ok && !skipTemplate {
		writeLabels(template, m, managedBy)
	}
}

func writeLabels(metadata map[string]any, m Moniker, managedBy string) {
	labels := child(metadata, "labels")
	labels[labelManagedBy] = managedBy
	if _, present := labels[labelName]; !present && m.App != "" {
		labels[labelName] = m.App
	}
	if m.Sequence != nil {
		labels[labelSequence] = strconv.Itoa(*m.Sequence)
	}
}

// announceLoadBalancers records which load balancers an object belongs to; one already recorded must be the same.
func announceLoadBalancers(o Object, services []string) error {
	current, err := balancerNames(o)
	if err != nil {
		return err
	}
	if _, present := o.GetAnnotations()[annotationLoadBalancers]; present {
		if !slices.Equal(current, services) {
			//lint:ignore ST1005 Spinnaker's text
			return fmt.Errorf("Manifest already has %s annotation set to %v. Failed attempting to set it to %v.", annotationLoadBalancers, current, services)
		}
		return nil
	}
	text, err := json.Marshal(services)
	if err != nil {
		return fmt.Errorf("annotation %s: %w", annotationLoadBalancers, err)
	}
	return setAbsent(o, map[string]string{annotationLoadBalancers: string(text)})
}
