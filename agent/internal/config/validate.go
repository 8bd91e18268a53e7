package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Scopes of an API token, each including the ones before.
var scopes = [...]string{"read", "trigger", "write"}

// shortestLease is the shortest that an agent can renew in time on a busy machine.
const shortestLease = time.Second

// Validate checks what the YAML alone cannot say. Every fault is reported.
func (c Config) Validate() error {
	var errs []error
	errs = append(errs, c.Server.validate()...)
	errs = append(errs, c.Store.validate()...)
	errs = append(errs, c.Jenkins.validate()...)
	errs = append(errs, unique("kubernetes.accounts", c.Kubernetes.Accounts, func(a Kubernetes) string { return a.Name })...)
	for i, account := range c.Kubernetes.Accounts {
		errs = append(errs, account.validate(fmt.Sprintf("kubernetes.accounts[%d]", i))...)
	}
	errs = append(errs, c.Artifacts.validate()...)
	errs = append(errs, unique("dockerRegistry.accounts", c.DockerRegistry.Accounts, func(a Registry) string { return a.Name })...)
	errs = append(errs, unique("ecr.accounts", c.ECR.Accounts, func(a ECR) string { return a.Name })...)
	errs = append(errs, c.validateWatched()...)
	errs = append(errs, c.Webhook.validate(c.Server.Roles)...)
	errs = append(errs, unique("plugins.plugins", c.Plugins.Plugins, func(p Plugin) string { return p.Name })...)
	for i, plugin := range c.Plugins.Plugins {
		errs = append(errs, plugin.validate(fmt.Sprintf("plugins.plugins[%d]", i))...)
	}
	if c.Traces.Endpoint != "" && !isWebAddress(c.Traces.Endpoint) {
		errs = append(errs, fmt.Errorf("traces.endpoint: found %q, expected a URL such as http://127.0.0.1:4318", c.Traces.Endpoint))
	}
	errs = append(errs, c.Webhooks.validate()...)
	errs = append(errs, c.Pubsub.validate()...)
	errs = append(errs, zone("scheduler.cron.timezone", c.Scheduler.Cron.Timezone)...)
	errs = append(errs, c.QuietPeriod.validate()...)
	errs = append(errs, zone("tasks.executionWindow.timezone", c.Tasks.ExecutionWindow.Timezone)...)
	if c.Runner.Parallel < 1 {
		errs = append(errs, fmt.Errorf("runner.parallel: found %d, expected at least 1", c.Runner.Parallel))
	}
	if lease := time.Duration(c.Runner.Lease); lease < shortestLease {
		errs = append(errs, fmt.Errorf("runner.lease: found %v, expected at least %v", lease, shortestLease))
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		errs = append(errs, fmt.Errorf("log.level: found %q, expected debug, info, warn or error", c.Log.Level))
	}
	if !slices.Contains([]string{"", "text", "json"}, c.Log.Format) {
		errs = append(errs, fmt.Errorf("log.format: found %q, expected text or json", c.Log.Format))
	}
	return errors.Join(errs...)
}

func (s Store) validate() []error {
	errs := s.Retention.validate()
	if !s.Postgres.Enabled() {
		if s.Postgres.Password.IsSet() {
			errs = append(errs, errors.New("store.postgres.url: is missing: expected postgres://user@host/database"))
		}
		return errs
	}
	if s.Path != Default().Store.Path {
		errs = append(errs, errors.New("store: found path and postgres, expected one of them"))
	}
	address, err := url.Parse(s.Postgres.URL)
	switch {
	case err != nil || address.Scheme != "postgres" && address.Scheme != "postgresql":
		// What was found is not shown: it may hold a password.
		errs = append(errs, errors.New("store.postgres.url: expected a URL such as postgres://user@host/database"))
	case hasPassword(address):
		errs = append(errs, errors.New("store.postgres.url: holds a password: use store.postgres.password"))
	case strings.Trim(address.Path, "/") == "":
		errs = append(errs, fmt.Errorf("store.postgres.url: found %q, expected the name of a database at its end", s.Postgres.URL))
	}
	const fewest = 4
	if s.Postgres.Connections < fewest {
		errs = append(errs, fmt.Errorf("store.postgres.connections: found %d, expected at least %d", s.Postgres.Connections, fewest))
	}
	return errs
}

func hasPassword(address *url.URL) bool {
	_, inUser := address.User.Password()
	return inUser || address.Query().Has("password") || address.Query().Has("sslpassword")
}

