package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/doctor"
	"github.com/gennaker/gennaker/agent/internal/masters"
	"github.com/gennaker/gennaker/agent/internal/pluginhost"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/postgres"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
)

const (
	// pluginPatience is how long plugins may take to start, masterPatience how long a master may take to answer.
	pluginPatience = 30 * time.Second
	masterPatience = 30 * time.Second
	// littleSpace is how many free bytes on the store's disk are worth a warning, noSpace how many are an error.
	littleSpace = 1 << 30
	noSpace     = 64 << 20
)

// Doctor examines all that a configuration leads to, beside a running agent or without one. It changes nothing: it starts
// plugins of its own, and reads the store beside the agent.
func Doctor(ctx context.Context, c config.Config) (report doctor.Report, err error) {
	checks, done := storeChecks(ctx, c, false)
	defer func() { err = errors.Join(err, done()) }()
	if !c.Store.Postgres.Enabled() {
		checks = append(checks, diskCheck(c.Store.Path))
	}
	checks = append(checks, pluginsCheck(c))
	found, err := masters.New(masters.Options{Masters: c.Jenkins.Masters, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return report, err
	}
	defer found.Close()
	for _, master := range c.Jenkins.Masters {
		checks = append(checks, masterCheck(found, master))
	}
	for _, account := range c.Kubernetes.Accounts {
		checks = append(checks, kubernetesCheck(account))
	}
	return doctor.Examine(ctx, checks), nil
}

// inspector reads a store beside the agents that use it.
type inspector interface {
	View(ctx context.Context, read func(store.Reader) error) error
	OpenBlob(ctx context.Context, sha256 string) (io.ReadCloser, store.Blob, error)
	// Schema says which version the schema has, and which one this program knows.
	Schema(ctx context.Context) (found, known int, err error)
	Close() error
}

func inspect(ctx context.Context, c config.Store) (inspector, error) {
	if c.Postgres.Enabled() {
		return postgres.Inspect(ctx, postgres.Options{URL: c.Postgres.URL, Password: c.Postgres.Password.Reveal()})
	}
	return sqlite.Inspect(ctx, c.Path)
}

// storeChecks are the checks of a store; whole ones read all of it. done gives the store back.
func storeChecks(ctx context.Context, c config.Config, whole bool) (checks []doctor.Check, done func() error) {
	i, err := inspect(ctx, c.Store)
	if err != nil {
		// Checks of other things can still be made.
		checks = []doctor.Check{{ID: "store.open", About: "that the store can be opened", Look: func(context.Context) ([]doctor.Finding, error) {
			if !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			missing := doctor.Finding{Severity: doctor.Warning, What: err.Error(), Why: "no agent has ever run on this configuration, or it ran in another folder",
				Do: "start `gennaker serve` once, or run this in the agent's working folder, with its --config"}
			if whole {
				missing.Severity, missing.Why = doctor.Error, "there is nothing to check"
				missing.Do = "name the file, or run this in the agent's working folder, with its --config"
			}
			return []doctor.Finding{missing}, nil
		}}}
		return checks, func() error { return nil }
	}
	checks = append(checks, doctor.Check{ID: "store.schema", About: "the version of the store's schema", Look: func(ctx context.Context) ([]doctor.Finding, error) {
		return schemaFindings(ctx, i)
	}})
	if file, ok := i.(*sqlite.Inspector); ok && whole {
		checks = append(checks, doctor.Check{ID: "store.file", About: "the file and its references", Look: func(ctx context.Context) ([]doctor.Finding, error) {
			return fileFindings(ctx, file)
		}})
	}
	// Rows of another schema cannot be read.
	if found, known, err := i.Schema(ctx); err == nil && found == known {
		checks = append(checks, doctor.Store(i.View, time.Duration(c.Runner.Lease))...)
		if whole {
			checks = append(checks, doctor.Contents(i.View, i.OpenBlob)...)
		} else {
			checks = append(checks, doctor.Running(i.View, time.Duration(c.Runner.Lease)))
			checks = append(checks, feedChecks(c, i.View)...)
		}
	}
	return checks, i.Close
}

func fileFindings(ctx context.Context, i *sqlite.Inspector) ([]doctor.Finding, error) {
	faults, err := i.Faults(ctx)
	var found []doctor.Finding
	for _, fault := range faults {
		found = append(found, doctor.Finding{Severity: doctor.Error, What: fault, Why: "the file is damaged: what it keeps may be lost",
			Do: "stop the agent, and restore a backup from before the damage"})
	}
	return found, err
}

func schemaFindings(ctx context.Context, i inspector) ([]doctor.Finding, error) {
	switch found, known, err := i.Schema(ctx); {
	case err != nil:
		return nil, err
	case found > known:
		return []doctor.Finding{{Severity: doctor.Error, What: fmt.Sprintf("the schema has version %d, this program knows up to %d", found, known),
			Why: "this agent refuses to run on it", Do: "run the newer agent, or restore a backup from before the upgrade"}}, nil
	case found < known:
		return []doctor.Finding{{Severity: doctor.Warning, What: fmt.Sprintf("the schema has version %d, this program brings it to %d", found, known),
			Why: "what is stored cannot be examined before", Do: "make a backup, then start this agent: it migrates at start"}}, nil
	default:
		return nil, nil
	}
}

func diskCheck(path string) doctor.Check {
	return doctor.Check{ID: "store.disk", About: "free space for the store", Look: func(context.Context) ([]doctor.Finding, error) {
		folder := filepath.Dir(path)
		var space syscall.Statfs_t
		if err := syscall.Statfs(folder, &space); err != nil {
			return nil, fmt.Errorf("free space of %q: %w", folder, err)
		}
		free := space.Bavail * uint64(space.Bsize)
		if free >= littleSpace {
			return nil, nil
		}
		severity := doctor.Warning
		if free < noSpace {
			severity = doctor.Error
		}
		return []doctor.Finding{{Severity: severity, What: fmt.Sprintf("%d MiB are free on the disk of %s", free>>20, path),
			Why: "an agent whose disk is full accepts nothing", Do: "free some space, or set store.retention and compact the store"}}, nil
	}}
}

func pluginsCheck(c config.Config) doctor.Check {
	return doctor.Check{ID: "plugins", About: "that every plugin starts", Look: func(ctx context.Context) ([]doctor.Finding, error) {
		all, err := Plugins(ctx, c)
		var found []doctor.Finding
		for _, p := range all {
			if p.State != pluginhost.Running {
				found = append(found, doctor.Finding{Severity: doctor.Error, What: fmt.Sprintf("plugin %q (%s) is %s: %s", p.Name, p.Path, p.State, p.Error),
					Why: "stages of its types wait, and then fail", Do: "mend what the message names, or take the plugin out of the configuration"})
			}
			for _, conflict := range p.Conflicts {
				found = append(found, doctor.Finding{Severity: doctor.Warning, What: fmt.Sprintf("plugin %q: %s", p.Name, conflict),
					Why: "the first plugin of the configuration runs these stages", Do: "take one of the two out of the configuration"})
			}
		}
		return found, err
	}}
}

// Plugins starts the plugins of a configuration, says how each fares, and ends them.
func Plugins(ctx context.Context, c config.Config) ([]pluginhost.PluginStatus, error) {
	a := &agent{config: c, log: slog.New(slog.DiscardHandler)}
	manager, err := a.newPlugins()
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- manager.Run(running) }()
	patience, cancel := context.WithTimeout(ctx, pluginPatience)
	defer cancel()
	select {
	case <-manager.Ready():
	case <-patience.Done():
	}
	all := manager.Status()
	stop()
	return all, errors.Join(<-ended, ctx.Err())
}

