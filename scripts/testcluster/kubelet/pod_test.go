package kubelet

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestNext follows one Pod through its states; each step sees what the step
// before it reported.
func TestNext(t *testing.T) {
	controller := true
	tests := []struct {
		name        string
		annotations map[string]string
		policy      corev1.RestartPolicy
		ofJob       bool
		steps       []step
	}{
		{
			name: "serves at once",
			steps: []step{
				{want: "Running ready"},
			},
		},
		{
			name:        "is ready later",
			annotations: map[string]string{readyAfterAnnotation: "3s"},
			steps: []step{
				{want: "Running unready", again: 3 * time.Second},
				{at: time.Second, want: "Running unready", again: 2 * time.Second},
				{at: 3 * time.Second, want: "Running ready"},
			},
		},
		{
			name: "waits for its image",
			steps: []step{
				{refused: true, want: "Pending unready ImagePullBackOff", again: pullRetry},
				{at: pullRetry, want: "Running ready"},
			},
		},
		{
			name:        "crashes again and again, not faster than it should",
			annotations: map[string]string{outcomeAnnotation: "crash"},
			steps: []step{
				{want: "Running unready CrashLoopBackOff", restarts: 1, again: crashLoop},
				{at: time.Second, want: "Running unready CrashLoopBackOff", restarts: 1, again: time.Second},
				{at: 2 * time.Second, want: "Running unready CrashLoopBackOff", restarts: 2, again: crashLoop},
			},
		},
		{
			name:  "of a Job ends well",
			ofJob: true, policy: corev1.RestartPolicyNever,
			steps: []step{
				{want: "Running unready", again: jobRuntime},
				{at: jobRuntime, want: "Succeeded unready"},
			},
		},
		{
			name:        "of a Job fails",
			annotations: map[string]string{outcomeAnnotation: "exit-3"},
			ofJob:       true, policy: corev1.RestartPolicyNever,
			steps: []step{
				{at: jobRuntime, want: "Running unready", again: jobRuntime},
				{at: 2 * jobRuntime, want: "Failed unready", exitCode: 3},
			},
		},
		{
			name:        "is restarted on failure",
			annotations: map[string]string{outcomeAnnotation: "exit-3"},
			policy:      corev1.RestartPolicyOnFailure,
			steps: []step{
				{want: "Running unready CrashLoopBackOff", restarts: 1, again: crashLoop},
			},
		},
		{
			name:        "has an outcome that nobody knows",
			annotations: map[string]string{outcomeAnnotation: "exit-256"},
			steps: []step{
				{want: "Pending unready CreateContainerConfigError"},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Annotations: test.annotations},
				Spec: corev1.PodSpec{
					RestartPolicy: test.policy,
					Containers:    []corev1.Container{{Name: "app", Image: "example.com/app:1"}},
				},
			}
			if test.ofJob {
				pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Controller: &controller}}
			}
			follow(t, pod, test.steps)
		})
	}
}

// step is one look at a Pod.
type step struct {
	at       time.Duration // since the first
	refused  bool          // its image cannot be pulled
	want     string        // phase, readiness, and why its container waits
	restarts int32
	exitCode int32
	again    time.Duration
}

func follow(t *testing.T, pod *corev1.Pod, steps []step) {
	t.Helper()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var started time.Time
	for i, s := range steps {
		o := observation{now: begin.Add(s.at), started: started, podIP: "10.244.0.1", hostIP: hostIP}
		if s.refused {
			o.pulls = map[string]pulled{"example.com/app:1": {err: errors.New("not found")}}
		}
		status, again := next(pod, o)
		pod.Status = status
		if status.Phase == corev1.PodRunning && started.IsZero() {
			started = o.now
		}
		c := status.ContainerStatuses[0]
		if got := describe(status); got != s.want || again != s.again || c.RestartCount != s.restarts {
			t.Errorf("step %d: %s, %d restarts, again in %s; want %s, %d, %s", i, got, c.RestartCount, again, s.want, s.restarts, s.again)
		}
		if end := c.State.Terminated; end != nil && end.ExitCode != s.exitCode {
			t.Errorf("step %d: exit code %d, want %d", i, end.ExitCode, s.exitCode)
		}
	}
}

func describe(s corev1.PodStatus) string {
	words := []string{string(s.Phase), "unready"}
	for _, c := range s.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			words[1] = "ready"
		}
	}
	if w := s.ContainerStatuses[0].State.Waiting; w != nil {
		words = append(words, w.Reason)
	}
	return strings.Join(words, " ")
}

func TestConditionsKeepWhatOthersSet(t *testing.T) {
	scheduled := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}}
	pod.Status.Conditions = []corev1.PodCondition{scheduled}
	status, _ := next(pod, observation{now: time.Now()})
	if status.Conditions[0] != scheduled {
		t.Errorf("conditions %v: the scheduler's is gone", status.Conditions)
	}
}

func TestCut(t *testing.T) {
	tests := []struct{ text, tail, limit, want string }{
		{"", "5", "", ""},
		{"one\ntwo", "", "", "one\ntwo\n"},
		{"one\ntwo\n", "1", "", "two\n"},
		{"one\ntwo\n", "0", "", ""},
		{"one\ntwo\n", "9", "5", "one\nt"},
		{"one\n", "x", "-1", "one\n"},
	}
	for _, test := range tests {
		if got := cut(test.text, test.tail, test.limit); got != test.want {
			t.Errorf("cut(%q, %q, %q) = %q, want %q", test.text, test.tail, test.limit, got, test.want)
		}
	}
}
