package app

import (
	"encoding/json"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gennaker/gennaker/agent/internal/config"
)

// A plugin gets every setting of a Kubernetes account under the name it has in the configuration.
func TestKubernetesSettings(t *testing.T) {
	const account = `{name: a, kubeconfigFile: f, kubeconfigContents: text, context: c, serviceAccount: true, namespaces: [n],
  omitNamespaces: [o], customResources: [{kubernetesKind: Rollout.argoproj.io, spinnakerKind: serverGroups, deployPriority: 7,
  versioned: true, namespaced: false}], kubectlRequestTimeoutSeconds: 5, defaultNamespace: d, allowExec: true,
  removedApis: off, maxVersionHistory: 3, dockerImageBinding: match-name-only, applyAppLabels: false, managedBySuffix: s}`
	var k config.Kubernetes
	if err := yaml.Unmarshal([]byte(account), &k); err != nil {
		t.Fatal(err)
	}
	const want = `{"allowExec":true,"applyAppLabels":false,"context":"c",` +
		`"customResources":[{"kubernetesKind":"Rollout.argoproj.io","spinnakerKind":"serverGroups","deployPriority":"7","versioned":true,"namespaced":false}],` +
		`"defaultNamespace":"d","dockerImageBinding":"match-name-only","kubeconfigContents":"text","kubeconfigFile":"f",` +
		`"kubectlRequestTimeoutSeconds":5,"managedBySuffix":"s","maxVersionHistory":3,"name":"a","namespaces":["n"],` +
		`"omitNamespaces":["o"],"removedApis":"off","serviceAccount":true}`
	got, err := json.Marshal(kubernetesSettings(k))
	if err != nil || string(got) != want {
		t.Errorf("settings (%v):\n%s\nwant:\n%s", err, got, want)
	}
}
