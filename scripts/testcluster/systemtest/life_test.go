package systemtest

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gennaker/gennaker/scripts/testcluster/serving"
)

// TestKilledClusterGoesOn kills the whole process and starts it again in the
// same folder and at the same ports: clients need no new credentials, what ran
// still runs, images are still there, and new rollouts work.
func TestKilledClusterGoesOn(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	before := connect(t, launch(t, "testcluster", dir))
	ns := before.namespace(t)
	first, _ := before.push(t, "web:1")
	second, _ := before.push(t, "web:2")
	before.deploy(t, ns, 2, template(first, nil))
	before.run(t, "wait", "--for=deployment/web", "-n", ns)
	ran := before.pods(t.Context(), t, ns)[0]
	before.kill()
	if _, err := before.client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Fatal("the API server answers after it was killed")
	}

	after := connect(t, launch(t, "testcluster", dir,
		"--port", port(t, before.at.APIServer),
		"--registry-port", port(t, "http://"+before.at.Registry),
		"--ecr-port", port(t, before.at.ECR)))
	runs, err := before.client.CoreV1().Pods(ns).Get(t.Context(), ran.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatalf("with the client from before: %v", err)
	}
	if runs.UID != ran.UID || runs.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Error("the Pod was started again")
	}
	after.setImage(t, ns, second)
	after.run(t, "wait", "--for=deployment/web", "-n", ns)
}

// TestRegistryIsThereFirst: images can be pushed as soon as there are endpoints.
func TestRegistryIsThereFirst(t *testing.T) {
	t.Parallel()
	p := launch(t, "testcluster", tempDir(t))
	var at serving.Endpoints
	eventually(t, func(context.Context) string {
		var err error
		at, err = serving.ReadEndpoints(p.dir)
		return errText(err)
	})
	answer, err := http.Get("http://" + at.Registry + "/v2/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing in it
	if answer.StatusCode != http.StatusOK {
		t.Errorf("registry: %s", answer.Status)
	}
	if _, err := os.Stat(at.Kubeconfig); err == nil {
		t.Log("the cluster was usable already: this run proves nothing")
	}
}

// TestRegistryAlone: a registry that was started alone is used by a cluster
// that comes later.
func TestRegistryAlone(t *testing.T) {
	t.Parallel()
	alone := launch(t, "testregistry", tempDir(t))
	images := alone.waitReady(t)
	c := connect(t, launch(t, "testcluster", tempDir(t), "--images", alone.dir))
	if c.at.Registry != images.Registry || c.at.ECR != images.ECR {
		t.Errorf("the cluster uses %s, want %s", c.at, images)
	}
	ns := c.namespace(t)
	c.deploy(t, ns, 1, template(images.Registry+"/web:1", nil))
	c.waitReason(t, ns, "ImagePullBackOff")
	c.push(t, "web:1")
	eventually(t, func(context.Context) string {
		_, err := c.try(t, "wait", "--for=deployment/web", "-n", ns)
		return errText(err)
	})
}

func TestStopsCleanly(t *testing.T) {
	for name, stop := range map[string]func(*process) error{
		"when standard input ends": func(p *process) error { return p.stdin.Close() },
		"when asked to":            func(p *process) error { return p.cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, "testcluster", tempDir(t))
			p.waitReady(t)
			if err := stop(p); err != nil {
				t.Fatal(err)
			}
			select {
			case <-p.exited:
			case <-time.After(30 * time.Second):
				t.Fatal("it still runs after 30 s")
			}
			if !p.cmd.ProcessState.Success() {
				t.Errorf("%s: %s", p.cmd.ProcessState, p.stderr.String())
			}
		})
	}
}

func port(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}
