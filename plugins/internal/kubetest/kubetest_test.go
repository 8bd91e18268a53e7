package kubetest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/gennaker/gennaker/plugins/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// runPod makes a Pod and waits until it is in the wanted phase.
func runPod(t *testing.T, c *kubetest.Cluster, namespace, image string, phase corev1.PodPhase) *corev1.Pod {
	t.Helper()
	pod, err := c.Client().CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "pod-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		pod, err = c.Client().CoreV1().Pods(namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		return err == nil && pod.Status.Phase == phase && len(pod.Status.ContainerStatuses) > 0, nil
	})
	if err != nil {
		t.Fatalf("Pod with image %s is not %s: %v", image, phase, err)
	}
	return pod
}

func TestNamespaceIsFreshAndUsable(t *testing.T) {
	c := kubetest.Start(t)
	first, second := c.Namespace(t), c.Namespace(t)
	if first == second || !strings.HasPrefix(first, "kubetest-testnamespaceisfreshandusable-") {
		t.Errorf("namespaces %q and %q: want two, named after the test", first, second)
	}
	runPod(t, c, first, kubetest.PauseImage, corev1.PodRunning)
}

func TestImagesThatAreThereAndNot(t *testing.T) {
	c := kubetest.Start(t)
	namespace := c.Namespace(t)
	runPod(t, c, namespace, c.Push(t, "kubetest/app", "1"), corev1.PodRunning)
	pod := runPod(t, c, namespace, c.MissingImage(), corev1.PodPending)
	if w := pod.Status.ContainerStatuses[0].State.Waiting; w == nil || w.Reason != "ImagePullBackOff" {
		t.Errorf("status %+v, want ImagePullBackOff", pod.Status.ContainerStatuses)
	}
}

func TestRegistryAndECRAnswer(t *testing.T) {
	c := kubetest.Start(t)
	c.NeedStandIn(t)
	for _, url := range []string{"http://" + c.Registry() + "/v2/", c.ECR() + "/v2/", c.Admin() + "/faults"} {
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close() //nolint:errcheck // nothing in it
		if answer.StatusCode == http.StatusNotFound {
			t.Errorf("%s: %s", url, answer.Status)
		}
	}
}

func TestRestartComesBackWithItsContent(t *testing.T) {
	c := kubetest.StartDedicated(t)
	namespace := c.Namespace(t)
	image := c.Push(t, "app", "1")
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		c.Restart(t, time.Second)
	}()
	list := func(ctx context.Context) error {
		_, err := c.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		return err
	}
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return list(ctx) != nil, nil
	})
	if err != nil {
		t.Fatal("the API server never went away")
	}
	<-restarted
	if err := list(t.Context()); err != nil {
		t.Fatal(err)
	}
	runPod(t, c, namespace, image, corev1.PodRunning)
}

// TestWithoutACluster runs a test of this binary in an environment without any.
func TestWithoutACluster(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, ci string
		flags    []string
		ok       bool
		output   string
	}{
		{name: "at home it is skipped", ok: true, output: "run scripts/testcluster/build.sh"},
		{name: "in CI it fails", ci: "true", output: "run scripts/testcluster/build.sh"},
		{name: "it is skipped if short", ci: "true", flags: []string{"-test.short"}, ok: true, output: "not with -short"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"-test.run=^TestNamespaceIsFreshAndUsable$", "-test.v"}, test.flags...)
			cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
			cmd.Env = append(os.Environ(), kubetest.KubeconfigVariable+"=", kubetest.DirVariable+"=",
				"XDG_CACHE_HOME="+t.TempDir(), "CI="+test.ci)
			out, err := cmd.CombinedOutput()
			if (err == nil) != test.ok || !strings.Contains(string(out), test.output) {
				t.Errorf("%v: %s\nwant success %t and %q", err, out, test.ok, test.output)
			}
		})
	}
}

// TestClusterEndsWithItsTests kills a test binary and looks for its cluster.
func TestClusterEndsWithItsTests(t *testing.T) {
	kubetest.Start(t).NeedStandIn(t) // so there is a binary to start
	temp := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperHangs$")
	cmd.Env = append(os.Environ(), kubetest.KubeconfigVariable+"=", kubetest.DirVariable+"=", "TMPDIR="+temp, "KUBETEST_HANG=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := clusterPID(t, temp)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return syscall.Kill(pid, 0) != nil, nil
	})
	if err != nil {
		t.Errorf("the cluster's process %d still runs", pid)
	}
}

// TestHelperHangs is what TestClusterEndsWithItsTests kills.
func TestHelperHangs(t *testing.T) {
	if os.Getenv("KUBETEST_HANG") == "" {
		return
	}
	<-t.Context().Done()
}

// clusterPID waits for the cluster that keeps its state below temp.
func clusterPID(t *testing.T, temp string) int {
	t.Helper()
	var at struct{ PID int }
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		found, err := filepath.Glob(filepath.Join(temp, "kubetest*", "endpoints.json"))
		if err != nil || len(found) == 0 {
			return false, err
		}
		text, err := os.ReadFile(found[0])
		if err != nil {
			return false, err
		}
		return true, json.Unmarshal(text, &at)
	})
	if err != nil {
		t.Fatalf("no cluster below %s: %v", temp, err)
	}
	return at.PID
}
