package kube

import (
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// verdicts checks a set and prints what is said of each object, one line each.
func verdicts(t *testing.T, c *Cluster, set *manifest.Set) string {
	t.Helper()
	check := c.NewPreflight(set)
	var out strings.Builder
	for _, item := range set.Items {
		v, err := check.Check(t.Context(), item)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case len(v.Findings) > 0:
			fmt.Fprintf(&out, "%s: %s\n", item.Ref, strings.Join(v.Findings, "; "))
		case v.Unchecked != "":
			fmt.Fprintf(&out, "%s: unchecked: %s\n", item.Ref, v.Unchecked)
		default:
			fmt.Fprintf(&out, "%s: %s\n", item.Ref, v.Result.Action)
		}
	}
	return out.String()
}

func TestPreflight(t *testing.T) {
	b := newBench(t)
	b.apply(deployment(""), Created)
	for name, test := range map[string]struct{ manifest, want string }{
		"fine": {deployment(""), "deployment web: unchanged\n"},
		"namespace missing": {
			`{apiVersion: v1, kind: Service, metadata: {name: s, namespace: nowhere}, spec: {ports: [{port: 80}]}}`,
			"service s: namespace \"nowhere\" does not exist: create it, or add it to the manifests\n",
		},
		"namespace comes with the deploy": {
			`{apiVersion: v1, kind: Service, metadata: {name: s, namespace: to-come}, spec: {ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: to-come}}`,
			"namespace to-come: created\nservice s: unchecked: its namespace is part of this deploy\n",
		},
		"service account comes with the deploy": {
			`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {serviceAccountName: robot, containers: [{name: c, image: i}]}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot}}`,
			"serviceAccount robot: created\npod p-v000: unchecked: it needs serviceAccount robot, which is part of this deploy\n",
		},
		"immutable field": {
			strings.ReplaceAll(deployment(""), "app: web", "app: other"),
			"deployment web: Deployment.apps \"web\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"other\"}}: field is immutable; annotate it with strategy.spinnaker.io/recreate: \"true\" to have it deleted and created anew\n",
		},
		"recreate": {
			deployment("", `strategy.spinnaker.io/recreate: "true"`),
			"deployment web: unchecked: it is there and will be deleted first\n",
		},
		"invalid": {
			`{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 0, targetPort: 80}]}}`,
			"service s: Service \"s\" is invalid: spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive\n",
		},
		"unknown field": {
			`{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {port: 1, ports: [{port: 80}]}}`,
			"service s: Service in version \"v1\" cannot be handled as a Service: strict decoding error: unknown field \"spec.port\"\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := verdicts(t, b.Cluster, b.items(test.manifest)); got != test.want {
				t.Errorf("got:\n%swant:\n%s", got, test.want)
			}
		})
	}
}

// The account may not do what the deploy needs: every finding names verb, resource and namespace.
func TestPreflightPermissions(t *testing.T) {
	b := newBench(t)
	config := `{apiVersion: v1, kind: ConfigMap, metadata: {name: c, annotations: {strategy.spinnaker.io/max-version-history: "1"}}}`
	recreated := `{apiVersion: v1, kind: ServiceAccount, metadata: {name: sa, annotations: {strategy.spinnaker.io/recreate: "true"}}}`
	set := b.items(config + "\n---\n" + deployment("") + "\n---\n" + recreated)
	limited := b.limited(
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "create", "patch"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"get", "delete"}},
	)
	want := fmt.Sprintf(`serviceAccount sa: serviceaccounts is forbidden: User "system:serviceaccount:%[1]s:limited" cannot create resource "serviceaccounts" in API group "" in the namespace "%[1]s"
configMap c-v000: account "test" may not delete configmaps in namespace %[1]s
deployment web: account "test" may not get deployments.apps in namespace %[1]s
`, b.namespace)
	if got := verdicts(t, limited, set); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestPreflightNamespaces(t *testing.T) {
	b := newBench(t)
	restricted := connectTo(t, Settings{KubeconfigFile: b.cluster.Kubeconfig(), Namespaces: []string{"shop"}})
	want := fmt.Sprintf("account \"test\": namespace %q is not among the account's namespaces [\"shop\"]", b.namespace)
	if got := verdicts(t, restricted, b.items(deployment(""))); !strings.Contains(got, want) {
		t.Errorf("got %s, want …%s…", got, want)
	}
}
