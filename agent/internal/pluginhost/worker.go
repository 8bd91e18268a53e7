package pluginhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
	"github.com/gennaker/gennaker/plugins/wire"
)

// State of a plugin.
type State string

// The states.
const (
	// Starting: its first start is under way.
	Starting State = "starting"
	Running  State = "running"
	// Restarting: it ended or could not be started, and will be started again.
	Restarting State = "restarting"
	// Disabled: it cannot work with this agent and is not started again.
	Disabled State = "disabled"
	// Stopped: the agent is stopping or has not started it yet.
	Stopped State = "stopped"
)

// worker keeps one plugin running.
type worker struct {
	plugin   Plugin
	config   Config
	services HostServices
	log      *slog.Logger
	// started is called after the first start, failed or not, and after every later start that succeeded.
	started func()

	mu       sync.Mutex
	state    State
	since    time.Time
	instance *instance
	info     *info // of the last instance
	err      error
	starts   int
}

func newWorker(plugin Plugin, config Config, services HostServices, log *slog.Logger, started func()) *worker {
	return &worker{
		plugin: plugin, config: config, services: services, log: log.With("plugin", plugin.Name), started: started,
		state: Stopped, since: time.Now(),
	}
}

// run keeps the plugin running until ctx ends, and returns when its process is gone.
func (w *worker) run(ctx context.Context, launcher *wire.Launcher) {
	defer w.set(Stopped, nil, nil)
	w.set(Starting, nil, nil)
	pause := w.config.MinBackoff
	for {
		began := time.Now()
		err := w.runOnce(ctx, launcher)
		if ctx.Err() != nil {
			return
		}
		var disabling *disablingError
		if errors.As(err, &disabling) {
			w.log.Error("plugin disabled", "error", err)
			w.set(Disabled, nil, err)
			w.started()
			<-ctx.Done()
			return
		}
		if time.Since(began) > w.config.MaxBackoff {
			pause = w.config.MinBackoff
		}
		w.log.Error("plugin is not running", "error", err, "restart_in", pause)
		w.set(Restarting, nil, err)
		w.started()
		if !wait(ctx, pause) {
			return
		}
		pause = min(2*pause, w.config.MaxBackoff)
	}
}

// runOnce starts the plugin and returns why it does not run any more.
func (w *worker) runOnce(ctx context.Context, launcher *wire.Launcher) error {
	instance, err := w.start(ctx, launcher)
	if err != nil {
		return err
	}
	w.log.Info("plugin started", "pid", instance.process.PID(), "version", instance.info.version,
		"api", instance.info.apiVersion)
	w.set(Running, instance, nil)
	w.started()
	select {
	case <-instance.process.Exited():
		w.set(Restarting, nil, nil)
		instance.process.Kill()
		return fmt.Errorf("its process ended (%s)", instance.process.ExitReason())
	case <-ctx.Done():
		w.set(Stopped, nil, nil)
		w.stop(ctx, instance)
		return ctx.Err()
	}
}

// stop lets running steps end.
func (w *worker) stop(ctx context.Context, instance *instance) {
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.config.DrainTimeout)
	defer cancel()
	if err := instance.process.Stop(drain); err != nil {
		w.log.Warn("plugin killed", "error", err)
		return
	}
	w.log.Info("plugin stopped")
}

func (w *worker) start(ctx context.Context, launcher *wire.Launcher) (_ *instance, err error) {
	w.mu.Lock()
	w.starts++
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, w.config.StartTimeout)
	defer cancel()
	output := &outputLog{log: w.log, now: time.Now}
	process, err := launcher.Start(ctx, wire.Command{
		Path:         w.plugin.Path,
		Env:          environment(w.plugin.Env),
		SHA256:       w.plugin.SHA256,
		SocketDir:    w.config.SocketDir,
		StartTimeout: w.config.StartTimeout,
		Output:       output.add,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			process.Kill()
		}
	}()
	answer, err := process.Stage.GetInfo(ctx, &stagev1.GetInfoRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask the plugin what it provides: %w", err)
	}
	info, err := readInfo(w.plugin.Name, answer, w.config.Limits.MaxStep)
	if err != nil {
		return nil, err
	}
	host := &hostServer{services: w.services, limits: w.config.Limits, log: w.log}
	if err := w.configure(ctx, process, host, info); err != nil {
		return nil, err
	}
	return &instance{plugin: w.plugin, process: process, host: host, info: info, grace: w.config.StepGrace}, nil
}

func (w *worker) configure(ctx context.Context, process *wire.Process, host *hostServer, info *info) error {
	config, err := encodeConfig(w.plugin.Config)
	if err != nil {
		return &disablingError{err}
	}
	_, err = process.Stage.Configure(ctx, &stagev1.ConfigureRequest{
		HostService: process.ServeHost(host), ApiVersion: info.apiVersion, ConfigJson: config,
	})
	if err != nil {
		return fmt.Errorf("configure the plugin: %w", err)
	}
	return nil
}

// current returns the running instance, or why there is none.
func (w *worker) current() (*instance, *notRunning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.instance != nil && !w.instance.exited() {
		return w.instance, nil
	}
	return nil, &notRunning{state: w.currentState(), reason: w.err}
}

// currentState is not Running when the process has just ended. The caller holds the lock.
func (w *worker) currentState() State {
	if w.instance != nil && w.instance.exited() {
		return Restarting
	}
	return w.state
}

// notRunning says why a plugin is not running.
type notRunning struct {
	state  State
	reason error // nil before the first start has failed
}

func (n *notRunning) String() string {
	if n.reason == nil {
		return "it is " + string(n.state)
	}
	return fmt.Sprintf("it is %s: %v", n.state, n.reason)
}

// class of the error of a call: a plugin that is disabled will not come back.
func (n *notRunning) class() error {
	if n.state == Disabled {
		return ErrContract
	}
	return ErrGone
}

func (w *worker) set(state State, instance *instance, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state, w.instance, w.since = state, instance, time.Now()
	if instance != nil {
		w.info = instance.info
	}
	if err != nil || state == Running {
		w.err = err
	}
}

// environment are the named variables of the agent's environment that are set.
func environment(names []string) []string {
	var env []string
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// wait returns false when ctx ended first.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func encodeConfig(config map[string]any) (string, error) {
	if config == nil {
		return "{}", nil
	}
	text, err := json.Marshal(config)
	if err != nil {
		return "", fmt.Errorf("encode the plugin's configuration: %w", err)
	}
	return string(text), nil
}
