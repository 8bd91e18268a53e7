package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

const (
	// catalogLife is how long discovery is believed.
	catalogLife = 10 * time.Minute
	// catalogRest is how soon a kind that was not found makes discovery run again.
	catalogRest = time.Second
)

// catalog is what an API server serves, read when first needed.
type catalog struct {
	served discovery.ServerResourcesInterfaceWithContext

	mu        sync.Mutex
	loaded    time.Time
	resources map[schema.GroupVersionKind]resource
	failed    map[schema.GroupVersion]error
}

// resource is where objects of a kind are found.
type resource struct {
	schema.GroupVersionResource
	namespaced bool
}

func newCatalog(served discovery.ServerResourcesInterfaceWithContext) *catalog {
	return &catalog{served: served}
}

// noKind says that an API server serves no such kind.
type noKind struct{ gvk schema.GroupVersionKind }

func (e *noKind) Error() string {
	return fmt.Sprintf("no matches for kind %q in version %q", e.gvk.Kind, e.gvk.GroupVersion())
}

// IsNoKind reports whether an error means that the API server serves no such kind.
func IsNoKind(err error) bool {
	var none *noKind
	return errors.As(err, &none)
}

// find looks a kind up; one that is not found is looked for once more in a fresh discovery.
func (c *catalog) find(ctx context.Context, gvk schema.GroupVersionKind) (resource, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.loaded) > catalogLife {
		if err := c.load(ctx); err != nil {
			return resource{}, err
		}
	}
	if r, ok := c.resources[gvk]; ok {
		return r, nil
	}
	if time.Since(c.loaded) > catalogRest {
		if err := c.load(ctx); err != nil {
			return resource{}, err
		}
	}
	if r, ok := c.resources[gvk]; ok {
		return r, nil
	}
	if err, ok := c.failed[gvk.GroupVersion()]; ok {
		return resource{}, fmt.Errorf("discovery of %s: %w", gvk.GroupVersion(), err)
	}
	return resource{}, &noKind{gvk}
}

func (c *catalog) load(ctx context.Context) error {
	_, lists, err := c.served.ServerGroupsAndResourcesWithContext(ctx)
	var partial *discovery.ErrGroupDiscoveryFailed
	if err != nil && !errors.As(err, &partial) {
		return fmt.Errorf("discovery: %w", err)
	}
	c.failed = nil
	if partial != nil {
		c.failed = partial.Groups
	}
	c.resources = make(map[schema.GroupVersionKind]resource)
	for _, list := range lists {
		c.add(list)
	}
	c.loaded = time.Now()
	return nil
}

func (c *catalog) add(list *metav1.APIResourceList) {
	gv, err := schema.ParseGroupVersion(list.GroupVersion)
	if err != nil {
		return // an aggregated API with a broken name serves nothing we could address
	}
	for _, r := range list.APIResources {
		if strings.Contains(r.Name, "/") {
			continue // a subresource
		}
		c.resources[gv.WithKind(r.Kind)] = resource{GroupVersionResource: gv.WithResource(r.Name), namespaced: r.Namespaced}
	}
}

// Scopes looks up the kinds of a set of objects, and those that would replace removed ones. The function it returns
// is what manifest.Arrangement asks.
func (c *Cluster) Scopes(ctx context.Context, objects []manifest.Object) (func(schema.GroupVersionKind) (namespaced, served bool), error) {
	scopes := make(map[schema.GroupVersionKind]bool)
	var wanted []schema.GroupVersionKind
	for _, o := range objects {
		wanted = append(wanted, o.GroupVersionKind())
		if replacement, ok := manifest.Replacement(o.GroupVersionKind()); ok {
			wanted = append(wanted, replacement)
		}
	}
	for _, gvk := range wanted {
		r, err := c.catalog.find(ctx, gvk)
		if IsNoKind(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		scopes[gvk] = r.namespaced
	}
	return func(gvk schema.GroupVersionKind) (namespaced, served bool) {
		namespaced, served = scopes[gvk]
		return namespaced, served
	}, nil
}

// at is the door to an object's resource.
func (c *Cluster) at(ctx context.Context, gvk schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	r, err := c.catalog.find(ctx, gvk)
	if err != nil {
		return nil, err
	}
	if r.namespaced {
		return c.objects.Resource(r.GroupVersionResource).Namespace(namespace), nil
	}
	return c.objects.Resource(r.GroupVersionResource), nil
}
