package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Balancers lists the Services that Prepare will attach an object to. A name that is none is left out: Prepare says so.
func (k *Kinds) Balancers(o Object, opts Options) []Ref {
	if !opts.EnableTraffic || !k.Of(o.GroupVersionKind()).TakesTraffic {
		return nil
	}
	names, err := balancerNames(o)
	if err != nil {
		return nil
	}
	var refs []Ref
	for _, name := range append(slices.Clone(opts.Services), names...) {
		if ref, err := k.loadBalancer(name, o.GetNamespace()); err == nil {
			refs = append(refs, ref)
		}
	}
	return refs
}

// balancerNames reads an object's annotation.
func balancerNames(o Object) ([]string, error) {
	text, present := o.GetAnnotations()[annotationLoadBalancers]
	if !present {
		return nil, nil
	}
	var names []string
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return nil, fmt.Errorf("annotation %s is no JSON list of names: %w", annotationLoadBalancers, err)
	}
	return names, nil
}

// loadBalancer reads a name such as "service my-service".
func (k *Kinds) loadBalancer(name, namespace string) (Ref, error) {
	tokens := strings.Split(name, " ")
	if len(tokens) != 2 || tokens[0] == "" || tokens[1] == "" {
		//lint:ignore ST1005 Spinnaker's text
		return Ref{}, fmt.Errorf("Failed to attach load balancer '%s'. Load balancers must be specified in the form '{kind} {name}', e.g. 'service my-service'.", name)
	}
	kind := k.Named(tokens[0]).Name
	if kind != "service" {
		//lint:ignore ST1005 Spinnaker's text
		return Ref{}, fmt.Errorf("No support for load balancing via %s exists in Spinnaker", kind)
	}
	return Ref{Kind: kind, Namespace: namespace, Name: tokens[1]}, nil
}

// attach gives a workload's Pods the labels that a Service selects
// (clouddriver-kubernetes op/handler/KubernetesServiceHandler.java).
func attach(service, workload Object) error {
	spec, _ := service.Object["spec"].(map[string]any)
	selector, _ := spec["selector"].(map[string]any)
	if len(selector) == 0 {
		return errors.New("Service must have a non-empty selector in order to be attached to a workload") //lint:ignore ST1005 Spinnaker's text
	}
	metadata, ok := templateMetadata(workload)
	if !ok {
		metadata, _ = workload.Object["metadata"].(map[string]any)
	}
	labels := child(metadata, "labels")
	for _, key := range sortedKeys(selector) {
		if _, present := labels[key]; present {
			return fmt.Errorf("Service selector must have no label keys in common with target workload (both have %q)", key) //lint:ignore ST1005 Spinnaker's text
		}
	}
	for key, value := range selector {
		labels[key] = value
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
