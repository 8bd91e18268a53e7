package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is what the deploy knows of a kind (clouddriver-kubernetes op/handler).
type Kind struct {
	// Name is the canonical spelling: lower camel case for known kinds, "Kind.group" outside the native groups.
	Name string
	// Priority orders a deploy: lower first.
	Priority int
	// Versioned kinds get a new name for each content.
	Versioned bool
	// Namespaced is what to believe while discovery does not know better.
	Namespaced bool
	// Class is Spinnaker's word for what the kind is (spinnakerKind).
	Class string
	// Scales and TakesTraffic say what stages can do with it.
	Scales, TakesTraffic bool
	// refusal says why the kind cannot be deployed.
	refusal string
}

// CustomResource is an account's entry for a kind of its own (clouddriver-kubernetes config/CustomResource).
type CustomResource struct {
	KubernetesKind string `json:"kubernetesKind"`
	SpinnakerKind  string `json:"spinnakerKind"`
	// DeployPriority is a number or the name of a level, such as WORKLOAD_CONTROLLER_PRIORITY.
	DeployPriority any   `json:"deployPriority"`
	Versioned      bool  `json:"versioned"`
	Namespaced     *bool `json:"namespaced"`
}

// Kinds is the registry of kinds of one account.
type Kinds struct {
	known   map[string]Kind // by lower-case canonical name
	aliases map[string]string
}

// unknownPriority puts custom resources after everything else.
const unknownPriority = 1000

// nativeGroups are the groups that a kind's name leaves out (clouddriver-kubernetes KubernetesApiGroup).
var nativeGroups = []string{
	"", "core", "apps", "batch", "extensions", "autoscaling", "policy", "storage.k8s.io", "apiextensions.k8s.io",
	"apiregistration.k8s.io", "admissionregistration.k8s.io", "scheduling.k8s.io", "settings.k8s.io",
	"authorization.k8s.io", "authentication.k8s.io", "rbac.authorization.k8s.io", "certificates.k8s.io",
	"networking.k8s.io",
}

// levels are the names of deploy priorities (clouddriver-kubernetes KubernetesHandler.DeployPriority).
var levels = map[string]int{
	"LOWEST_PRIORITY": 1000, "WORKLOAD_ATTACHMENT_PRIORITY": 110, "WORKLOAD_CONTROLLER_PRIORITY": 100,
	"WORKLOAD_PRIORITY": 100, "WORKLOAD_MODIFIER_PRIORITY": 90, "PDB_PRIORITY": 90, "API_SERVICE_PRIORITY": 80,
	"NETWORK_RESOURCE_PRIORITY": 70, "MOUNTABLE_DATA_PRIORITY": 50, "MOUNTABLE_DATA_BACKING_RESOURCE_PRIORITY": 40,
	"SERVICE_ACCOUNT_PRIORITY": 40, "STORAGE_CLASS_PRIORITY": 40, "ADMISSION_PRIORITY": 40,
	"RESOURCE_DEFINITION_PRIORITY": 30, "ROLE_BINDING_PRIORITY": 30, "ROLE_PRIORITY": 20, "NAMESPACE_PRIORITY": 0,
}

// NewKinds makes the registry of an account from the built-in kinds and the account's own.
func NewKinds(custom []CustomResource) (*Kinds, error) {
	k := &Kinds{known: make(map[string]Kind), aliases: make(map[string]string)}
	for _, b := range builtinKinds() {
		k.known[strings.ToLower(b.Name)] = b.Kind
		for _, alias := range b.aliases {
			k.aliases[alias] = b.Name
		}
	}
	for i, c := range custom {
		kind, err := c.kind()
		if err != nil {
			return nil, fmt.Errorf("customResources[%d]: %w", i, err)
		}
		k.known[strings.ToLower(kind.Name)] = kind
	}
	return k, nil
}

func (c CustomResource) kind() (Kind, error) {
	if c.KubernetesKind == "" {
		return Kind{}, fmt.Errorf("kubernetesKind is missing")
	}
	priority, err := deployPriority(c.DeployPriority)
	if err != nil {
		return Kind{}, fmt.Errorf("%s: %w", c.KubernetesKind, err)
	}
	kind := Kind{
		Name:       c.KubernetesKind,
		Priority:   priority,
		Versioned:  c.Versioned,
		Namespaced: c.Namespaced == nil || *c.Namespaced,
		Class:      c.SpinnakerKind,
	}
	if kind.Class == "" {
		kind.Class = "unclassified"
	}
	kind.TakesTraffic = kind.Class == "serverGroups" || kind.Class == "serverGroupManagers"
	return kind, nil
}

func deployPriority(value any) (int, error) {
	const unset = 100
	switch v := value.(type) {
	case nil:
		return unset, nil
	case float64:
		return int(v), nil
	case int64:
		return int(v), nil
	case fmt.Stringer: // json.Number
		return deployPriority(v.String())
	case string:
		if n, err := strconv.Atoi(v); err == nil {
			return n, nil
		}
		if n, ok := levels[strings.ToUpper(v)]; ok {
			return n, nil
		}
		return 0, fmt.Errorf("deployPriority %q is neither a number nor the name of a level, such as WORKLOAD_CONTROLLER_PRIORITY", v)
	default:
		return 0, fmt.Errorf("deployPriority must be a number or the name of a level, found %v", v)
	}
}

// Native reports whether a kind is of one of the groups that Kubernetes itself serves and Spinnaker knows.
func (k *Kinds) Native(gvk schema.GroupVersionKind) bool {
	return slices.Contains(nativeGroups, strings.ToLower(gvk.Group))
}

// Of returns what is known of an object's kind.
func (k *Kinds) Of(gvk schema.GroupVersionKind) Kind {
	name := gvk.Kind
	if !k.Native(gvk) {
		name += "." + strings.ToLower(gvk.Group)
	}
	return k.Named(name)
}

// Named returns what is known of a kind by its name or alias, in any case, with or without its group:
// "deploy", "Deployment.apps", "HTTPRoute.gateway.networking.k8s.io".
func (k *Kinds) Named(name string) Kind {
	base, group, _ := strings.Cut(name, ".")
	if slices.Contains(nativeGroups, strings.ToLower(group)) {
		name = base
	} else {
		name = base + "." + strings.ToLower(group)
	}
	key := strings.ToLower(name)
	if canonical, ok := k.aliases[key]; ok {
		key = strings.ToLower(canonical)
	}
	if kind, ok := k.known[key]; ok {
		return kind
	}
	return Kind{Name: name, Priority: unknownPriority, Namespaced: true, Class: "unclassified"}
}

// RefOf names an object.
func (k *Kinds) RefOf(o Object) Ref {
	return Ref{Kind: k.Of(o.GroupVersionKind()).Name, Namespace: o.GetNamespace(), Name: o.GetName()}
}

// order sorts objects by deploy priority; equal priorities keep their order.
func (k *Kinds) order(objects []Object) {
	slices.SortStableFunc(objects, func(a, b Object) int {
		return k.Of(a.GroupVersionKind()).Priority - k.Of(b.GroupVersionKind()).Priority
	})
}
