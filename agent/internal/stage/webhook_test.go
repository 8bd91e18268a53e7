package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// target is a server that answers as it is told, and remembers what it was asked.
type target struct {
	*httptest.Server
	mu       sync.Mutex
	requests []received
	// answer writes the answer to the nth request of a path, from 1.
	answer func(w http.ResponseWriter, r *http.Request, n int)
}

type received struct {
	method, path, body string
	header             http.Header
}

func newTarget(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) *target {
	t.Helper()
	target := &target{answer: answer}
	target.Server = httptest.NewServer(target)
	t.Cleanup(target.Close)
	return target
}

func (s *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, received{method: r.Method, path: r.URL.Path, body: string(body), header: r.Header})
	n := 0
	for _, one := range s.requests {
		if one.path == r.URL.Path {
			n++
		}
	}
	s.mu.Unlock()
	s.answer(w, r, n)
}

// seen lists the requests so far, as METHOD path.
func (s *target) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, one := range s.requests {
		list = append(list, one.method+" "+one.path)
	}
	return list
}

func (s *target) request(t *testing.T, n int) received {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n >= len(s.requests) {
		t.Fatalf("there were %d requests, expected more than %d", len(s.requests), n)
	}
	return s.requests[n]
}

// play is a webhook stage whose steps the test runs one after the other, with a clock of its own.
type play struct {
	t          *testing.T
	definition Definition
	ex         *engine.Execution
	stage      *spinnaker.Stage
	now        time.Time
}

// local lets webhooks lead to the test's own server.
var local = config.Webhook{AllowedHosts: []string{"127.0.0.1"}, MaxResponseBytes: 1 << 20}

// testers knows that ann is a tester.
func testers(user string) (held []string, admin, known bool) {
	if user == "ann" {
		held = []string{"testers"}
	}
	return held, false, true
}

