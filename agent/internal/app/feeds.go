package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/feed/helm"
	"github.com/gennaker/gennaker/agent/internal/feed/registry"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// chartTimeout bounds reading the index of a chart repository.
const chartTimeout = 2 * time.Minute

// buildFeeds makes the feeds of the accounts that triggers may name.
func (a *agent) buildFeeds(incarnation string) error {
	var accounts []feed.Account
	for _, account := range a.config.DockerRegistry.Accounts {
		client := a.images.Registry(account.Name)
		o := a.watched(account.Name, account.Watched, client)
		if account.RepositoriesRegex != "" {
			o.Catalog, o.Chosen, o.Skip = client.Catalog, account.RepositoriesRegex, account.Skip
		}
		source, err := watch("docker", o)
		if err != nil {
			return err
		}
		accounts = append(accounts, source)
	}
	for _, account := range a.config.ECR.Accounts {
		source, err := watch("ecr", a.watched(account.Name, account.Watched, a.images.ECR(account.Name)))
		if err != nil {
			return err
		}
		accounts = append(accounts, source)
	}
	for _, account := range a.config.Artifacts.Helm.Accounts {
		accounts = append(accounts, a.watchCharts(account))
	}
	a.feeds = feed.New(feed.Options{Store: a.store, Accept: a.accept, Accepted: func() { a.inbox.Wake() }, Incarnation: incarnation,
		Log: a.log}, accounts)
	return nil
}

func (a *agent) watched(account string, watched config.Watched, client registry.Client) registry.Options {
	return registry.Options{Account: account, Watched: watched, Client: client, Armed: a.catalog.Meaning, Now: time.Now}
}

// watch makes a feed of a registry.
func watch(kind string, o registry.Options) (feed.Account, error) {
	source, err := registry.New(o)
	if err != nil {
		return feed.Account{}, fmt.Errorf("%s account %q: %w", kind, o.Account, err)
	}
	return feed.Account{Kind: kind, Name: o.Account, Interval: o.Watched.Interval(), Timeout: o.Watched.Timeout(), Source: source}, nil
}

// watchCharts makes a feed of a chart repository. Its index is read as an artifact is: with the account's credentials, bounds
// and rules, and only when it has changed.
func (a *agent) watchCharts(account config.Helm) feed.Account {
	index := spinnaker.Artifact{Type: "helm/index", ArtifactAccount: account.Name}
	source := helm.New(helm.Options{Account: account.Name, Armed: a.catalog.Meaning, Now: time.Now,
		Open: func(ctx context.Context) (io.ReadCloser, error) { return a.fetch.Open(ctx, index) }})
	return feed.Account{Kind: "helm", Name: account.Name, Interval: account.PollInterval.Or(config.DefaultChartInterval),
		Timeout: chartTimeout, Source: source}
}

// accept takes an event in, in a transaction of whoever saw it.
func (a *agent) accept(tx store.Tx, event trigger.Event, key string) error {
	_, err := a.inbox.AcceptIn(tx, event, key)
	return err
}
