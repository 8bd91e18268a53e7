package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gennaker/gennaker/api/client"
)

const (
	agentStart = 30 * time.Second
	// stopTimeout is how long a child may take to end before it is killed.
	stopTimeout = 15 * time.Second
)

// startAgent configures and starts the agent, and waits until it is ready.
func (d *show) startAgent(ctx context.Context) error {
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	path := filepath.Join(d.dir, "gennaker.yaml")
	config, err := json.MarshalIndent(d.config(listen), "", "  ") // JSON is YAML
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return err
	}
	logPath := filepath.Join(d.dir, "gennaker.log")
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer log.Close()
	serve := exec.Command(repository("bin", "gennaker"), "serve", "--config", path)
	serve.Stderr = log
	serve.Env = append(os.Environ(), "JENKINS_TOKEN="+d.jenkins.Admin.Token,
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=demo", "AWS_SECRET_ACCESS_KEY=demo", "AWS_EC2_METADATA_DISABLED=true")
	if d.cluster != nil && d.cluster.ecr != "" {
		serve.Env = append(serve.Env, "AWS_ENDPOINT_URL_ECR="+d.cluster.ecr)
	}
	began := time.Now()
	if _, err := d.startChild(serve); err != nil {
		return fmt.Errorf("start the agent: %w (run `make build` first)", err)
	}
	d.agentLog = logPath
	if d.agent, err = client.New(client.Options{URL: "http://" + listen}); err != nil {
		return err
	}
	if err := d.waitReady(ctx); err != nil {
		return err
	}
	say("Gennaker at http://%s, ready after %d ms", listen, time.Since(began).Milliseconds())
	return nil
}

// waitReady polls the agent's health.
func (d *show) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, agentStart)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := d.agent.Get(ctx, "/health", nil)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			text, readErr := os.ReadFile(d.agentLog)
			if readErr != nil {
				return readErr
			}
			return fmt.Errorf("the agent was not ready after %v: %w\n%s", agentStart, err, lastLines(text))
		}
	}
}

// config is the agent's configuration.
func (d *show) config(listen string) map[string]any {
	type object = map[string]any
	config := object{
		"server": object{"listen": listen},
		"store":  object{"path": filepath.Join(d.dir, "gennaker.db")},
		"log":    object{"format": "text"},
		"jenkins": object{"masters": []object{{"name": master, "address": d.jenkins.URL, "username": d.jenkins.Admin.ID,
			"password": object{"env": "JENKINS_TOKEN"}, "pollInterval": "1s"}}},
		"artifacts": object{"github": object{"accounts": []object{{"name": "gh", "allowPrivateAddresses": true}}}},
	}
	if c := d.cluster; c != nil {
		account := object{"name": "demo", "kubeconfigFile": c.kubeconfig, "defaultNamespace": namespace, "allowExec": true}
		if d.options.removedAPIs != "" {
			account["removedApis"] = d.options.removedAPIs
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

// startChild starts a process that ends with the demo: in a group of its own, so that Ctrl-C reaches the demo alone, and
// told by its standard input and by a signal at the end. It returns its standard output.
func (d *show) startChild(cmd *exec.Cmd) (io.Reader, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	d.closers = append(d.closers, in.Close, func() error {
		defer out.Close()
		return stopChild(cmd, stdin, ended)
	})
	return out, nil
}

// stopChild asks a process to end, and kills it when it does not.
func stopChild(cmd *exec.Cmd, stdin io.Closer, ended <-chan error) error {
	stdinErr := stdin.Close()
	select {
	case err := <-ended:
		return fmt.Errorf("%s ended by itself: %w", filepath.Base(cmd.Path), err)
	default:
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-ended:
		return stdinErr
	case <-time.After(stopTimeout):
		return fmt.Errorf("%s did not end within %v and was killed: %w", filepath.Base(cmd.Path), stopTimeout, cmd.Process.Kill())
	}
}

// standIn serves the application in place of its Ingress: the stand-in kubelet runs no containers, so it answers with the
// image that it reads from the Deployment in the API server.
func (d *show) standIn() (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		image, err := d.cluster.image(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]string{"image": image}); err != nil {
			say("stand-in for the Ingress: %v", err)
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	d.closers = append(d.closers, func() error {
		err := server.Close()
		<-served
		return err
	})
	return "http://" + listener.Addr().String() + "/", nil
}

// lastLines is the end of a log.
func lastLines(text []byte) string {
	const most = 20
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
