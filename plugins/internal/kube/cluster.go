package kube

import (
	"fmt"
	"slices"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	core "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// Cluster is one account's API server. Its methods may be used from several goroutines.
type Cluster struct {
	// Account is the account's name.
	Account string
	// Settings are the account's settings.
	Settings Settings
	// Namespace is where objects without a namespace go.
	Namespace string
	// Kinds is what is known of kinds, the account's own included.
	Kinds *manifest.Kinds
	// Server is the API server's address, for people.
	Server string

	catalog       *catalog
	objects       dynamic.Interface
	metadata      metadata.Interface
	core          core.CoreV1Interface
	authorization authorization.AuthorizationV1Interface
	close         func()
}

// Connect prepares an account's clients. It sends nothing yet.
func Connect(account string, s Settings) (*Cluster, error) {
	c, err := connect(account, s)
	if err != nil {
		return nil, fmt.Errorf("kubernetes account %q: %w", account, err)
	}
	return c, nil
}

func connect(account string, s Settings) (*Cluster, error) {
	kinds, err := manifest.NewKinds(s.CustomResources)
	if err != nil {
		return nil, err
	}
	config, namespace, err := s.restConfig()
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Account: account, Settings: s, Namespace: namespace, Kinds: kinds, Server: config.Host, close: client.CloseIdleConnections}
	served, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	c.catalog = newCatalog(served)
	if c.objects, err = dynamic.NewForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	if c.metadata, err = metadata.NewForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	if c.core, err = core.NewForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	if c.authorization, err = authorization.NewForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	return c, nil
}

// Close gives idle connections back.
func (c *Cluster) Close() { c.close() }

func contextNames(config *api.Config) []string {
	names := make([]string, 0, len(config.Contexts))
	for name := range config.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
