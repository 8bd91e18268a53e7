package manifest

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Options of a deploy.
type Options struct {
	// Account is the account's name.
	Account string
	Moniker Moniker
	// Versioned overrides the kinds' default, if set.
	Versioned *bool
	// Binding lets the stage's artifacts replace references; objects of the same set always do.
	Binding            bool
	Required, Optional []Artifact
	// ImageNameOnly binds images written without a tag only (`docker-image: match-name-only`).
	ImageNameOnly bool
	// SkipTemplateLabels leaves labels out of Pod templates.
	SkipTemplateLabels bool
	// SkipLabels leaves all labels out (`kubernetes.v2.apply-app-labels: false`).
	SkipLabels bool
	// ManagedBy is the value of the label app.kubernetes.io/managed-by; empty means "spinnaker".
	ManagedBy string
	// Services are load balancers, such as "service web", that workloads are attached to.
	Services []string
	// EnableTraffic attaches the workloads; false only records the load balancers.
	EnableTraffic bool
	// NameSuffix makes the end of a generated name: equal positions must give equal names, so that a repeated deploy
	// finds what it created.
	NameSuffix func(position int) string
}

// Live is what is known of the cluster.
type Live struct {
	// Versions are the prior versions of a versioned name, oldest first, by the name before versioning.
	Versions map[Ref][]*unstructured.Unstructured
	// Objects are objects by their name: unversioned ones that want their source's capacity, and Services that
	// workloads are attached to.
	Objects map[Ref]*unstructured.Unstructured
}

// Item is an object ready to be applied.
type Item struct {
	Object   Object
	Ref      Ref
	Strategy Strategy
	Artifact Artifact
	// Reused is true for a version that is in the cluster already.
	Reused bool
}

// Set is what Prepare made.
type Set struct {
	Items    []Item
	Bindings []Binding
	// Created are the artifacts of the set's own objects, in order.
	Created []Artifact
}

// Bound returns the distinct artifacts that replaced something.
func (s *Set) Bound() []Artifact {
	var bound []Artifact
	seen := make(map[Artifact]bool)
	for _, b := range s.Bindings {
		if !seen[b.Artifact] {
			seen[b.Artifact] = true
			bound = append(bound, b.Artifact)
		}
	}
	return bound
}

// Prepare versions, binds and annotates the objects of one deploy, which must be placed and in order
// (clouddriver-kubernetes op/manifest/KubernetesDeployManifestOperation.java). It changes the objects. The error
// joins everything that is wrong; the set is then what remains, so that it can be checked further.
func (k *Kinds) Prepare(objects []Object, opts Options, live Live) (*Set, error) {
	p := &preparer{kinds: k, opts: opts, live: live, objects: objects, set: &Set{}}
	p.binder = &binder{kinds: k, account: opts.Account, imageOnly: opts.ImageNameOnly, artifacts: newArtifactSet()}
	if opts.Binding {
		p.binder.artifacts = newArtifactSet(opts.Required, opts.Optional)
	}
	var findings []error
	for i, o := range objects {
		if err := p.add(i, o); err != nil {
			findings = append(findings, err)
		}
	}
	if missing := unbound(opts.Required, p.set.Bindings); len(missing) > 0 {
		findings = append(findings, errors.New(k.unboundText(missing, objects)))
	}
	return p.set, errors.Join(findings...)
}

type preparer struct {
	kinds   *Kinds
	opts    Options
	live    Live
	binder  *binder
	objects []Object
	set     *Set
}

