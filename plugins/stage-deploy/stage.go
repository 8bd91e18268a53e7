package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/plugins/internal/kube"
	"github.com/gennaker/gennaker/plugins/sdk"
)

const (
	// stepTime is when a step begins nothing new, stepLimit when what it waits for is given up. Both leave room within
	// the 10 s that a step may take.
	stepTime  = 5 * time.Second
	stepLimit = 9 * time.Second
	// brokenLimit is how long an API server that answers with internal errors is asked again.
	brokenLimit = 2 * time.Minute
	// maxPause bounds the pause between two fruitless tries.
	maxPause = 5 * time.Second
	// parallel is how many requests a step has under way when their order does not matter.
	parallel = 8
)

//go:embed schema/config.json
var configSchema string

//go:embed schema/outputs.json
var outputsSchema string

// deployManifest is the stage type.
type deployManifest struct {
	accounts *accounts
}

// Info implements sdk.Stage. The stage bounds its waiting itself, because stableManifestTimeoutMinutes may be longer
// than any fixed limit and because it can say what it was waiting for.
func (d *deployManifest) Info() sdk.Info {
	return sdk.Info{
		Type:           "deployManifest",
		Description:    "Deploys Kubernetes objects and waits until they are stable.",
		ConfigSchema:   configSchema,
		OutputsSchema:  outputsSchema,
		AccountFields:  []string{"account.name", "account", "credentials"},
		OwnExpressions: []string{"manifests", "manifest"},
	}
}

// deploy is one step of one deploy.
type deploy struct {
	req     *sdk.Request
	host    *sdk.Host
	config  *stageConfig
	cluster *kube.Cluster
	state   *state
	began   time.Time

	// What the step answers, beside its state.
	message   string
	pause     time.Duration
	done      bool
	context   map[string]any
	outputs   map[string]any
	artifacts []sdk.Artifact
}

// failure ends the stage; each of its reasons is a sentence.
type failure struct {
	message string
	reasons []string
}

func (f *failure) Error() string { return f.message }

func failed(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	return &failure{message: text, reasons: []string{text}}
}

// Run implements sdk.Stage.
func (d *deployManifest) Run(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	r, err := d.open(ctx, req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	return r.respond(r.step(ctx))
}

// open reads configuration and state and finds the account.
func (d *deployManifest) open(ctx context.Context, req *sdk.Request) (*deploy, error) {
	config, err := readConfig(req.Config)
	if err != nil {
		return nil, err
	}
	if err := config.TrafficManagement.check(); err != nil {
		return nil, fmt.Errorf("trafficManagement.options.strategy: %w", err)
	}
	state, err := readState(req.State)
	if err != nil {
		return nil, err
	}
	cluster, err := d.accounts.cluster(ctx, req.Host, config.account())
	if err != nil {
		return nil, err
	}
	r := &deploy{
		req: req, host: req.Host, config: config, cluster: cluster, state: state, began: time.Now(),
		context: make(map[string]any), outputs: make(map[string]any),
	}
	r.state.begin(r.began)
	return r, nil
}

func (r *deploy) step(ctx context.Context) error {
	switch r.state.Phase {
	case phaseResolve:
		return r.resolve(ctx)
	case phasePrepare:
		return r.prepare(ctx)
	case phasePreflight:
		return r.preflight(ctx)
	case phaseApply:
		return r.apply(ctx)
	case phasePromote:
		return r.promote(ctx)
	case phaseSettle:
		return r.settle(ctx)
	case phaseCleanup:
		return r.cleanup(ctx)
	default:
		return failed("state of an earlier step: unknown phase %q", r.state.Phase)
	}
}

// respond turns what a step came to into its answer.
func (r *deploy) respond(err error) (*sdk.Response, error) {
	if sdk.IsRetryable(err) && time.Now().Before(r.deadline()) {
		return nil, err // the agent could not be asked: it repeats the step
	}
	var end *failure
	switch {
	case err == nil:
		r.state.Trying, r.state.TryingSince = 0, time.Time{}
	case errors.As(err, &end):
	default:
		end = r.retry(err)
	}
	out := &sdk.Response{
		Status: sdk.Running, Message: r.message, Warnings: r.state.Warnings.list(),
		Context: r.context, Outputs: r.outputs, Artifacts: r.artifacts, RequeueAfter: r.pause,
	}
	switch {
	case end != nil:
		out.Status, out.Message, out.Errors = sdk.Terminal, end.message, end.reasons
	case r.done:
		out.Status = sdk.Succeeded
		r.state.close(time.Now())
	}
	if r.config.NoOutput {
		out.Outputs, out.Artifacts = nil, nil
	}
	out.Tasks = r.state.taskList(out.Status, out.Message)
	out.Context["kato.tasks"] = katoTasks(r.req.StageID, out)
	var encodeErr error
	if out.State, encodeErr = r.state.encode(); encodeErr != nil {
		return nil, encodeErr
	}
	return out, nil
}

// retry decides whether an error of the cluster is worth another try; if not, it is the failure that ends the stage.
func (r *deploy) retry(err error) *failure {
	text := r.cluster.Explain(err)
	limit := r.config.stableTimeout()
	switch kube.Judge(err) {
	case kube.Refused:
		return &failure{message: text, reasons: []string{text}}
	case kube.Broken:
		limit = min(limit, brokenLimit)
	}
	now := time.Now()
	if r.state.Trying == 0 {
		r.state.TryingSince = now
	}
	r.state.Trying++
	since := now.Sub(r.state.TryingSince).Round(time.Second)
	if since >= limit || !now.Before(r.deadline()) {
		text = fmt.Sprintf("%s; given up after %s", text, since)
		return &failure{message: text, reasons: []string{text}}
	}
	r.message = fmt.Sprintf("%s; trying again (%d tries, %s)", text, r.state.Trying, since)
	r.pause = max(kube.RetryAfter(err), min(time.Duration(r.state.Trying)*500*time.Millisecond, maxPause))
	return nil
}

// deadline is when the stage gives up waiting, be it for stability or for an API server.
func (r *deploy) deadline() time.Time {
	if !r.state.SettleSince.IsZero() {
		return r.state.SettleSince.Add(r.config.stableTimeout())
	}
	return r.req.StageStarted.Add(r.config.stableTimeout())
}

// spent reports whether the step should begin nothing new.
func (r *deploy) spent() bool { return time.Since(r.began) > stepTime }