func masterCheck(all *masters.Masters, c config.Master) doctor.Check {
	return doctor.Check{ID: "jenkins." + c.Name, About: "Jenkins master " + c.Address, Look: func(ctx context.Context) ([]doctor.Finding, error) {
		client, err := all.Client(c.Name)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, masterPatience)
		defer cancel()
		info, err := client.Check(ctx)
		if err != nil {
			return []doctor.Finding{{Severity: doctor.Error, What: err.Error(), Why: "builds of this master start nothing",
				Do: "mend what the message names: the address, the network, or username and password"}}, nil
		}
		var found []doctor.Finding
		if info.Anonymous && c.Username != "" {
			found = append(found, doctor.Finding{Severity: doctor.Error, What: fmt.Sprintf("Jenkins master %q takes user %q for anonymous", c.Name, c.Username),
				Why: "jobs that need a sign-in are not seen", Do: "check username and password"})
		}
		if info.ShuttingDown {
			found = append(found, doctor.Finding{Severity: doctor.Warning, What: fmt.Sprintf("Jenkins master %q is shutting down", c.Name),
				Why: "builds are queued and do not start", Do: "wait for its restart, or cancel the shutdown"})
		}
		return found, nil
	}}
}

func kubernetesCheck(account config.Kubernetes) doctor.Check {
	return doctor.Check{ID: "kubernetes." + account.Name, About: "the settings of Kubernetes account " + account.Name, Look: func(context.Context) ([]doctor.Finding, error) {
		if problem := kubeconfigProblem(account); problem != "" {
			return []doctor.Finding{{Severity: doctor.Error, What: fmt.Sprintf("Kubernetes account %q: %s", account.Name, problem),
				Why: "every stage that names the account fails", Do: "correct the account in kubernetes.accounts, or the file"}}, nil
		}
		return nil, nil
	}}
}

// kubeconfigProblem says what is wrong with an account's kubeconfig, or "". The cluster itself is not asked: only plugins
// can.
func kubeconfigProblem(account config.Kubernetes) string {
	var text []byte
	switch {
	case account.KubeconfigFile != "":
		var err error
		if text, err = readBounded(account.KubeconfigFile); err != nil {
			return err.Error()
		}
	case account.KubeconfigContents.IsSet():
		text = []byte(account.KubeconfigContents.Reveal())
	default:
		return ""
	}
	var kubeconfig struct {
		Current  string `yaml:"current-context"`
		Contexts []struct {
			Name string `yaml:"name"`
		} `yaml:"contexts"`
	}
	if yaml.Unmarshal(text, &kubeconfig) != nil {
		return "the kubeconfig is no YAML" // what it says may be secret
	}
	wanted := account.Context
	if wanted == "" {
		wanted = kubeconfig.Current
	}
	var names []string
	for _, context := range kubeconfig.Contexts {
		names = append(names, context.Name)
	}
	if !slices.Contains(names, wanted) {
		return fmt.Sprintf("the kubeconfig has no context %q, only: %s", wanted, strings.Join(names, ", "))
	}
	return ""
}

// readBounded reads a file that ought to be small.
func readBounded(path string) ([]byte, error) {
	const most = 1 << 20
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%s is larger than %d bytes", path, most)
	}
	return text, err
}
