package world

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// clusterStart bounds the start of the test cluster's process.
const clusterStart = 2 * time.Minute

// Cluster is where is deployed to.
type Cluster struct {
	// binary is the test cluster's executable; empty for the user's own cluster.
	binary string
	// dir is the running test cluster's folder.
	dir string
	// Kubeconfig is a file that gives access.
	Kubeconfig string
	registry   string
	ecr        string
	objects    dynamic.Interface
}

// Own says whether this is a cluster of the user's.
func (c *Cluster) Own() bool { return c.binary == "" }

// OwnCluster is a cluster of the user's.
func OwnCluster(kubeconfig string) (*Cluster, error) {
	path, err := filepath.Abs(kubeconfig)
	return &Cluster{Kubeconfig: path}, err
}

// FindCluster returns the test cluster if it is built, else nil.
func (w *World) FindCluster(ctx context.Context) (*Cluster, error) {
	out, err := exec.CommandContext(ctx, w.script(), "--find").Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("look for the test cluster: %w", err)
	}
	if err != nil {
		return nil, nil
	}
	return &Cluster{binary: strings.TrimSpace(string(out))}, nil
}

// BuildCluster builds the test cluster and tells progress how far it is.
func (w *World) BuildCluster(ctx context.Context, progress io.Writer) (*Cluster, error) {
	build := exec.CommandContext(ctx, w.script())
	// The whole group: bash itself waits for its compiler before it takes a signal.
	build.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	build.Cancel = func() error { return syscall.Kill(-build.Process.Pid, syscall.SIGTERM) }
	var path bytes.Buffer
	build.Stdout, build.Stderr = &path, progress
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the test cluster: %w", err)
	}
	lines := strings.Fields(path.String())
	if len(lines) == 0 {
		return nil, fmt.Errorf("build the test cluster: build.sh named no executable")
	}
	return &Cluster{binary: lines[len(lines)-1]}, nil
}

// UseCluster starts the test cluster if it is that, and makes the namespace.
func (w *World) UseCluster(ctx context.Context, c *Cluster) error {
	if !c.Own() {
		if err := w.serveCluster(ctx, c); err != nil {
			return err
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 50, 100
	if c.objects, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	ns := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": Namespace}}}
	_, err = c.objects.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Create(ctx, ns, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create the namespace %s: %w", Namespace, err)
	}
	w.Cluster = c
	return nil
}

// serveCluster runs the test cluster until the demo ends: it stops when its standard input does.
func (w *World) serveCluster(ctx context.Context, c *Cluster) error {
	c.dir = filepath.Join(w.Dir, "cluster")
	logPath := filepath.Join(w.Dir, "cluster.log")
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer log.Close()
	serve := exec.Command(c.binary, "serve", "--dir", c.dir, "--stdin-eof")
	serve.Stderr = log
	process, err := startChild(serve)
	if err != nil {
		return fmt.Errorf("start the test cluster: %w", err)
	}
	w.closers = append(w.closers, process.stop)
	started := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(process.stdout)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "READY") {
				started <- true
			}
		}
		started <- false
	}()
	select {
	case ok := <-started:
		if !ok {
			return fmt.Errorf("the test cluster ended before it was ready:\n%s", lastLines(logPath))
		}
	case <-time.After(clusterStart):
		return fmt.Errorf("the test cluster was not ready after %v", clusterStart)
	case <-ctx.Done():
		return ctx.Err()
	}
	data, err := os.ReadFile(filepath.Join(c.dir, "endpoints.json"))
	if err != nil {
		return err
	}
	var endpoints struct{ Kubeconfig, Registry, ECR, APIServer string }
	if err := json.Unmarshal(data, &endpoints); err != nil {
		return fmt.Errorf("endpoints.json: %w", err)
	}
	c.Kubeconfig, c.registry, c.ecr = endpoints.Kubeconfig, endpoints.Registry, endpoints.ECR
	w.Say("Kubernetes API server at %s, registry at %s, ECR stub at %s", endpoints.APIServer, c.registry, c.ecr)
	return nil
}

// script builds the test cluster.
func (w *World) script() string { return filepath.Join(w.Root, "scripts", "testcluster", "build.sh") }

// Push pushes an image to the registry and returns its full name in ECR.
func (c *Cluster) Push(ctx context.Context, name string) (string, error) {
	if c.Own() {
		return PublicImage, nil
	}
	out, err := exec.CommandContext(ctx, c.binary, "push", "--dir", c.dir, name).Output()
	if err != nil {
		return "", fmt.Errorf("push %s: %w", name, err)
	}
	for _, word := range strings.Fields(string(out)) {
		if strings.HasPrefix(word, c.registry+"/") {
			return word, nil
		}
	}
	return "", fmt.Errorf("push %s: no name on %s in the answer:\n%s", name, c.registry, out)
}

// kinds are what the sample chart deploys.
var kinds = [...]schema.GroupVersionResource{
	{Version: "v1", Resource: "serviceaccounts"}, {Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "configmaps"},
	{Version: "v1", Resource: "services"}, {Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
	{Group: "apps", Version: "v1", Resource: "deployments"},
}

// Deployed lists the objects in the namespace that belong to the application.
func (c *Cluster) Deployed(ctx context.Context) ([]unstructured.Unstructured, error) {
	var all []unstructured.Unstructured
	for _, kind := range kinds {
		list, err := c.objects.Resource(kind).Namespace(Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", kind.Resource, err)
		}
		for _, object := range list.Items {
			if object.GetAnnotations()["moniker.spinnaker.io/application"] == Application {
				all = append(all, object)
			}
		}
	}
	return all, nil
}

// Image reads the image of the application's Deployment.
func (c *Cluster) Image(ctx context.Context) (string, error) {
	objects, err := c.Deployed(ctx)
	if err != nil {
		return "", err
	}
	for _, object := range objects {
		if object.GetKind() != "Deployment" {
			continue
		}
		containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
		if err != nil {
			return "", err
		}
		if container, ok := containers[0].(map[string]any); ok {
			image, _ := container["image"].(string)
			return image, nil
		}
	}
	return "", fmt.Errorf("no Deployment of %s in namespace %s", Application, Namespace)
}
