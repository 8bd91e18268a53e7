package stage

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/jsonpath"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Ways in which a webhook's answer says where its status is.
const (
	byGetMethod = "getMethod"
	byLocation  = "locationHeader"
	byResponse  = "webhookResponse"
)

// webhookConfig is the configuration of a webhook stage.
type webhookConfig struct {
	url, method string
	payload     any
	headers     http.Header
	// secret are the headers of a preconfigured webhook. They are for the origin of url, and for the address that it is
	// canceled at if that is preconfigured, too.
	secret      http.Header
	cancelFixed bool
	// hide hides in texts what a preconfigured webhook keeps secret; nil where that is nothing.
	hide *strings.Replacer

	failFast, createRetry, monitorRetry []int
	// retries is how often a status code of the status endpoint may pass.
	retries map[int]int

	// wait: the stage follows what the webhook started; before is how long after the stage's begin at the least.
	wait, monitorOnly bool
	before            time.Duration
	resolution        string
	statusURLPath     jsonpath.Path
	// statusURL is where the status is when the answer does not say; "" when it does.
	statusURL                string
	statusPath, progressPath *jsonpath.Path
	// statuses says what a status means, by its text in upper case.
	statuses map[string]spinnaker.Status

	cancelURL, cancelMethod string
	cancelPayload           any
	expectsArtifacts        bool
}

var httpMethods = [...]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodOptions, http.MethodTrace}

// readWebhook reads the configuration of a webhook stage, and says what is wrong with it. preset may be nil.
func readWebhook(f fields, preset *config.PreconfiguredWebhook) (webhookConfig, []string) {
	c := webhookConfig{
		url: f.address("url"), method: f.choice("method", httpMethods[:]...), payload: f.of["payload"],
		headers:  http.Header{},
		failFast: f.codes("failFastStatusCodes", http.StatusGatewayTimeout), createRetry: f.codes("webhookRetryStatusCodes"),
		monitorRetry: f.codes("retryStatusCodes"), retries: readRetries(f),
		wait: f.flag("waitForCompletion"), monitorOnly: f.flag("monitorOnly"),
		before:       f.span("waitBeforeMonitor", time.Second, "seconds"),
		cancelMethod: f.choice("cancelMethod", httpMethods[:]...), cancelPayload: f.of[cancelPayloadKey],
		expectsArtifacts: len(f.objects("expectedArtifacts")) > 0,
	}
	if c.cancelURL = f.text(cancelEndpointKey); !isExpression(c.cancelURL) {
		c.cancelURL = f.address(cancelEndpointKey)
	}
	readHeaders(f, c.headers)
	if preset != nil {
		c.secret, c.cancelFixed = readPreset(f, preset), preset.FixesCancelHost()
		c.hide = hiding(c.secret, c.url, c.cancelURL)
	}
	if c.method == "" {
		c.method = http.MethodPost
	}
	if c.cancelMethod == "" {
		c.cancelMethod = http.MethodPost
	}
	if !f.saved || !isExpression(f.of["monitorOnly"]) {
		c.readTarget(f)
	}
	c.readStatus(f)
	return c, *f.found
}

// readTarget reads what is called and looked at.
func (c *webhookConfig) readTarget(f fields) {
	if !c.monitorOnly {
		if f.missing("url") {
			f.wrong("url", "it is missing: which address is to be called?")
		}
		if c.wait {
			c.readResolution(f)
		}
		return
	}
	if !c.wait && !(f.saved && isExpression(f.of["waitForCompletion"])) {
		f.wrong("monitorOnly", "Can't specify monitorOnly = true and waitForCompletion = false at the same time")
	}
	c.statusURL = f.address("statusEndpoint")
	if f.missing("statusEndpoint") {
		c.statusURL = c.url
	}
	if f.missing("statusEndpoint") && f.missing("url") {
		f.wrong("statusEndpoint", "Missing required parameter. Either webhook url or statusEndpoint are required")
	}
}

