package app

import (
	"cmp"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch"
)

// accounts are the deployment and artifact accounts.
type accounts struct {
	kubernetes []config.Kubernetes
	artifacts  *fetch.Set
}

func newAccounts(c config.Config, artifacts *fetch.Set) accounts {
	return accounts{c.Kubernetes.Accounts, artifacts}
}

func (a accounts) names() []string {
	names := make([]string, len(a.kubernetes))
	for i, account := range a.kubernetes {
		names[i] = account.Name
	}
	slices.Sort(names)
	return names
}

// settings are what a plugin gets of an account, secrets included.
func (a accounts) settings(name string) (map[string]any, bool) {
	for _, k := range a.kubernetes {
		if k.Name != name {
			continue
		}
		return kubernetesSettings(k), true
	}
	return nil, false
}

// kubernetesSettings are an account's settings under the names that the deploy plugin knows; those that are not set are
// left out.
func kubernetesSettings(k config.Kubernetes) map[string]any {
	settings := map[string]any{"name": k.Name, "kubeconfigFile": k.KubeconfigFile, "kubeconfigContents": k.KubeconfigContents.Reveal(),
		"context": k.Context, "serviceAccount": k.ServiceAccount, "namespaces": k.Namespaces, "omitNamespaces": k.OmitNamespaces,
		"customResources": k.CustomResources, "kubectlRequestTimeoutSeconds": k.KubectlRequestTimeoutSeconds,
		"defaultNamespace": k.DefaultNamespace, "allowExec": k.AllowExec, "removedApis": k.RemovedAPIs,
		"dockerImageBinding": k.DockerImageBinding, "managedBySuffix": k.ManagedBySuffix}
	if k.MaxVersionHistory > 0 {
		settings["maxVersionHistory"] = k.MaxVersionHistory
	}
	if k.ApplyAppLabels != nil {
		settings["applyAppLabels"] = *k.ApplyAppLabels
	}
	return settings
}

// Credentials lists the deployment accounts without secrets.
//
// Source: spinnaker/spinnaker gate/gate-web controllers/CredentialsController.groovy.
func (a accounts) Credentials() []map[string]any {
	list := make([]map[string]any, 0, len(a.kubernetes))
	for _, k := range a.kubernetes {
		list = append(list, map[string]any{"name": k.Name, "accountId": k.Name, "type": "kubernetes", "cloudProvider": "kubernetes",
			"environment": cmp.Or(k.Environment, k.Name), "accountType": cmp.Or(k.AccountType, k.Name), "authorized": true, "primaryAccount": false,
			"challengeDestructiveActions": false, "requiredGroupMembership": []string{}, "permissions": map[string]any{}})
	}
	return list
}

// ArtifactCredentials lists the artifact accounts with the types each fetches.
func (a accounts) ArtifactCredentials() []map[string]any {
	list := []map[string]any{}
	for _, account := range a.artifacts.Accounts() {
		list = append(list, map[string]any{"name": account.Name, "types": account.Types})
	}
	return list
}
