package config

import (
	"fmt"
	"slices"
)

// Kubernetes is a Kubernetes account (Clouddriver's kubernetes.accounts; spinnaker/spinnaker clouddriver-kubernetes
// config/KubernetesAccountProperties.java).
type Kubernetes struct {
	Name string `yaml:"name"`
	// Environment and AccountType are shown where accounts are listed; the name when empty.
	Environment        string   `yaml:"environment"`
	AccountType        string   `yaml:"accountType"`
	KubeconfigFile     string   `yaml:"kubeconfigFile"`
	KubeconfigContents Secret   `yaml:"kubeconfigContents"`
	Context            string   `yaml:"context"`
	ServiceAccount     bool     `yaml:"serviceAccount"`
	Namespaces         []string `yaml:"namespaces"`
	OmitNamespaces     []string `yaml:"omitNamespaces"`
	// CustomResources say how to treat kinds of the account's own.
	CustomResources []CustomResource `yaml:"customResources"`
	// KubectlRequestTimeoutSeconds bounds one request; 0 is the plugin's default.
	KubectlRequestTimeoutSeconds int `yaml:"kubectlRequestTimeoutSeconds"`

	// The rest is Gennaker's own.

	// DefaultNamespace is where manifests without a namespace go; empty means the context's.
	DefaultNamespace string `yaml:"defaultNamespace"`
	// AllowExec lets kubeconfigs run credential programs.
	AllowExec bool `yaml:"allowExec"`
	// RemovedAPIs is what to do with objects of API versions that the cluster no longer serves: fail, convert, off.
	RemovedAPIs string `yaml:"removedApis"`
	// MaxVersionHistory is how many versions of a versioned object are kept where its annotation does not say; 0 keeps
	// all.
	MaxVersionHistory int `yaml:"maxVersionHistory"`
	// DockerImageBinding is match-name-and-tag (default) or match-name-only.
	DockerImageBinding string `yaml:"dockerImageBinding"`
	// ApplyAppLabels false leaves the app.kubernetes.io labels away; ManagedBySuffix is appended to "spinnaker-" in them.
	ApplyAppLabels  *bool  `yaml:"applyAppLabels"`
	ManagedBySuffix string `yaml:"managedBySuffix"`
}

// CustomResource says how to treat a kind that the agent does not know by itself.
type CustomResource struct {
	// KubernetesKind is the kind with its group: Kind.group.
	KubernetesKind string `yaml:"kubernetesKind" json:"kubernetesKind"`
	// SpinnakerKind is its class: serverGroups, loadBalancers, unclassified …
	SpinnakerKind string `yaml:"spinnakerKind" json:"spinnakerKind,omitempty"`
	// DeployPriority is a number, lower ones first, or the name of a level such as WORKLOAD_CONTROLLER_PRIORITY.
	DeployPriority string `yaml:"deployPriority" json:"deployPriority,omitempty"`
	Versioned      bool   `yaml:"versioned" json:"versioned"`
	Namespaced     *bool  `yaml:"namespaced" json:"namespaced,omitempty"`
}

func (k Kubernetes) validate(path string) []error {
	var errs []error
	if len(k.Namespaces) > 0 && len(k.OmitNamespaces) > 0 {
		errs = append(errs, fmt.Errorf("%s: At most one of 'namespaces' and 'omitNamespaces' can be specified", path))
	}
	if !slices.Contains([]string{"", "fail", "convert", "off"}, k.RemovedAPIs) {
		errs = append(errs, fmt.Errorf("%s.removedApis: found %q, expected fail, convert or off", path, k.RemovedAPIs))
	}
	if !slices.Contains([]string{"", "match-name-and-tag", "match-name-only"}, k.DockerImageBinding) {
		errs = append(errs, fmt.Errorf("%s.dockerImageBinding: found %q, expected match-name-and-tag or match-name-only", path, k.DockerImageBinding))
	}
	if k.MaxVersionHistory < 0 {
		errs = append(errs, fmt.Errorf("%s.maxVersionHistory: found %d, expected a number of versions, or 0 for all", path, k.MaxVersionHistory))
	}
	if k.KubectlRequestTimeoutSeconds < 0 {
		errs = append(errs, fmt.Errorf("%s.kubectlRequestTimeoutSeconds: found %d, expected a number of seconds", path, k.KubectlRequestTimeoutSeconds))
	}
	for i, custom := range k.CustomResources {
		if custom.KubernetesKind == "" {
			errs = append(errs, fmt.Errorf("%s.customResources[%d].kubernetesKind: is missing: expected Kind.group", path, i))
		}
	}
	return errs
}
