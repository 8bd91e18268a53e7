package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// Settings are the fields of a Kubernetes account (clouddriver-kubernetes config/KubernetesAccountProperties.java);
// unknown fields are ignored. They hold credentials: never log them.
type Settings struct {
	// KubeconfigFile wins over KubeconfigContents; Context is the current one when empty.
	KubeconfigFile     string `json:"kubeconfigFile"`
	KubeconfigContents string `json:"kubeconfigContents"`
	Context            string `json:"context"`
	// ServiceAccount uses the credentials of the Pod the agent runs in.
	ServiceAccount bool `json:"serviceAccount"`
	// Namespaces, if any, are the only ones that may be deployed to; OmitNamespaces are the only ones that may not.
	Namespaces     []string `json:"namespaces"`
	OmitNamespaces []string `json:"omitNamespaces"`
	// CustomResources tell how to treat kinds of the account's own.
	CustomResources []manifest.CustomResource `json:"customResources"`
	// KubectlRequestTimeoutSeconds bounds one request.
	KubectlRequestTimeoutSeconds int `json:"kubectlRequestTimeoutSeconds"`

	// The rest is Gennaker's own.

	// DefaultNamespace is where objects without a namespace go; empty means the kubeconfig context's.
	DefaultNamespace string `json:"defaultNamespace"`
	// AllowExec permits a kubeconfig to run a program for its credentials.
	AllowExec bool `json:"allowExec"`
	// RemovedAPIs says what to do with APIs that the cluster no longer serves, unless the stage says.
	RemovedAPIs manifest.RemovedAPIs `json:"removedApis"`
	// MaxVersionHistory is how many versions of a versioned object to keep where its annotation does not say; unset
	// keeps all.
	MaxVersionHistory *int `json:"maxVersionHistory"`
	// ApplyAppLabels false writes no app.kubernetes.io labels; ManagedBySuffix is appended to "spinnaker-".
	ApplyAppLabels  *bool  `json:"applyAppLabels"`
	ManagedBySuffix string `json:"managedBySuffix"`
	// DockerImageBinding is match-name-and-tag (default) or match-name-only.
	DockerImageBinding string `json:"dockerImageBinding"`
}

// ParseSettings reads an account's settings. Errors name the field, never its value.
func ParseSettings(account map[string]any) (Settings, error) {
	text, err := json.Marshal(account)
	if err != nil {
		return Settings{}, errors.New("settings are no JSON")
	}
	var s Settings
	if err := json.Unmarshal(text, &s); err != nil {
		var mismatch *json.UnmarshalTypeError
		if errors.As(err, &mismatch) {
			return Settings{}, fmt.Errorf("%s must be %s, found a JSON %s", mismatch.Field, mismatch.Type, mismatch.Value)
		}
		return Settings{}, errors.New("settings cannot be read")
	}
	return s, s.check()
}

func (s Settings) check() error {
	if len(s.Namespaces) > 0 && len(s.OmitNamespaces) > 0 {
		return errors.New("At most one of 'namespaces' and 'omitNamespaces' can be specified") //lint:ignore ST1005 Spinnaker's text
	}
	if !s.ServiceAccount && s.KubeconfigFile == "" && s.KubeconfigContents == "" {
		return errors.New("there is no way to the cluster: set kubeconfigFile, kubeconfigContents or serviceAccount: true")
	}
	modes := []manifest.RemovedAPIs{"", manifest.RemovedFail, manifest.RemovedConvert, manifest.RemovedOff}
	if !slices.Contains(modes, s.RemovedAPIs) {
		return fmt.Errorf("removedApis must be fail, convert or off, found %q", s.RemovedAPIs)
	}
	if !slices.Contains([]string{"", "match-name-and-tag", "match-name-only"}, s.DockerImageBinding) {
		return fmt.Errorf("dockerImageBinding must be match-name-and-tag or match-name-only, found %q", s.DockerImageBinding)
	}
	if s.MaxVersionHistory != nil && *s.MaxVersionHistory < 1 {
		return fmt.Errorf("maxVersionHistory must be at least 1, found %d", *s.MaxVersionHistory)
	}
	return nil
}

// Permits says why a namespace may not be deployed to; nil means that it may. The empty namespace of cluster-scoped
// objects always may (clouddriver-kubernetes validator/KubernetesValidationUtil.java).
func (s Settings) Permits(namespace string) error {
	switch {
	case namespace == "":
		return nil
	case len(s.Namespaces) > 0 && !slices.Contains(s.Namespaces, namespace):
		return fmt.Errorf("namespace %q is not among the account's namespaces %q", namespace, s.Namespaces)
	case slices.Contains(s.OmitNamespaces, namespace):
		return fmt.Errorf("namespace %q is among the account's omitNamespaces", namespace)
	default:
		return nil
	}
}

func (s Settings) requestTimeout() time.Duration {
	if s.KubectlRequestTimeoutSeconds > 0 {
		return time.Duration(s.KubectlRequestTimeoutSeconds) * time.Second
	}
	return defaultRequestTimeout
}
