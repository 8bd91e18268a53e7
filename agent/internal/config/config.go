package config

import (
	"errors"
	"fmt"
	"time"
)

// Config is the whole configuration of `gennaker serve`.
type Config struct {
	Server         Server               `yaml:"server"`
	Store          Store                `yaml:"store"`
	Log            Log                  `yaml:"log"`
	Jenkins        Jenkins              `yaml:"jenkins"`
	Kubernetes     Accounts[Kubernetes] `yaml:"kubernetes"`
	Artifacts      Artifacts            `yaml:"artifacts"`
	DockerRegistry Accounts[Registry]   `yaml:"dockerRegistry"`
	ECR            Accounts[ECR]        `yaml:"ecr"`
	Plugins        Plugins              `yaml:"plugins"`
	Webhooks       Webhooks             `yaml:"webhooks"`
	Pubsub         Pubsub               `yaml:"pubsub"`
	Scheduler      Scheduler            `yaml:"scheduler"`
	QuietPeriod    QuietPeriod          `yaml:"quietPeriod"`
	Runner         Runner               `yaml:"runner"`
	Tasks          Tasks                `yaml:"tasks"`
	Traces         Traces               `yaml:"traces"`
	Webhook        Webhook              `yaml:"webhook"`
}

// Server is where and how the API is served.
type Server struct {
	// Listen is the address of the API.
	Listen string `yaml:"listen"`
	// BasePath is stripped from the path of every request, for example "/gate".
	BasePath string `yaml:"basePath"`
	TLS      TLS    `yaml:"tls"`
	// Tokens are the API tokens. Without any, only a loopback address may be listened on.
	Tokens []Token `yaml:"tokens"`
	// Roles are the members of each role: tokens, and users whom clients or triggers name. Admins have every role.
	Roles  map[string][]string `yaml:"roles"`
	Admins []string            `yaml:"admins"`
	// MaxBody is the largest request body in bytes.
	MaxBody int64 `yaml:"maxBody"`
	// AllowedOrigins are the origins of browsers that may call the API, for example Deck's.
	AllowedOrigins []string `yaml:"allowedOrigins"`
}

// TLS is the server's certificate, or the promise that a proxy in front has one.
type TLS struct {
	// Proxy is set by `tls: proxy`.
	Proxy bool   `yaml:"-"`
	Cert  string `yaml:"cert"`
	Key   string `yaml:"key"`
}

// Enabled says whether the server speaks TLS itself.
func (t TLS) Enabled() bool { return t.Cert != "" }

// Token is an API token. Scopes are "read", "trigger" and "write"; each of them includes the ones before.
type Token struct {
	Name   string `yaml:"name"`
	Secret Secret `yaml:"secret"`
	// SHA256 is the digest of the token in hex, in place of the token itself.
	SHA256 string   `yaml:"sha256"`
	Scopes []string `yaml:"scopes"`
}

// Store is where everything is kept.
type Store struct {
	// Path of the SQLite database: the store of a single agent. It is not used when there is a PostgreSQL database.
	Path string `yaml:"path"`
	// Postgres is the database that several agents share.
	Postgres  Postgres  `yaml:"postgres"`
	Retention Retention `yaml:"retention"`
}

// Postgres is a PostgreSQL database.
type Postgres struct {
	// URL names the server, user and database, without the password: postgres://gennaker@db.example.com/gennaker, with
	// libpq's parameters, such as sslmode=verify-full.
	URL      string `yaml:"url"`
	Password Secret `yaml:"password"`
	// Connections is how many an agent opens at most, apart from one that listens for other agents.
	Connections int `yaml:"connections"`
}

// Enabled says whether the store is a PostgreSQL database.
func (p Postgres) Enabled() bool { return p.URL != "" }

// Retention says how long what is over is kept. Without an age or number, it is kept for ever.
type Retention struct {
	// Executions is the age, counted from their build time, from which on finished executions are deleted, with all that is
	// theirs.
	Executions Duration `yaml:"executions"`
	// MaxPerPipeline is how many executions of each pipeline are kept, MinPerPipeline how many of the newest whatever their
	// age.
	MaxPerPipeline int `yaml:"maxPerPipeline"`
	MinPerPipeline int `yaml:"minPerPipeline"`
	// StageLogs is the age of log lines of finished executions, Events that of builds, webhooks and other events with their
	// verdicts, Audit that of audit rows.
	StageLogs Duration `yaml:"stageLogs"`
	Events    Duration `yaml:"events"`
	Audit     Duration `yaml:"audit"`
}

