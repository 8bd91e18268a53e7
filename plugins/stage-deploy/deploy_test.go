package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gennaker/gennaker/plugins/internal/kubetest"
	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// The sample application from the first deploy to the third: created, found as it is, rolled out anew.
func TestSampleApplication(t *testing.T) {
	b := newBench(t)
	image := b.cluster.Push(t, "shipitclicker", "0.5.4-42")
	first := b.deploy(b.chart(image), nil)

	const name = "shipit-staging-shipitclicker"
	want := []string{
		"serviceAccount " + name, "secret shipit-staging-secrets-v000", "configMap shipit-staging-configmap-v000",
		"service " + name, "ingress " + name, "deployment " + name,
	}
	if got := b.written(); !slices.Equal(got, want) {
		t.Fatalf("in the cluster: %q, want %q", got, want)
	}
	names := first.Outputs["outputs.manifestNamesByNamespace"]
	if got, wanted := jsonOf(t, names), jsonOf(t, map[string]any{b.namespace: want}); got != wanted {
		t.Errorf("outputs.manifestNamesByNamespace %s, want %s", got, wanted)
	}
	deployments := b.cluster.Client().AppsV1().Deployments(b.namespace)
	before, err := deployments.Get(t.Context(), name, metav1.GetOptions{})
	b.must(err)
	container := before.Spec.Template.Spec.Containers[0]
	if container.Image != image || len(container.Env) != 9 {
		t.Errorf("image %s with %d variables, want %s with 9", container.Image, len(container.Env), image)
	}
	for _, env := range container.Env {
		from := env.ValueFrom
		if from.SecretKeyRef != nil && from.SecretKeyRef.Name != "shipit-staging-secrets-v000" ||
			from.ConfigMapKeyRef != nil && from.ConfigMapKeyRef.Name != "shipit-staging-configmap-v000" {
			t.Errorf("%s is not bound: %v", env.Name, from)
		}
	}
	if before.Status.ReadyReplicas != 1 {
		t.Errorf("%d ready replicas at the end", before.Status.ReadyReplicas)
	}

	logged := len(b.host.Logs())
	b.deploy(b.chart(image), nil)
	unchanged := 0
	for _, line := range b.host.Logs()[logged:] {
		if strings.HasSuffix(line.Text, " in namespace "+b.namespace+": unchanged") {
			unchanged++
		}
	}
	if unchanged != len(want) {
		t.Errorf("the second deploy logs %d objects as unchanged, want %d", unchanged, len(want))
	}
	again, err := deployments.Get(t.Context(), name, metav1.GetOptions{})
	b.must(err)
	if got := b.written(); !slices.Equal(got, want) || again.Generation != before.Generation {
		t.Errorf("the second deploy changed something: %q, generation %d", got, again.Generation)
	}

	newer := b.cluster.Push(t, "shipitclicker", "0.5.4-43")
	b.deploy(b.chart(newer), nil)
	after, err := deployments.Get(t.Context(), name, metav1.GetOptions{})
	b.must(err)
	if got := after.Spec.Template.Spec.Containers[0].Image; got != newer || after.Status.ReadyReplicas != 1 || after.Status.UpdatedReplicas != 1 {
		t.Errorf("image %s, %d ready, %d updated", got, after.Status.ReadyReplicas, after.Status.UpdatedReplicas)
	}
	if got := b.written(); !slices.Equal(got, want) {
		t.Errorf("the third deploy left %q", got)
	}
}

func TestOutputs(t *testing.T) {
	b := newBench(t)
	text := fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: key}