func (p *preparer) add(position int, o Object) error {
	kind := p.kinds.Of(o.GroupVersionKind())
	if kind.refusal != "" {
		return fmt.Errorf("%s: %s", o.Title(), kind.refusal)
	}
	if _, _, err := MaxVersions(o); err != nil {
		return err
	}
	strategy := strategyOf(o)
	if strategy == StrategyCreate {
		o.SetName(generatedName(o.GetGenerateName(), p.opts.NameSuffix(position)))
	}
	p.set.Bindings = append(p.set.Bindings, p.binder.bind(o)...)

	ref := p.kinds.RefOf(o)
	artifact := Artifact{
		Type: "kubernetes/" + kind.Name, Name: ref.Name, Location: ref.Namespace, Reference: ref.Name, Account: p.opts.Account,
	}
	moniker := p.opts.Moniker
	moniker.Sequence = nil
	if moniker.Cluster == "" {
		moniker.Cluster = ref.String()
	}
	reused := false
	if strategy != StrategyCreate && p.kinds.Versioned(o, p.opts.Versioned) {
		version, err := p.version(o, ref)
		if err != nil {
			return err
		}
		artifact.Version = version.String()
		artifact.Reference = ref.Name + "-" + version.String()
		moniker.Sequence = &version.Number
		reused = version.Reused
	}
	p.binder.artifacts.put(artifact)
	p.set.Created = append(p.set.Created, artifact)
	if err := p.finish(o, kind, artifact, moniker); err != nil {
		return fmt.Errorf("%s: %w", o.Title(), err)
	}
	p.set.Items = append(p.set.Items, Item{
		Object: o, Ref: p.kinds.RefOf(o), Strategy: strategy, Artifact: artifact, Reused: reused,
	})
	return nil
}

func (p *preparer) version(o Object, ref Ref) (Version, error) {
	version, err := chooseVersion(o, p.live.Versions[ref])
	if err != nil {
		return Version{}, err
	}
	hash, err := contentHash(o.Object)
	if err != nil {
		return Version{}, fmt.Errorf("%s: %w", o.Title(), err)
	}
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = make(map[string]string)
	}
	annotations[annotationHash] = hash
	o.SetAnnotations(annotations)
	return version, nil
}

// finish annotates, labels and renames an object.
func (p *preparer) finish(o Object, kind Kind, artifact Artifact, moniker Moniker) error {
	if err := annotate(o, artifactAnnotations(artifact)); err != nil {
		return err
	}
	if p.kinds.UsesSourceCapacity(o) {
		p.copyCapacity(o)
	}
	if kind.TakesTraffic {
		if err := p.route(o); err != nil {
			return err
		}
	}
	if err := annotate(o, monikerAnnotations(moniker)); err != nil {
		return err
	}
	if !p.opts.SkipLabels {
		label(o, moniker, p.managedBy(), p.opts.SkipTemplateLabels)
	}
	o.SetName(artifact.Reference)
	return nil
}

func (p *preparer) managedBy() string {
	if p.opts.ManagedBy == "" {
		return "spinnaker"
	}
	return p.opts.ManagedBy
}

// copyCapacity takes the replica count from the latest version, or from the object itself where it has none.
func (p *preparer) copyCapacity(o Object) {
	ref := p.kinds.RefOf(o)
	source := p.live.Objects[ref]
	if prior := p.live.Versions[ref]; len(prior) > 0 {
		source = prior[len(prior)-1]
	}
	if source == nil {
		return
	}
	if replicas, found, err := unstructured.NestedInt64(source.Object, "spec", "replicas"); err == nil && found {
		child(o.Object, "spec")["replicas"] = replicas
	}
}

// route records a workload's load balancers and attaches it to them.
func (p *preparer) route(o Object) error {
	if len(p.opts.Services) > 0 {
		if err := announceLoadBalancers(o, p.opts.Services); err != nil {
			return err
		}
	}
	if !p.opts.EnableTraffic {
		return nil
	}
	names, err := balancerNames(o)
	if err != nil {
		return err
	}
	for _, name := range names {
		ref, err := p.kinds.loadBalancer(name, o.GetNamespace())
		if err != nil {
			return err
		}
		service, ok := p.service(ref)
		if !ok {
			return fmt.Errorf("Load balancer %s does not exist", ref) //lint:ignore ST1005 Spinnaker's text
		}
		if err := attach(service, o); err != nil {
			return err
		}
	}
	return nil
}

// service looks among the objects of the deploy first.
func (p *preparer) service(ref Ref) (Object, bool) {
	for _, o := range p.objects {
		if p.kinds.RefOf(o) == ref {
			return o, true
		}
	}
	live, ok := p.live.Objects[ref]
	return Object{Unstructured: live}, ok
}

// generatedName joins prefix and suffix as the API server does for a generateName.
func generatedName(prefix, suffix string) string {
	const maxLength = 63
	if room := maxLength - len(suffix); len(prefix) > room {
		prefix = prefix[:room]
	}
	return prefix + suffix
}
