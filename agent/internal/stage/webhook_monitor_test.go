package stage

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// TestWebhookMonitor has a case for each line of execution.md 9.5's tables about the status.
func TestWebhookMonitor(t *testing.T) {
	const words = `"statusJsonPath":"$.state","successStatuses":"DONE, ok","canceledStatuses":"stopped","terminalStatuses":" Failed "`
	for name, test := range map[string]struct {
		config  string
		answers []string
		status  spinnaker.Status
		error   string // of webhook.monitor; <status> stands for the status address
		member  string // of context.webhook.monitor that is looked at
		value   string
	}{
		"no path: the first answer counts":   {``, []string{`200 {"state":"RUNNING"}`}, spinnaker.Succeeded, ``, "statusCode", `"OK"`},
		"a success":                          {words, []string{`200 {"state":"done"}`}, spinnaker.Succeeded, ``, "body.state", `"done"`},
		"another success":                    {words, []string{`200 {"state":"OK"}`}, spinnaker.Succeeded, ``, "", ""},
		"a cancellation":                     {words, []string{`200 {"state":"STOPPED"}`}, spinnaker.Canceled, ``, "", ""},
		"a failure":                          {words, []string{`200 {"state":"failed"}`}, spinnaker.Terminal, ``, "", ""},
		"other words are waited for":         {words, []string{`200 {"state":"QUEUED"}`, `200 {"state":""}`, `200 {"state":"ok"}`}, spinnaker.Succeeded, ``, "", ""},
		"a boolean":                          {`"statusJsonPath":"$.ready","successStatuses":"true"`, []string{`200 {"ready":false}`, `200 {"ready":true}`}, spinnaker.Succeeded, ``, "", ""},
		"percent":                            {words, []string{`200 {"state":12.5}`, `200 {"state":99}`, `200 {"state":100}`}, spinnaker.Succeeded, ``, "percentComplete", `100`},
		"a path without $":                   {`"statusJsonPath":"a.b","successStatuses":"x"`, []string{`200 {"a":{"b":"x"}}`}, spinnaker.Succeeded, ``, "", ""},
		"a path with a filter, made one":     {`"statusJsonPath":"concat($.jobs[?(@.id == 7)].state)","successStatuses":"ok"`, []string{`200 {"jobs":[{"id":7,"state":"ok"},{"id":8}]}`}, spinnaker.Succeeded, ``, "", ""},
		"a path that counts":                 {`"statusJsonPath":"$.jobs[?(@.id == 7)].done.first()"`, []string{`200 {"jobs":[{"id":7,"done":100}]}`}, spinnaker.Succeeded, ``, "percentComplete", `100`},
		"a body that does not say JSON":      {words, []string{`200 Content-Type=text/plain;{"state":"ok"}`}, spinnaker.Succeeded, ``, "body", `"{\"state\":\"ok\"}"`},
		"the path is missing":                {words, []string{`200 {"status":"ok"}`}, spinnaker.Terminal, `Unable to parse status: JSON property '$.state' not found in response body`, "", ""},
		"no body":                            {words, []string{`204 `}, spinnaker.Terminal, `Unable to parse status: JSON property '$.state' not found in response body`, "", ""},
		"not scalar":                         {words, []string{`200 {"state":{"a":1}}`}, spinnaker.Terminal, `The json path '$.state' did not resolve to a single value`, "resolvedValue", `{"a":1}`},
		"null":                               {words, []string{`200 {"state":null}`}, spinnaker.Terminal, `The json path '$.state' did not resolve to a single value`, "", ""},
		"a path of many":                     {`"statusJsonPath":"$.jobs[*].state"`, []string{`200 {"jobs":[{"state":"ok"}]}`}, spinnaker.Terminal, `The json path '$.jobs[*].state' did not resolve to a single value`, "resolvedValue", `["ok"]`},
		"progress":                           {words + `,"progressJsonPath":"$.what"`, []string{`200 {"state":"ok","what":"half done"}`}, spinnaker.Succeeded, ``, "progressMessage", `"half done"`},
		"progress is missing":                {words + `,"progressJsonPath":"$.what"`, []string{`200 {"state":"ok"}`}, spinnaker.Terminal, `Unable to parse progress: JSON property '$.state' not found in response body`, "", ""},
		"progress is no text":                {words + `,"progressJsonPath":"$.what"`, []string{`200 {"state":"ok","what":3}`}, spinnaker.Terminal, `The json path '$.what' did not resolve to a String value`, "resolvedValue", `3`},
		"429 and 5xx pass":                   {words, []string{`429 `, `503 `, `504 `, `200 {"state":"ok"}`}, spinnaker.Succeeded, ``, "pastStatusCodes", `[429,503,504]`},
		"4xx does not":                       {words, []string{`404 `, `200 {"state":"ok"}`}, spinnaker.Terminal, `an exception occurred in webhook monitor to <status>: 404 Not Found`, "headers.Content-Type", `"application/json"`},
		"4xx as configured":                  {words + `,"retryStatusCodes":[404]`, []string{`404 `, `404 `, `200 {"state":"ok"}`}, spinnaker.Succeeded, ``, "pastStatusCodes", `[404,404]`},
		"codes for the webhook only":         {words + `,"webhookRetryStatusCodes":[404],"failFastStatusCodes":[]`, []string{`404 `}, spinnaker.Terminal, `an exception occurred in webhook monitor to <status>: 404 Not Found`, "", ""},
		"a limited number passes":            {words + `,"retries":{"404":{"maxAttempts":2}}`, []string{`404 `, `404 `, `200 {"state":"ok"}`}, spinnaker.Succeeded, ``, "pastStatusCodes", `[404,404]`},
		"one more does not":                  {words + `,"retries":{"404":{"maxAttempts":2}}`, []string{`404 `, `404 `, `404 `}, spinnaker.Terminal, `an exception occurred in webhook monitor to <status>: 404 Not Found`, "pastStatusCodes", `[404,404]`},
		"the number is of the code":          {words + `,"retries":{"404":{"maxAttempts":1}}`, []string{`404 `, `503 `, `404 `}, spinnaker.Terminal, `an exception occurred in webhook monitor to <status>: 404 Not Found`, "pastStatusCodes", `[404,503]`},
		"a number of none wins over 5xx":     {words + `,"retries":{"504":{"maxAttempts":0}}`, []string{`504 `, `200 {"state":"ok"}`}, spinnaker.Terminal, `an exception occurred in webhook monitor to <status>: 504 Gateway Timeout`, "", ""},
		"a code may be listed without limit": {words + `,"retries":{"504":{}}`, []string{`504 `}, spinnaker.Terminal, `an exception occurred in webhook monitor to <status>: 504 Gateway Timeout`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newTarget(t, answers(map[string][]string{"/hook": {`201 Location=/status;{"id":7}`}, "/status": test.answers}))
			members := test.config
			if members != "" {
				members = "," + members
			}
			p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook","waitForCompletion":true,"statusUrlResolution":"locationHeader"`+members+`}`)
			result := p.end()
			expectEqual(t, "status", result.Status, test.status)
			want := strings.ReplaceAll(test.error, "<status>", server.URL+"/status")
			expectEqual(t, "webhook.monitor.error", p.text("webhook.monitor.error"), want)
			if test.error != "" {
				expectEqual(t, "message", result.Message, want)
			}
			if test.member != "" {
				expectEqual(t, test.member, p.shown("webhook.monitor."+test.member), test.value)
			}
			expectEqual(t, "what came back from the webhook", p.shown("webhook.body"), `{"id":7}`)
			expectEqual(t, "its code", p.shown("webhook.statusCode"), `"CREATED"`)
		})
	}
}

