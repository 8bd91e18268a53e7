package stage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// TestWebhookRequest: what is sent.
func TestWebhookRequest(t *testing.T) {
	for name, test := range map[string]struct {
		config, method, body string
		headers              map[string]string
	}{
		"a POST by default":     {`"payload":{"a":[1,"x"],"b":null}`, "POST", `{"a":[1,"x"],"b":null}`, map[string]string{"Content-Type": "application/json"}},
		"no payload":            {`"method":"put"`, "PUT", ``, map[string]string{"Content-Type": ""}},
		"GET sends none":        {`"method":"GET","payload":{"a":1}`, "GET", ``, map[string]string{"Content-Type": ""}},
		"a DELETE with payload": {`"method":"Delete","payload":[1]`, "DELETE", `[1]`, map[string]string{"Content-Type": "application/json"}},
		"a text":                {`"payload":"hello"`, "POST", `hello`, map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
		"a text that is JSON":   {`"payload":"{\"a\":1}"`, "POST", `{"a":1}`, map[string]string{"Content-Type": "application/json"}},
		"a content type": {`"payload":"<a/>","customHeaders":{"content-type":"application/xml"}`, "POST", `<a/>`,
			map[string]string{"Content-Type": "application/xml"}},
		"a form": {`"payload":{"b":"x y","a":1},"customHeaders":{"Content-Type":"application/x-www-form-urlencoded"}`, "POST", `a=1&b=x+y`,
			map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		"headers": {`"customHeaders":{"X-One":"1","X-List":["a","b"],"X-Number":5,"X-Nothing":null,"x-spinnaker-user":"root","X-SPINNAKER-ACCOUNTS":"all"}`, "POST", ``,
			map[string]string{"X-One": "1", "X-List": "a, b", "X-Number": "5", "X-Nothing": "", "X-Spinnaker-User": "", "X-Spinnaker-Accounts": "", "User-Agent": "gennaker"}},
		"expressions": {`"payload":{"by":"${trigger.user}"},"customHeaders":{"X-${trigger.user}":"${execution.id}"}`, "POST", `{"by":"ann"}`,
			map[string]string{"X-Ann": "e1"}},
		"the key":        {``, "POST", ``, map[string]string{"Idempotency-Key": "e1/s1/1"}},
		"a key of yours": {`"customHeaders":{"idempotency-key":"mine"}`, "POST", ``, map[string]string{"Idempotency-Key": "mine"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newTarget(t, answers(map[string][]string{"/hook": {`200 {}`}}))
			members := test.config
			if members != "" {
				members = "," + members
			}
			p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook"`+members+`}`)
			result := p.perform(engine.PhaseRun)
			expectEqual(t, "status", result.Status, spinnaker.Succeeded)
			request := server.request(t, 0)
			expectEqual(t, "method", request.method, test.method)
			expectEqual(t, "body", request.body, test.body)
			for name, want := range test.headers {
				expectEqual(t, name, strings.Join(request.header.Values(name), ", "), want)
			}
		})
	}
}

// TestWebhookRepeats: a repeated request carries the same key, that of another attempt another one.
func TestWebhookRepeats(t *testing.T) {
	server := newTarget(t, answers(map[string][]string{"/hook": {`503 `, `503 `, `400 `}, "/cancel": {`200 `}}))
	p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook","cancelEndpoint":"`+server.URL+`/cancel"}`)
	p.end()
	p.ex.Work["s1"] = &engine.Work{Attempt: 2, Step: 1, Part: engine.PartMain, Began: p.now}
	p.end()
	var keys []string
	for n := range server.seen() {
		keys = append(keys, server.request(t, n).header.Get(IdempotencyHeader))
	}
	expectEqual(t, "keys", keys, []string{"e1/s1/1", "e1/s1/1", "e1/s1/1", "e1/s1/1/cancel", "e1/s1/2", "e1/s1/2/cancel"})
}

// TestWebhookIsCanceled: the cancel endpoint is called when the stage is canceled, and when it fails.
func TestWebhookIsCanceled(t *testing.T) {
	server := newTarget(t, answers(map[string][]string{"/hook": {`200 {"id":"j/1"}`}, "/status": {`200 {"state":"bad"}`}, "/cancel/j/1": {`503 `, `200 `}}))
	const stageConfig = `{"url":"<server>/hook","waitForCompletion":true,"statusUrlResolution":"webhookResponse","statusUrlJsonPath":"$.nope",
	  "cancelEndpoint":"<server>/cancel/${webhook.body.id}","cancelMethod":"PUT","cancelPayload":{"id":"${webhook['body']['id']}"}}`

	failing := newPlay(t, local, "webhook", strings.ReplaceAll(stageConfig, "<server>", server.URL))
	result := failing.end()
	expectEqual(t, "status", result.Status, spinnaker.Terminal)
	expectEqual(t, "message", result.Message, "Exception while resolving status check URL: no results for path $.nope in the response body")
	expectEqual(t, "requests of the failure", server.seen(), []string{"POST /hook", "PUT /cancel/j/1"})
	expectEqual(t, "warnings", result.Warnings, []string{"the webhook was not canceled: PUT " + server.URL + "/cancel/j/1: 503 Service Unavailable"})

	server = newTarget(t, server.answer)
	stopped := newPlay(t, local, "webhook", strings.NewReplacer("<server>", server.URL, "$.nope", "$.id").Replace(stageConfig))
	stopped.perform(engine.PhaseRun)
	result = stopped.perform(engine.PhaseCancel)
	expectEqual(t, "status of a cancel that may be tried again", fmt.Sprint(result.Status, result.Class), "RUNNING"+string(engine.ClassRetryable))
	expectEqual(t, "status of the cancel", stopped.perform(engine.PhaseCancel).Status, spinnaker.Canceled)
	cancel := server.request(t, len(server.seen())-1)
	expectEqual(t, "cancel", cancel.method+" "+cancel.path+" "+cancel.body, `PUT /cancel/j/1 {"id":"j/1"}`)
}

// TestWebhookCancelIsEvaluatedLate: after a restart, the cancel endpoint is that of the new webhook.
func TestWebhookCancelIsEvaluatedLate(t *testing.T) {
	server := newTarget(t, answers(map[string][]string{"/hook": {`400 {"id":1}`, `400 {"id":2}`, `400 text`}, "/stop/1": {`200 `}, "/stop/2": {`200 `}}))
	p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook","cancelEndpoint":"`+server.URL+`/stop/${webhook['body']['id']}"}`)
	p.end()
	for attempt := 2; attempt <= 3; attempt++ {
		p.ex.Work["s1"] = &engine.Work{Attempt: attempt, Step: 1, Part: engine.PartMain, Began: p.now}
		result := p.end()
		if attempt == 3 {
			expectEqual(t, "warnings", result.Warnings, []string{"the webhook was not canceled: cancelEndpoint: its expression could not be evaluated: " +
				server.URL + "/stop/${webhook['body']['id']}"})
		}
	}
	expectEqual(t, "requests", server.seen(), []string{"POST /hook", "POST /stop/1", "POST /hook", "POST /stop/2", "POST /hook"})
}

// TestWebhookCancelFollowsAFailure: what failed while it was looked at is canceled in the same step.
func TestWebhookCancelFollowsAFailure(t *testing.T) {
	for state, want := range map[string]spinnaker.Status{"bad": spinnaker.Terminal, "stopped": spinnaker.Canceled, "ok": spinnaker.Succeeded} {
		server := newTarget(t, answers(map[string][]string{"/hook": {`200 {"state":"` + state + `"}`}, "/cancel": {`404 `}}))
		p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook","waitForCompletion":true,"statusUrlResolution":"getMethod","statusJsonPath":"$.state",
		  "successStatuses":"ok","terminalStatuses":"bad","canceledStatuses":"stopped","cancelEndpoint":"`+server.URL+`/cancel"}`)
		result := p.end()
		expectEqual(t, "status", result.Status, want)
		requests, warnings := []string{"POST /hook", "GET /hook"}, []string(nil)
		if want != spinnaker.Succeeded {
			requests = append(requests, "POST /cancel")
			warnings = []string{"the webhook was not canceled: POST " + server.URL + "/cancel: 404 Not Found"}
		}
		expectEqual(t, "requests", server.seen(), requests)
		expectEqual(t, "warnings", result.Warnings, warnings)
	}
}

// TestWebhookArtifacts: artifacts of the answer become the stage's.
func TestWebhookArtifacts(t *testing.T) {
	server := newTarget(t, answers(map[string][]string{"/hook": {`200 {"artifacts":[{"type":"docker/image","name":"shop","version":"7","more":1}]}`}}))
	p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook","expectedArtifacts":[{"id":"a","matchArtifact":{"type":"docker/image"}}]}`)
	result := p.perform(engine.PhaseRun)
	expectEqual(t, "status", result.Status, spinnaker.Succeeded)
	if len(result.Artifacts) != 1 || result.Artifacts[0].Version != "7" {
		t.Errorf("artifacts: found %+v", result.Artifacts)
	}
	expectEqual(t, "tasks", taskLine(result), "createWebhook=SUCCEEDED bindProducedArtifacts=SUCCEEDED")
}

// TestWebhookRedirect: another origin gets no headers and no key, and may not be inside.
func TestWebhookRedirect(t *testing.T) {
	elsewhere := newTarget(t, answers(map[string][]string{"/landed": {`200 {"ok":true}`}}))
	inside := httptest.NewServer(http.NotFoundHandler())
	defer inside.Close()
	away := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	server := newTarget(t, answers(map[string][]string{"/hook": {`307 Location=` + away + `/landed;`}, "/same": {`307 Location=/hook;`},
		"/inside": {`307 Location=` + strings.Replace(inside.URL, "127.0.0.1", "[::1]", 1) + `/;`}}))
	allowed := local
	allowed.AllowedHosts = []string{"127.0.0.1", "localhost"}
	p := newPlay(t, allowed, "webhook", `{"url":"`+server.URL+`/same","payload":{"a":1},"customHeaders":{"X-Api-Key":"secret"}}`)
	expectEqual(t, "status", p.perform(engine.PhaseRun).Status, spinnaker.Succeeded)
	expectEqual(t, "key on the own origin", server.request(t, 1).header.Get("X-Api-Key"), "secret")
	landed := elsewhere.request(t, 0)
	expectEqual(t, "request", landed.method+" "+landed.body, `POST {"a":1}`)
	expectEqual(t, "headers elsewhere", landed.header.Get("X-Api-Key")+landed.header.Get(IdempotencyHeader)+landed.header.Get("Referer"), "")

	p = newPlay(t, allowed, "webhook", `{"url":"`+server.URL+`/inside"}`)
	result := p.perform(engine.PhaseRun)
	expectEqual(t, "status of one that leads inside", result.Status, spinnaker.Terminal)
	if !strings.Contains(result.Message, "its address ::1 is not public") {
		t.Errorf("message: found %q", result.Message)
	}
}

// TestWebhookAnswersDeeply: what is nested deeper than executions are kept is a text.
func TestWebhookAnswersDeeply(t *testing.T) {
	body := strings.Repeat("[", 2000) + strings.Repeat("]", 2000)
	server := newTarget(t, answers(map[string][]string{"/hook": {"200 " + body}}))
	p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook"}`)
	expectEqual(t, "status", p.perform(engine.PhaseRun).Status, spinnaker.Succeeded)
	expectEqual(t, "body", p.text("webhook.body"), body)
}

// TestWebhookShowsNoCookie: what a server keeps with this agent alone is not shown.
func TestWebhookShowsNoCookie(t *testing.T) {
	server := newTarget(t, answers(map[string][]string{"/hook": {`200 Set-Cookie=session:1;X-Seen=yes;{}`}}))
	p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook"}`)
	p.perform(engine.PhaseRun)
	expectEqual(t, "cookie", p.shown("webhook.headers.Set-Cookie"), "null")
	expectEqual(t, "other header", p.text("webhook.headers.X-Seen"), "yes")
}

// TestWebhookUnusable: what is wrong with a configuration is said when it is saved, and again when it runs.
func TestWebhookUnusable(t *testing.T) {
	for stageConfig, want := range map[string][]string{
		`{}`:                                {"url: it is missing: which address is to be called?"},
		`{"url":"ftp://x/"}`:                {`url: found "ftp://x/", expected an address that begins with http:// or https://`},
		`{"url":"http://a/","method":"GO"}`: {`method: found "GO", expected one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE`},
		`{"url":"http://a/","failFastStatusCodes":["x",70]}`: {
			`failFastStatusCodes[0]: found "x", expected a status code`, `failFastStatusCodes[1]: found "70", expected a status code`},
		`{"url":"http://a/","customHeaders":["x"]}`:           {`customHeaders: found a list, expected an object`},
		`{"url":"http://a/","customHeaders":{"X-A":{"b":1}}}`: {`customHeaders.X-A: found an object, expected a text or a list of texts`},
		`{"url":"http://a/","waitForCompletion":"perhaps"}`:   {`waitForCompletion: found "perhaps", expected true or false`},
		`{"url":"http://a/","waitForCompletion":true}`:        {`statusUrlResolution: it is missing: expected one of getMethod, locationHeader, webhookResponse`},
		`{"url":"http://a/","monitorOnly":true}`:              {`monitorOnly: Can't specify monitorOnly = true and waitForCompletion = false at the same time`},
		`{"monitorOnly":true,"waitForCompletion":true}`:       {`statusEndpoint: Missing required parameter. Either webhook url or statusEndpoint are required`},
		`{"url":"http://a/","retries":{"4x":{},"404":{"maxAttempts":"many"}}}`: {
			`retries.404.maxAttempts: found "many", expected a whole number`, `retries.4x: found "4x", expected a status code`},
		`{"url":"http://a/","waitForCompletion":true,"statusUrlResolution":"webhookResponse"}`: {`statusUrlJsonPath: it is missing: where in the response body is the status address?`},
		`{"url":"http://a/","waitBeforeMonitor":"soon"}`:                                       {`waitBeforeMonitor: found "soon", expected a number of seconds`},
	} {
		p := newPlay(t, local, "webhook", stageConfig)
		expectEqual(t, stageConfig, p.definition.Validate(p.stage.Context), want)
		result := p.perform(engine.PhaseRun)
		expectEqual(t, "status of "+stageConfig, result.Status, spinnaker.Terminal)
		if !strings.HasSuffix(result.Message, want[0]) {
			t.Errorf("%s: the stage fails with %q, expected %q", stageConfig, result.Message, want[0])
		}
	}
	p := newPlay(t, local, "webhook", `{"url":"http://a/","statusJsonPath":"$.a["}`)
	if found := p.definition.Validate(p.stage.Context); len(found) != 1 || !strings.HasPrefix(found[0], `statusJsonPath: "$.a[" is no JSONPath: `) {
		t.Errorf("a path that is none: found %q", found)
	}
	for _, expression := range []string{
		`{"url":"${a}","method":"${b}","payload":"${c}","customHeaders":"${d}","waitForCompletion":"${e}","statusUrlResolution":"${f}",
		  "statusUrlJsonPath":"${g}","retries":{"${h}":"${i}"},"failFastStatusCodes":["${j}"],"cancelEndpoint":"https://a/${k}"}`,
		`{"monitorOnly":"${a}"}`, `{"url":"http://${trigger.parameters.host}/x","monitorOnly":true,"waitForCompletion":"${w}"}`,
	} {
		p := newPlay(t, local, "webhook", expression)
		expectEqual(t, expression, p.definition.Validate(p.stage.Context), []string(nil))
	}
	p = newPlay(t, local, "webhook", `{"url":"http://127.0.0.1/${nope.x}"}`)
	if result := p.perform(engine.PhaseRun); !strings.HasSuffix(result.Message, "url: its expression could not be evaluated: http://127.0.0.1/${nope.x}") {
		t.Errorf("an expression that gives nothing: found %q", result.Message)
	}
}

// preset reads a configuration of webhooks.
func preset(t *testing.T, text string) config.Webhook {
	t.Helper()
	c := config.Default()
	if err := yaml.Unmarshal([]byte("webhook: "+text), &c); err != nil {
		t.Fatal(err)
	}
	return c.Webhook
}

// TestPreconfiguredWebhook: what the configuration says can not be changed, and its headers are shown nowhere.
func TestPreconfiguredWebhook(t *testing.T) {
	server := newTarget(t, answers(map[string][]string{"/deploy/eu/prod": {`200 {"job":"/jobs/1"}`}, "/jobs/1": {`200 {"state":"ok"}`}, "/stop": {`200 `}}))
	c := preset(t, fmt.Sprintf(`{allowedHosts: [127.0.0.1], preconfigured: [{type: deployTicket, label: Ticket,
	  url: "%s/deploy/${parameterValues['region']}/${parameterValues['env']}", method: PUT, payload: '{"by":"${trigger.user}","env":${#toJson(parameterValues["env"])}}',
	  customHeaders: {Authorization: Bearer hunter2, X-Keys: [a, b]}, waitForCompletion: true, statusUrlResolution: webhookResponse, statusUrlJsonPath: $.job,
	  statusJsonPath: $.state, successStatuses: ok, parameters: [{name: env, defaultValue: prod}, {name: region}]}]}`, server.URL))
	p := newPlay(t, c, "deployTicket", `{"parameterValues":{"region":"eu"},"url":"http://10.0.0.1/","customHeaders":{"Authorization":"mine","X-Mine":"1"},
	  "cancelEndpoint":"`+server.URL+`/stop"}`)
	result := p.end()
	expectEqual(t, "status", result.Status, spinnaker.Succeeded)
	expectEqual(t, "requests", server.seen(), []string{"PUT /deploy/eu/prod", "GET /jobs/1"})
	request := server.request(t, 0)
	expectEqual(t, "body", request.body, `{"by":"ann","env":"prod"}`)
	expectEqual(t, "headers", strings.Join([]string{request.header.Get("Authorization"), request.header.Get("X-Mine"), strings.Join(request.header.Values("X-Keys"), ",")}, " "),
		"Bearer hunter2 1 a,b")
	expectEqual(t, "header of the status", server.request(t, 1).header.Get("Authorization"), "Bearer hunter2")
	kept, err := json.Marshal([]any{p.stage, result})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(kept), "hunter2") {
		t.Errorf("the secret is kept: %s", kept)
	}
	expectEqual(t, "a parameter without value", newPlay(t, c, "deployTicket", `{}`).definition.Validate(map[string]any{}),
		[]string{"parameterValues.region: it is missing: the webhook has no default for it"})
}

