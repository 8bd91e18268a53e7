package kube

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const kubeconfigText = `
apiVersion: v1
kind: Config
current-context: staging
clusters: [{name: c, cluster: {server: "https://cluster.example:6443"}}]
users:
- {name: u, user: {token: s3cret}}
- {name: program, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: [eks, get-token], interactiveMode: Never}}}
contexts:
- {name: staging, context: {cluster: c, user: u, namespace: from-context}}
- {name: plain, context: {cluster: c, user: u}}
- {name: exec, context: {cluster: c, user: program}}
`

func TestConnect(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(kubeconfigText), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		account   map[string]any
		namespace string
		err       string
	}{
		"contents":                  {map[string]any{"kubeconfigContents": kubeconfigText}, "from-context", ""},
		"file wins":                 {map[string]any{"kubeconfigFile": file, "kubeconfigContents": "rubbish"}, "from-context", ""},
		"other context":             {map[string]any{"kubeconfigFile": file, "context": "plain"}, "default", ""},
		"account's namespace":       {map[string]any{"kubeconfigFile": file, "defaultNamespace": "mine"}, "mine", ""},
		"unknown fields ignored":    {map[string]any{"kubeconfigFile": file, "cacheThreads": 3, "providerVersion": "V2"}, "from-context", ""},
		"exec allowed":              {map[string]any{"kubeconfigFile": file, "context": "exec", "allowExec": true}, "default", ""},
		"exec refused":              {map[string]any{"kubeconfigFile": file, "context": "exec"}, "", `user "program" runs the program "aws" for its credentials; set allowExec: true`},
		"unknown context":           {map[string]any{"kubeconfigFile": file, "context": "prod"}, "", `no context "prod"; it has ["exec" "plain" "staging"]`},
		"nothing":                   {map[string]any{}, "", "set kubeconfigFile, kubeconfigContents or serviceAccount"},
		"no such file":              {map[string]any{"kubeconfigFile": "/no/such/file"}, "", "no such file or directory"},
		"no kubeconfig":             {map[string]any{"kubeconfigContents": "s3cret: ["}, "", "kubeconfigContents is no kubeconfig"},
		"both lists":                {map[string]any{"kubeconfigFile": file, "namespaces": []any{"a"}, "omitNamespaces": []any{"b"}}, "", "At most one of 'namespaces' and 'omitNamespaces' can be specified"},
		"bad mode":                  {map[string]any{"kubeconfigFile": file, "removedApis": "maybe"}, "", `removedApis must be fail, convert or off, found "maybe"`},
		"bad type":                  {map[string]any{"kubeconfigFile": file, "namespaces": "a"}, "", "namespaces must be []string"},
		"bad binding":               {map[string]any{"kubeconfigFile": file, "dockerImageBinding": "x"}, "", "dockerImageBinding must be"},
		"bad history":               {map[string]any{"kubeconfigFile": file, "maxVersionHistory": 0}, "", "maxVersionHistory must be at least 1"},
		"bad custom resource":       {map[string]any{"kubeconfigFile": file, "customResources": []any{map[string]any{}}}, "", "customResources[0]: kubernetesKind is missing"},
		"in-cluster but not in one": {map[string]any{"serviceAccount": true}, "", "serviceAccount: true"},
	} {
		t.Run(name, func(t *testing.T) {
			settings, err := ParseSettings(test.account)
			var cluster *Cluster
			if err == nil {
				cluster, err = Connect("staging", settings)
			}
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v, want …%s…", err, test.err)
				}
				if strings.Contains(err.Error(), "s3cret") {
					t.Fatalf("the error tells a secret: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			if cluster.Namespace != test.namespace {
				t.Errorf("namespace %q, want %q", cluster.Namespace, test.namespace)
			}
		})
	}
}

func TestPermits(t *testing.T) {
	only, but := Settings{Namespaces: []string{"a", "b"}}, Settings{OmitNamespaces: []string{"kube-system"}}
	for _, test := range []struct {
		settings  Settings
		namespace string
		err       string
	}{
		{Settings{}, "any", ""},
		{only, "a", ""},
		{only, "", ""},
		{only, "c", `namespace "c" is not among the account's namespaces ["a" "b"]`},
		{but, "a", ""},
		{but, "kube-system", `namespace "kube-system" is among the account's omitNamespaces`},
	} {
		err := test.settings.Permits(test.namespace)
		if got := errorText(err); got != test.err {
			t.Errorf("%q: got %q, want %q", test.namespace, got, test.err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