// TestWebhookStatusAddress: where the status is looked for.
func TestWebhookStatusAddress(t *testing.T) {
	for name, test := range map[string]struct{ config, hook, status string }{
		"the same address":           {`"statusUrlResolution":"getMethod"`, `200 {}`, "GET /hook"},
		"the header":                 {`"statusUrlResolution":"locationHeader"`, `202 Location=<server>/jobs/1;`, "GET /jobs/1"},
		"a relative header":          {`"statusUrlResolution":"locationHeader"`, `202 Location=jobs/2;`, "GET /jobs/2"},
		"another scheme, same host":  {`"statusUrlResolution":"locationHeader"`, `202 Location=https://<host>/jobs/3;`, "GET /jobs/3"},
		"the body":                   {`"statusUrlResolution":"webhookResponse","statusUrlJsonPath":"$.links.self"`, `200 {"links":{"self":"<server>/jobs/4"}}`, "GET /jobs/4"},
		"the body, in another case":  {`"statusUrlResolution":"WEBHOOKRESPONSE","statusUrlJsonPath":"links.self"`, `200 {"links":{"self":" /jobs/5 "}}`, "GET /jobs/5"},
		"the body with an indexes":   {`"statusUrlResolution":"webhookResponse","statusUrlJsonPath":"$['links'][0]"`, `200 {"links":["/jobs/6"]}`, "GET /jobs/6"},
		"the body by an id":          {`"statusUrlResolution":"webhookResponse","statusUrlJsonPath":"concat('/jobs/', $.id)"`, `200 {"id":8}`, "GET /jobs/8"},
		"a header beats no redirect": {`"statusUrlResolution":"locationHeader"`, `201 Location=/jobs/7;`, "GET /jobs/7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var server *target
			server = newTarget(t, func(w http.ResponseWriter, r *http.Request, n int) {
				if r.Method == http.MethodGet {
					answers(map[string][]string{r.URL.Path: {`200 {"state":"ok"}`}})(w, r, n)
					return
				}
				hook := strings.NewReplacer("<server>", server.URL, "<host>", host(server)).Replace(test.hook)
				answers(map[string][]string{"/hook": {hook}})(w, r, n)
			})
			p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook","waitForCompletion":true,"statusJsonPath":"$.state","successStatuses":"ok",`+test.config+`}`)
			result := p.end()
			expectEqual(t, "status", result.Status, spinnaker.Succeeded)
			expectEqual(t, "requests", server.seen(), []string{"POST /hook", test.status})
		})
	}
}

