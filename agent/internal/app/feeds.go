package app

import (
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/feed/registry"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

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

// accept takes an event in, in a transaction of whoever saw it.
func (a *agent) accept(tx store.Tx, event trigger.Event, key string) error {
	_, err := a.inbox.AcceptIn(tx, event, key)
	return err
}