stringData: {password: hunter2}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: %q, envFrom: [{secretRef: {name: key}}]}]}
`, kubetest.PauseImage)
	req := b.request(text, map[string]any{"requiredArtifacts": []any{map[string]any{"artifact": map[string]any{
		"type": "docker/image", "name": "registry.k8s.io/pause", "reference": kubetest.PauseImage,
	}}}})
	last := b.run(req)
	if last.Status != sdk.Succeeded {
		t.Fatal(last.Message, last.Errors)
	}
	all := jsonOf(t, last.Outputs)
	if strings.Contains(all, "hunter2") || strings.Contains(all, "aHVudGVyMg") {
		t.Errorf("the outputs tell the secret: %s", all)
	}
	created := fmt.Sprintf(`[{"type":"kubernetes/secret","customKind":false,"name":"key","version":"v000","location":%[1]q,"reference":"key-v000","metadata":{"account":"staging"}},`+
		`{"type":"kubernetes/pod","customKind":false,"name":"p","version":"v000","location":%[1]q,"reference":"p-v000","metadata":{"account":"staging"}}]`, b.namespace)
	if got := jsonOf(t, last.Artifacts); got != created {
		t.Errorf("artifacts %s, want %s", got, created)
	}
	bound, ok := last.Outputs["outputs.boundArtifacts"].([]any)
	if !ok || len(bound) != 2 {
		t.Errorf("outputs.boundArtifacts %v, want the image and the secret", last.Outputs["outputs.boundArtifacts"])
	}
	var tasks []string
	for _, task := range last.Tasks {
		tasks = append(tasks, task.Name+" "+string(task.Status))
	}
	want := "resolveDeploySourceManifest SUCCEEDED deployManifest SUCCEEDED monitorDeploy SUCCEEDED promoteOutputs SUCCEEDED " +
		"waitForManifestToStabilize SUCCEEDED cleanupArtifacts SUCCEEDED bindProducedArtifacts SUCCEEDED"
	if got := strings.Join(tasks, " "); got != want {
		t.Errorf("tasks %s", got)
	}
}

// Rollouts that fail say what the container said, long before the progress deadline or the time-out.
func TestFailingRollouts(t *testing.T) {
	for name, test := range map[string]struct {
		manifest func(b *bench) string
		more     map[string]any
		want     []string
	}{
		"image cannot be pulled": {
			func(b *bench) string { return web(b.cluster.MissingImage(), "", "") }, nil,
			[]string{"'deployment web' in '", "' for account staging: container main of pod web-", "/no/such/image:1"},
		},
		"crash loop": {
			func(*bench) string {
				return web(kubetest.PauseImage, kubetest.OutcomeAnnotation+`: crash, `+kubetest.LogAnnotation+`: "connecting\nno database\n"`, "")
			},
			map[string]any{"podFailureRestarts": 1},
			[]string{"crashed with exit code 1", "the last lines of its log: connecting | no database"},
		},
		"never ready": {
			func(*bench) string { return web(kubetest.PauseImage, kubetest.OutcomeAnnotation+`: notready`, "") }, nil,
			[]string{"Deployment exceeded its progress deadline"},
		},
		"never ready, time-out": {
			func(*bench) string {
				return strings.Replace(web(kubetest.PauseImage, kubetest.OutcomeAnnotation+`: notready`, ""), "progressDeadlineSeconds: 3", "", 1)
			},
			map[string]any{"stableManifestTimeoutMinutes": "0.02"},
			[]string{"not stable after 1.2s: 'deployment web' in '", "waiting for manifest to stabilize: Waiting for all replicas to be "},
		},
		"fits on no node": {
			func(*bench) string { return web(kubetest.PauseImage, "", ", resources: {requests: {cpu: 1000}}") }, nil,
			[]string{"exceeded its progress deadline: pod web-", "nodes are available"},
		},
		"pods are forbidden": {
			func(b *bench) string {
				label := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
				_, err := b.cluster.Client().CoreV1().Namespaces().Patch(b.t.Context(), b.namespace, types.MergePatchType, label, metav1.PatchOptions{})
				b.must(err)
				return web(kubetest.PauseImage, "", "")
			}, nil,
			[]string{"its Pods cannot be created: pods \"web-", "violates PodSecurity"},
		},
		"job": {
			func(*bench) string {
				return fmt.Sprintf(`{apiVersion: batch/v1, kind: Job, metadata: {name: migrate}, spec: {backoffLimit: 0, template: {metadata: {annotations: {%s: exit-3}}, spec: {restartPolicy: Never, containers: [{name: main, image: %q}]}}}}`,
					kubetest.OutcomeAnnotation, kubetest.PauseImage)
			}, nil,
			[]string{"'job migrate' in '", "Job has reached the specified backoff limit", "container main of pod migrate-", "ended with exit code 3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.cluster.NeedStandIn(t)
			started := time.Now()
			step := b.fail(test.manifest(b), test.more, test.want...)
			if took := time.Since(started); took > 30*time.Second {
				t.Errorf("it took %s to fail", took)
			}
			if step.Context["failedManifests"] == nil && !strings.HasPrefix(step.Message, "not stable after") {
				t.Errorf("context %v names no failed manifest", step.Context)
			}
		})
	}
}

// A removed API is found before the first write: nothing of the set is written, and the text says what to do. With
// removedApis: convert, of the stage or the account, the same set is deployed.
func TestRemovedAPI(t *testing.T) {
	b := newBench(t)
	text := strings.NewReplacer(
		"networking.k8s.io/v1\n", "networking.k8s.io/v1beta1\n",
		"            pathType: ImplementationSpecific\n            backend:\n              service:\n                name: shipit-staging-shipitclicker\n                port:\n                  name: http",
		"            backend:\n              serviceName: shipit-staging-shipitclicker\n              servicePort: http",
	).Replace(b.chart(kubetest.PauseImage))
	if !strings.Contains(text, "servicePort") || !strings.Contains(text, "v1beta1") {
		t.Fatal("the sample's Ingress has another form than this test expects")
	}
	b.fail(text, nil, "Nothing was deployed", "kind Ingress of networking.k8s.io/v1beta1, which was last served by Kubernetes 1.21; use networking.k8s.io/v1", "removedApis: convert")
	if got := b.written(); len(got) != 0 {
		t.Errorf("written in spite of the finding: %q", got)
	}
	step := b.deploy(text, map[string]any{"removedApis": "convert"})
	if !strings.Contains(strings.Join(step.Warnings, "\n"), "rewritten from networking.k8s.io/v1beta1 to networking.k8s.io/v1") {
		t.Errorf("warnings %q", step.Warnings)
	}
	ingress, err := b.cluster.Client().NetworkingV1().Ingresses(b.namespace).Get(t.Context(), "shipit-staging-shipitclicker", metav1.GetOptions{})
	b.must(err)
	if backend := ingress.Spec.Rules[0].HTTP.Paths[0].Backend; backend.Service == nil || backend.Service.Port.Name != "http" {
		t.Errorf("backend %v", backend)
	}
	b.account("converting", map[string]any{"removedApis": "convert"})
	b.deploy(text, map[string]any{"account": "converting"})
}

// Everything that is wrong is told at once, and nothing is written.
func TestPreflightTellsEverything(t *testing.T) {
	b := newBench(t)
	b.host.Images["registry.example/shop:7"] = sdk.Image{Known: true, Detail: "repository shop has no tag 7"}
	b.account("limited", map[string]any{"namespaces": []any{b.namespace}})
	text := `
