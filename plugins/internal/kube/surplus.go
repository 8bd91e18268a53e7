package kube

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// Surplus is what DeleteSurplus did with versions beyond those to keep.
type Surplus struct {
	Deleted, Kept []string
	// Why says why versions were kept.
	Why string
}

// DeleteSurplus deletes the oldest versions of a versioned object beyond keep. A ConfigMap or Secret that a Pod, a
// workload or a revision that a rollback could go back to still uses stays; all stay when the account may not look
// who uses them.
func (c *Cluster) DeleteSurplus(ctx context.Context, item manifest.Item, keep int) (Surplus, error) {
	versions, err := c.Versions(ctx, item.Object.GroupVersionKind(), item.Ref.Namespace, item.Artifact.Name)
	if err != nil {
		return Surplus{}, fmt.Errorf("list versions of %s: %w", item.Artifact.Name, err)
	}
	surplus := manifest.Surplus(versions, keep)
	if len(surplus) == 0 {
		return Surplus{}, nil
	}
	result := Surplus{Why: "still in use"}
	used, err := c.inUse(ctx, item.Ref)
	if apierrors.IsForbidden(err) {
		for _, version := range surplus {
			result.Kept = append(result.Kept, version.GetName())
		}
		result.Why = "it cannot be told whether they are in use: " + err.Error()
		return result, nil
	}
	if err != nil {
		return Surplus{}, err
	}
	for _, version := range surplus {
		ref := manifest.Ref{Kind: item.Ref.Kind, Namespace: item.Ref.Namespace, Name: version.GetName()}
		if used[ref] || ref == item.Ref {
			result.Kept = append(result.Kept, ref.Name)
			continue
		}
		if err := c.Delete(ctx, manifest.Object{Unstructured: version}, version.GetUID()); err != nil {
			return result, fmt.Errorf("delete %s: %w", ref.In(), err)
		}
		result.Deleted = append(result.Deleted, ref.Name)
	}
	return result, nil
}

// inUse lists the ConfigMaps and Secrets that anything in the namespace uses; it need not look for other kinds.
func (c *Cluster) inUse(ctx context.Context, ref manifest.Ref) (map[manifest.Ref]bool, error) {
	used := make(map[manifest.Ref]bool)
	if ref.Kind != "configMap" && ref.Kind != "secret" {
		return used, nil
	}
	for _, gvk := range usersOfConfig {
		users, err := c.list(ctx, gvk, ref.Namespace, "")
		if err != nil {
			return nil, fmt.Errorf("list objects of kind %s: %w", gvk.Kind, err)
		}
		for _, user := range users {
			for _, mentioned := range c.Kinds.Mentions(manifest.Object{Unstructured: user}) {
				used[mentioned] = true
			}
		}
	}
	return used, nil
}
