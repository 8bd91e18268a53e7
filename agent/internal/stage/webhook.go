package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// The tasks of a webhook stage.
const (
	createTask  = "createWebhook"
	waitTask    = "waitBeforeMonitorWebhook"
	monitorTask = "monitorWebhook"
	bindTask    = "bindProducedArtifacts"
)

// Times of a webhook stage when the pipeline says nothing else.
const (
	createPause   = 10 * time.Second
	createTime    = 5 * time.Minute
	monitorTime   = time.Hour
	monitorPause  = time.Second
	monitorSlower = 15 * time.Second // after monitorEager
	monitorEager  = time.Minute
)

// IdempotencyHeader is the header by which the receiver of a webhook knows a request that it has seen already: its value
// is the same whenever the agent repeats a request, and another one after a restart of the stage.
const IdempotencyHeader = "Idempotency-Key"

// webhookKey is the member of a stage's context in which everything that came back is shown.
const webhookKey = "webhook"

// The members of the context with which a webhook is canceled. Their expressions may ask for what came back from it, so
// they are evaluated when it is canceled, and what they gave is not kept for a restart.
const (
	cancelEndpointKey = "cancelEndpoint"
	cancelPayloadKey  = "cancelPayload"
)

// webhooks runs stages that call an address and may follow what they started.
type webhooks struct {
	client *webhookClient
	// preset is set for a type that the configuration defines.
	preset *config.PreconfiguredWebhook
	roles  Roles
}

// Webhooks returns the stage type "webhook", and one for each webhook of the configuration, which may take a role to run.
// roles may be nil. The error names what is wrong with one of those.
//
// Source: spinnaker/spinnaker orca/orca-webhook webhook/pipeline/WebhookStage.java, PreconfiguredWebhookStage.java,
// tasks/CreateWebhookTask.java, MonitorWebhookTask.java, WebhookResponseProcessor.java.
func Webhooks(c config.Webhook, roles Roles) ([]Definition, error) {
	client := newWebhookClient(c)
	define := func(stageType string, w webhooks) Definition {
		return Definition{
			Type: stageType, Outside: true, Own: []string{webhookKey, cancelEndpointKey, cancelPayloadKey},
			Run: w.run, Cancel: w.cancel, Validate: w.validate,
		}
	}
	definitions := []Definition{define("webhook", webhooks{client: client})}
	for i, preset := range c.Preconfigured {
		w := webhooks{client: client, preset: &preset, roles: roles}
		if problems := w.validate(defaultParameters(preset)); len(problems) > 0 && !preset.Disabled() {
			return nil, fmt.Errorf("webhook.preconfigured[%d] (type %q): %s", i, preset.Type, strings.Join(problems, "; "))
		}
		if !preset.Disabled() {
			definitions = append(definitions, define(preset.Type, w))
		}
	}
	return definitions, nil
}

// webhookState is what a webhook stage remembers between steps.
type webhookState struct {
	// Monitoring: the webhook was called, or there is none to call.
	Monitoring bool `json:"monitoring"`
	// Endpoint is where its status is asked for, if the answer to the webhook said so.
	Endpoint string `json:"endpoint,omitempty"`
	// Since is when looking at the status begins, in milliseconds after the stage's own steps began.
	Since int64 `json:"since"`
	// Verdict is what the stage ends as once the webhook was canceled; nil while it goes on.
	Verdict *webhookVerdict `json:"verdict,omitempty"`
}

// webhookVerdict is how a stage ends that did not succeed.
type webhookVerdict struct {
	Status  spinnaker.Status `json:"status"`
	Message string           `json:"message"`
}

// webhookCall is a step under way.
type webhookCall struct {
	*webhookClient
	Context
	config webhookConfig
	state  webhookState
	// shown is the member "webhook" of the stage's context.
	shown map[string]any
	// env is what the expressions of a cancellation see.
	env *spel.Env
}

func (w webhooks) validate(stageConfig map[string]any) []string {
	_, problems := readWebhook(saving(w.overlaid(stageConfig)), w.preset)
	return problems
}