apiVersion: v1
kind: ConfigMap
metadata: {name: fine}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {prots: []}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: kube-system}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
---
` + web("registry.example/shop:7", "", "")
	step := b.fail(text, map[string]any{"account": "limited", "requiredArtifacts": []any{map[string]any{"type": "docker/image", "name": "registry.example/other", "reference": "registry.example/other:1"}}},
		"Nothing was deployed. Checked before the first write:",
		`service s (manifests[1]): Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.prots"`,
		`account "limited": namespace "kube-system" is not among the account's namespaces`,
		`Widget "w" (manifests[3]): this cluster serves no kind Widget of example.com/v1`,
		"image registry.example/shop:7 is not in the registry: repository shop has no tag 7",
		"The following required artifacts could not be bound:", "registry.example/other",
	)
	if len(step.Errors) != 5 {
		t.Errorf("%d findings, want 5:\n%s", len(step.Errors), strings.Join(step.Errors, "\n"))
	}
	if got := b.written(); len(got) != 0 {
		t.Errorf("written in spite of the findings: %q", got)
	}
}

func TestAccounts(t *testing.T) {
	b := newBench(t)
	b.host.Accounts["registry"] = sdk.Account{Name: "registry", Type: "dockerRegistry"}
	b.host.Accounts["broken"] = sdk.Account{Name: "broken", Type: "kubernetes", Settings: map[string]any{"namespaces": "x"}}
	text := web(kubetest.PauseImage, "", "")
	b.fail(text, map[string]any{"account": "nobody"}, `account "nobody"`)
	b.fail(text, map[string]any{"account": "registry"}, `account "registry" is of type "dockerRegistry", and a deploy needs one of type "kubernetes"`)
	b.fail(text, map[string]any{"account": "broken"}, `account "broken": namespaces must be []string`)
	b.fail(text, map[string]any{"account": ""}, "the stage names no account")
	b.deploy(text, map[string]any{"account": "", "credentials": "staging"})
}

