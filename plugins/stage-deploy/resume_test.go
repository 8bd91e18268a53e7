package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gennaker/gennaker/plugins/internal/kubetest"
	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// everyStrategy is a set in which every way of applying occurs.
func everyStrategy() string {
	return fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {a: b}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {a: b}
---
apiVersion: v1
kind: Service
metadata: {name: replaced, annotations: {strategy.spinnaker.io/replace: "true"}}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: server-side, annotations: {strategy.spinnaker.io/server-side-apply: "true"}}
spec: {ports: [{port: 80}]}
---
apiVersion: batch/v1
kind: Job
metadata: {generateName: run-}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: %[1]q}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: recreated, annotations: {strategy.spinnaker.io/recreate: "true"}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: %[1]q}]}}}
---
%[2]s
`, kubetest.PauseImage, web(kubetest.PauseImage, "", ", envFrom: [{configMapRef: {name: c}}]"))
}

// asIntended checks that what is in the namespace is what one undisturbed deploy of everyStrategy makes, and returns
// the identity of what must not be made twice.
func (b *bench) asIntended() string {
	b.t.Helper()
	var written []string
	for _, name := range b.written() {
		if strings.HasPrefix(name, "job run-") {
			name = "job run-"
		}
		written = append(written, name)
	}
	want := []string{"secret s-v000", "configMap c-v000", "service replaced", "service server-side", "deployment web", "job recreated", "job run-"}
	if !slices.Equal(written, want) {
		b.t.Errorf("in the cluster %q, want %q", written, want)
	}
	deployment, err := b.cluster.Client().AppsV1().Deployments(b.namespace).Get(b.t.Context(), "web", metav1.GetOptions{})
	b.must(err)
	sets, err := b.cluster.Client().AppsV1().ReplicaSets(b.namespace).List(b.t.Context(), metav1.ListOptions{})
	b.must(err)
	if deployment.Generation != 1 || len(sets.Items) != 1 {
		b.t.Errorf("the Deployment was changed (generation %d, %d ReplicaSets)", deployment.Generation, len(sets.Items))
	}
	job, err := b.cluster.Client().BatchV1().Jobs(b.namespace).Get(b.t.Context(), "recreated", metav1.GetOptions{})
	b.must(err)
	return string(job.UID)
}

// Every step is performed twice with the same state, as after a lost answer.
func TestEveryStepTwice(t *testing.T) {
	b := newBench(t)
	req := b.request(everyStrategy(), nil)
	req.Step = 1
	var created string
	for {
		lost, err := b.plugin.Run(t.Context(), req)
		b.must(err)
		if phaseOf(t, lost) == phasePromote {
			created = b.asIntended()
		}
		step, err := b.plugin.Run(t.Context(), req)
		b.must(err)
		if step.Status == sdk.Succeeded {
			break
		}
		if step.Status != sdk.Running {
			t.Fatal(step.Status, step.Message, step.Errors)
		}
		pause(step)
		req.State = step.State
		req.Step++
	}
	if again := b.asIntended(); again != created {
		t.Error("the Job was created twice by one deploy")
	}
}

func phaseOf(t *testing.T, step *plugintest.Step) phase {
	t.Helper()
	var s state
	if len(step.State) > 0 {
		if err := json.Unmarshal(step.State, &s); err != nil {
			t.Fatal(err)
		}
	}
	return s.Phase
}

// The executable is killed at random moments of its steps, and started again each time.
func TestKilledExecutable(t *testing.T) {
	b := newBench(t)
	path := plugintest.Build(t, ".")
	req := b.request(everyStrategy(), nil)
	req.Step = 1
	kills := 0
	for round := 0; ; round++ {
		if round == 100 {
			t.Fatalf("still not done after %d processes", round)
		}
		var last *plugintest.Step
		t.Run(fmt.Sprintf("process %d", round), func(t *testing.T) {
			plugin := plugintest.Launch(t, path, nil, b.host)
			end := time.After(time.Duration(rand.Int64N(int64(120 * time.Millisecond))))
			for {
				answer := make(chan *plugintest.Step, 1)
				request := req
				go func() {
					step, err := plugin.Run(context.WithoutCancel(t.Context()), request)
					if err != nil {
						step = nil // killed
					}
					answer <- step
				}()
				select {
				case <-end:
					t.Cleanup(func() { <-answer }) // after the kill, which an earlier clean-up is
					kills++
					return
				case last = <-answer:
				}
				if last == nil || last.Status != sdk.Running {
					return
				}
				req.State, req.Step = last.State, req.Step+1
			}
		})
		if last != nil && last.Status != sdk.Running {
			if last.Status != sdk.Succeeded {
				t.Fatal(last.Status, last.Message, last.Errors)
			}
			break
		}
	}
	t.Logf("killed %d times", kills)
	if kills == 0 {
		t.Error("the process was never killed")
	}
	b.asIntended()
}

// The API server is away for ten seconds in the middle of a deploy: the stage says so and goes on when it is back.
func TestServerAway(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the API server away for ten seconds")
	}
	t.Parallel()
	b := benchOn(t, kubetest.StartDedicated(t))
	image := b.cluster.Push(t, "shipitclicker", "0.5.4-42")
	back := make(chan struct{})
	var messages []string
	step := b.plugin.RunToEnd(b.request(b.chart(image), nil), func(step *plugintest.Step) {
		if phaseOf(t, step) == phaseApply && len(messages) == 0 {
			go func() {
				defer close(back)
				b.cluster.Restart(t, 10*time.Second)
			}()
			messages = append(messages, "gone")
		}
		if strings.Contains(step.Message, "trying again") {
			messages = append(messages, step.Message)
		}
		pause(step)
	})
	<-back
	if step.Status != sdk.Succeeded {
		t.Fatal(step.Status, step.Message, step.Errors)
	}
	if len(messages) < 2 || !strings.Contains(messages[len(messages)-1], `of account "staging"`) {
		t.Errorf("messages %q", messages)
	}
	if got := b.written(); len(got) != 6 {
		t.Errorf("in the cluster %q", got)
	}
}

// An API server that stays away ends the stage when its time is over, with the reason.
func TestServerGone(t *testing.T) {
	host := &plugintest.Host{Accounts: map[string]sdk.Account{"staging": {Name: "staging", Type: "kubernetes", Settings: map[string]any{"kubeconfigContents": `
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
`}}}}
	b := &bench{t: t, host: host, plugin: plugintest.Start(t, newPlugin(), host)}
	b.fail(web("i", "", ""), map[string]any{"stableManifestTimeoutMinutes": 0.02},
		`the API server http://127.0.0.1:1 of account "staging": dial tcp 127.0.0.1:1: connect: connection refused`, "given up after")
}

