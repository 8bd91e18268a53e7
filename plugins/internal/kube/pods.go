package kube

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

var (
	podKind        = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	replicaSetKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}
)

const (
	labelTemplateHash       = "pod-template-hash"
	labelRevisionHash       = "controller-revision-hash"
	labelTemplateGeneration = "pod-template-generation"
	annotationRevision      = "deployment.kubernetes.io/revision"
	annotationGeneration    = "deprecated.daemonset.template.generation"
)

// newPods lists the Pods that a workload's newest template made: the ones a rollout waits for. Kinds without Pods have
// none.
func (c *Cluster) newPods(ctx context.Context, workload *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	switch c.Kinds.RefOf(manifest.Object{Unstructured: workload}).Kind {
	case "pod":
		return []*unstructured.Unstructured{workload}, nil
	case "deployment":
		return c.deploymentPods(ctx, workload)
	case "replicaSet", "job":
		return c.ownedPods(ctx, workload, "", "")
	case "statefulSet":
		return c.ownedPods(ctx, workload, labelRevisionHash, fields{workload.Object}.text("status", "updateRevision"))
	case "daemonSet":
		return c.ownedPods(ctx, workload, labelTemplateGeneration, workload.GetAnnotations()[annotationGeneration])
	default:
		return nil, nil
	}
}

func (c *Cluster) deploymentPods(ctx context.Context, deployment *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	selector, err := selectorOf(deployment)
	if err != nil {
		return nil, err
	}
	sets, err := c.list(ctx, replicaSetKind, deployment.GetNamespace(), selector)
	if err != nil {
		return nil, err
	}
	revision := deployment.GetAnnotations()[annotationRevision]
	for _, set := range sets {
		if metav1.IsControlledBy(set, deployment) && set.GetAnnotations()[annotationRevision] == revision {
			return c.ownedPods(ctx, set, labelTemplateHash, set.GetLabels()[labelTemplateHash])
		}
	}
	return nil, nil
}

// ownedPods lists the Pods of a controller, only those with the label's value if one is given.
func (c *Cluster) ownedPods(ctx context.Context, owner *unstructured.Unstructured, label, value string) ([]*unstructured.Unstructured, error) {
	selector, err := selectorOf(owner)
	if err != nil {
		return nil, err
	}
	pods, err := c.list(ctx, podKind, owner.GetNamespace(), selector)
	if err != nil {
		return nil, err
	}
	var owned []*unstructured.Unstructured
	for _, pod := range pods {
		if metav1.IsControlledBy(pod, owner) && (value == "" || pod.GetLabels()[label] == value) && pod.GetDeletionTimestamp() == nil {
			owned = append(owned, pod)
		}
	}
	return owned, nil
}

func selectorOf(o *unstructured.Unstructured) (string, error) {
	var selector metav1.LabelSelector
	raw, _, err := unstructured.NestedMap(o.Object, "spec", "selector")
	if err != nil {
		return "", fmt.Errorf("spec.selector: %w", err)
	}
	if err := convert(raw, &selector); err != nil {
		return "", fmt.Errorf("spec.selector: %w", err)
	}
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return "", fmt.Errorf("spec.selector: %w", err)
	}
	return parsed.String(), nil
}