// Log is the agent's log.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `yaml:"level"`
	// Format is text, json, or "" for text on a terminal and JSON otherwise.
	Format string `yaml:"format"`
}

// Jenkins are the masters to poll.
type Jenkins struct {
	Masters []Master `yaml:"masters"`
}

// Master is a Jenkins master (Igor's jenkins.masters).
type Master struct {
	Name     string `yaml:"name"`
	Address  string `yaml:"address"`
	Username string `yaml:"username"`
	// Password is an API token or a password.
	Password Secret `yaml:"password"`
	// CA is a file of certificates that the master's is checked against, beside the system's.
	CA string `yaml:"ca"`
	// PollInterval is the time between two looks; Timeout bounds each request.
	PollInterval Duration `yaml:"pollInterval"`
	Timeout      Duration `yaml:"timeout"`
	// PropertyFileTimeout is how long a build's property file may be late.
	PropertyFileTimeout Duration `yaml:"propertyFileTimeout"`
	// Backfill is what becomes of builds that were found long after their end: latest, all or none; "" is latest.
	Backfill string `yaml:"backfill"`
}

// Accounts is a list of named accounts of one kind.
type Accounts[T any] struct {
	Accounts []T `yaml:"accounts"`
}

// Registry is an account of an image registry (Clouddriver's dockerRegistry.accounts).
type Registry struct {
	Name     string `yaml:"name"`
	Address  string `yaml:"address"`
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
	// Insecure allows plain HTTP.
	Insecure bool    `yaml:"insecure"`
	Watched  Watched `yaml:",inline"`
	// RepositoriesRegex, matched as a whole, chooses further repositories to look at from the registry's catalog; Skip
	// leaves some of them out. PaginateSize is how many names are asked for at a time.
	RepositoriesRegex string   `yaml:"repositoriesRegex"`
	Skip              []string `yaml:"skip"`
	PaginateSize      int      `yaml:"paginateSize"`
}

// ECR is a registry of the Elastic Container Registry. Credentials are those of the AWS environment.
type ECR struct {
	Name string `yaml:"name"`
	// RegistryID is the AWS account; Region its region.
	RegistryID string `yaml:"registryId"`
	Region     string `yaml:"region"`
	// Hosts are image hosts that this registry answers for, beside its own; for mirrors and tests.
	Hosts   []string `yaml:"hosts"`
	Watched Watched  `yaml:",inline"`
}

// Plugins are the stage plugins.
type Plugins struct {
	// Directory holds executables named stage-*; each is a plugin.
	Directory string   `yaml:"directory"`
	Plugins   []Plugin `yaml:"plugins"`
}

// Plugin is one executable.
type Plugin struct {
	Name string `yaml:"name"`
	Path string `yaml:"path"`
	// SHA256 is the executable's digest in hex; a file with another one is not started.
	SHA256 string `yaml:"sha256"`
	// Env names environment variables that the plugin may see.
	Env    []string       `yaml:"env"`
	Config map[string]any `yaml:"config"`
}

// Webhooks are secrets and templates of webhooks.
type Webhooks struct {
	Git     WebhookGit      `yaml:"git"`
	Sources []WebhookSource `yaml:"sources"`
}

// WebhookGit is about webhooks of code hosts.
type WebhookGit struct {
	// Secret checks the signatures of triggers that have no secret of their own (Echo's trigger.git.shared-secret).
	Secret Secret `yaml:"secret"`
}

// WebhookSource is a source of webhooks.
type WebhookSource struct {
	Source string `yaml:"source"`
	// Secret signs the bodies, or is sent along; who knows it needs no API token.
	Secret Secret `yaml:"secret"`
	// TemplatePath is a Jinja template that makes artifacts of the bodies.
	TemplatePath string `yaml:"templatePath"`
}