func (w webhooks) run(ctx context.Context, c Context) engine.Result {
	if refusal := w.refusal(c); refusal != "" {
		return failed("%s", refusal)
	}
	call, problems := w.call(ctx, c)
	if len(problems) > 0 {
		return unusable(problems)
	}
	var result engine.Result
	switch {
	case call.state.Verdict != nil:
		result = call.conclude(ctx)
	case call.state.Monitoring || call.config.monitorOnly:
		result = call.cancelFirst(call.monitor(ctx))
	default:
		result = call.cancelFirst(call.create(ctx))
	}
	result.Context = map[string]any{webhookKey: call.shown}
	state, err := json.Marshal(call.state)
	if err != nil {
		return failed("keep the state of the webhook: %v", err)
	}
	result.State = state
	result.Tasks = call.tasks(result.Status)
	return result
}

// cancelFirst has the webhook canceled before the stage ends without success: in a step of its own, so that the cancel
// endpoint may be an expression with what came back.
func (c *webhookCall) cancelFirst(result engine.Result) engine.Result {
	if result.Status == spinnaker.Running || result.Status == spinnaker.Succeeded || c.config.cancelURL == "" {
		return result
	}
	c.state.Verdict = &webhookVerdict{result.Status, result.Message}
	return engine.Result{Status: spinnaker.Running, Message: result.Message, Timeout: result.Timeout}
}

// conclude cancels the webhook, once, and ends the stage.
func (c *webhookCall) conclude(ctx context.Context) engine.Result {
	result := engine.Result{Status: c.state.Verdict.Status, Message: c.state.Verdict.Message}
	if result.Status == spinnaker.Terminal {
		result.Class = engine.ClassFailed
	}
	if err := c.sendCancel(ctx); err != nil {
		result.Warnings = []string{err.Error()}
	}
	return result
}

// cancel asks the other side to stop. What fails in a way that may pass is tried again as long as the engine lets it.
func (w webhooks) cancel(ctx context.Context, c Context) (engine.Result, error) {
	result := engine.Result{Status: spinnaker.Canceled}
	if w.refusal(c) != "" {
		return result, nil // nothing was sent
	}
	call, problems := w.call(ctx, c)
	if len(problems) > 0 {
		result.Warnings = []string{"the webhook was not canceled: " + strings.Join(problems, "; ")}
		return result, nil
	}
	if err := call.sendCancel(ctx); err != nil {
		if err.temporary() {
			return engine.Result{Status: spinnaker.Running, Class: engine.ClassRetryable, Message: err.Error()}, nil
		}
		result.Warnings = []string{err.Error()}
	}
	return result, nil
}

// call reads what a step is to do.
func (w webhooks) call(ctx context.Context, c Context) (*webhookCall, []string) {
	call := &webhookCall{webhookClient: w.client, Context: c, shown: map[string]any{}}
	if len(c.Work.State) > 0 {
		if err := json.Unmarshal(c.Work.State, &call.state); err != nil {
			return nil, []string{fmt.Sprintf("its state can not be read: %v", err)}
		}
		earlier, _ := c.Config[webhookKey].(map[string]any)
		call.shown = maps.Clone(earlier)
	}
	if call.shown == nil {
		call.shown = map[string]any{}
	}
	given := c.Config
	if w.preset != nil {
		given = w.evaluated(ctx, c)
	}
	call.env = w.env(c)
	var problems []string
	call.config, problems = readWebhook(running(given), w.preset)
	return call, problems
}

// refusal says why a preconfigured webhook is not for who runs the stage, or "".
//
// Source: spinnaker/spinnaker orca/orca-webhook webhook/pipeline/PreconfiguredWebhookStage.java.
func (w webhooks) refusal(c Context) string {
	if w.preset == nil || len(c.Work.State) > 0 || !w.roles.lacks(c.user(), w.preset.Permissions.Write) {
		return ""
	}
	return fmt.Sprintf("user %q may not run the webhook %q: it takes one of the roles %s (server.roles)",
		c.user(), w.preset.Type, strings.Join(w.preset.Permissions.Write, ", "))
}

// elapsed is how long the stage has been at its own steps.
func (c *webhookCall) elapsed() time.Duration { return c.Now.Sub(c.Work.Began) }

