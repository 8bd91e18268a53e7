package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/gennaker/gennaker/scripts/testcluster/kubelet"
)

const (
	startTimeout = 2 * time.Minute // a start takes 4 s on an idle machine
	pollEvery    = 50 * time.Millisecond
)

// Config says where a cluster keeps its data and serves.
type Config struct {
	// Dir keeps keys and etcd's data. A cluster started in a used folder has
	// the same keys, token and objects as before.
	Dir string
	// Listener is where the API server answers, on 127.0.0.1. Run closes it.
	Listener net.Listener
	// Images answers whether an image can be pulled.
	Images kubelet.Images
}

// Run runs the cluster until ctx ends, or a part of it fails. When Pods can be
// created in namespace "default", it calls ready once, with a kubeconfig for
// a cluster administrator.
func Run(ctx context.Context, cfg Config, ready func(kubeconfig []byte) error) (err error) {
	keys, err := ensureKeys(cfg.Dir)
	if err != nil {
		return fmt.Errorf("cluster keys: %w", err)
	}
	db, err := startEtcd(cfg.Dir)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer db.stop()

	api := startAPIServer(cfg.Listener, db.url, keys)
	defer func() { err = errors.Join(err, api.stop()) }()

	config := keys.restConfig("https://" + cfg.Listener.Addr().String())
	client, err := kubernetes.NewForConfig(protobuf(config))
	if err != nil {
		return err
	}
	if err := api.waitReady(ctx, client); err != nil {
		return err
	}

	var parts sync.WaitGroup
	defer parts.Wait()
	partsCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := startControllers(partsCtx, &parts, config, keys.caPEM); err != nil {
		return fmt.Errorf("controllers: %w", err)
	}
	if err := startScheduler(partsCtx, &parts, protobuf(config)); err != nil {
		return fmt.Errorf("scheduler: %w", err)
	}
	if err := kubelet.Start(partsCtx, &parts, client, keys.serving, cfg.Images); err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	if err := waitUsable(ctx, client); err != nil {
		return err
	}
	kubeconfig, err := keys.kubeconfig(config.Host)
	if err != nil {
		return err
	}
	if err := ready(kubeconfig); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-api.done:
		return errors.New("the API server ended by itself")
	}
}

// waitUsable waits for what Pods need: the scheduler's nodes are there already,
// and admission asks for the namespace's default ServiceAccount.
func waitUsable(ctx context.Context, client kubernetes.Interface) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, pollEvery, startTimeout, true, func(ctx context.Context) (bool, error) {
		_, last = client.CoreV1().ServiceAccounts(corev1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for ServiceAccount default: %w", errors.Join(err, last))
	}
	return nil
}

// protobuf returns a copy of config for typed clients, which need not speak JSON.
func protobuf(config *rest.Config) *rest.Config {
	c := rest.CopyConfig(config)
	c.ContentType = "application/vnd.kubernetes.protobuf"
	return c
}