// Pubsub are the subscriptions whose messages are pushed to the agent.
type Pubsub struct {
	Subscriptions []Subscription `yaml:"subscriptions"`
}

// Subscription is a subscription of a message system.
type Subscription struct {
	// System and Name are those that triggers name as pubsubSystem and subscriptionName.
	System string `yaml:"system"`
	Name   string `yaml:"name"`
	// Secret and TemplatePath are as for WebhookSource.
	Secret       Secret `yaml:"secret"`
	TemplatePath string `yaml:"templatePath"`
}

// Scheduler is about cron triggers (Echo's scheduler).
type Scheduler struct {
	Cron            Cron            `yaml:"cron"`
	CompensationJob CompensationJob `yaml:"compensationJob"`
}

// Cron is how the times of cron triggers are worked out.
type Cron struct {
	// Timezone is the zone of triggers that name none, for example Europe/Berlin.
	Timezone string `yaml:"timezone"`
}

// CompensationJob makes up for times that were missed.
type CompensationJob struct {
	Enabled bool `yaml:"enabled"`
	// Window is how long ago a time may be that is made up for.
	Window Duration `yaml:"window"`
}

// QuietPeriod is a time in which some triggers start nothing in pipelines that respect it (Echo's quiet-period).
type QuietPeriod struct {
	Enabled bool `yaml:"enabled"`
	// Start and End are instants such as 2026-12-24T18:00:00Z; both belong to the period.
	Start Instant `yaml:"startIso"`
	End   Instant `yaml:"endIso"`
	// Types are the types of triggers that start nothing.
	Types []string `yaml:"suppressedTriggerTypes"`
}

func (q QuietPeriod) validate() []error {
	start, end := q.Start.Time, q.End.Time
	switch {
	case !q.Enabled:
		return nil
	case start.IsZero() || end.IsZero():
		return []error{errors.New("quietPeriod: expected startIso and endIso, instants such as 2026-12-24T18:00:00Z")}
	case end.Before(start):
		return []error{fmt.Errorf("quietPeriod.endIso: found %s, expected an instant after startIso", end.Format(time.RFC3339))}
	default:
		return nil
	}
}

// Runner bounds the work on stages.
type Runner struct {
	// Parallel is how many stage steps may run at once.
	Parallel int `yaml:"parallel"`
	// Lease is how long after its last sign of life an agent counts as dead, so that others on the same database take its
	// work over. It gives one every third of that time.
	Lease Duration `yaml:"lease"`
}

// Tasks are settings of stages that the agent runs itself (Orca's tasks).
type Tasks struct {
	ExecutionWindow ExecutionWindow `yaml:"executionWindow"`
}

// ExecutionWindow is about stages that are restricted to certain times.
type ExecutionWindow struct {
	// Timezone is the zone of the days and hours, for example Europe/Berlin.
	Timezone string `yaml:"timezone"`
}

// Traces says where finished executions are sent as OpenTelemetry traces.
type Traces struct {
	// Endpoint is the base address of a collector that takes OTLP over HTTP; empty for none.
	Endpoint string `yaml:"endpoint"`
	// Headers go with each request, for example Authorization.
	Headers map[string]Secret `yaml:"headers"`
}

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Server: Server{Listen: "127.0.0.1:8084", MaxBody: 10 << 20},
		Store:  Store{Path: "gennaker.db", Postgres: Postgres{Connections: 20}, Retention: Retention{MinPerPipeline: 5}},
		Log:    Log{Level: "info"},
		Runner: Runner{Parallel: 32, Lease: Duration(12 * time.Second)},
		Tasks:  Tasks{ExecutionWindow{Timezone: "America/Los_Angeles"}},
		Scheduler: Scheduler{Cron: Cron{Timezone: "America/Los_Angeles"},
			CompensationJob: CompensationJob{Window: Duration(10 * time.Minute)}},
		Webhook: Webhook{MaxResponseBytes: 1 << 20},
	}
}

// Defaults of a master.
const (
	DefaultPollInterval        = 10 * time.Second
	DefaultTimeout             = 30 * time.Second
	DefaultPropertyFileTimeout = 30 * time.Second
)
