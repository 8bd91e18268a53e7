package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/agent/internal/access"
	"github.com/gennaker/gennaker/agent/internal/catalog"
	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/feed/cron"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/agent/internal/fetch/image"
	"github.com/gennaker/gennaker/agent/internal/health"
	"github.com/gennaker/gennaker/agent/internal/inbox"
	"github.com/gennaker/gennaker/agent/internal/masters"
	"github.com/gennaker/gennaker/agent/internal/pluginhost"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/upkeep"
	"github.com/gennaker/gennaker/agent/internal/telemetry"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/agent/internal/webhook"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/echo"
	"github.com/gennaker/gennaker/api/gate"
	"github.com/gennaker/gennaker/api/igor"
	"github.com/gennaker/gennaker/api/server"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// agent is a running agent with all its parts.
type agent struct {
	config  config.Config
	version string
	log     *slog.Logger

	store    store.Store
	catalog  *catalog.Catalog
	masters  *masters.Masters
	fetch    *fetch.Set
	images   *image.Resolver
	plugins  *pluginhost.Manager
	stages   *stage.Set
	runner   *runner.Runner
	inbox    *inbox.Inbox
	spel     *spel.Engine
	access   *access.Tokens
	accounts accounts
	traces   *telemetry.Traces
	// feedMetrics count what the feeds do.
	feedMetrics *feedMetrics
	webhooks    *webhook.Set
	feeds       *feed.Feeds
	crons       *cron.Feed
	server      *server.Server

	// closers give back what New took, last first.
	closers []func() error
}

// Serve runs the agent until ctx ends. It writes its log to stderr and, once it is ready, its address to stdout.
func Serve(ctx context.Context, c config.Config, version string, stdout, stderr io.Writer) (err error) {
	a := &agent{config: c, version: version, log: telemetry.Logger(stderr, c.Log.Level, c.Log.Format)}
	defer func() {
		for i := len(a.closers) - 1; i >= 0; i-- {
			err = errors.Join(err, a.closers[i]())
		}
	}()
	if err := a.build(ctx); err != nil {
		return err
	}
	return a.run(ctx, stdout)
}

// build makes the parts, lowest first.
func (a *agent) build(ctx context.Context) error {
	var err error
	if a.store, err = openStore(ctx, a.config.Store, a.log); err != nil {
		return err
	}
	a.closers = append(a.closers, a.store.Close)
	a.buildTraces()
	a.catalog = catalog.New(a.store, stageValidator{a}, a.config.Scheduler.Cron.Timezone)
	incarnation, err := a.incarnation()
	if err != nil {
		return err
	}
	a.masters, err = masters.New(masters.Options{Masters: a.config.Jenkins.Masters, Store: a.store, Jobs: a.catalog.Jobs,
		Accept: a.accept,
		PassOver: func(tx store.Tx, event trigger.Event, key, reason string) error {
			return a.inbox.PassOver(tx, event, key, reason)
		},
		Accepted: func() { a.inbox.Wake() }, Looked: func(h health.Health) { a.feedMetrics.looked(h) }, Incarnation: incarnation.ID,
		Log: a.log})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { a.masters.Close(); return nil })
	if err := a.buildFetch(ctx); err != nil {
		return err
	}
	a.accounts = newAccounts(a.config, a.fetch)
	a.spel = spel.New(spel.Config{Fetch: a.fetch.Get, Catalog: names{a.catalog}})
	if a.plugins, err = a.newPlugins(); err != nil {
		return err
	}
	if err := a.buildRunner(ctx, incarnation); err != nil {
		return err
	}
	quiet := inbox.QuietPeriod{}
	if q := a.config.QuietPeriod; q.Enabled {
		quiet = inbox.QuietPeriod{Start: q.Start.Time, End: q.End.Time, Types: q.Types}
	}
	a.inbox = inbox.New(inbox.Options{QuietPeriod: quiet, Store: a.store, Triggers: a.catalog, Starter: starter{a.runner}, Builds: a.masters,
		NewID: newID, Log: a.log})
	if a.webhooks, err = webhook.New(a.config.Webhooks, a.config.Pubsub); err != nil {
		return err
	}
	if err := a.buildFeeds(incarnation.ID); err != nil {
		return err
	}
	a.crons = a.newCrons(incarnation.ID)
	a.access = access.NewTokens(a.config.Server.Tokens)
	return a.buildServer()
}

func (a *agent) buildTraces() {
	headers := http.Header{}
	for name, value := range a.config.Traces.Headers {
		headers.Set(name, value.Reveal())
	}
	a.traces = telemetry.NewTraces(a.config.Traces.Endpoint, headers, a.version, a.log)
}

func (a *agent) incarnation() (store.Incarnation, error) {
	host, err := os.Hostname()
	if err != nil {
		return store.Incarnation{}, fmt.Errorf("this machine's name: %w", err)
	}
	return store.Incarnation{ID: newID(), Host: host, PID: os.Getpid(), Version: a.version}, nil
}

func (a *agent) buildFetch(ctx context.Context) (err error) {
	a.fetch, err = fetch.New(ctx, fetch.Options{Accounts: a.config.Artifacts, Jenkins: a.masters, Blobs: blobs{a.store}})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { a.fetch.Close(); return nil })
	a.images, err = image.New(ctx, a.config.DockerRegistry.Accounts, a.config.ECR.Accounts)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { a.images.Close(); return nil })
	return nil
}