// TestPreconfiguredPermissions: a webhook that takes a role is not called for others, and not canceled either.
func TestPreconfiguredPermissions(t *testing.T) {
	server := newTarget(t, answers(map[string][]string{"/testers": {`200 {}`}, "/anybody": {`200 {}`}}))
	c := preset(t, fmt.Sprintf(`{allowedHosts: [127.0.0.1], preconfigured: [
	  {type: forTesters, url: "%[1]s/testers", permissions: {WRITE: [operators, testers]}},
	  {type: forOperators, url: "%[1]s/operators", cancelEndpoint: "%[1]s/operators", permissions: {WRITE: [operators]}},
	  {type: forAnybody, url: "%[1]s/anybody", permissions: {READ: [operators]}}]}`, server.URL))
	for stageType, want := range map[string]string{
		"forTesters":   "SUCCEEDED ",
		"forOperators": `TERMINAL user "ann" may not run the webhook "forOperators": it takes one of the roles operators (server.roles)`,
		"forAnybody":   "SUCCEEDED ",
	} {
		result := newPlay(t, c, stageType, `{}`).end()
		expectEqual(t, stageType, string(result.Status)+" "+result.Message, want)
	}
	expectEqual(t, "cancel", newPlay(t, c, "forOperators", `{}`).perform(engine.PhaseCancel).Status, spinnaker.Canceled)
	seen := server.seen()
	slices.Sort(seen)
	expectEqual(t, "requests", seen, []string{"POST /anybody", "POST /testers"})
}