// A field that leaves the manifest leaves the object.
func TestFieldRemoval(t *testing.T) {
	b := newBench(t)
	b.deploy(web(kubetest.PauseImage, "", `, env: [{name: A, value: "1"}, {name: B, value: "2"}]`), nil)
	b.deploy(web(kubetest.PauseImage, "", `, env: [{name: B, value: "2"}]`), nil)
	live, err := b.cluster.Client().AppsV1().Deployments(b.namespace).Get(t.Context(), "web", metav1.GetOptions{})
	b.must(err)
	if env := live.Spec.Template.Spec.Containers[0].Env; len(env) != 1 || env[0].Name != "B" {
		t.Errorf("env %v, want only B", env)
	}
}

// Equal content keeps its version, other content gets the next one; old ones go when the annotation says so.
func TestVersions(t *testing.T) {
	b := newBench(t)
	config := func(value, annotations string) string {
		return fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: c, annotations: {%s}}, data: {v: %q}}`, annotations, value)
	}
	for _, step := range []struct{ value, annotations, want string }{
		{"1", "", "configMap c-v000"},
		{"1", "", "configMap c-v000"},
		{"2", "", "configMap c-v000 configMap c-v001"},
		{"1", "", "configMap c-v000 configMap c-v001"},
		{"3", `strategy.spinnaker.io/max-version-history: "2"`, "configMap c-v001 configMap c-v002"},
		{"4", `strategy.spinnaker.io/max-version-history: "1"`, "configMap c-v003"},
	} {
		b.deploy(config(step.value, step.annotations), nil)
		if got := strings.Join(b.written(), " "); got != step.want {
			t.Errorf("after value %s: %s, want %s", step.value, got, step.want)
		}
	}
}

// What a deploy brings along may be used by the same deploy: a namespace, a definition, a ServiceAccount.
func TestSelfContainedSet(t *testing.T) {
	b := newBench(t)
	group := strings.ReplaceAll(b.namespace, "-", "") + ".example.com"
	text := fmt.Sprintf(`
apiVersion: %[1]s/v1
kind: Widget
metadata: {name: w, namespace: %[2]s-inner}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: %[2]s-inner}
spec: {serviceAccountName: robot, containers: [{name: c, image: %[3]q}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: %[2]s-inner}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: %[2]s-inner}
`, group, b.namespace, kubetest.PauseImage)
	b.forget("widgets." + group)
	b.deploy(text, nil)
	b.deploy(text, nil)
	pods, err := b.cluster.Client().CoreV1().Pods(b.namespace+"-inner").List(t.Context(), metav1.ListOptions{})
	b.must(err)
	if len(pods.Items) != 1 {
		t.Errorf("%d Pods, want 1", len(pods.Items))
	}
	b.must(b.cluster.Client().CoreV1().Namespaces().Delete(t.Context(), b.namespace+"-inner", metav1.DeleteOptions{}))
}

func TestRecreate(t *testing.T) {
	b := newBench(t)
	job := func(command string) string {
		return fmt.Sprintf(`{apiVersion: batch/v1, kind: Job, metadata: {name: migrate, annotations: {strategy.spinnaker.io/recreate: "true"}}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: %q, command: [%q]}]}}}}`, kubetest.PauseImage, command)
	}
	jobs := b.cluster.Client().BatchV1().Jobs(b.namespace)
	b.deploy(job("a"), nil)
	first, err := jobs.Get(t.Context(), "migrate", metav1.GetOptions{})
	b.must(err)
	b.deploy(job("b"), nil)
	second, err := jobs.Get(t.Context(), "migrate", metav1.GetOptions{})
	b.must(err)
	if first.UID == second.UID || second.Spec.Template.Spec.Containers[0].Command[0] != "b" {
		t.Error("the Job was not created anew")
	}
	b.fail(strings.Replace(job("c"), "recreate", "replace", 1), nil, "field is immutable", `annotate it with strategy.spinnaker.io/recreate: "true"`)
}

func TestSelectors(t *testing.T) {
	b := newBench(t)
	text := `
