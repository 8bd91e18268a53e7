package httpcheck_test

import (
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/plugins/plugintest"
	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/stage-test/httpcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves the stage, configured.
func start(t *testing.T, config sdk.Config) *plugintest.Plugin {
	t.Helper()
	stage, err := httpcheck.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := stage.Configure(config); err != nil {
		t.Fatal(err)
	}
	return plugintest.Start(t, sdk.Plugin{Name: "stage-test", Version: "1", Stages: []sdk.Stage{stage}}, &plugintest.Host{})
}

// serve answers by path.
func serve(t *testing.T, handlers map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for path, handler := range handlers {
		mux.HandleFunc(path, handler)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func text(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// decode reads JSON as the agent hands it over; $URL stands for a server's address.
func decode(t *testing.T, config, url string) sdk.Config {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(strings.ReplaceAll(config, "$URL", url)))
	decoder.UseNumber()
	var c sdk.Config
	if err := decoder.Decode(&c); err != nil {
		t.Fatalf("%s: %v", config, err)
	}
	return c
}

// once runs the checks a single time.
func once(t *testing.T, checks, url string) *plugintest.Step {
	t.Helper()
	config := decode(t, `{"checks": [`+checks+`], "retry": {"timeout": 0}}`, url)
	return start(t, nil).RunToEnd(sdk.Request{Config: config}, nil)
}

func TestExpectations(t *testing.T) {
	server := serve(t, map[string]http.HandlerFunc{
		"/ok": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Add("X-Many", "one")
			w.Header().Add("X-Many", "two")
			fmt.Fprint(w, `{"status": "up", "image": {"tag": "0.5.3-42"}, "pods": [{"ready": true}, {"ready": false}], "n": 1.50, "none": null}`)
		},
		"/teapot":  text(http.StatusTeapot, "short and stout"),
		"/away":    text(http.StatusServiceUnavailable, "no healthy upstream"),
		"/moved":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/teapot", http.StatusFound) },
		"/loop":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) },
		"/large":   func(w http.ResponseWriter, _ *http.Request) { io.CopyN(w, zeros{}, 3<<20) },
		"/echo":    echo,
		"/slow":    func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"/half":    half,
		"/no-json": text(200, "<html>"),
	})
	tests := []struct {
		name, check string
		want        string // part of the failure; empty when it passes
	}{
		{"2xx by default", `{"url": "$URL/ok"}`, ""},
		{"not 2xx", `{"url": "$URL/away"}`, `got 503 Service Unavailable, expected 2xx; the body begins with "no healthy upstream"`},
		{"status as number", `{"url": "$URL/teapot", "expect": {"status": 418}}`, ""},
		{"status as text", `{"url": "$URL/teapot", "expect": {"status": "418"}}`, ""},
		{"status class", `{"url": "$URL/teapot", "expect": {"status": ["2xx", "4XX"]}}`, ""},
		{"other status", `{"url": "$URL/ok", "expect": {"status": [204, 404]}}`, "got 200 OK, expected 204 or 404"},
		{"header", `{"url": "$URL/ok", "expect": {"headers": {"content-type": {"contains": "json", "matches": "utf-?8$"}, "X-Many": "two"}}}`, ""},
		{"wrong header", `{"url": "$URL/ok", "expect": {"headers": {"X-Many": "three"}}}`, `got header X-Many "one, two", expected it to be "three"`},
		{"no header", `{"url": "$URL/ok", "expect": {"headers": {"X-None": {}}}}`, "got no header X-None, expected it to be there"},
		{"body", `{"url": "$URL/teapot", "expect": {"status": 418, "body": {"contains": ["short", "stout"], "notContains": "tall", "matches": "^short.*t$"}}}`, ""},
		{"body without", `{"url": "$URL/teapot", "expect": {"status": 418, "body": {"contains": "tall"}}}`, `the body does not contain "tall"; it begins with "short and stout"`},
		{"body with", `{"url": "$URL/teapot", "expect": {"status": 418, "body": {"notContains": ["x", "stout"]}}}`, `the body contains "stout"`},
		{"body no match", `{"url": "$URL/teapot", "expect": {"status": 418, "body": {"matches": "^stout"}}}`, `the body does not match "^stout"`},
		{"json", `{"url": "$URL/ok", "expect": {"body": {"json": [{"path": "status", "equals": "up"}, {"path": "$.pods[0].ready", "equals": true},
			{"path": "n", "equals": 1.5}, {"path": "none", "equals": null}, {"path": "image", "equals": {"tag": "0.5.3-42"}},
			{"path": "image.tag", "matches": "-42$"}, {"path": "pods"}]}}}`, ""},
		{"json other value", `{"url": "$URL/ok", "expect": {"body": {"json": [{"path": "pods[1].ready", "equals": true}]}}}`, `the JSON body has false at "pods[1].ready", expected true`},
		{"json kind", `{"url": "$URL/ok", "expect": {"body": {"json": [{"path": "n", "equals": "1.50"}]}}}`, `the JSON body has 1.50 at "n", expected "1.50"`},
		{"json no match", `{"url": "$URL/ok", "expect": {"body": {"json": [{"path": "image.tag", "matches": "-43$"}]}}}`, `the JSON body has "0.5.3-42" at "image.tag", expected a match of "-43$"`},
		{"json nothing", `{"url": "$URL/ok", "expect": {"body": {"json": [{"path": "pods[2].ready"}]}}}`, `the JSON body has nothing at "pods[2].ready"`},
		{"no json", `{"url": "$URL/no-json", "expect": {"body": {"json": [{"path": "a"}]}}}`, `the body is not JSON (invalid character '<' looking for beginning of value); it begins with "<html>"`},
		{"redirect", `{"url": "$URL/moved", "expect": {"status": 418}}`, ""},
		{"redirect not followed", `{"url": "$URL/moved", "followRedirects": false, "expect": {"status": 302, "headers": {"Location": "/teapot"}}}`, ""},
		{"redirects for ever", `{"url": "$URL/loop"}`, "more than 10 redirects"},
		{"large body", `{"url": "$URL/large", "expect": {"body": {"contains": "x"}}}`, `the body does not contain "x" in its first 1048576 bytes, the only ones read`},
		{"half a body", `{"url": "$URL/half"}`, "read the body: after 4 bytes: unexpected EOF"},
		{"slow", `{"url": "$URL/slow", "timeout": 0.05}`, "no complete answer within 50ms"},
		{"request", `{"url": "$URL/echo", "method": "put", "headers": {"X-Token": "t", "Host": "shop.example"}, "body": {"n": 1.0},
			"expect": {"body": {"json": [{"path": "method", "equals": "PUT"}, {"path": "token", "equals": "t"}, {"path": "host", "equals": "shop.example"},
			{"path": "body", "equals": "{\"n\":1.0}"}, {"path": "type", "equals": "application/json"}]}}}`, ""},
		{"text body", `{"url": "$URL/echo", "method": "POST", "body": "a=b", "headers": {"Content-Type": "x/y"},
			"expect": {"body": {"json": [{"path": "body", "equals": "a=b"}, {"path": "type", "equals": "x/y"}]}}}`, ""},
		{"nobody there", `{"url": "http://127.0.0.1:1/"}`, "connection refused"},
		{"no such host", `{"url": "http://no-such-host.invalid/"}`, "no-such-host.invalid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			step := once(t, test.check, server.URL)
			if test.want == "" {
				if step.Status != sdk.Succeeded {
					t.Errorf("got %s: %s", step.Status, step.Message)
				}
				return
			}
			if step.Status != sdk.Terminal || !strings.Contains(step.Message, test.want) {
				t.Errorf("got %s %q, expected %q", step.Status, step.Message, test.want)
			}
		})
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer := map[string]string{"method": r.Method, "token": r.Header.Get("X-Token"), "host": r.Host, "body": string(body),
		"type": r.Header.Get("Content-Type")}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

// half promises more than it sends.
func half(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	fmt.Fprint(w, "half")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestFailureNamesCheckAddressAndAttempts(t *testing.T) {
	server := serve(t, map[string]http.HandlerFunc{"/a": text(500, "boom"), "/b": text(200, "")})
	url := strings.Replace(server.URL, "http://", "http://user:s3cret@", 1)
	step := once(t, `{"name": "home", "url": "$URL/a"}, {"url": "$URL/b"}, {"url": "$URL/a", "method": "head"}`, url)
	shown := strings.Replace(server.URL, "http://", "http://user:xxxxx@", 1)
	want := `2 of 3 checks failed: check "home": GET ` + shown + `/a: got 500 Internal Server Error, expected 2xx; ` +
		`the body begins with "boom" (1 attempts in 0s)`
	if step.Message != want || len(step.Errors) != 2 || !strings.HasPrefix(step.Errors[1], `check "HEAD `+shown+`/a": HEAD `) {
		t.Errorf("message %q\nerrors %q", step.Message, step.Errors)
	}
	text, err := json.Marshal(step)
	if err != nil || strings.Contains(string(text), "s3cret") {
		t.Errorf("the password is in the answer: %v", err)
	}
}

func TestOutputs(t *testing.T) {
	server := serve(t, map[string]http.HandlerFunc{"/a": text(500, "<boom>"), "/b": text(204, "")})
	step := once(t, `{"name": "home & away", "url": "$URL/a"}, {"name": "ok", "url": "$URL/b"}`, server.URL)
	checks := step.Outputs["checks"].([]any)
	for _, c := range checks {
		delete(c.(map[string]any), "durationMs")
	}
	const failure = `got 500 Internal Server Error, expected 2xx; the body begins with "<boom>"`
	want := []any{
		map[string]any{"name": "home & away", "url": server.URL + "/a", "method": "GET", "passed": false, "attempts": json.Number("1"),
			"status": json.Number("500"), "failure": failure},
		map[string]any{"name": "ok", "url": server.URL + "/b", "method": "GET", "passed": true, "attempts": json.Number("1"),
			"status": json.Number("204")},
	}
	if diff := cmp.Diff(want, checks); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if step.Outputs["passed"] != json.Number("1") || step.Outputs["failed"] != json.Number("1") {
		t.Errorf("counts %v, %v", step.Outputs["passed"], step.Outputs["failed"])
	}
	var junit struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Cases    []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(step.Outputs["junit"].(string)), &junit); err != nil {
		t.Fatal(err)
	}
	suite := junit.Suites[0]
	if suite.Tests != 2 || suite.Failures != 1 || suite.Cases[0].Name != "home & away" || suite.Cases[0].Failure.Message != failure ||
		suite.Cases[1].Failure != nil {
		t.Errorf("junit %s", step.Outputs["junit"])
	}
}

func TestChecksAreTriedAgainUntilTheyPass(t *testing.T) {
	var asked, passing atomic.Int64
	server := serve(t, map[string]http.HandlerFunc{
		"/late": func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		},
		"/good": func(http.ResponseWriter, *http.Request) { passing.Add(1) },
	})
	config := decode(t, `{"checks": [{"url": "$URL/late"}, {"url": "$URL/good"}], "retry": {"interval": 2, "timeout": "1m"}}`, server.URL)
	plugin := start(t, nil)
	var messages []string
	step := plugin.RunToEnd(sdk.Request{Config: config}, func(step *plugintest.Step) {
		messages = append(messages, step.Message)
		if step.RequeueAfter != 2*time.Second || step.Tasks[0].Name != "httpTest" || step.Tasks[0].Status != sdk.Running {
			t.Errorf("between: %+v", step)
		}
	})
	if step.Status != sdk.Succeeded || step.Message != "2 of 2 checks passed" {
		t.Errorf("got %s %q", step.Status, step.Message)
	}
	if diff := cmp.Diff([]string{"1 of 2 checks passed", "1 of 2 checks passed"}, messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if asked.Load() != 3 || passing.Load() != 1 {
		t.Errorf("asked %d and %d times: what has passed is not to be asked again", asked.Load(), passing.Load())
	}
}

func TestLastAttemptIsAtTheDeadline(t *testing.T) {
	server := serve(t, map[string]http.HandlerFunc{"/": text(500, "")})
	config := decode(t, `{"checks": [{"url": "$URL/"}], "retry": {"interval": 60, "timeout": 5}}`, server.URL)
	plugin := start(t, nil)
	step, err := plugin.Run(t.Context(), sdk.Request{Config: config})
	if err != nil || step.Status != sdk.Running || step.RequeueAfter > 5*time.Second || step.RequeueAfter < 3*time.Second {
		t.Fatalf("got %+v, %v", step, err)
	}
	var st map[string]any
	if err := json.Unmarshal(step.State, &st); err != nil {
		t.Fatal(err)
	}
	st["began"] = time.Now().Add(-5 * time.Second)
	if step.State, err = json.Marshal(st); err != nil {
		t.Fatal(err)
	}
	step, err = plugin.Run(t.Context(), sdk.Request{Config: config, State: step.State})
	if err != nil || step.Status != sdk.Terminal || !strings.Contains(step.Message, "(2 attempts in 5s)") {
		t.Errorf("got %s %q, %v", step.Status, step.Message, err)
	}
}

func TestManySlowChecksTakeSeveralSteps(t *testing.T) {
	server := serve(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(300 * time.Millisecond):
		case <-r.Context().Done():
		}
	}})
	var checks []string
	for range 60 {
		checks = append(checks, `{"url": "$URL/"}`)
	}
	config := decode(t, `{"checks": [`+strings.Join(checks, ",")+`], "retry": {"timeout": 0}}`, server.URL)
	steps := 1
	step := start(t, nil).RunToEnd(sdk.Request{Config: config}, func(step *plugintest.Step) {
		if steps++; step.RequeueAfter != 0 {
			t.Errorf("waits %s in the middle of a round", step.RequeueAfter)
		}
	})
	if step.Status != sdk.Succeeded || steps < 2 {
		t.Errorf("got %s %q after %d steps", step.Status, step.Message, steps)
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(text(200, "ok"))
	defer server.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	encoded, err := json.Marshal(ca)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, tls, want string }{
		{"unknown authority", `{}`, "certificate signed by unknown authority"},
		{"own authority", `{"caCertificate": ` + string(encoded) + `}`, ""},
		{"own name", `{"caCertificate": ` + string(encoded) + `, "serverName": "example.com"}`, ""},
		{"wrong name", `{"caCertificate": ` + string(encoded) + `, "serverName": "shop.example"}`, "certificate is valid for example.com"},
		{"not verified", `{"insecureSkipVerify": true}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := decode(t, `{"checks": [{"url": "$URL"}], "retry": {"timeout": 0}, "tls": `+test.tls+`}`, server.URL)
			step := start(t, nil).RunToEnd(sdk.Request{Config: config}, nil)
			if (step.Status == sdk.Succeeded) != (test.want == "") || !strings.Contains(step.Message, test.want) {
				t.Errorf("got %s %q", step.Status, step.Message)
			}
		})
	}
}

func TestAddressRule(t *testing.T) {
	server := serve(t, map[string]http.HandlerFunc{"/": text(200, "")})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := serve(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	}})
	list := func(networks ...any) []any { return networks }
	tests := []struct {
		name string
		rule map[string]any
		url  string
		want string
	}{
		{"loopback by default", nil, server.URL, ""},
		{"cloud metadata by default", nil, "http://169.254.169.254/", "denies addresses in 169.254.0.0/16 (httpTest.deny)"},
		{"by redirect", nil, elsewhere.URL, "denies addresses in 169.254.0.0/16"},
		{"as IPv6", nil, "http://[::ffff:169.254.169.254]/", "denies addresses in 169.254.0.0/16"},
		{"denied", map[string]any{"deny": list("127.0.0.0/8", "::1/128")}, server.URL, "denies addresses in 127.0.0.0/8"},
		{"denied by name", map[string]any{"deny": list("127.0.0.0/8", "::1/128")}, "http://localhost:" + port, "denies addresses in "},
		{"allowed after all", map[string]any{"deny": list("0.0.0.0/0"), "allow": list("127.0.0.0/8")}, server.URL, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plugin := start(t, sdk.Config{"httpTest": test.rule})
			config := decode(t, `{"checks": [{"url": "$URL"}], "retry": {"timeout": 0}}`, test.url)
			step := plugin.RunToEnd(sdk.Request{Config: config}, nil)
			if (step.Status == sdk.Succeeded) != (test.want == "") || !strings.Contains(step.Message, test.want) {
				t.Errorf("got %s %q", step.Status, step.Message)
			}
		})
	}
	stage, err := httpcheck.New()
	if err != nil {
		t.Fatal(err)
	}
	for config, want := range map[string]string{
		`{"httpTest": {"deny": ["10.0.0.1"]}}`: `field httpTest: "10.0.0.1" is not a network such as 10.0.0.0/8`,
		`{"httpTest": []}`:                     `field httpTest: found an array, expected an object`,
	} {
		if err := stage.Configure(decode(t, config, "")); err == nil || err.Error() != want {
			t.Errorf("%s: %v", config, err)
		}
	}
}

func TestStateOfOtherChecks(t *testing.T) {
	config := decode(t, `{"checks": [{"url": "http://127.0.0.1:1"}]}`, "")
	for state, want := range map[string]string{
		`{`:                     "the stage's stored state cannot be read",
		`{"results": [{}, {}]}`: "the stage has 1 checks now and had 2 when it began. Restart the stage",
	} {
		step, err := start(t, nil).Run(t.Context(), sdk.Request{Config: config, State: []byte(state)})
		if err != nil || step.Status != sdk.Terminal || !strings.Contains(step.Message, want) {
			t.Errorf("%s: got %s %q, %v", state, step.Status, step.Message, err)
		}
	}
}
