package kube

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

const (
	// pageSize is how many objects one answer of a list may hold, maxListed how many a list may have in all.
	pageSize  = 500
	maxListed = 50_000
)

// Live reads what manifest.Prepare has to know of the cluster: prior versions of versioned objects, the sources of
// those that take over a replica count, and the Services that workloads are attached to.
func (c *Cluster) Live(ctx context.Context, objects []manifest.Object, opts manifest.Options) (manifest.Live, error) {
	l := &liveReader{cluster: c, lists: make(map[listKey][]*unstructured.Unstructured), live: manifest.Live{
		Versions: make(map[manifest.Ref][]*unstructured.Unstructured),
		Objects:  make(map[manifest.Ref]*unstructured.Unstructured),
	}}
	for _, o := range objects {
		if err := l.read(ctx, o, opts); err != nil {
			return manifest.Live{}, fmt.Errorf("%s: %w", o.Title(), err)
		}
	}
	return l.live, nil
}

type listKey struct {
	gvk       schema.GroupVersionKind
	namespace string
}

type liveReader struct {
	cluster *Cluster
	lists   map[listKey][]*unstructured.Unstructured
	live    manifest.Live
}

func (l *liveReader) read(ctx context.Context, o manifest.Object, opts manifest.Options) error {
	ref := l.cluster.Kinds.RefOf(o)
	versioned := l.cluster.Kinds.Versioned(o, opts.Versioned)
	if versioned {
		key := listKey{gvk: o.GroupVersionKind(), namespace: o.GetNamespace()}
		list, err := l.list(ctx, key)
		if err != nil {
			return fmt.Errorf("look for earlier versions: %w", err)
		}
		l.live.Versions[ref] = manifest.PriorVersions(list, o.GetName())
	}
	if l.cluster.Kinds.UsesSourceCapacity(o) {
		if err := l.readCapacity(ctx, o, ref); err != nil {
			return fmt.Errorf("look for the source's capacity: %w", err)
		}
	}
	for _, balancer := range l.cluster.Kinds.Balancers(o, opts) {
		if err := l.readService(ctx, balancer); err != nil {
			return fmt.Errorf("look for load balancer %s: %w", balancer, err)
		}
	}
	return nil
}

// readCapacity reads the latest version whole, or the object itself, because lists hold metadata only.
func (l *liveReader) readCapacity(ctx context.Context, o manifest.Object, ref manifest.Ref) error {
	source := manifest.Object{Unstructured: o.DeepCopy()}
	prior := l.live.Versions[ref]
	if len(prior) > 0 {
		source.SetName(prior[len(prior)-1].GetName())
	}
	live, err := l.cluster.Get(ctx, source)
	if err != nil || live == nil {
		return err
	}
	if len(prior) > 0 {
		prior[len(prior)-1] = live
	} else {
		l.live.Objects[ref] = live
	}
	return nil
}

func (l *liveReader) readService(ctx context.Context, ref manifest.Ref) error {
	service := manifest.Object{Unstructured: &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service"}}}
	service.SetName(ref.Name)
	service.SetNamespace(ref.Namespace)
	live, err := l.cluster.Get(ctx, service)
	if err == nil && live != nil {
		l.live.Objects[ref] = live
	}
	return err
}

func (l *liveReader) list(ctx context.Context, key listKey) ([]*unstructured.Unstructured, error) {
	if list, ok := l.lists[key]; ok {
		return list, nil
	}
	list, err := l.cluster.listMetadata(ctx, key.gvk, key.namespace)
	if IsNoKind(err) { // a definition of this very deploy
		err = nil
	}
	if err == nil {
		l.lists[key] = list
	}
	return list, err
}

// Versions lists the versions of a versioned object, oldest first, with their metadata only.
func (c *Cluster) Versions(ctx context.Context, gvk schema.GroupVersionKind, namespace, name string) ([]*unstructured.Unstructured, error) {
	list, err := c.listMetadata(ctx, gvk, namespace)
	if err != nil {
		return nil, err
	}
	return manifest.PriorVersions(list, name), nil
}

// listMetadata lists the objects of a kind in a namespace without their bodies, so that nobody reads all Secrets.
func (c *Cluster) listMetadata(ctx context.Context, gvk schema.GroupVersionKind, namespace string) ([]*unstructured.Unstructured, error) {
	r, err := c.catalog.find(ctx, gvk)
	if err != nil {
		return nil, err
	}
	var found []*unstructured.Unstructured
	options := metav1.ListOptions{Limit: pageSize}
	for {
		page, err := c.metadata.Resource(r.GroupVersionResource).Namespace(namespace).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&page.Items[i])
			if err != nil {
				return nil, err
			}
			o := &unstructured.Unstructured{Object: content}
			o.SetGroupVersionKind(gvk)
			found = append(found, o)
		}
		if len(found) > maxListed {
			return nil, fmt.Errorf("there are more than %d objects of kind %s in namespace %s", maxListed, gvk.Kind, namespace)
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return found, nil
		}
	}
}

// list lists whole objects of a kind in a namespace.
func (c *Cluster) list(ctx context.Context, gvk schema.GroupVersionKind, namespace, selector string) ([]*unstructured.Unstructured, error) {
	at, err := c.at(ctx, gvk, namespace)
	if err != nil {
		return nil, err
	}
	var found []*unstructured.Unstructured
	options := metav1.ListOptions{Limit: pageSize, LabelSelector: selector}
	for {
		page, err := at.List(ctx, options)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			found = append(found, &page.Items[i])
		}
		if len(found) > maxListed {
			return nil, fmt.Errorf("there are more than %d objects of kind %s in namespace %s", maxListed, gvk.Kind, namespace)
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return found, nil
		}
	}
}
