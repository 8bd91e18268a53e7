package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/gennaker/gennaker/plugins/internal/kube"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// providerType is the type of the accounts that this plugin can use.
const providerType = "kubernetes"

// accounts keeps the clients of the accounts in use, so that connections and discovery last longer than a step.
type accounts struct {
	mu     sync.Mutex
	byName map[string]connection
}

type connection struct {
	settings [sha256.Size]byte
	cluster  *kube.Cluster
}

func newAccounts() *accounts { return &accounts{byName: make(map[string]connection)} }

// cluster returns the clients of an account as the agent describes it now: a changed account gets new ones.
func (a *accounts) cluster(ctx context.Context, host *sdk.Host, name string) (*kube.Cluster, error) {
	if name == "" {
		return nil, fmt.Errorf("the stage names no account: set the field account")
	}
	account, err := host.Account(ctx, name)
	if err != nil {
		return nil, err
	}
	if account.Type != providerType {
		return nil, fmt.Errorf("account %q is of type %q, and a deploy needs one of type %q", name, account.Type, providerType)
	}
	text, err := json.Marshal(account.Settings)
	if err != nil {
		return nil, fmt.Errorf("account %q: settings are no JSON", name)
	}
	sum := sha256.Sum256(text)

	a.mu.Lock()
	defer a.mu.Unlock()
	current, known := a.byName[name]
	if known && current.settings == sum {
		return current.cluster, nil
	}
	settings, err := kube.ParseSettings(account.Settings)
	if err != nil {
		return nil, fmt.Errorf("account %q: %w", name, err)
	}
	cluster, err := kube.Connect(name, settings)
	if err != nil {
		return nil, err
	}
	if known {
		current.cluster.Close()
	}
	a.byName[name] = connection{settings: sum, cluster: cluster}
	return cluster, nil
}
