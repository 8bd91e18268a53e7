package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// cluster is where the demo deploys to.
type cluster struct {
	// binary is the test cluster's executable; empty for the user's own cluster.
	binary string
	// dir is the running test cluster's folder.
	dir        string
	kubeconfig string
	registry   string
	ecr        string
	objects    dynamic.Interface
}

// own says whether this is a cluster of the user's.
func (c *cluster) own() bool { return c.binary == "" }

// findCluster returns the user's cluster, or the test cluster if it is built, else nil.
func (d *show) findCluster(ctx context.Context) (*cluster, error) {
	if d.options.kubeconfig != "" {
		say("using the cluster of %s; the image is the public %s, so nothing is pushed and no registry is asked",
			d.options.kubeconfig, publicImage)
		path, err := filepath.Abs(d.options.kubeconfig)
		return &cluster{kubeconfig: path}, err
	}
	out, err := exec.CommandContext(ctx, repository("scripts", "testcluster", "build.sh"), "--find").Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("look for the test cluster: %w", err)
	}
	if err != nil {
		say("the test cluster is not built yet; that takes minutes, once")
		return nil, nil
	}
	return &cluster{binary: strings.TrimSpace(string(out))}, nil
}

// buildCluster builds the test cluster and tells how far it is.
func (d *show) buildCluster(ctx context.Context) (*cluster, error) {
	build := exec.CommandContext(ctx, repository("scripts", "testcluster", "build.sh"))
	build.Cancel = func() error { return build.Process.Signal(os.Interrupt) }
	var path bytes.Buffer
	build.Stdout, build.Stderr = &path, os.Stdout
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the test cluster: %w", err)
	}
	lines := strings.Fields(path.String())
	if len(lines) == 0 {
		return nil, fmt.Errorf("build the test cluster: build.sh named no executable")
	}
	return &cluster{binary: lines[len(lines)-1]}, nil
}

// useCluster starts the test cluster if it is that, and makes the namespace.
func (d *show) useCluster(ctx context.Context, c *cluster) error {
	if !c.own() {
		if err := d.serveCluster(ctx, c); err != nil {
			return err
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	if c.objects, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	ns := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": namespace}}}
	_, err = c.objects.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Create(ctx, ns, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create the namespace %s: %w", namespace, err)
	}
	d.cluster = c
	return nil
}

// serveCluster runs the test cluster until the demo ends: it stops when its standard input does.
func (d *show) serveCluster(ctx context.Context, c *cluster) error {
	c.dir = filepath.Join(d.dir, "cluster")
	logPath := filepath.Join(d.dir, "cluster.log")
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer log.Close()
	serve := exec.Command(c.binary, "serve", "--dir", c.dir, "--stdin-eof")
	serve.Stderr = log
	ready, err := d.startChild(serve)
	if err != nil {
		return fmt.Errorf("start the test cluster: %w", err)
	}
	started := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(ready)
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
			text, readErr := os.ReadFile(logPath)
			if readErr != nil {
				return readErr
			}
			return fmt.Errorf("the test cluster ended before it was ready:\n%s", lastLines(text))
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
	c.kubeconfig, c.registry, c.ecr = endpoints.Kubeconfig, endpoints.Registry, endpoints.ECR
	say("Kubernetes API server at %s, registry at %s, ECR stub at %s", endpoints.APIServer, c.registry, c.ecr)
	return nil
}

// push pushes an image to the registry and returns its full name in ECR.
func (c *cluster) push(ctx context.Context, name string) (string, error) {
	if c.own() {
		return publicImage, nil
	}
	out, err := exec.CommandContext(ctx, c.binary, "push", "--dir", c.dir, name).Output()
	if err != nil {
		return "", fmt.Errorf("push %s: %w", name, err)
	}
	for line := range strings.Lines(string(out)) {
		if image := strings.TrimSpace(line); strings.HasPrefix(image, c.registry+"/") {
			return image, nil
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

// deployed lists the objects in the namespace that belong to the application.
func (c *cluster) deployed(ctx context.Context) ([]unstructured.Unstructured, error) {
	var all []unstructured.Unstructured
	for _, kind := range kinds {
		list, err := c.objects.Resource(kind).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", kind.Resource, err)
		}
		for _, object := range list.Items {
			if object.GetAnnotations()["moniker.spinnaker.io/application"] == application {
				all = append(all, object)
			}
		}
	}
	return all, nil
}

// image reads the image of the application's Deployment.
func (c *cluster) image(ctx context.Context) (string, error) {
	objects, err := c.deployed(ctx)
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
	return "", fmt.Errorf("no Deployment of %s in namespace %s", application, namespace)
}