// TestPreconfiguredHeadersStayHome: a pipeline can not send the headers of a preconfigured webhook to another place.
func TestPreconfiguredHeadersStayHome(t *testing.T) {
	server, thief := newTarget(t, answers(map[string][]string{"/hook": {`400 `}})), newTarget(t, answers(map[string][]string{"/": {`200 {}`}}))
	c := preset(t, fmt.Sprintf(`{allowedHosts: [127.0.0.1], preconfigured: [{type: ticket, url: "%[1]s/hook", customHeaders: {Authorization: hunter2}},
	  {type: led, url: "%[1]s/hook", cancelEndpoint: "${parameterValues['to']}", customHeaders: {Authorization: hunter2}, parameters: [{name: to}]}]}`, server.URL))
	newPlay(t, c, "ticket", `{"cancelEndpoint":"`+thief.URL+`/"}`).end()
	newPlay(t, c, "led", `{"parameterValues":{"to":"`+thief.URL+`/"}}`).end()
	newPlay(t, c, "ticket", `{"monitorOnly":true,"waitForCompletion":true,"statusEndpoint":"`+thief.URL+`/"}`).end()
	expectEqual(t, "requests", thief.seen(), []string{"POST /", "POST /", "GET /"})
	for n := range thief.seen() {
		expectEqual(t, "secret", thief.request(t, n).header.Get("Authorization"), "")
	}
	expectEqual(t, "secret at home", server.request(t, 0).header.Get("Authorization"), "hunter2")
}

