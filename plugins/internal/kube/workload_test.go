package kube

import (
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gennaker/gennaker/plugins/internal/kubetest"
	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// workload is a manifest of a kind with one container; annotations are the Pod template's.
func workload(kind, name, image, annotations string) string {
	head := map[string]string{
		"Deployment":  "apiVersion: apps/v1\nkind: Deployment",
		"ReplicaSet":  "apiVersion: apps/v1\nkind: ReplicaSet",
		"StatefulSet": "apiVersion: apps/v1\nkind: StatefulSet",
		"DaemonSet":   "apiVersion: apps/v1\nkind: DaemonSet",
		"Job":         "apiVersion: batch/v1\nkind: Job",
	}[kind]
	selector, extra := fmt.Sprintf("selector: {matchLabels: {app: %s}}", name), ""
	if kind == "Job" {
		selector, extra = "backoffLimit: 0", "restartPolicy: Never, "
	}
	return fmt.Sprintf(`
%s
metadata: {name: %s, annotations: {strategy.spinnaker.io/versioned: "false"}}
spec:
  %s
  template:
    metadata: {labels: {app: %s}, annotations: {%s}}
    spec: {%scontainers: [{name: main, image: %q}]}
`, head, name, selector, name, annotations, extra, image)
}

func TestRollouts(t *testing.T) {
	b := newBench(t)
	for _, kind := range []string{"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"} {
		t.Run(kind, func(t *testing.T) {
			item := b.item(workload(kind, strings.ToLower(kind), kubetest.PauseImage, ""))
			if _, err := b.Apply(t.Context(), item); err != nil {
				t.Fatal(err)
			}
			b.await(item, func(s Status, _ []Problem) bool { return s.Stable && !s.Failed })
		})
	}
}

// await repeats looking at an object until it is as wanted.
func (b *bench) await(item manifest.Item, want func(Status, []Problem) bool) {
	b.t.Helper()
	eventually(b.t, item.Ref.String(), func() bool {
		live, err := b.Get(b.t.Context(), item.Object)
		if err != nil || live == nil {
			b.t.Fatalf("%s: %v", item.Ref, err)
		}
		status := b.StatusOf(live)
		problems, err := b.Problems(b.t.Context(), live, 2)
		if err != nil {
			b.t.Fatal(err)
		}
		return want(status, problems)
	})
}

// What keeps the newest Pods from running is found, of each kind of workload; the old Pods of a rollout do not count.
func TestProblemsOfWorkloads(t *testing.T) {
	b := newBench(t)
	b.cluster.NeedStandIn(t)
	for _, kind := range []string{"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"} {
		t.Run(kind, func(t *testing.T) {
			name := strings.ToLower(kind)
			if _, err := b.Apply(t.Context(), b.item(workload(kind, name, kubetest.PauseImage, ""))); err != nil {
				t.Fatal(err)
			}
			missing := b.cluster.MissingImage()
			item := b.item(workload(kind, name+"-bad", missing, ""))
			if _, err := b.Apply(t.Context(), item); err != nil {
				t.Fatal(err)
			}
			b.await(item, func(_ Status, problems []Problem) bool {
				return len(problems) == 1 && problems[0].Severity == Lingering && strings.Contains(problems[0].Message, missing)
			})
		})
	}
}

func TestProblemsAreOfTheNewestPods(t *testing.T) {
	b := newBench(t)
	b.cluster.NeedStandIn(t)
	crashing := b.item(workload("Deployment", "web", kubetest.PauseImage, kubetest.OutcomeAnnotation+`: crash, `+kubetest.LogAnnotation+`: "no database\n"`))
	if _, err := b.Apply(t.Context(), crashing); err != nil {
		t.Fatal(err)
	}
	var crash Problem
	b.await(crashing, func(_ Status, problems []Problem) bool {
		if len(problems) == 0 || problems[0].Severity != Final {
			return false
		}
		crash = problems[0]
		return true
	})
	if !strings.Contains(crash.Message, "crashed with exit code 1") {
		t.Errorf("message %q", crash.Message)
	}
	lines, err := b.LastLines(t.Context(), b.namespace, crash)
	if err != nil || len(lines) != 1 || lines[0] != "no database" {
		t.Errorf("last lines %q, %v", lines, err)
	}
	healthy := b.item(workload("Deployment", "web", kubetest.PauseImage, ""))
	if _, err := b.Apply(t.Context(), healthy); err != nil {
		t.Fatal(err)
	}
	b.await(healthy, func(s Status, _ []Problem) bool { return s.Stable })
}

func TestFailedPodAndJob(t *testing.T) {
	b := newBench(t)
	b.cluster.NeedStandIn(t)
	job := b.item(workload("Job", "migrate", kubetest.PauseImage, kubetest.OutcomeAnnotation+": exit-3"))
	if _, err := b.Apply(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	b.await(job, func(s Status, problems []Problem) bool {
		return s.Failed && len(problems) == 1 && strings.Contains(problems[0].Message, "ended with exit code 3")
	})
}

// Old versions go, except what a Pod template or an older ReplicaSet still uses.
func TestDeleteSurplus(t *testing.T) {
	b := newBench(t)
	deploy := func(value string) *manifest.Set {
		t.Helper()
		set := b.items(fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: used}
data: {k: %[1]q}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: idle}
data: {k: %[1]q}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  revisionHistoryLimit: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: i, envFrom: [{configMapRef: {name: used}}]}]}
`, value))
		for _, item := range set.Items {
			if _, err := b.Apply(t.Context(), item); err != nil {
				t.Fatal(err)
			}
		}
		web := set.Items[2]
		eventually(t, "revision history", func() bool { // of the deployment controller
			live, err := b.Get(t.Context(), web.Object)
			return err == nil && fields{live.Object}.observed() && replicaSets(t, b) <= 2 && live.GetAnnotations()[annotationRevision] == fmt.Sprint(value[0]-'a'+1)
		})
		return set
	}
	var set *manifest.Set
	for _, value := range []string{"a", "b", "c", "d"} {
		set = deploy(value)
	}
	unable := b.limited(rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "delete"}})
	result, err := unable.DeleteSurplus(t.Context(), set.Items[1], 1)
	if err != nil || len(result.Kept) != 3 || !strings.Contains(result.Why, "it cannot be told whether they are in use") {
		t.Errorf("an account that may not look: %+v, %v", result, err)
	}
	for i, want := range []string{
		"deleted [used-v000 used-v001] kept [used-v002]",
		"deleted [idle-v000 idle-v001 idle-v002] kept []",
	} {
		result, err := b.DeleteSurplus(t.Context(), set.Items[i], 1)
		if got := fmt.Sprintf("deleted %v kept %v", result.Deleted, result.Kept); err != nil || got != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}

func replicaSets(t *testing.T, b *bench) int {
	t.Helper()
	sets, err := b.list(t.Context(), replicaSetKind, b.namespace, "")
	if err != nil {
		t.Fatal(err)
	}
	return len(sets)
}

func TestLive(t *testing.T) {
	b := newBench(t)
	b.apply(strings.Replace(deployment(""), "replicas: 0", "replicas: 2", 1), Created)
	set := b.items(deployment("", `strategy.spinnaker.io/use-source-capacity: "true"`))
	if replicas, _, err := unstructured.NestedInt64(set.Items[0].Object.Object, "spec", "replicas"); err != nil || replicas != 2 {
		t.Errorf("replicas %d, %v; want the live object's 2", replicas, err)
	}
	config := func(v string) string {
		return fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {v: %q}}`, v)
	}
	for _, step := range []struct {
		value, want string
		action      Action
	}{{"1", "c-v000", Created}, {"1", "c-v000", Unchanged}, {"2", "c-v001", Created}, {"1", "c-v000", Unchanged}} {
		if got := b.apply(config(step.value), step.action).After.GetName(); got != step.want {
			t.Errorf("value %s is %s, want %s", step.value, got, step.want)
		}
	}
}
