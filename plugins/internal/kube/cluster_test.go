package kube

import (
	"fmt"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gennaker/gennaker/plugins/internal/kubetest"
	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// bench is a namespace of the test cluster with an account that may do everything.
type bench struct {
	*Cluster
	t         *testing.T
	cluster   *kubetest.Cluster
	namespace string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	cluster := kubetest.Start(t)
	namespace := cluster.Namespace(t)
	return &bench{Cluster: connectTo(t, Settings{KubeconfigFile: cluster.Kubeconfig()}), t: t, cluster: cluster, namespace: namespace}
}

func connectTo(t *testing.T, s Settings) *Cluster {
	t.Helper()
	c, err := Connect("test", s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// items prepares the objects of a manifest as a deploy does.
func (b *bench) items(text string) *manifest.Set {
	b.t.Helper()
	docs, _, err := manifest.Parse([]byte(text))
	if err != nil {
		b.t.Fatal(err)
	}
	objects, err := manifest.Objects(docs)
	if err != nil {
		b.t.Fatal(err)
	}
	scope, err := b.Scopes(b.t.Context(), objects)
	if err != nil {
		b.t.Fatal(err)
	}
	arranged, _, err := b.Kinds.Arrange(objects, manifest.Arrangement{Scope: scope, DefaultNamespace: b.namespace})
	if err != nil {
		b.t.Fatal(err)
	}
	opts := manifest.Options{
		Account: "test", Moniker: manifest.Moniker{App: "shop"}, Binding: true,
		NameSuffix: func(position int) string { return fmt.Sprint("x", position) },
	}
	live, err := b.Live(b.t.Context(), arranged, opts)
	if err != nil {
		b.t.Fatal(err)
	}
	set, err := b.Kinds.Prepare(arranged, opts, live)
	if err != nil {
		b.t.Fatal(err)
	}
	return set
}

func (b *bench) item(text string) manifest.Item {
	b.t.Helper()
	set := b.items(text)
	if len(set.Items) != 1 {
		b.t.Fatalf("%d objects, want 1", len(set.Items))
	}
	return set.Items[0]
}

// apply applies one object and checks what that did.
func (b *bench) apply(text string, want Action) Result {
	b.t.Helper()
	result, err := b.Apply(b.t.Context(), b.item(text))
	if err != nil {
		b.t.Fatal(err)
	}
	if result.Action != want {
		b.t.Fatalf("%s %s was %s, want %s", result.After.GetKind(), result.After.GetName(), result.Action, want)
	}
	return result
}

// env lists the environment of a Deployment's container: "A=1 B=2".
func env(t *testing.T, deployment *unstructured.Unstructured) string {
	t.Helper()
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := unstructured.NestedSlice(containers[0].(map[string]any), "env")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, element := range list {
		entry := element.(map[string]any)
		texts = append(texts, fmt.Sprintf("%v=%v", entry["name"], entry["value"]))
	}
	return strings.Join(texts, " ")
}

// deployment is a Deployment of nothing, so that tests of applying do not wait for Pods.
func deployment(env string, annotations ...string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {%s}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.k8s.io/pause:3.10, env: [%s]}]}
`, strings.Join(annotations, ", "), env)
}

// limited is an account of a ServiceAccount that may do only what the rules say in the bench's namespace.
func (b *bench) limited(rules ...rbacv1.PolicyRule) *Cluster {
	b.t.Helper()
	client, ctx := b.cluster.Client(), b.t.Context()
	name := metav1.ObjectMeta{Name: "limited", Namespace: b.namespace}
	if _, err := client.CoreV1().ServiceAccounts(b.namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: name}, metav1.CreateOptions{}); err != nil {
		b.t.Fatal(err)
	}
	if _, err := client.RbacV1().Roles(b.namespace).Create(ctx, &rbacv1.Role{ObjectMeta: name, Rules: rules}, metav1.CreateOptions{}); err != nil {
		b.t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: name,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "limited"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "limited", Namespace: b.namespace}},
	}
	if _, err := client.RbacV1().RoleBindings(b.namespace).Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		b.t.Fatal(err)
	}
	token, err := client.CoreV1().ServiceAccounts(b.namespace).CreateToken(ctx, "limited", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	config := b.cluster.Config()
	return connectTo(b.t, Settings{KubeconfigContents: fmt.Sprintf(`
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: %q}}]
contexts: [{name: c, context: {cluster: c, user: u, namespace: %q}}]
`, config.Host, token.Status.Token, b.namespace)})
}

// eventually repeats a check until it passes.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within a minute", what)
		case <-tick.C:
		}
	}
}
