package pluginhost

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

// Manager keeps the configured plugins running and passes calls to them. All methods may be used at any time, also
// before and after Run.
type Manager struct {
	workers []*worker
	ready   chan struct{}

	mu      sync.Mutex
	tried   map[*worker]bool
	types   map[string]provided // by type and alias
	ordered []provided          // without aliases
	// conflicts are, by plugin, the stage types that another plugin provides already.
	conflicts map[string][]string
}

type provided struct {
	StageType
	worker *worker
}

// New prepares the plugins; Run starts them.
func New(config Config, services HostServices, log *slog.Logger) *Manager {
	config = config.withDefaults()
	m := &Manager{ready: make(chan struct{}), tried: map[*worker]bool{}}
	for _, plugin := range config.Plugins {
		w := newWorker(plugin, config, services, log, nil)
		w.started = func() { m.refresh(w) }
		m.workers = append(m.workers, w)
	}
	if len(m.workers) == 0 {
		close(m.ready)
	}
	return m
}

// Run keeps the plugins running until ctx ends, and returns when all their processes are gone: running steps are given
// the drain time to end. It may be called once.
func (m *Manager) Run(ctx context.Context) error {
	launcher := wire.NewLauncher()
	defer launcher.Close()
	var workers sync.WaitGroup
	for _, w := range m.workers {
		workers.Go(func() { w.run(ctx, launcher) })
	}
	workers.Wait()
	return nil
}

// Ready is closed when each plugin has been started once, or has failed to.
func (m *Manager) Ready() <-chan struct{} { return m.ready }

// refresh rebuilds the table of stage types after a plugin was started or failed.
func (m *Manager) refresh(w *worker) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.tried[w] {
		m.tried[w] = true
		if len(m.tried) == len(m.workers) {
			close(m.ready)
		}
	}
	m.types, m.ordered, m.conflicts = map[string]provided{}, nil, map[string][]string{}
	for _, w := range m.workers {
		for _, t := range w.stageTypes() {
			m.add(provided{t, w})
		}
	}
}

// add enters a stage type; a name that is taken stays with the plugin that comes first in the configuration.
func (m *Manager) add(p provided) {
	if other, taken := m.types[p.Type]; taken {
		m.conflicts[p.Plugin] = append(m.conflicts[p.Plugin],
			fmt.Sprintf("stage type %q is provided by plugin %q", p.Type, other.Plugin))
		return
	}
	m.types[p.Type] = p
	m.ordered = append(m.ordered, p)
	for _, alias := range p.Aliases {
		if other, taken := m.types[alias]; taken {
			m.conflicts[p.Plugin] = append(m.conflicts[p.Plugin],
				fmt.Sprintf("stage type %q is provided by plugin %q", alias, other.Plugin))
			continue
		}
		m.types[alias] = p
	}
}

// StageTypes are the stage types of all plugins that have been started once, also of one that is restarting now.
func (m *Manager) StageTypes() []StageType {
	m.mu.Lock()
	defer m.mu.Unlock()
	var types []StageType
	for _, p := range m.ordered {
		types = append(types, p.StageType)
	}
	return types
}

// Lookup finds a stage type by its name or an alias.
func (m *Manager) Lookup(stageType string) (StageType, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.types[stageType]
	return p.StageType, ok
}

// RunStep performs one step. The plugin gets a copy of the request with the type's own name and a call token. When it
// returns an error that is not ctx's own, the step is not running any more.
func (m *Manager) RunStep(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	t, instance, err := m.instance(in.GetType())
	if err != nil {
		return nil, err
	}
	return instance.run(ctx, t, in)
}

// Cancel cancels a stage; it has RunStep's rules.
func (m *Manager) Cancel(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	t, instance, err := m.instance(in.GetType())
	if err != nil {
		return nil, err
	}
	return instance.cancel(ctx, t, in)
}

// Plan asks what a step would change. Of a stage type that cannot plan the error is ErrUnsupported.
func (m *Manager) Plan(ctx context.Context, in *stagev1.RunRequest) (*stagev1.PlanResponse, error) {
	t, instance, err := m.instance(in.GetType())
	if err != nil {
		return nil, err
	}
	return instance.plan(ctx, t, in)
}

// Validate checks a stage's configuration, a JSON object with its expressions not yet evaluated.
func (m *Manager) Validate(ctx context.Context, stageType, configJSON string) ([]*stagev1.FieldError, error) {
	t, instance, err := m.instance(stageType)
	if err != nil {
		return nil, err
	}
	return instance.validate(ctx, t, configJSON)
}

func (m *Manager) instance(stageType string) (StageType, *instance, error) {
	m.mu.Lock()
	p, ok := m.types[stageType]
	m.mu.Unlock()
	if !ok {
		return StageType{}, nil, m.unknownType(stageType)
	}
	instance, absent := p.worker.current()
	if absent != nil {
		return StageType{}, nil, &callError{p.Plugin, stageType, absent.class(), absent.String()}
	}
	return p.StageType, instance, nil
}

// unknownType names the plugins that might provide the type if they ran.
func (m *Manager) unknownType(stageType string) error {
	var absent []string
	for _, w := range m.workers {
		if _, why := w.current(); why != nil {
			absent = append(absent, fmt.Sprintf("plugin %q is not running: %s", w.plugin.Name, why))
		}
	}
	if len(absent) == 0 {
		return fmt.Errorf("%w %q", ErrUnknownType, stageType)
	}
	return fmt.Errorf("%w %q; %s", ErrUnknownType, stageType, strings.Join(absent, "; "))
}