// sinceBegin is when looking at the status begins, after the stage's own steps began.
func (c *webhookCall) sinceBegin() time.Duration {
	return time.Duration(c.state.Since) * time.Millisecond
}

// create calls the webhook.
func (c *webhookCall) create(ctx context.Context) engine.Result {
	key := fmt.Sprintf("%s/%s/%d", c.Execution.ID, c.Stage.ID, c.Work.Attempt)
	answer, failure := c.send(ctx, webhookRequest{
		method: c.config.method, address: c.config.url, payload: c.config.payload, headers: c.config.headersFor(c.config.url, false), key: key,
	})
	c.shown = map[string]any{}
	if failure != nil {
		return c.createFailed(failure)
	}
	answer.show(c.shown)
	switch code := answer.code; {
	case code >= 400 && code < 600:
		return c.createRefused(code)
	case code < 200 || code >= 400:
		return c.fail("The webhook request failed")
	case c.config.wait:
		return c.follow(answer)
	default:
		return c.take(answer)
	}
}

// send sends a request. What a preconfigured webhook keeps secret is hidden in the answer.
func (c *webhookCall) send(ctx context.Context, r webhookRequest) (*webhookAnswer, *webhookError) {
	answer, failure := c.webhookClient.send(ctx, r)
	if answer != nil && c.config.hide != nil {
		answer.body = []byte(c.config.hide.Replace(string(answer.body)))
		for _, values := range answer.header {
			for i, value := range values {
				values[i] = c.config.hide.Replace(value)
			}
		}
	}
	return answer, failure
}

// fail ends the stage with a text that is shown as the webhook's error, too.
func (c *webhookCall) fail(format string, args ...any) engine.Result {
	result := failed(format, args...)
	c.shown["error"] = result.Message
	return result
}

// again has the webhook called once more.
func (c *webhookCall) again(format string, args ...any) engine.Result {
	message := fmt.Sprintf(format, args...)
	c.shown["error"] = message
	return engine.Result{Status: spinnaker.Running, Message: message, RequeueAfter: createPause, Timeout: createTime}
}

// createRefused acts on an answer of 4xx or 5xx.
func (c *webhookCall) createRefused(code int) engine.Result {
	id, address := c.Execution.ID, withoutSecrets(c.config.url)
	switch {
	case slices.Contains(c.config.failFast, code):
		return c.fail("Received status code %d, which is configured to fail fast, terminating stage for pipeline %s to %s", code, id, address)
	case mayPass(code) || slices.Contains(c.config.createRetry, code):
		return c.again("Error submitting webhook for pipeline %s to %s with status code %d, will retry.", id, address, code)
	default:
		return c.fail("Error submitting webhook for pipeline %s to %s with status code %d.", id, address, code)
	}
}

// createFailed acts on a request that got no answer.
func (c *webhookCall) createFailed(failure *webhookError) engine.Result {
	id, method, address := c.Execution.ID, c.config.method, withoutSecrets(c.config.url)
	switch {
	case failure.kind == unknownHost:
		return c.again("Remote host resolution failure in webhook for pipeline %s to %s, will retry.", id, address)
	case failure.kind == tooSlow && (method == "GET" || failure.safeToRetry):
		return c.again("Socket timeout in webhook on %s request for pipeline %s to %s, will retry.", method, id, address)
	default:
		return c.fail("An exception occurred for pipeline %s performing a %s request to %s. %v", id, method, address, failure)
	}
}

// follow begins to wait for the end of what the webhook started.
func (c *webhookCall) follow(answer *webhookAnswer) engine.Result {
	said, endpoint := "", withoutSecrets(c.config.statusURL)
	if endpoint == "" {
		var err error
		if said, err = statusEndpoint(c.config, answer); err != nil {
			return c.fail("Exception while resolving status check URL: %v", err)
		}
		if said == "" {
			return c.fail("The status URL couldn't be resolved, but 'Wait for completion' is configured")
		}
		endpoint = said
	}
	since := max(c.elapsed(), c.config.before)
	c.state = webhookState{Monitoring: true, Endpoint: said, Since: since.Milliseconds()}
	c.shown["statusEndpoint"] = endpoint
	return engine.Result{Status: spinnaker.Running, Message: "the webhook was called; its status is at " + withoutSecrets(endpoint),
		RequeueAfter: max(monitorPause, since-c.elapsed()), Timeout: since + monitorTime}
}