// readResolution reads how the answer says where the status is.
func (c *webhookConfig) readResolution(f fields) {
	c.resolution = f.choice("statusUrlResolution", byGetMethod, byLocation, byResponse)
	if f.missing("statusUrlResolution") {
		f.wrong("statusUrlResolution", "it is missing: expected one of %s, %s, %s", byGetMethod, byLocation, byResponse)
	}
	if c.resolution == byGetMethod {
		c.statusURL = c.url
	}
	if c.resolution != byResponse {
		return
	}
	if f.missing("statusUrlJsonPath") {
		f.wrong("statusUrlJsonPath", "it is missing: where in the response body is the status address?")
	}
	if path := readPath(f, "statusUrlJsonPath"); path != nil {
		c.statusURLPath = *path
	}
}

// readStatus reads what the status means.
func (c *webhookConfig) readStatus(f fields) {
	c.statusPath, c.progressPath = readPath(f, "statusJsonPath"), readPath(f, "progressJsonPath")
	c.statuses = map[string]spinnaker.Status{}
	for _, list := range []struct {
		key    string
		status spinnaker.Status
	}{{"successStatuses", spinnaker.Succeeded}, {"canceledStatuses", spinnaker.Canceled}, {"terminalStatuses", spinnaker.Terminal}} {
		for word := range strings.SplitSeq(f.text(list.key), ",") {
			if word = strings.TrimSpace(word); word != "" {
				c.statuses[strings.ToUpper(word)] = list.status
			}
		}
	}
}

func readPath(f fields, key string) *jsonpath.Path {
	written := f.text(key)
	if written == "" {
		return nil
	}
	path, err := jsonpath.Parse(written)
	if err != nil {
		f.wrong(key, "%v", err)
		return nil
	}
	return &path
}

// readRetries reads how often a status code may pass, by code.
func readRetries(f fields) map[int]int {
	retries := map[int]int{}
	inner := f.object("retries")
	for _, key := range slices.Sorted(maps.Keys(inner.of)) {
		if f.saved && isExpression(key) {
			continue
		}
		code, err := strconv.Atoi(key)
		if err != nil || code < 100 || code > 999 {
			inner.wrong(key, "found %q, expected a status code", key)
			continue
		}
		retry := inner.object(key)
		most, present := retry.value("maxAttempts")
		n, isNumber := engine.Number(most)
		if present && (!isNumber || n != float64(int(n))) {
			retry.wrong("maxAttempts", "found %s, expected a whole number", shown(most))
		}
		retries[code] = int(n)
	}
	return retries
}

// readHeaders reads the request's headers. Those by which Spinnaker's services know a user are left out.
func readHeaders(f fields, headers http.Header) {
	inner := f.object("customHeaders")
	for _, name := range slices.Sorted(maps.Keys(inner.of)) {
		if strings.HasPrefix(strings.ToUpper(name), "X-SPINNAKER-") {
			continue
		}
		value, present := inner.value(name)
		if !present {
			continue
		}
		items, isList := value.([]any)
		if !isList {
			items = []any{value}
		}
		for _, item := range items {
			switch item.(type) {
			case map[string]any, []any, nil:
				inner.wrong(name, "found %s, expected a text or a list of texts", kindOf(item))
			default:
				headers.Add(name, text(map[string]any{name: item}, name))
			}
		}
	}
}

// readPreset checks the parameters of a preconfigured webhook, and returns its headers.
func readPreset(f fields, preset *config.PreconfiguredWebhook) http.Header {
	values := f.object("parameterValues")
	for _, parameter := range preset.Parameters {
		if _, given := values.of[parameter.Name]; !given {
			values.wrong(parameter.Name, "it is missing: the webhook has no default for it")
		}
	}
	headers := http.Header{}
	for name, secrets := range preset.Headers() {
		for _, secret := range secrets {
			headers.Add(name, secret.Reveal())
		}
	}
	return headers
}

