package kube

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// usersOfConfig are the kinds whose Pods, or whose history, may use a ConfigMap or Secret. ReplicaSets and
// ControllerRevisions are what a rollback goes back to.
var usersOfConfig = []schema.GroupVersionKind{
	podKind, replicaSetKind,
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"},
	{Group: "apps", Version: "v1", Kind: "DaemonSet"},
	{Group: "apps", Version: "v1", Kind: "ControllerRevision"},
	{Group: "batch", Version: "v1", Kind: "Job"},
	{Group: "batch", Version: "v1", Kind: "CronJob"},
}

// DeleteSurplus deletes the oldest versions of a versioned object beyond keep. A ConfigMap or Secret that a Pod, a
// workload or a revision that a rollback could go back to still uses stays, and is reported.
func (c *Cluster) DeleteSurplus(ctx context.Context, item manifest.Item, keep int) (deleted, kept []string, err error) {
	versions, err := c.Versions(ctx, item.Object.GroupVersionKind(), item.Ref.Namespace, item.Artifact.Name)
	if err != nil {
		return nil, nil, fmt.Errorf("list versions of %s: %w", item.Artifact.Name, err)
	}
	surplus := manifest.Surplus(versions, keep)
	if len(surplus) == 0 {
		return nil, nil, nil
	}
	used := make(map[manifest.Ref]bool)
	if item.Ref.Kind == "configMap" || item.Ref.Kind == "secret" {
		if used, err = c.mentioned(ctx, item.Ref.Namespace); err != nil {
			return nil, nil, err
		}
	}
	for _, version := range surplus {
		ref := manifest.Ref{Kind: item.Ref.Kind, Namespace: item.Ref.Namespace, Name: version.GetName()}
		if used[ref] || ref == item.Ref {
			kept = append(kept, ref.String())
			continue
		}
		if err := c.Delete(ctx, manifest.Object{Unstructured: version}, version.GetUID()); err != nil {
			return deleted, kept, fmt.Errorf("delete %s: %w", ref.In(), err)
		}
		deleted = append(deleted, ref.String())
	}
	return deleted, kept, nil
}

// mentioned lists the ConfigMaps and Secrets in use in a namespace.
func (c *Cluster) mentioned(ctx context.Context, namespace string) (map[manifest.Ref]bool, error) {
	used := make(map[manifest.Ref]bool)
	for _, gvk := range usersOfConfig {
		users, err := c.list(ctx, gvk, namespace, "")
		if apierrors.IsForbidden(err) {
			return nil, fmt.Errorf("cannot tell which versions are in use: %w", err)
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", gvk.Kind, err)
		}
		for _, user := range users {
			c.mention(used, user)
		}
	}
	return used, nil
}

func (c *Cluster) mention(used map[manifest.Ref]bool, user *unstructured.Unstructured) {
	for _, ref := range c.Kinds.Mentions(manifest.Object{Unstructured: user}) {
		used[ref] = true
	}
}