// TestWebhookMonitorOnly looks at a status without calling anything.
func TestWebhookMonitorOnly(t *testing.T) {
	server := newTarget(t, answers(map[string][]string{"/status": {`200 {"state":"busy"}`, `200 {"state":"ok"}`}}))
	for _, key := range []string{"url", "statusEndpoint"} {
		p := newPlay(t, local, "webhook", `{"`+key+`":"`+server.URL+`/status","waitForCompletion":true,"monitorOnly":true,"statusJsonPath":"$.state","successStatuses":"ok"}`)
		result := p.end()
		expectEqual(t, "status", result.Status, spinnaker.Succeeded)
		expectEqual(t, "tasks", taskLine(result), "monitorWebhook=SUCCEEDED")
	}
	expectEqual(t, "requests", server.seen(), []string{"GET /status", "GET /status", "GET /status"})
}

// TestWebhookTimes: how long is waited, and between what.
func TestWebhookTimes(t *testing.T) {
	server := newTarget(t, answers(map[string][]string{"/hook": {`503 `, `200 {"state":"busy"}`}}))
	p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook","method":"GET","waitForCompletion":true,"waitBeforeMonitor":"30",
	  "statusUrlResolution":"getMethod","statusJsonPath":"$.state"}`)
	began := p.now
	result := p.step()
	expectEqual(t, "tasks at first", taskLine(result), "createWebhook=RUNNING waitBeforeMonitorWebhook=NOT_STARTED monitorWebhook=NOT_STARTED")
	expectEqual(t, "pause after 503", result.RequeueAfter, 10*time.Second)
	result = p.step()
	expectEqual(t, "tasks after the call", taskLine(result), "createWebhook=SUCCEEDED waitBeforeMonitorWebhook=RUNNING monitorWebhook=NOT_STARTED")
	expectEqual(t, "wait from the stage's start", p.now.Sub(began), 30*time.Second)
	expectEqual(t, "time for the status", result.Timeout, 30*time.Second+time.Hour)
	result = p.step()
	expectEqual(t, "tasks while looking", taskLine(result), "createWebhook=SUCCEEDED waitBeforeMonitorWebhook=SUCCEEDED monitorWebhook=RUNNING")
	expectEqual(t, "pause in the first minute", result.RequeueAfter, time.Second)
	p.now = began.Add(30*time.Second + time.Minute + time.Second)
	result = p.step()
	expectEqual(t, "pause later", result.RequeueAfter, 15*time.Second)
	expectEqual(t, "time stays", result.Timeout, 30*time.Second+time.Hour)
}

func TestWebhookWaitIsSkipped(t *testing.T) {
	server := newTarget(t, answers(map[string][]string{"/hook": {`200 {"state":"ok"}`}}))
	p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook","waitForCompletion":true,"waitBeforeMonitor":600,"statusUrlResolution":"getMethod"}`)
	p.perform(engine.PhaseRun)
	p.now = p.now.Add(time.Second)
	early := p.perform(engine.PhaseRun)
	expectEqual(t, "a look before the time", early.Status, spinnaker.Running)
	expectEqual(t, "what is left", early.RequeueAfter, 599*time.Second)
	p.stage.Context["skipRemainingWait"] = true
	expectEqual(t, "status", p.perform(engine.PhaseRun).Status, spinnaker.Succeeded)
	expectEqual(t, "requests", server.seen(), []string{"POST /hook", "GET /hook"})
}

// taskLine shows a result's tasks.
func taskLine(result engine.Result) string {
	var list []string
	for _, task := range result.Tasks {
		list = append(list, task.Name+"="+string(task.Status))
	}
	return strings.Join(list, " ")
}