// hiding returns what hides secret headers and the passwords of addresses in the words of whoever they were sent to. One
// that is short is not hidden: it may be there by chance.
func hiding(secret http.Header, addresses ...string) *strings.Replacer {
	const shortest = 8
	var found []string
	for _, values := range secret {
		for _, value := range values {
			found = append(found, strings.Fields(value)...)
		}
	}
	for _, address := range addresses {
		if parsed, err := url.Parse(address); err == nil && parsed.User != nil {
			user := parsed.User.Username()
			password, _ := parsed.User.Password()
			// Without a password, the user is a token.
			found = append(found, base64.StdEncoding.EncodeToString([]byte(user+":"+password)), cmp.Or(password, user))
		}
	}
	var pairs []string
	for _, one := range found {
		if len(one) < shortest {
			continue
		}
		pairs = append(pairs, one, "[redacted]")
		for _, written := range inJSON(one) {
			pairs = append(pairs, written, "[redacted]")
		}
	}
	if pairs == nil {
		return nil
	}
	return strings.NewReplacer(pairs...)
}

// inJSON are the ways in which a text is written in JSON that are not the text itself.
func inJSON(text string) (written []string) {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	for _, escape := range []bool{true, false} { // what means something in HTML
		out.Reset()
		encoder.SetEscapeHTML(escape)
		if err := encoder.Encode(text); err != nil {
			return nil
		}
		one := strings.TrimSpace(out.String())
		if one = one[1 : len(one)-1]; one != text {
			written = append(written, one)
		}
	}
	return written
}

// headersFor are the headers of a request to an address, which cancels the webhook or not.
func (c webhookConfig) headersFor(address string, cancels bool) http.Header {
	headers := c.headers.Clone()
	to, err := url.Parse(address)
	home, homeErr := url.Parse(c.url)
	trusted := err == nil && homeErr == nil && sameOrigin(to, home)
	if trusted || cancels && c.cancelFixed {
		maps.Copy(headers, c.secret)
	}
	return headers
}

// overlaid is a stage's configuration with what its preconfigured webhook fixes, all but the headers, which may be
// secret.
func (w webhooks) overlaid(given map[string]any) map[string]any {
	if w.preset == nil {
		return given
	}
	overlaid := maps.Clone(given)
	if overlaid == nil {
		overlaid = map[string]any{}
	}
	maps.Copy(overlaid, w.preset.Fixed())
	overlaid["parameterValues"] = w.parameters(given)
	return overlaid
}

// parameters are the values of a preconfigured webhook's parameters: the configuration's, else the stage's, else the
// defaults.
func (w webhooks) parameters(given map[string]any) map[string]any {
	values := map[string]any{}
	for _, parameter := range w.preset.Parameters {
		if parameter.DefaultValue != nil {
			values[parameter.Name] = *parameter.DefaultValue
		}
	}
	own, _ := given["parameterValues"].(map[string]any)
	maps.Copy(values, own)
	for name, value := range w.preset.ParameterValues {
		values[name] = value
	}
	return values
}

// evaluated is overlaid with the expressions of the configuration evaluated: they see the parameters' values.
func (w webhooks) evaluated(ctx context.Context, c Context) map[string]any {
	overlaid, fixed := w.overlaid(c.Config), w.preset.Fixed()
	delete(fixed, cancelEndpointKey)
	delete(fixed, cancelPayloadKey)
	evaluated, _ := c.Expressions.EvalDocument(ctx, fixed, w.env(c))
	if object, ok := evaluated.(map[string]any); ok {
		maps.Copy(overlaid, object)
	}
	return overlaid
}

// env is what the expressions of a webhook see.
func (w webhooks) env(c Context) *spel.Env {
	env := c.Env()
	if w.preset != nil {
		env.Root = map[string]any{"parameterValues": w.parameters(c.Config)}
	}
	return env
}

// defaultParameters is a stage of a preconfigured webhook with a text for each parameter, to check the webhook by.
func defaultParameters(preset config.PreconfiguredWebhook) map[string]any {
	values := map[string]any{}
	for _, parameter := range preset.Parameters {
		values[parameter.Name] = "x"
	}
	return map[string]any{"parameterValues": values, "url": "https://example.com/", "monitorOnly": false}
}