func (a *agent) buildRunner(ctx context.Context, incarnation store.Incarnation) error {
	zone, err := time.LoadLocation(a.config.Tasks.ExecutionWindow.Timezone)
	if err != nil {
		return fmt.Errorf("tasks.executionWindow.timezone: %w", err)
	}
	roles := access.NewRoles(a.config.Server).Of
	definitions := []stage.Definition{stage.Wait(), stage.WaitUntil(), stage.ManualJudgment(roles), stage.CheckPreconditions(),
		stage.EvaluateVariables(), stage.ExecutionWindow(zone), stage.Pipeline(), stage.MonitorPipeline(), stage.FindArtifacts(),
		stage.EvaluateArtifacts()}
	definitions = append(definitions, stage.SavePipelines(a.openArtifact, a.catalog))
	definitions = append(definitions, stage.Jobs(a.catalog)...)
	webhooks, err := stage.Webhooks(a.config.Webhook, roles)
	if err != nil {
		return err
	}
	definitions = append(definitions, webhooks...)
	if a.stages, err = stage.NewSet(definitions...); err != nil {
		return err
	}
	lease := time.Duration(a.config.Runner.Lease)
	a.runner, err = runner.New(ctx, runner.Options{Store: a.store, Plugins: plugins{a.plugins}, Stages: a.stages,
		Decisions: spel.New(spel.Config{}), Expressions: a.spel, NewID: newID, Log: a.log,
		Finished: a.traces.Finished,
		Ended:    func(tx store.Tx, ex *spinnaker.Execution) error { return a.inbox.Ended(tx, ex) }, Due: func() { a.inbox.Due() },
		Incarnation: incarnation, Exclusive: !a.config.Store.Postgres.Enabled(), Renew: lease / 6, DeadAfter: lease,
		MaxSteps: a.config.Runner.Parallel})
	return err
}

func (a *agent) buildServer() (err error) {
	options := server.Options{Listen: a.config.Server.Listen, BasePath: a.config.Server.BasePath, MaxBody: a.config.Server.MaxBody,
		CertFile: a.config.Server.TLS.Cert, KeyFile: a.config.Server.TLS.Key, AllowedOrigins: a.config.Server.AllowedOrigins,
		Ready: a.store.Ping, From: store.WithRemote, BehindProxy: a.config.Server.TLS.Proxy,
		Unavailable: func(err error) bool { return errors.Is(err, store.ErrUnavailable) }, Absent: gate.Absent, Metrics: a.metrics(), Log: a.log,
		Routes: []server.Routes{
			&gate.API{Catalog: gateCatalog{a.catalog}, Executions: executions{a}, Expressions: expressions{executions{a}},
				Logs: stageLogs{a.store}, PreconfiguredWebhooks: describeWebhooks(a.config.Webhook.Preconfigured),
				Builds: builds{a}, Accounts: a.accounts, Version: a.version, User: server.User},
			&echo.API{Intake: intake{a}, User: server.User},
			&igor.API{Builds: builds{a}, User: server.User},
		}}
	if !a.access.Empty() {
		options.Authenticate = a.authenticate
	}
	a.server, err = server.New(options)
	return err
}

func (a *agent) authenticate(token string) (server.Identity, bool) {
	caller, ok := a.access.Authenticate(token)
	identity := server.Identity{User: caller.Name}
	for _, scope := range caller.Scopes {
		identity.Scopes = append(identity.Scopes, server.Scope(scope))
	}
	return identity, ok
}

// run runs the parts until ctx ends or one of them fails. The plugins outlive the runner: its steps end in them.
func (a *agent) run(ctx context.Context, stdout io.Writer) error {
	pluginsCtx, stopPlugins := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPlugins()
	pluginsEnded := make(chan error, 1)
	go func() { pluginsEnded <- a.plugins.Run(pluginsCtx) }()

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.server.Run(ctx) })
	group.Go(func() error {
		select {
		case <-a.plugins.Ready():
		case <-ctx.Done():
			return nil
		}
		return a.runner.Run(ctx)
	})
	group.Go(func() error { return a.inbox.Run(ctx) })
	group.Go(func() error { return a.masters.Run(ctx) })
	group.Go(func() error { return a.feeds.Run(ctx) })
	group.Go(func() error { return a.crons.Run(ctx) })
	group.Go(func() error {
		return upkeep.New(upkeep.Options{Store: a.store, Retention: a.config.Store.Retention, Log: a.log}).Run(ctx)
	})
	group.Go(func() error { a.traces.Run(ctx); return nil })
	a.log.Info("gennaker is serving", "version", a.version, "url", a.server.URL(), "store", storeName(a.config.Store),
		"masters", a.masters.Masters())
	if _, err := fmt.Fprintln(stdout, a.server.URL()); err != nil {
		a.log.Warn("tell the address", "error", err)
	}
	err := group.Wait()
	if failed := a.runner.Leave(ctx); failed != nil {
		a.log.Warn("other agents wait until this one counts as dead", "error", failed)
	}
	stopPlugins()
	return errors.Join(err, <-pluginsEnded)
}

func newID() string { return ulid.Make().String() }