// A selector may leave nothing to deploy; the stage can be canceled all the same.
func TestCancelOfNothing(t *testing.T) {
	b := newBench(t)
	req := b.request(web("nothing", "", ""), map[string]any{
		"allowNothingSelected": true,
		"labelSelectors":       map[string]any{"selectors": []any{map[string]any{"kind": "EQUALS", "key": "no", "values": []any{"such"}}}},
	})
	for at := phase(""); at != phaseApply; req.Step++ {
		step, err := b.plugin.Run(t.Context(), req)
		b.must(err)
		if step.Status != sdk.Running {
			t.Fatal(step.Status, step.Message, step.Errors)
		}
		req.State, at = step.State, phaseOf(t, step)
	}
	step, err := b.plugin.Cancel(t.Context(), req)
	b.must(err)
	if want := "canceled; there was nothing to deploy"; step.Status != sdk.Canceled || step.Message != want {
		t.Errorf("%s: %q, want %q", step.Status, step.Message, want)
	}
}

func TestCancel(t *testing.T) {
	b := newBench(t)
	req := b.request(everyStrategy(), nil)
	cancel := func(state []byte) string {
		t.Helper()
		canceled := req
		canceled.State, canceled.CancelReason = state, "enough"
		for range 2 {
			step, err := b.plugin.Cancel(t.Context(), canceled)
			b.must(err)
			if step.Status != sdk.Canceled {
				t.Fatal(step.Status, step.Message)
			}
			if state == nil || len(step.Tasks) > 0 {
				return step.Message
			}
		}
		t.Error("no tasks")
		return ""
	}
	messages := map[phase]string{"": cancel(nil)}
	req.Step = 1
	for range 6 {
		step, err := b.plugin.Run(t.Context(), req)
		b.must(err)
		messages[phaseOf(t, step)] = cancel(step.State)
		req.State = step.State
		req.Step++
	}
	for at, want := range map[phase]string{
		"":             "canceled before anything was deployed",
		phasePreflight: "canceled before anything was deployed",
		phaseApply:     "canceled; deployed by then and not rolled back: configMap c-v000",
		phasePromote:   "canceled; all 7 objects are deployed, nothing is rolled back, and their rollout goes on in the cluster",
	} {
		if got := messages[at]; !strings.HasPrefix(got, want) {
			t.Errorf("canceled in phase %q: %q, want %q", at, got, want)
		}
	}
}