// TestPreconfiguredSecretsAreHidden: an answer may repeat a secret as it is, as JSON writes it, or as basic authentication
// sends it. One that is short stays: it may be there by chance.
func TestPreconfiguredSecretsAreHidden(t *testing.T) {
	server := newTarget(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Seen", r.Header.Get("X-Token"))
		if err := json.NewEncoder(w).Encode(map[string]any{"sent": r.Header["X-Token"], "basic": r.Header["Authorization"], "short": r.Header["X-Short"]}); err != nil {
			t.Error(err)
		}
	})
	c := preset(t, fmt.Sprintf(`{allowedHosts: [127.0.0.1], preconfigured: [{type: ticket, url: "%s/hook",
	  customHeaders: {X-Token: 'Bearer hunter2&"hunter3"', X-Short: short}}]}`, strings.Replace(server.URL, "//", "//token-of-ours@", 1)))
	p := newPlay(t, c, "ticket", `{}`)
	expectEqual(t, "status", p.end().Status, spinnaker.Succeeded)
	expectEqual(t, "sent", server.request(t, 0).header.Get("X-Token"), `Bearer hunter2&"hunter3"`)
	expectEqual(t, "header", p.text("webhook.headers.X-Seen"), "Bearer [redacted]")
	expectEqual(t, "body", p.shown("webhook.body"), `{"basic":["Basic [redacted]"],"sent":["Bearer [redacted]"],"short":["short"]}`)
}

func TestPreconfiguredWebhooksAreChecked(t *testing.T) {
	c := preset(t, `{preconfigured: [{type: a, url: "https://a/"}, {type: b, method: GO, waitForCompletion: true}]}`)
	want := `webhook.preconfigured[1] (type "b"): method: found "GO", expected one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE; ` +
		`statusUrlResolution: it is missing: expected one of getMethod, locationHeader, webhookResponse`
	if _, err := Webhooks(c, testers); err == nil || err.Error() != want {
		t.Errorf("found %v, expected %s", err, want)
	}
	c = preset(t, `{preconfigured: [{type: a, url: "https://a/"}, {type: b, enabled: false, method: GO}]}`)
	definitions, err := Webhooks(c, testers)
	if err != nil || len(definitions) != 2 {
		t.Errorf("found %d definitions and %v, expected those of webhook and a", len(definitions), err)
	}
}
