package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/jsonpath"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// statusEndpoint is where the status of a webhook is asked for, by the answer to it, without the password of the webhook's
// own address; "" when the answer does not say.
//
// Source: spinnaker/spinnaker orca/orca-webhook webhook/tasks/WebhookStatusCheckUrlRetriever.java. A relative address is
// resolved against the webhook's here.
func statusEndpoint(c webhookConfig, answer *webhookAnswer) (string, error) {
	var found string
	switch c.resolution {
	case byLocation:
		found = answer.header.Get("Location")
	case byResponse:
		value, ok := readAt(c.statusURLPath, answer.document())
		if !ok {
			return "", fmt.Errorf("no results for path %s in the response body", c.statusURLPath)
		}
		if found, ok = value.(string); !ok && value != nil {
			return "", fmt.Errorf("the path %s gives %s, expected a text", c.statusURLPath, kindOf(value))
		}
	}
	if found = strings.TrimSpace(found); found == "" {
		return "", nil
	}
	base, err := url.Parse(c.url)
	if err != nil {
		return "", err
	}
	status, err := base.Parse(found)
	if err != nil {
		return "", errors.New("the address that was found can not be read")
	}
	if status.Hostname() == base.Hostname() {
		status.Scheme = base.Scheme
	}
	if status.Scheme != "http" && status.Scheme != "https" {
		return "", fmt.Errorf("it has the scheme %q, expected http or https", status.Scheme)
	}
	if status.User == base.User {
		status.User = nil // that a relative address took over
	}
	return status.String(), nil
}

// statusAddress is where the status is asked for, with the password of the webhook's own address on its origin.
func (c *webhookCall) statusAddress() string {
	if c.state.Endpoint == "" {
		return c.config.statusURL
	}
	home, homeErr := url.Parse(c.config.url)
	status, err := url.Parse(c.state.Endpoint)
	if homeErr != nil || err != nil || status.User != nil || !sameOrigin(status, home) {
		return c.state.Endpoint
	}
	status.User = home.User
	return status.String()
}

// readAt reads the value at a path of an answer.
func readAt(path jsonpath.Path, document any) (value any, found bool) {
	if !path.Compares() {
		return path.Read(document)
	}
	if value, found = path.Read(spinnaker.Numbers(document)); !found {
		return nil, false
	}
	plain, err := spinnaker.Plain(value)
	return plain, err == nil
}

// monitor looks at the status of what the webhook started.
func (c *webhookCall) monitor(ctx context.Context) engine.Result {
	if !c.state.Monitoring {
		c.state = webhookState{Monitoring: true, Since: c.config.before.Milliseconds()}
	}
	skip, _ := engine.Bool(c.Config["skipRemainingWait"])
	if wait := c.sinceBegin() - c.elapsed(); wait > 0 {
		if !skip {
			return engine.Result{Status: spinnaker.Running, RequeueAfter: wait, Timeout: c.sinceBegin() + monitorTime}
		}
		c.state.Since = c.elapsed().Milliseconds()
	}
	result := c.look(ctx)
	result.Timeout = c.sinceBegin() + monitorTime
	if result.Status == spinnaker.Running {
		result.RequeueAfter = monitorPause
		if c.elapsed()-c.sinceBegin() > monitorEager {
			result.RequeueAfter = monitorSlower
		}
	}
	return result
}

// look asks for the status once.
func (c *webhookCall) look(ctx context.Context) engine.Result {
	earlier, _ := c.shown["monitor"].(map[string]any)
	monitor := map[string]any{}
	if past, ok := earlier["pastStatusCodes"]; ok {
		monitor["pastStatusCodes"] = past
	}
	c.shown = maps.Clone(c.shown)
	c.shown["monitor"] = monitor
	fail := func(format string, args ...any) engine.Result {
		result := failed(format, args...)
		monitor["error"] = result.Message
		return result
	}
	address := c.statusAddress()
	answer, failure := c.send(ctx, webhookRequest{method: http.MethodGet, address: address, headers: c.config.headersFor(address, false)})
	shownEndpoint := withoutSecrets(address)
	switch {
	case failure != nil && (failure.kind == unknownHost || failure.kind == tooSlow):
		return engine.Result{Status: spinnaker.Running, Message: fmt.Sprintf("the status at %s could not be asked for: %v", shownEndpoint, failure)}
	case failure != nil:
		return fail("an exception occurred in webhook monitor to %s: %v", shownEndpoint, failure)
	case answer.code >= 400 && c.mayLookAgain(answer.code, monitor):
		past, _ := monitor["pastStatusCodes"].([]any)
		monitor["pastStatusCodes"] = append(slices.Clone(past), answer.code)
		return engine.Result{Status: spinnaker.Running, Message: fmt.Sprintf("GET %s: %s", shownEndpoint, statusLine(answer.code))}
	case answer.code >= 400:
		monitor["headers"] = answer.headers()
		return fail("an exception occurred in webhook monitor to %s: %s", shownEndpoint, statusLine(answer.code))
	}
	answer.show(monitor)
	return c.judge(answer.document(), monitor, fail)
}

// mayLookAgain says whether a status code of the status endpoint may pass.
func (c *webhookCall) mayLookAgain(code int, monitor map[string]any) bool {
	most, limited := c.config.retries[code]
	if !limited {
		return mayPass(code) || slices.Contains(c.config.monitorRetry, code)
	}
	past, _ := monitor["pastStatusCodes"].([]any)
	seen := 0
	for _, one := range past {
		if n, ok := engine.Number(one); ok && int(n) == code {
			seen++
		}
	}
	return seen < most
}

// judge says what the body of a status means.
func (c *webhookCall) judge(body any, monitor map[string]any, fail func(string, ...any) engine.Result) engine.Result {
	if c.config.statusPath == nil {
		return succeeded()
	}
	value, found := readAt(*c.config.statusPath, body)
	if !found {
		return fail("Unable to parse status: JSON property '%s' not found in response body", c.config.statusPath)
	}
	if !isScalar(value) {
		monitor["resolvedValue"] = value
		return fail("The json path '%s' did not resolve to a single value", c.config.statusPath)
	}
	if path := c.config.progressPath; path != nil {
		progress, found := readAt(*path, body)
		if !found {
			// Orca names the path of the status here.
			return fail("Unable to parse progress: JSON property '%s' not found in response body", c.config.statusPath)
		}
		message, isText := progress.(string)
		if !isText {
			monitor["resolvedValue"] = progress
			return fail("The json path '%s' did not resolve to a String value", path)
		}
		monitor["progressMessage"] = message
	}
	result := c.meaning(value, monitor)
	if message, _ := monitor["progressMessage"].(string); message != "" && result.Message == "" {
		result.Message = message
	}
	return result
}

// meaning says what a status value means.
func (c *webhookCall) meaning(value any, monitor map[string]any) engine.Result {
	if number, ok := value.(json.Number); ok {
		monitor["percentComplete"] = number
		if number == "100" {
			return succeeded()
		}
		return engine.Result{Status: spinnaker.Running}
	}
	word := fmt.Sprint(value)
	switch status := c.config.statuses[strings.ToUpper(word)]; status {
	case spinnaker.Succeeded:
		return succeeded()
	case spinnaker.Canceled:
		return engine.Result{Status: status, Message: fmt.Sprintf("the webhook was canceled: its status is %q", word)}
	case spinnaker.Terminal:
		return failed("the webhook failed: its status is %q", word)
	default:
		return engine.Result{Status: spinnaker.Running}
	}
}

func isScalar(value any) bool {
	switch value.(type) {
	case string, bool, json.Number:
		return true
	default:
		return false
	}
}
