package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/gennaker/gennaker/plugins/internal/kubetest"
	"github.com/gennaker/gennaker/plugins/internal/manifest"
	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// bench is an agent, a plugin and a namespace of the test cluster.
type bench struct {
	t         *testing.T
	cluster   *kubetest.Cluster
	namespace string
	host      *plugintest.Host
	plugin    *plugintest.Plugin
	deploys   int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	return benchOn(t, kubetest.Start(t))
}

func benchOn(t *testing.T, cluster *kubetest.Cluster) *bench {
	t.Helper()
	b := &bench{t: t, cluster: cluster, namespace: cluster.Namespace(t)}
	b.host = &plugintest.Host{Accounts: map[string]sdk.Account{}, Images: map[string]sdk.Image{}}
	b.account("staging", nil)
	b.plugin = plugintest.Start(t, newPlugin(), b.host)
	return b
}

// account gives the stage an account of the test cluster.
func (b *bench) account(name string, settings map[string]any) {
	all := map[string]any{"kubeconfigFile": b.cluster.Kubeconfig(), "defaultNamespace": b.namespace}
	maps.Copy(all, settings)
	b.host.Accounts[name] = sdk.Account{Name: name, Type: "kubernetes", Settings: all}
}

// request is a deploy of a manifest; more are fields of the stage, or override them.
func (b *bench) request(text string, more map[string]any) sdk.Request {
	b.t.Helper()
	docs, _, err := manifest.Parse([]byte(text))
	if err != nil {
		b.t.Fatal(err)
	}
	var manifests []any
	for _, doc := range docs {
		manifests = append(manifests, doc.Value)
	}
	config := sdk.Config{
		"type": "deployManifest", "account": "staging", "cloudProvider": "kubernetes", "source": "text",
		"manifests": manifests, "moniker": map[string]any{"app": "shop"}, "podFailureGraceSeconds": 1,
	}
	maps.Copy(config, more)
	b.deploys++
	return sdk.Request{Application: "shop", ExecutionID: fmt.Sprintf("01EXECUTION%d", b.deploys), Config: config}
}

// run performs a deploy to its end and returns the last step, with the outputs and artifacts of all.
func (b *bench) run(req sdk.Request) *plugintest.Step {
	b.t.Helper()
	outputs := make(map[string]any)
	var artifacts []sdk.Artifact
	last := b.plugin.RunToEnd(req, func(step *plugintest.Step) {
		maps.Copy(outputs, step.Outputs)
		artifacts = append(artifacts, step.Artifacts...)
		pause(step)
	})
	maps.Copy(outputs, last.Outputs)
	last.Outputs, last.Artifacts = outputs, append(artifacts, last.Artifacts...)
	return last
}

// pause waits as long as the stage asked for.
func pause(step *plugintest.Step) {
	if step.RequeueAfter > 0 {
		<-time.After(step.RequeueAfter)
	}
}

// deploy is a deploy that must succeed.
func (b *bench) deploy(text string, more map[string]any) *plugintest.Step {
	b.t.Helper()
	step := b.run(b.request(text, more))
	if step.Status != sdk.Succeeded {
		b.t.Fatalf("%s: %s\n%s", step.Status, step.Message, strings.Join(step.Errors, "\n"))
	}
	return step
}

// fail is a deploy that must fail; what it says must contain all of the texts.
func (b *bench) fail(text string, more map[string]any, want ...string) *plugintest.Step {
	b.t.Helper()
	step := b.run(b.request(text, more))
	said := step.Message + "\n" + strings.Join(step.Errors, "\n")
	if step.Status != sdk.Terminal {
		b.t.Fatalf("%s, want TERMINAL: %s", step.Status, said)
	}
	for _, w := range want {
		if !strings.Contains(said, w) {
			b.t.Errorf("the failure does not say %q:\n%s", w, said)
		}
	}
	return step
}

// written lists the objects of the kinds that tests deploy, as "kind name", without what the cluster makes by itself.
func (b *bench) written() []string {
	b.t.Helper()
	client, ctx := b.cluster.Client(), b.t.Context()
	var found []string
	add := func(kind, name string) {
		if name != "default" && name != "kube-root-ca.crt" {
			found = append(found, kind+" "+name)
		}
	}
	list := metav1.ListOptions{}
	accounts, err := client.CoreV1().ServiceAccounts(b.namespace).List(ctx, list)
	b.must(err)
	for _, o := range accounts.Items {
		add("serviceAccount", o.Name)
	}
	secrets, err := client.CoreV1().Secrets(b.namespace).List(ctx, list)
	b.must(err)
	for _, o := range secrets.Items {
		add("secret", o.Name)
	}
	configs, err := client.CoreV1().ConfigMaps(b.namespace).List(ctx, list)
	b.must(err)
	for _, o := range configs.Items {
		add("configMap", o.Name)
	}
	services, err := client.CoreV1().Services(b.namespace).List(ctx, list)
	b.must(err)
	for _, o := range services.Items {
		add("service", o.Name)
	}
	ingresses, err := client.NetworkingV1().Ingresses(b.namespace).List(ctx, list)
	b.must(err)
	for _, o := range ingresses.Items {
		add("ingress", o.Name)
	}
	deployments, err := client.AppsV1().Deployments(b.namespace).List(ctx, list)
	b.must(err)
	for _, o := range deployments.Items {
		add("deployment", o.Name)
	}
	jobs, err := client.BatchV1().Jobs(b.namespace).List(ctx, list)
	b.must(err)
	for _, o := range jobs.Items {
		add("job", o.Name)
	}
	return found
}

// forget deletes a CustomResourceDefinition when the test ends.
func (b *bench) forget(definition string) {
	b.t.Helper()
	client, err := dynamic.NewForConfig(b.cluster.Config())
	b.must(err)
	b.t.Cleanup(func() {
		definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
		if err := client.Resource(definitions).Delete(context.WithoutCancel(b.t.Context()), definition, metav1.DeleteOptions{}); err != nil {
			b.t.Error(err)
		}
	})
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// chart is the sample application as it is baked, with the test's namespace and image.
func (b *bench) chart(image string) string {
	b.t.Helper()
	text, err := os.ReadFile("testdata/shipitclicker.yaml")
	b.must(err)
	return strings.NewReplacer("namespace: default", "namespace: "+b.namespace, "registry.example/shipitclicker:0.5.4-42", image).Replace(string(text))
}

// web is a Deployment with one Pod.
func web(image, podAnnotations, more string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  progressDeadlineSeconds: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {%s}}
    spec: {containers: [{name: main, image: %q%s}]}
`, podAnnotations, image, more)
}

// jsonOf is a value as JSON, for comparing.
func jsonOf(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
