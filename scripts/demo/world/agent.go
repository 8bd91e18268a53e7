package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gennaker/gennaker/api/client"
)

// agentStart bounds the agent's start.
const agentStart = 30 * time.Second

// Agent is a configured agent, running or not.
type Agent struct {
	Client *client.Client
	// URL is its address; it stays the same over restarts.
	URL string
	// LogFile holds what it writes.
	LogFile string

	world   *World
	dir     string
	process *child
}

// NewAgent configures an agent with a fresh store. With extra, members are added to its configuration.
func (w *World) NewAgent(extra map[string]any) (*Agent, error) {
	dir, err := os.MkdirTemp(w.Dir, "agent-")
	if err != nil {
		return nil, err
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	a := &Agent{URL: "http://" + listen, LogFile: filepath.Join(dir, "gennaker.log"), world: w, dir: dir}
	if a.Client, err = client.New(client.Options{URL: a.URL}); err != nil {
		return nil, err
	}
	config := w.config(listen, filepath.Join(dir, "gennaker.db"))
	for key, value := range extra {
		config[key] = value
	}
	text, err := json.MarshalIndent(config, "", "  ") // JSON is YAML
	if err != nil {
		return nil, err
	}
	return a, os.WriteFile(a.ConfigFile(), text, 0o600)
}

// ConfigFile is the agent's configuration.
func (a *Agent) ConfigFile() string { return filepath.Join(a.dir, "gennaker.yaml") }

// Start starts the agent and waits until it is ready.
func (a *Agent) Start(ctx context.Context) error {
	log, err := os.OpenFile(a.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	serve := exec.Command(filepath.Join(a.world.Root, "bin", "gennaker"), "serve", "--config", a.ConfigFile())
	serve.Stderr = log
	serve.Env = append(os.Environ(), "JENKINS_PASSWORD="+a.world.Jenkins.Admin.Token,
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=demo", "AWS_SECRET_ACCESS_KEY=demo", "AWS_EC2_METADATA_DISABLED=true")
	if c := a.world.Cluster; c != nil && c.ecr != "" {
		serve.Env = append(serve.Env, "AWS_ENDPOINT_URL_ECR="+c.ecr)
	}
	if a.process, err = startChild(serve); err != nil {
		return fmt.Errorf("start the agent: %w (run `make build` first)", err)
	}
	return a.waitReady(ctx)
}

// waitReady polls the agent's health.
func (a *Agent) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, agentStart)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := a.Client.Healthy(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-a.process.ended:
			return fmt.Errorf("the agent ended: %w\n%s", a.process.err, lastLines(a.LogFile))
		case <-ctx.Done():
			return fmt.Errorf("the agent was not ready: %w\n%s", err, lastLines(a.LogFile))
		}
	}
}

// PID is the process id of the running agent.
func (a *Agent) PID() int { return a.process.cmd.Process.Pid }

// Kill ends the agent as a crash would.
func (a *Agent) Kill() error {
	process := a.process
	a.process = nil
	return process.kill()
}

// Stop ends the agent in good order; one that does not run is left alone.
func (a *Agent) Stop() error {
	if a.process == nil {
		return nil
	}
	a.Client.Close()
	process := a.process
	a.process = nil
	if err := process.stop(); err != nil {
		return errors.Join(err, errors.New(lastLines(a.LogFile)))
	}
	return nil
}

// config is the agent's configuration.
func (w *World) config(listen, store string) object {
	config := object{
		"server": object{"listen": listen},
		"store":  object{"path": store},
		"log":    object{"format": "text"},
		"jenkins": object{"masters": []object{{"name": Master, "address": w.Jenkins.URL, "username": w.Jenkins.Admin.ID,
			"password": object{"env": "JENKINS_PASSWORD"}, "pollInterval": "1s", "propertyFileTimeout": "8s"}}},
		"artifacts": object{"github": object{"accounts": []object{{"name": "gh", "allowPrivateAddresses": true}}}},
	}
	if c := w.Cluster; c != nil {
		account := object{"name": "demo", "kubeconfigFile": c.Kubeconfig, "defaultNamespace": Namespace, "allowExec": true}
		if w.RemovedAPIs != "" {
			account["removedApis"] = w.RemovedAPIs
		}
		config["kubernetes"] = object{"accounts": []object{account}}
		if c.ecr != "" {
			config["ecr"] = object{"accounts": []object{{"name": "demo", "registryId": "000000000000", "region": "eu-central-1",
				"hosts": []string{c.registry}}}}
		}
	}
	return config
}

// freeAddress finds a free port of the loopback interface.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
