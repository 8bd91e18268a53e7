package kubetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	apiTimeout   = 60 * time.Second // for what takes the stand-in a second
	maxAnswer    = 1 << 20          // bytes from the admin endpoint
	maxNameStart = 40               // bytes of a test's name in its namespace's
)

// Cluster is a Kubernetes cluster for tests.
type Cluster struct {
	at      endpoints
	config  *rest.Config
	client  kubernetes.Interface
	process *process // of a dedicated cluster, else nil
}

func connect(t testing.TB, at endpoints) *Cluster {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", at.Kubeconfig)
	if err != nil {
		t.Fatalf("kubetest: %v", err)
	}
	config.QPS = -1 // the server limits well enough
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatalf("kubetest: %v", err)
	}
	return &Cluster{at: at, config: config, client: client}
}

// Kubeconfig is the path of a kubeconfig for a cluster administrator.
func (c *Cluster) Kubeconfig() string { return c.at.Kubeconfig }

// Config returns an administrator's client configuration without rate limit.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Client is a client of [Cluster.Config].
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// StandIn reports whether this is a testcluster, where a stand-in plays the
// kubelets and there are a registry and an ECR stub.
func (c *Cluster) StandIn() bool { return c.at.Registry != "" }

// NeedStandIn skips a test that a real cluster cannot pass.
func (c *Cluster) NeedStandIn(t testing.TB) {
	t.Helper()
	if !c.StandIn() {
		t.Skipf("needs testcluster: the cluster of %s runs real containers", KubeconfigVariable)
	}
}

// Registry is the host:port of the OCI registry, without credentials and TLS;
// empty if this is no testcluster.
func (c *Cluster) Registry() string { return c.at.Registry }

// ECR is the URL for AWS_ENDPOINT_URL_ECR; empty if this is no testcluster.
// Its images are those of the registry.
func (c *Cluster) ECR() string { return c.at.ECR }

// Admin is the URL at which the registry and ECR take faults
// (scripts/testcluster/registry); empty if this is no testcluster.
func (c *Cluster) Admin() string { return c.at.Admin }

// MissingImage is an image that cannot be pulled, because it does not exist.
func (c *Cluster) MissingImage() string {
	if c.StandIn() {
		return c.at.Registry + "/no/such/image:1"
	}
	return "registry.k8s.io/pause:no-such-tag"
}

// Push pushes a new tiny image into the registry and returns its full name. It
// skips the test if this is no testcluster.
func (c *Cluster) Push(t testing.TB, repo, tag string) (image string) {
	t.Helper()
	c.NeedStandIn(t)
	body, err := json.Marshal(map[string][]string{"images": {repo + ":" + tag}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), apiTimeout)
	defer cancel()
	var pushed struct{ Images []string }
	if err := post(ctx, c.at.Admin+"/push", body, &pushed); err != nil {
		t.Fatalf("kubetest: push %s:%s: %v", repo, tag, err)
	}
	return pushed.Images[0]
}

func post(ctx context.Context, url string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", answer.Status, bytes.TrimSpace(text))
	}
	return json.Unmarshal(text, out)
}

// Namespace makes a namespace for this test, waits until Pods can be created
// in it, and has it deleted, without waiting, when the test ends.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), apiTimeout)
	defer cancel()
	made, err := c.client.CoreV1().Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: nameStart(t.Name())}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("kubetest: make a namespace: %v", err)
	}
	t.Cleanup(func() { c.deleteNamespace(t, made.Name) })
	err = wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		_, err := c.client.CoreV1().ServiceAccounts(made.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
	if err != nil {
		t.Fatalf("kubetest: namespace %q has no default ServiceAccount: %v", made.Name, err)
	}
	return made.Name
}

func (c *Cluster) deleteNamespace(t testing.TB, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout) // the test's context has ended
	defer cancel()
	if err := c.client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Errorf("kubetest: delete namespace %q: %v", name, err)
	}
}

// nameStart makes the beginning of a namespace's name from a test's.
func nameStart(test string) string {
	notAllowed := regexp.MustCompile(`[^a-z0-9]+`)
	name := strings.Trim(notAllowed.ReplaceAllString(strings.ToLower(test), "-"), "-")
	return "kubetest-" + strings.Trim(name[:min(len(name), maxNameStart)], "-") + "-"
}

// Restart kills the whole testcluster, waits for the given time, and starts it
// again at the same addresses and with the same content. The cluster must come
// from [StartDedicated]. It may be called in another goroutine than the test's.
func (c *Cluster) Restart(t testing.TB, down time.Duration) {
	t.Helper()
	if c.process == nil {
		t.Error("kubetest: Restart of a cluster that other tests use: see StartDedicated")
		return
	}
	c.process.kill()
	timer := time.NewTimer(down)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
	if err := c.resume(t.Context()); err != nil {
		t.Errorf("kubetest: restart: %v", err)
	}
}

func (c *Cluster) resume(ctx context.Context) error {
	flags, err := c.at.portFlags()
	if err != nil {
		return err
	}
	dir := filepath.Dir(c.at.Kubeconfig)
	if c.process, err = launch(c.process.cmd.Path, dir, flags...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err = wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		select {
		case <-c.process.exited:
			return false, fmt.Errorf("it ended: %s\n%s", c.process.cmd.ProcessState, tail(dir))
		default:
		}
		return c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
	})
	return err
}