func (s Server) validate() []error {
	var errs []error
	loopback, err := s.Loopback()
	if err != nil {
		errs = append(errs, fmt.Errorf("server.listen: %w", err))
	}
	if (s.TLS.Cert == "") != (s.TLS.Key == "") {
		errs = append(errs, errors.New("server.tls: found one of cert and key, expected both"))
	}
	if err == nil && !loopback {
		if !s.TLS.Enabled() && !s.TLS.Proxy {
			errs = append(errs, fmt.Errorf("server.listen: %s is not a loopback address and there is no TLS: set "+
				"server.tls.cert and server.tls.key, or `tls: proxy` when a proxy in front speaks TLS", s.Listen))
		}
		if len(s.Tokens) == 0 {
			errs = append(errs, fmt.Errorf("server.listen: %s is not a loopback address and there is no API token: add "+
				"one to server.tokens, for example {name: ci, scopes: [trigger], secret: {file: /run/secrets/ci}}", s.Listen))
		}
	}
	errs = append(errs, unique("server.tokens", s.Tokens, func(t Token) string { return t.Name })...)
	for i, token := range s.Tokens {
		errs = append(errs, token.validate(fmt.Sprintf("server.tokens[%d]", i))...)
	}
	spelt := map[string]string{}
	for _, role := range slices.Sorted(maps.Keys(s.Roles)) {
		folded := strings.ToLower(role)
		if earlier, taken := spelt[folded]; taken {
			errs = append(errs, fmt.Errorf("server.roles: found %q and %q, which are one role: put their members together", earlier, role))
		}
		spelt[folded] = role
		if strings.TrimSpace(role) == "" || slices.Contains(s.Roles[role], "") {
			errs = append(errs, fmt.Errorf("server.roles: found the members %q of the role %q, expected the names of both", s.Roles[role], role))
		}
	}
	if slices.Contains(s.Admins, "") {
		errs = append(errs, errors.New("server.admins: found an empty name, expected the names of tokens or users"))
	}
	if s.MaxBody < 1 {
		errs = append(errs, fmt.Errorf("server.maxBody: found %d, expected a number of bytes above zero", s.MaxBody))
	}
	return errs
}

// ShortestToken is how many characters an API token has at least.
const ShortestToken = 16

// Validate checks a token; path is what the errors call it.
func (t Token) Validate(path string) error { return errors.Join(t.validate(path)...) }

func (t Token) validate(path string) []error {
	var errs []error
	secret := t.Secret.Reveal()
	sum, err := hex.DecodeString(t.SHA256)
	switch {
	case t.SHA256 != "" && secret != "":
		errs = append(errs, fmt.Errorf("%s: found both secret and sha256, expected one of them", path))
	case t.SHA256 != "" && (err != nil || len(sum) != sha256.Size):
		errs = append(errs, fmt.Errorf("%s.sha256: found %q, expected 64 hexadecimal digits: make a token with `gennaker token`", path, t.SHA256))
	case t.SHA256 == "" && len(secret) < ShortestToken:
		errs = append(errs, fmt.Errorf("%s.secret: found %d characters, expected at least %d: make one with `gennaker token`",
			path, len(secret), ShortestToken))
	}
	for _, scope := range t.Scopes {
		if !slices.Contains(scopes[:], scope) {
			errs = append(errs, fmt.Errorf("%s.scopes: found %q, expected read, trigger or write", path, scope))
		}
	}
	if len(t.Scopes) == 0 {
		errs = append(errs, fmt.Errorf("%s.scopes: expected at least one of read, trigger, write", path))
	}
	return errs
}

// Loopback says whether only this machine can reach the server.
func (s Server) Loopback() (bool, error) {
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return false, fmt.Errorf("found %q, expected host:port", s.Listen)
	}
	if host == "localhost" {
		return true, nil
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback(), nil
}

// shortestRetention keeps builds and starts known as long as anybody may report them twice.
const shortestRetention = 24 * time.Hour

func (r Retention) validate() []error {
	var errs []error
	ages := []struct {
		key string
		age Duration
	}{{"executions", r.Executions}, {"stageLogs", r.StageLogs}, {"events", r.Events}, {"audit", r.Audit}}
	for _, a := range ages {
		if a.age != 0 && time.Duration(a.age) < shortestRetention {
			errs = append(errs, fmt.Errorf("store.retention.%s: found %s, expected at least 1d", a.key, time.Duration(a.age)))
		}
	}
	if r.MinPerPipeline < 0 {
		errs = append(errs, fmt.Errorf("store.retention.minPerPipeline: found %d, expected 0 or more", r.MinPerPipeline))
	}
	if least := max(r.MinPerPipeline, 1); r.MaxPerPipeline != 0 && r.MaxPerPipeline < least {
		errs = append(errs, fmt.Errorf("store.retention.maxPerPipeline: found %d, expected at least %d (1, and minPerPipeline)",
			r.MaxPerPipeline, least))
	}
	return errs
}