func newPlay(t *testing.T, c config.Webhook, stageType, stageConfig string) *play {
	t.Helper()
	definitions, err := Webhooks(c, testers)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(definitions, func(d Definition) bool { return d.Type == stageType })
	if at < 0 {
		t.Fatalf("there is no stage type %q", stageType)
	}
	p := &play{t: t, definition: definitions[at], now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	p.stage = &spinnaker.Stage{ID: "s1", RefID: "1", Type: stageType, Name: "Call", Status: spinnaker.Running,
		Context: map[string]any{}, Outputs: map[string]any{}}
	if err := spinnaker.Decode([]byte(stageConfig), &p.stage.Context); err != nil {
		t.Fatal(err)
	}
	p.ex = &engine.Execution{Execution: &spinnaker.Execution{ID: "e1", Type: spinnaker.PipelineExecution, Stages: []*spinnaker.Stage{p.stage},
		Authentication: spinnaker.Authentication{User: "ann"},
		Trigger:        spinnaker.Trigger{"user": "ann"}},
		Work: map[string]*engine.Work{"s1": {Attempt: 1, Step: 1, Part: engine.PartMain, Phase: engine.PhaseRun, Began: p.now}}}
	return p
}

// step runs a step and lets the time pass that the result asks for.
func (p *play) step() engine.Result {
	p.t.Helper()
	result := p.perform(engine.PhaseRun)
	p.now = p.now.Add(result.RequeueAfter)
	return result
}

func (p *play) perform(phase engine.Phase) engine.Result {
	p.t.Helper()
	result, err := p.definition.Perform(context.Background(), Step{
		Execution: p.ex, Stage: p.stage, Phase: phase, Now: p.now, Expressions: spel.New(spel.Config{}),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if result.Evaluated != nil {
		p.stage.Context = result.Evaluated
	}
	// What the store keeps is JSON.
	plain, err := spinnaker.Plain(result.Context)
	if err != nil {
		p.t.Fatal(err)
	}
	if object, ok := plain.(map[string]any); ok {
		for key, value := range object {
			p.stage.Context[key] = value
		}
	}
	work := p.ex.Work["s1"]
	work.Step++
	if result.State != nil {
		work.State = result.State
	}
	return result
}

// end runs steps until the stage has ended.
func (p *play) end() engine.Result {
	p.t.Helper()
	const most = 2000
	for range most {
		if result := p.step(); result.Status != spinnaker.Running {
			return result
		}
	}
	p.t.Fatalf("the stage did not end in %d steps", most)
	return engine.Result{}
}

// shown is a member of context.webhook, by its path, as JSON.
func (p *play) shown(path string) string {
	p.t.Helper()
	value := any(p.stage.Context)
	for key := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	data, err := json.Marshal(value)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

// text is shown for a text; "" when there is none.
func (p *play) text(path string) string {
	p.t.Helper()
	var text string
	if shown := p.shown(path); shown != "null" {
		if err := json.Unmarshal([]byte(shown), &text); err != nil {
			p.t.Fatalf("%s is %s: %v", path, shown, err)
		}
	}
	return text
}

func host(server *target) string { return strings.TrimPrefix(server.URL, "http://") }

func expectEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// answers writes the answer of each request of a path in turn; the last one stays. One is "CODE body", with headers
// before the body as "Name=value;".
func answers(byPath map[string][]string) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, r *http.Request, n int) {
		list := byPath[r.URL.Path]
		if len(list) == 0 {
			http.NotFound(w, r)
			return
		}
		answer := list[min(n, len(list))-1]
		code, body, _ := strings.Cut(answer, " ")
		w.Header().Set("Content-Type", "application/json")
		for {
			header, rest, found := strings.Cut(body, ";")
			name, value, isHeader := strings.Cut(header, "=")
			if !found || !isHeader || strings.ContainsAny(name, "{[ ") {
				break
			}
			w.Header().Set(name, value)
			body = rest
		}
		var status int
		if _, err := fmt.Sscan(code, &status); err != nil {
			panic(err)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// TestWebhookCreate has a case for each line of execution.md 9.5's table of answers to the webhook itself.
func TestWebhookCreate(t *testing.T) {
	for name, test := range map[string]struct {
		config string // members of the stage beside url
		answer string
		status spinnaker.Status
		error  string // of context.webhook; URL stands for the webhook's address
	}{
		"2xx":                        {``, `200 {"id":1}`, spinnaker.Succeeded, ``},
		"another 2xx":                {``, `204 `, spinnaker.Succeeded, ``},
		"3xx that is not followed":   {``, `304 `, spinnaker.Succeeded, ``},
		"a redirect without address": {``, `302 `, spinnaker.Succeeded, ``},
		"fails fast by default":      {``, `504 `, spinnaker.Terminal, `Received status code 504, which is configured to fail fast, terminating stage for pipeline e1 to <url>`},
		"fails fast as configured":   {`"failFastStatusCodes":[503]`, `503 `, spinnaker.Terminal, `Received status code 503, which is configured to fail fast, terminating stage for pipeline e1 to <url>`},
		"504 when others fail fast":  {`"failFastStatusCodes":["503"]`, `504 `, spinnaker.Running, `Error submitting webhook for pipeline e1 to <url> with status code 504, will retry.`},
		"fail fast wins over retry":  {`"failFastStatusCodes":[409],"webhookRetryStatusCodes":[409]`, `409 `, spinnaker.Terminal, `Received status code 409, which is configured to fail fast, terminating stage for pipeline e1 to <url>`},
		"429":                        {``, `429 `, spinnaker.Running, `Error submitting webhook for pipeline e1 to <url> with status code 429, will retry.`},
		"5xx":                        {``, `500 `, spinnaker.Running, `Error submitting webhook for pipeline e1 to <url> with status code 500, will retry.`},
		"retried as configured":      {`"webhookRetryStatusCodes":[404]`, `404 `, spinnaker.Running, `Error submitting webhook for pipeline e1 to <url> with status code 404, will retry.`},
		"codes for the monitor only": {`"retryStatusCodes":[404],"retries":{"404":{"maxAttempts":3}}`, `404 `, spinnaker.Terminal, `Error submitting webhook for pipeline e1 to <url> with status code 404.`},
		"other 4xx":                  {``, `400 {"why":"no"}`, spinnaker.Terminal, `Error submitting webhook for pipeline e1 to <url> with status code 400.`},
		"any other code":             {``, `600 `, spinnaker.Terminal, `The webhook request failed`},
		"no status address in the header": {`"waitForCompletion":true,"statusUrlResolution":"locationHeader"`, `200 {}`, spinnaker.Terminal,
			`The status URL couldn't be resolved, but 'Wait for completion' is configured`},
		"no status address in the body": {`"waitForCompletion":true,"statusUrlResolution":"webhookResponse","statusUrlJsonPath":"$.status.url"`, `200 {}`,
			spinnaker.Terminal, `Exception while resolving status check URL: no results for path $.status.url in the response body`},
		"the status address is null": {`"waitForCompletion":true,"statusUrlResolution":"webhookResponse","statusUrlJsonPath":"$.url"`, `200 {"url":null}`,
			spinnaker.Terminal, `The status URL couldn't be resolved, but 'Wait for completion' is configured`},
		"the status address is no text": {`"waitForCompletion":true,"statusUrlResolution":"webhookResponse","statusUrlJsonPath":"$.url"`, `200 {"url":{"a":1}}`,
			spinnaker.Terminal, `Exception while resolving status check URL: the path $.url gives an object, expected a text`},
		"the status address leads elsewhere": {`"waitForCompletion":true,"statusUrlResolution":"webhookResponse","statusUrlJsonPath":"$.url"`,
			`200 {"url":"file:///etc/passwd"}`, spinnaker.Terminal, `Exception while resolving status check URL: it has the scheme "file", expected http or https`},
		"bad artifacts": {`"expectedArtifacts":[{"id":"a"}]`, `200 {"artifacts":"none"}`, spinnaker.Terminal,
			"Expected artifacts in webhook response couldn't be parsed: the body has no list `artifacts`"},
		"no artifacts": {`"expectedArtifacts":[{"id":"a"}]`, `200 text`, spinnaker.Terminal,
			"Expected artifacts in webhook response couldn't be parsed: the body is no JSON object"},
		"redirects without end": {``, `302 Location=/hook;`, spinnaker.Terminal,
			`An exception occurred for pipeline e1 performing a POST request to <url>. <host>: more than 10 redirects`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newTarget(t, answers(map[string][]string{"/hook": {test.answer}}))
			members := test.config
			if members != "" {
				members = "," + members
			}
			p := newPlay(t, local, "webhook", `{"url":"`+server.URL+`/hook"`+members+`}`)
			result := p.perform(engine.PhaseRun)
			expectEqual(t, "status", result.Status, test.status)
			want := strings.NewReplacer("<url>", server.URL+"/hook", "<host>", host(server)).Replace(test.error)
			expectEqual(t, "webhook.error", p.text("webhook.error"), want)
			expectEqual(t, "message", result.Message, want)
			if result.Status == spinnaker.Running {
				expectEqual(t, "pause", result.RequeueAfter, 10*time.Second)
				expectEqual(t, "time", result.Timeout, 5*time.Minute)
			}
		})
	}
}

// TestWebhookWithoutAnswer: what keeps a request from being answered.
func TestWebhookWithoutAnswer(t *testing.T) {
	hang := make(chan struct{})
	server := newTarget(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		switch r.URL.Path {
		case "/hang":
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		case "/large":
			io.WriteString(w, strings.Repeat("x", 2000))
		case "/cut":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "short")
		}
	})
	defer close(hang)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	safe := local
	safe.AllowedRequests = []config.AllowedRequest{{HTTPMethods: []string{"POST"}, URLPrefix: server.URL + "/", SafeToRetry: true}}
	small := local
	small.MaxResponseBytes = 1000
	for name, test := range map[string]struct {
		config          config.Webhook
		method, address string
		status          spinnaker.Status
		error           string
	}{
		"unknown host":         {local, "POST", "http://unknown.invalid/hook", spinnaker.Running, `Remote host resolution failure in webhook for pipeline e1 to http://unknown.invalid/hook, will retry.`},
		"too slow for a GET":   {local, "get", server.URL + "/hang", spinnaker.Running, `Socket timeout in webhook on GET request for pipeline e1 to <url>/hang, will retry.`},
		"too slow for a POST":  {local, "POST", server.URL + "/hang", spinnaker.Terminal, `An exception occurred for pipeline e1 performing a POST request to <url>/hang. <host>: no answer in time`},
		"too slow, but safe":   {safe, "POST", server.URL + "/hang", spinnaker.Running, `Socket timeout in webhook on POST request for pipeline e1 to <url>/hang, will retry.`},
		"no connection":        {local, "POST", "http://" + gone + "/hook", spinnaker.Terminal, `An exception occurred for pipeline e1 performing a POST request to http://` + gone + `/hook. ` + gone + `: connect: connection refused`},
		"an answer cut off":    {local, "POST", server.URL + "/cut", spinnaker.Terminal, `An exception occurred for pipeline e1 performing a POST request to <url>/cut. <host>: unexpected EOF`},
		"an answer too large":  {small, "POST", server.URL + "/large", spinnaker.Terminal, `An exception occurred for pipeline e1 performing a POST request to <url>/large. rejecting response from <url>/large: its body has more than 1000 bytes (webhook.maxResponseBytes)`},
		"a private address":    {config.Webhook{MaxResponseBytes: 1}, "POST", server.URL + "/", spinnaker.Terminal, `An exception occurred for pipeline e1 performing a POST request to <url>/. <host>: its address 127.0.0.1 is not public: add the host to webhook.allowedHosts if that is meant`},
		"not allowed":          {safe, "PUT", server.URL + "/", spinnaker.Terminal, `An exception occurred for pipeline e1 performing a PUT request to <url>/. http method 'PUT', uri: '<url>/' not allowed`},
		"the password is ours": {safe, "POST", "http://ann:secret@" + host(server) + "/hook", spinnaker.Terminal, `An exception occurred for pipeline e1 performing a POST request to http://xxxxx@<host>/hook. http method 'POST', uri: 'http://xxxxx@<host>/hook' not allowed`},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, test.config, "webhook", `{"url":"`+test.address+`","method":"`+test.method+`"}`)
			if strings.HasSuffix(test.address, "/hang") {
				impatient(p)
			}
			result := p.perform(engine.PhaseRun)
			expectEqual(t, "status", result.Status, test.status)
			expectEqual(t, "message", result.Message, strings.NewReplacer("<url>", server.URL, "<host>", host(server)).Replace(test.error))
		})
	}
}

// impatient has a play wait shortly for answers.
func impatient(p *play) {
	p.t.Helper()
	run := p.definition.Run
	p.definition.Run = func(ctx context.Context, c Context) engine.Result {
		ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		return run(ctx, c)
	}
}
