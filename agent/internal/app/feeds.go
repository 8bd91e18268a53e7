package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/doctor"
	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/feed/helm"
	"github.com/gennaker/gennaker/agent/internal/feed/registry"
	"github.com/gennaker/gennaker/agent/internal/health"
	"github.com/gennaker/gennaker/agent/internal/masters"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/echo"
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
	a.feedMetrics = newFeedMetrics()
	a.feeds = feed.New(feed.Options{Store: a.store, Accept: a.accept, Accepted: func() { a.inbox.Wake() }, Looked: a.feedMetrics.looked,
		Incarnation: incarnation, Log: a.log}, accounts)
	return nil
}

// Feeds says how the feeds fare, for the API.
func (i intake) Feeds(ctx context.Context) ([]echo.Feed, error) {
	all, err := i.feeds.Health(ctx)
	if err != nil {
		return nil, err
	}
	ofMasters, err := i.masters.Health(ctx)
	all = append(all, ofMasters...)
	feeds := make([]echo.Feed, len(all))
	for n, h := range all {
		feeds[n] = echo.Feed{Kind: h.Kind, Account: h.Name, IntervalSeconds: int64(h.Interval.Seconds()),
			LastLook: spinnaker.MillisOf(h.LookedAt), LastSuccess: spinnaker.MillisOf(h.SucceededAt), NextLook: spinnaker.MillisOf(h.NextAt),
			Error: h.Error, Items: h.Items, Failing: h.Failing, Problems: []echo.FeedProblem{}, Holder: h.Holder, Host: h.Host}
		for _, problem := range h.Problems {
			feeds[n].Problems = append(feeds[n].Problems, echo.FeedProblem(problem))
		}
	}
	return feeds, err
}

// feedMetrics count the looks of this process.
type feedMetrics struct {
	looks            *prometheus.CounterVec
	success, failing *prometheus.GaugeVec
}

func newFeedMetrics() *feedMetrics {
	labels := []string{"kind", "account"}
	return &feedMetrics{
		looks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gennaker_feed_looks_total",
			Help: "Cycles of a feed in this agent, by whether the account could be looked at."}, append(labels, "result")),
		success: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gennaker_feed_last_success_timestamp_seconds",
			Help: "When this agent could look at an account last."}, labels),
		failing: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gennaker_feed_failing_items",
			Help: "Repositories, charts or jobs of an account or master that have a problem."}, labels),
	}
}

func (m *feedMetrics) looked(h health.Health) {
	result := "ok"
	if h.Error != "" {
		result = "failed"
	}
	m.looks.WithLabelValues(h.Kind, h.Name, result).Inc()
	m.failing.WithLabelValues(h.Kind, h.Name).Set(float64(h.Failing))
	if !h.SucceededAt.IsZero() {
		m.success.WithLabelValues(h.Kind, h.Name).Set(float64(h.SucceededAt.UnixMilli()) / 1000)
	}
}

// feedChecks look at how the feeds of a configuration fare, by what the agents that look have stored.
func feedChecks(c config.Config, view func(ctx context.Context, read func(store.Reader) error) error) (checks []doctor.Check) {
	var subjects []health.Subject
	add := func(a feed.Account) { subjects = append(subjects, a.Subject()) }
	for _, account := range c.DockerRegistry.Accounts {
		add(feed.Account{Kind: "docker", Name: account.Name, Interval: account.Watched.Interval()})
	}
	for _, account := range c.ECR.Accounts {
		add(feed.Account{Kind: "ecr", Name: account.Name, Interval: account.Watched.Interval()})
	}
	for _, account := range c.Artifacts.Helm.Accounts {
		add(feed.Account{Kind: "helm", Name: account.Name, Interval: account.PollInterval.Or(config.DefaultChartInterval)})
	}
	for _, master := range c.Jenkins.Masters {
		subjects = append(subjects, masters.Subject(master))
	}
	for _, account := range subjects {
		checks = append(checks, doctor.Check{ID: "feeds." + account.Kind + "." + account.Name,
			About: "looks at " + account.Kind + " " + account.Name,
			Look: func(ctx context.Context) (found []doctor.Finding, err error) {
				err = view(ctx, func(r store.Reader) error {
					all, err := health.Of(r, []health.Subject{account})
					if err == nil {
						found = feedFindings(all[0], r.Now())
					}
					return err
				})
				return found, err
			}})
	}
	return checks
}

// feedFindings say what is wrong with a feed.
func feedFindings(h health.Health, now time.Time) (found []doctor.Finding) {
	const why = "what is new there starts no pipelines"
	name := fmt.Sprintf("%s account %q", h.Kind, h.Name)
	if h.Kind == masters.Kind {
		name = fmt.Sprintf("Jenkins master %q", h.Name)
	}
	// A cycle may take as long as the time limits of its looks, and what is stored may be half a minute old.
	const late = 10 * time.Minute
	switch {
	case h.Error != "":
		found = append(found, doctor.Finding{Severity: doctor.Error, What: fmt.Sprintf("%s: %s (last look %s, last successful one %s)",
			name, h.Error, ago(h.LookedAt, now), ago(h.SucceededAt, now)), Why: why, Do: "mend what the message names: address, network or credentials"})
	case h.Holder != "" && !h.NextAt.IsZero() && now.Sub(h.NextAt) > late:
		found = append(found, doctor.Finding{Severity: doctor.Warning, What: fmt.Sprintf("%s: last look %s, though agent %s holds its lease",
			name, ago(h.LookedAt, now), h.Holder), Why: why, Do: "look into that agent's log; its looks may take very long"})
	}
	if h.Failing > 0 {
		first := h.Problems[0]
		found = append(found, doctor.Finding{Severity: doctor.Warning, What: fmt.Sprintf("%s: %d of %d have a problem, among them %s: %s",
			name, h.Failing, h.Items, first.Item, first.Error), Why: "what is new in those starts no pipelines",
			Do: "mend what the message names, or the triggers that name what is not there; GET /gennaker/feeds lists them"})
	}
	return found
}

// ago is how long ago something was.
func ago(at, now time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return now.Sub(at).Round(time.Second).String() + " ago"
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