func (j Jenkins) validate() []error {
	errs := unique("jenkins.masters", j.Masters, func(m Master) string { return m.Name })
	first := map[string]int{}
	for i, master := range j.Masters {
		place := strings.ToLower(strings.TrimRight(master.Address, "/"))
		if earlier, taken := first[place]; taken && place != "" {
			errs = append(errs, fmt.Errorf("jenkins.masters[%d].address: %q is that of jenkins.masters[%d] already: each build would be two", i, master.Address, earlier))
		} else {
			first[place] = i
		}
		if !isWebAddress(master.Address) {
			errs = append(errs, fmt.Errorf("jenkins.masters[%d].address: found %q, expected a URL such as https://ci.example.com/jenkins", i, master.Address))
		} else if address, err := url.Parse(master.Address); err == nil && address.User != nil {
			errs = append(errs, fmt.Errorf("jenkins.masters[%d].address: holds a user name: use username and password", i))
		}
		if !slices.Contains([]string{"", "latest", "all", "none"}, master.Backfill) {
			errs = append(errs, fmt.Errorf("jenkins.masters[%d].backfill: found %q, expected latest, all or none", i, master.Backfill))
		}
	}
	return errs
}

func (p Plugin) validate(path string) []error {
	var errs []error
	if p.Path == "" {
		errs = append(errs, fmt.Errorf("%s.path: is missing: expected the path of the plugin's executable", path))
	}
	if sum, err := hex.DecodeString(p.SHA256); p.SHA256 != "" && (err != nil || len(sum) != sha256.Size) {
		errs = append(errs, fmt.Errorf("%s.sha256: found %q, expected 64 hexadecimal digits, as sha256sum prints them", path, p.SHA256))
	}
	return errs
}

// isWebAddress says whether a text is an http or https URL with a host.
func isWebAddress(text string) bool {
	address, err := url.Parse(text)
	return err == nil && address.Host != "" && (address.Scheme == "http" || address.Scheme == "https")
}

func zone(path, name string) []error {
	if _, err := time.LoadLocation(name); err != nil || name == "" {
		return []error{fmt.Errorf("%s: found %q, expected a zone such as Europe/Berlin", path, name)}
	}
	return nil
}

// shortestSecret is how long a secret must be that signs bodies: whoever sees a signature can try short ones.
const shortestSecret = 8

func (w Webhooks) validate() []error {
	errs := signing("webhooks.git.secret", w.Git.Secret)
	seen := map[string]int{}
	for i, source := range w.Sources {
		path := fmt.Sprintf("webhooks.sources[%d]", i)
		if first, again := seen[source.Source]; again {
			errs = append(errs, fmt.Errorf("%s.source: %q is that of webhooks.sources[%d] already", path, source.Source, first))
		}
		seen[source.Source] = i
		if source.Source == "" {
			errs = append(errs, fmt.Errorf("%s.source: is missing: expected the last element of the address that the webhook is sent to", path))
		}
		errs = append(errs, signing(path+".secret", source.Secret)...)
	}
	return errs
}

func (p Pubsub) validate() []error {
	var errs []error
	seen := map[string]int{}
	for i, subscription := range p.Subscriptions {
		path := fmt.Sprintf("pubsub.subscriptions[%d]", i)
		if subscription.System == "" || subscription.Name == "" {
			errs = append(errs, fmt.Errorf("%s: expected system and name, as triggers have them in pubsubSystem and subscriptionName", path))
		}
		key := strings.ToLower(subscription.System + "/" + subscription.Name)
		if first, again := seen[key]; again {
			errs = append(errs, fmt.Errorf("%s: %q of %q is pubsub.subscriptions[%d] already", path, subscription.Name, subscription.System, first))
		}
		seen[key] = i
		errs = append(errs, signing(path+".secret", subscription.Secret)...)
	}
	return errs
}

func signing(path string, secret Secret) []error {
	if n := len(secret.Reveal()); secret.IsSet() && n < shortestSecret {
		return []error{fmt.Errorf("%s: found %d characters, expected at least %d", path, n, shortestSecret)}
	}
	return nil
}

// unique checks that every item of a list has a name and no two have the same.
func unique[T any](path string, items []T, name func(T) string) []error {
	return uniqueBy("name", path, items, name)
}

// uniqueBy is unique for a key other than name.
func uniqueBy[T any](key, path string, items []T, value func(T) string) []error {
	var errs []error
	first := map[string]int{}
	for i, item := range items {
		found := value(item)
		if strings.TrimSpace(found) == "" {
			errs = append(errs, fmt.Errorf("%s[%d].%s: is missing", path, i, key))
			continue
		}
		if earlier, taken := first[found]; taken {
			errs = append(errs, fmt.Errorf("%s[%d].%s: %q is the %s of %s[%d] already", path, i, key, found, key, path, earlier))
			continue
		}
		first[found] = i
	}
	return errs
}