apiVersion: v1
kind: ServiceAccount
metadata: {name: a, labels: {tier: front}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: b, labels: {tier: back}}
`
	selector := func(value string) map[string]any {
		return map[string]any{"labelSelectors": map[string]any{"selectors": []any{map[string]any{"kind": "EQUALS", "key": "tier", "values": []any{value}}}}}
	}
	b.deploy(text, selector("back"))
	if got := strings.Join(b.written(), " "); got != "serviceAccount b" {
		t.Errorf("deployed %s", got)
	}
	b.fail(text, selector("none"), "nothing deployed to account staging with label selector(s) tier=none")
	none := selector("none")
	none["allowNothingSelected"] = true
	b.deploy(text, none)
	b.fail(strings.Replace(text, "{name: a,", `{name: a, annotations: {strategy.spinnaker.io/replace: "true"},`, 1), selector("front"), "label selectors not supported with replace strategy")
}

// An object of the same name that is still being deleted is waited for.
func TestTerminatingObject(t *testing.T) {
	b := newBench(t)
	configs := b.cluster.Client().CoreV1().ConfigMaps(b.namespace)
	_, err := configs.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c", Finalizers: []string{"example.com/wait"}}}, metav1.CreateOptions{})
	b.must(err)
	b.must(configs.Delete(t.Context(), "c", metav1.DeleteOptions{}))
	waited := false
	req := b.request(`{apiVersion: v1, kind: ConfigMap, metadata: {name: c, annotations: {strategy.spinnaker.io/versioned: "false"}}, data: {new: content}}`, nil)
	step := b.plugin.RunToEnd(req, func(step *plugintest.Step) {
		if strings.Contains(step.Message, "an object of this name is still being deleted") && !waited {
			waited = true
			_, err := configs.Patch(t.Context(), "c", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
			b.must(err)
		}
		pause(step)
	})
	if step.Status != sdk.Succeeded || !waited {
		t.Fatal(step.Status, step.Message, waited)
	}
	live, err := configs.Get(t.Context(), "c", metav1.GetOptions{})
	b.must(err)
	if live.Data["new"] != "content" {
		t.Errorf("data %v", live.Data)
	}
}

// Custom resources are waited for by their conditions, unless the stage says not to.
func TestCustomResourceStatus(t *testing.T) {
	b := newBench(t)
	group := strings.ReplaceAll(b.namespace, "-", "") + ".example.com"
	text := fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {status: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
---
apiVersion: %[1]s/v1
kind: Widget
metadata: {name: w}
status: {conditions: [{type: Ready, status: "False", message: no widgets left}]}
`, group)
	b.forget("widgets." + group)
	b.fail(text, map[string]any{"stableManifestTimeoutMinutes": 0.1}, "'Widget."+group+" w' in '", "waiting for manifest to stabilize: no widgets left")
	b.deploy(text, map[string]any{"ignoreCustomResourceStatus": true})
}

func TestVanishedObject(t *testing.T) {
	b := newBench(t)
	req := b.request(web(kubetest.PauseImage, kubetest.OutcomeAnnotation+": notready", ""), nil)
	step := b.plugin.RunToEnd(req, func(step *plugintest.Step) {
		if strings.Contains(step.Message, "waiting for manifest") {
			err := b.cluster.Client().AppsV1().Deployments(b.namespace).Delete(t.Context(), "web", metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		}
		pause(step)
	})
	if step.Status != sdk.Terminal || !strings.Contains(step.Message, "was deleted after it was deployed") {
		t.Fatal(step.Status, step.Message)
	}
}
