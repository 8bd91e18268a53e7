package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/pluginhost"
	"github.com/gennaker/gennaker/agent/internal/runner"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// executablePrefix is how the names of plugins in a directory begin.
const executablePrefix = "stage-"

func (a *agent) newPlugins() (*pluginhost.Manager, error) {
	found, err := findPlugins(a.config.Plugins)
	if err != nil {
		return nil, err
	}
	shared := environmentOf(a.config.Kubernetes.Accounts)
	for i := range found {
		found[i].Env = append(found[i].Env, shared...)
	}
	return pluginhost.New(pluginhost.Config{Plugins: found}, host{a}, a.log), nil
}

// environmentOf names the environment variables without which Kubernetes accounts do not work: those that say where the
// cluster is that the agent runs in, and those that credential programs are found by. None of them is a secret.
func environmentOf(accounts []config.Kubernetes) []string {
	var names []string
	if slices.ContainsFunc(accounts, func(k config.Kubernetes) bool { return k.ServiceAccount }) {
		names = append(names, "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
	}
	if slices.ContainsFunc(accounts, func(k config.Kubernetes) bool { return k.AllowExec }) {
		names = append(names, "PATH", "HOME")
	}
	return names
}

// findPlugins returns the plugins of the configuration, and those of its directory that it does not name. Without a
// directory, the plugins beside the agent's executable are taken.
func findPlugins(c config.Plugins) ([]pluginhost.Plugin, error) {
	var plugins []pluginhost.Plugin
	for _, p := range c.Plugins {
		plugins = append(plugins, pluginhost.Plugin{Name: p.Name, Path: p.Path, SHA256: p.SHA256, Config: p.Config, Env: p.Env})
	}
	directory := c.Directory
	if directory == "" {
		executable, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the plugins beside the agent: %w", err)
		}
		directory = filepath.Dir(executable)
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, fmt.Errorf("plugins.directory: %w", err)
	}
	for _, entry := range entries {
		if !isPlugin(entry) || slices.ContainsFunc(plugins, func(p pluginhost.Plugin) bool { return p.Name == entry.Name() }) {
			continue
		}
		plugins = append(plugins, pluginhost.Plugin{Name: entry.Name(), Path: filepath.Join(directory, entry.Name())})
	}
	return plugins, nil
}

func isPlugin(entry fs.DirEntry) bool {
	const executable = 0o111
	info, err := entry.Info()
	return err == nil && info.Mode().IsRegular() && info.Mode()&executable != 0 && strings.HasPrefix(entry.Name(), executablePrefix)
}

// plugins lets the runner hand steps to plugins.
type plugins struct{ *pluginhost.Manager }

func (p plugins) Lookup(stageType string) (runner.StageType, bool) {
	t, ok := p.Manager.Lookup(stageType)
	return runner.StageType{Type: t.Type, MaxStep: t.MaxStep, Timeout: t.Timeout, OwnExpressions: t.OwnExpressions}, ok
}

func (p plugins) Types() []string {
	var types []string
	for _, t := range p.StageTypes() {
		types = append(types, t.Type)
	}
	return types
}

func (p plugins) Run(ctx context.Context, in *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	return p.RunStep(ctx, in)
}

// stageValidator checks stages when a pipeline is saved.
type stageValidator struct{ *agent }

func (v stageValidator) ValidateStage(ctx context.Context, stageType string, stageConfig map[string]any) (known bool, findings []string) {
	if definition, ours := v.stages.Lookup(stageType); ours {
		if definition.Validate != nil {
			findings = definition.Validate(stageConfig)
		}
		return true, findings
	}
	if _, ok := v.plugins.Lookup(stageType); !ok {
		return false, nil
	}
	data, err := json.Marshal(stageConfig)
	if err != nil {
		return true, []string{err.Error()}
	}
	errs, err := v.plugins.Validate(ctx, stageType, string(data))
	switch {
	case errors.Is(err, pluginhost.ErrUnknownType), errors.Is(err, pluginhost.ErrUnsupported):
		return true, nil
	case err != nil:
		return true, []string{"it could not be checked: " + err.Error()}
	}
	for _, e := range errs {
		findings = append(findings, e.GetPath()+": "+e.GetMessage())
	}
	return true, findings
}