// take ends a stage that does not wait.
func (c *webhookCall) take(answer *webhookAnswer) engine.Result {
	result := succeeded()
	if !c.config.expectsArtifacts {
		return result
	}
	artifacts, err := artifactsIn(answer.document())
	if err != nil {
		return c.fail("Expected artifacts in webhook response couldn't be parsed: %v", err)
	}
	result.Artifacts = artifacts
	return result
}

// artifactsIn reads the member "artifacts" of an answer.
func artifactsIn(document any) ([]spinnaker.Artifact, error) {
	object, ok := document.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the body is no JSON object")
	}
	listed, ok := object["artifacts"].([]any)
	if !ok {
		return nil, fmt.Errorf("the body has no list `artifacts`")
	}
	data, err := json.Marshal(listed)
	if err != nil {
		return nil, err
	}
	var artifacts []spinnaker.Artifact
	if err := spinnaker.Decode(data, &artifacts); err != nil {
		return nil, fmt.Errorf("artifacts: %w", err)
	}
	return artifacts, nil
}

// tasks shows where the stage is.
func (c *webhookCall) tasks(status spinnaker.Status) []spinnaker.Task {
	var names []string
	if !c.config.monitorOnly {
		names = append(names, createTask)
	}
	if c.config.wait && c.config.before > 0 {
		names = append(names, waitTask)
	}
	if c.config.wait {
		names = append(names, monitorTask)
	}
	if c.config.expectsArtifacts {
		names = append(names, bindTask)
	}
	return tasksUpTo(names, slices.Index(names, c.task()), status)
}

// task names the task that is under way.
func (c *webhookCall) task() string {
	switch {
	case !c.state.Monitoring && !c.config.monitorOnly:
		return createTask
	case c.config.before > 0 && c.elapsed() < c.sinceBegin():
		return waitTask
	default:
		return monitorTask
	}
}

// sendCancel calls the cancel endpoint, if there is one.
func (c *webhookCall) sendCancel(ctx context.Context) *cancelError {
	if c.config.cancelURL == "" {
		return nil
	}
	evaluated, _ := c.Expressions.EvalDocument(ctx, map[string]any{
		cancelEndpointKey: c.config.cancelURL, cancelPayloadKey: c.config.cancelPayload}, c.env)
	members, _ := evaluated.(map[string]any)
	f := running(members)
	address := f.address(cancelEndpointKey)
	e := &cancelError{method: c.config.cancelMethod, address: withoutSecrets(address)}
	if len(*f.found) > 0 {
		e.failure = &webhookError{text: (*f.found)[0]}
		return e
	}
	key := fmt.Sprintf("%s/%s/%d/cancel", c.Execution.ID, c.Stage.ID, c.Work.Attempt)
	answer, failure := c.send(ctx, webhookRequest{
		method: c.config.cancelMethod, address: address, payload: members[cancelPayloadKey],
		headers: c.config.headersFor(address, true), key: key,
	})
	if e.failure = failure; failure != nil {
		return e
	}
	if e.code = answer.code; e.code >= 400 {
		return e
	}
	return nil
}

// cancelError is a webhook that could not be canceled.
type cancelError struct {
	method, address string
	code            int
	failure         *webhookError
}

func (e *cancelError) Error() string {
	if e.address == "" {
		return fmt.Sprintf("the webhook was not canceled: %v", e.failure)
	}
	if e.failure != nil {
		return fmt.Sprintf("the webhook was not canceled: %s %s: %v", e.method, e.address, e.failure)
	}
	return fmt.Sprintf("the webhook was not canceled: %s %s: %s", e.method, e.address, statusLine(e.code))
}

func (e *cancelError) temporary() bool {
	if e.failure != nil {
		return e.failure.kind == unknownHost || e.failure.kind == tooSlow || e.failure.kind == noConnection
	}
	return mayPass(e.code)
}
