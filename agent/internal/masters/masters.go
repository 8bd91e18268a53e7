package masters

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/health"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jobname"
	"github.com/gennaker/gennaker/jenkins/properties"
)

// Options are what Masters work with.
type Options struct {
	Masters []config.Master
	Store   store.Store
	// Jobs names the jobs of a master, in Igor's form, that some enabled trigger means.
	Jobs func(ctx context.Context, master string) ([]string, error)
	// Accept takes a finished build in, in the transaction that moves the cursor past it. PassOver takes in one that is
	// to start nothing, for a reason in words. Accepted is called once events are durable.
	Accept   func(tx store.Tx, event trigger.Event, key string) error
	PassOver func(tx store.Tx, event trigger.Event, key, reason string) error
	Accepted func()
	// Looked, when set, is called with how a master fares after each cycle.
	Looked func(health.Health)
	// Incarnation is the agent process that holds the leases.
	Incarnation string
	Log         *slog.Logger
}

// Masters are the configured Jenkins masters.
type Masters struct {
	Options
	byName map[string]*master
	recent recent
	// told says that this process has stored a wish.
	told chan struct{}
}

type master struct {
	config.Master
	client *jenkins.Client
	// nudge has the watcher see what jobs are to be looked at at once.
	nudge chan struct{}
}

// New checks the configuration; it opens no connection.
func New(o Options) (*Masters, error) {
	m := &Masters{Options: o, byName: map[string]*master{}, told: make(chan struct{}, 1)}
	for _, c := range o.Masters {
		client, err := connect(c, o.Log)
		if err != nil {
			return nil, fmt.Errorf("jenkins master %q: %w", c.Name, err)
		}
		m.byName[c.Name] = &master{c, client, make(chan struct{}, 1)}
	}
	return m, nil
}

func connect(c config.Master, log *slog.Logger) (*jenkins.Client, error) {
	options := jenkins.Options{Name: c.Name, BaseURL: c.Address, User: c.Username, Token: c.Password.Reveal(),
		Timeout: c.Timeout.Or(config.DefaultTimeout), Logger: log}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("read the CA: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("read the system's certificates: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the CA: %s holds no PEM certificate", c.CA)
		}
		options.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return jenkins.New(options)
}

// Close gives back idle connections.
func (m *Masters) Close() {
	for _, master := range m.byName {
		master.client.Close()
	}
}

// Masters lists the names, sorted.
func (m *Masters) Masters() []string {
	names := make([]string, 0, len(m.byName))
	for name := range m.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Client returns the client of a master.
func (m *Masters) Client(name string) (*jenkins.Client, error) {
	found, ok := m.byName[name]
	if !ok {
		return nil, spinnaker.NotFound("Build master '%s' not found", name)
	}
	return found.client, nil
}

// Address returns the configured address of a master.
func (m *Masters) Address(name string) (string, error) {
	found, ok := m.byName[name]
	if !ok {
		return "", spinnaker.NotFound("Build master '%s' not found", name)
	}
	return found.Master.Address, nil
}

// PropertyFileTimeout is how long a property file of the master may be late.
func (m *Masters) PropertyFileTimeout(name string) time.Duration {
	if found, ok := m.byName[name]; ok {
		return found.Master.PropertyFileTimeout.Or(config.DefaultPropertyFileTimeout)
	}
	return config.DefaultPropertyFileTimeout
}

// Properties reads a property file of a build. When it could be there a little later, mayCome is true.
func (m *Masters) Properties(ctx context.Context, master, job string, number int64, file string) (values map[string]any, mayCome bool, err error) {
	client, err := m.Client(master)
	if err != nil {
		return nil, false, err
	}
	// Files may have come since, and those that are known may have gone: then the build is asked again.
	found, err := client.ArchivedProperties(ctx, jobname.Full(job), int(number), m.recent.of(build{master, job, number}), file)
	if errors.Is(err, properties.ErrMissing) || jenkins.KindOf(err) == jenkins.KindNotFound {
		found, err = client.Properties(ctx, jobname.Full(job), int(number), file)
	}
	if err != nil {
		return nil, jenkins.PropertyFileMayCome(err), err
	}
	return found.Values, false, nil
}

// Build reads a build in the form in which triggers carry it.
func (m *Masters) Build(ctx context.Context, master, job string, number int64) (trigger.BuildInfo, error) {
	client, err := m.Client(master)
	if err != nil {
		return trigger.BuildInfo{}, err
	}
	build, err := client.Build(ctx, jobname.Full(job), int(number))
	if err != nil {
		return trigger.BuildInfo{}, notFound(err, "Build not found (controller: '%s', job: '%s', build: %d)", master, job, number)
	}
	return buildInfo(build), nil
}

// Artifact opens a file that a build archived.
func (m *Masters) Artifact(ctx context.Context, master, job string, number int64, path string, limit int64) (io.ReadCloser, error) {
	client, err := m.Client(master)
	if err != nil {
		return nil, err
	}
	return client.Artifact(ctx, jobname.Full(job), int(number), path, limit)
}

// failure is an error of Jenkins that the API answers with a status and a text of its own.
type failure struct {
	answer *spinnaker.Error
	cause  error
}

func (f failure) Error() string { return f.answer.Message }

func (f failure) Unwrap() []error { return []error{f.answer, f.cause} }

// notFound lets Jenkins' 404 be answered with the text that Igor has for it, and its other errors as those of a server
// behind the API.
func notFound(err error, format string, args ...any) error {
	if jenkins.KindOf(err) == jenkins.KindNotFound {
		return failure{spinnaker.NotFound(format, args...), err}
	}
	if failed := (*jenkins.Error)(nil); errors.As(err, &failed) {
		return failure{&spinnaker.Error{Status: http.StatusBadGateway, Message: failed.Error()}, err}
	}
	return err
}
