package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// routes are handlers for tests.
type routes map[string]gin.HandlerFunc

func (r routes) Register(router gin.IRouter) {
	for route, handler := range r {
		method, path, _ := strings.Cut(route, " ")
		router.Handle(method, path, handler)
	}
}

// options are those of a server for tests, which logs to the buffer.
func options(log *bytes.Buffer, r routes) Options {
	return Options{Listen: "127.0.0.1:0", MaxBody: 1 << 10, Metrics: prometheus.NewRegistry(),
		Ready: func(context.Context) error { return nil },
		Log:   slog.New(slog.NewTextHandler(log, nil)), Routes: []Routes{r}}
}

// ask sends a request to the handler and returns the answer.
func ask(t *testing.T, o Options, method, target string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(method, target, nil)
	for key, value := range header {
		request.Header.Set(key, value)
	}
	o.Metrics = prometheus.NewRegistry()
	routes, err := handler(o)
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	routes.ServeHTTP(recorder, request)
	return recorder
}

func message(t *testing.T, recorder *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct{ Message string }
	if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
		t.Fatalf("%v: %s", err, recorder.Body)
	}
	return body.Message
}

// What goes wrong inside is for the log. The caller gets words for callers only, and where to look.
func TestFailures(t *testing.T) {
	var log bytes.Buffer
	errFull := errors.New("the disk is full")
	o := options(&log, routes{
		"GET /broken":   func(c *gin.Context) { c.Error(errors.New("disk /var/lib/x: input/output error")) },
		"GET /panics":   func(*gin.Context) { panic("nil map") },
		"GET /full":     func(c *gin.Context) { c.Error(fmt.Errorf("save: %w", errFull)) },
		"GET /upstream": func(c *gin.Context) { c.Error(&spinnaker.Error{Status: 502, Message: `jenkins "ci": 403 Forbidden`}) },
		"GET /invalid": func(c *gin.Context) {
			c.Error(&spinnaker.Error{Status: 400, Message: "no", Errors: []string{"a", "b"}})
		},
	})
	o.Unavailable = func(err error) bool { return errors.Is(err, errFull) }
	for _, test := range []struct {
		path    string
		status  int
		message string
		logged  string
	}{
		{"/broken", 500, "GET /broken failed inside the agent: its log says why, at request R", "input/output error"},
		{"/panics", 500, "GET /panics failed inside the agent: its log says why, at request R", "nil map"},
		{"/full", 503, "GET /full failed inside the agent: its log says why, at request R. Nothing was kept of it; try again later", "the disk is full"},
		{"/upstream", 502, `jenkins "ci": 403 Forbidden`, ""},
		{"/invalid", 400, "no", ""},
	} {
		log.Reset()
		answer := ask(t, o, http.MethodGet, test.path, map[string]string{requestIDHeader: "R"})
		if answer.Code != test.status || message(t, answer) != test.message {
			t.Errorf("%s: %d %s", test.path, answer.Code, answer.Body)
		}
		if text := answer.Body.String(); strings.Contains(text, "goroutine") || strings.Contains(text, ".go:") {
			t.Errorf("%s leaks a stack: %s", test.path, text)
		}
		if test.logged == "" != (log.Len() == 0) || !strings.Contains(log.String(), test.logged) {
			t.Errorf("%s logged %q, want %q in it", test.path, log.String(), test.logged)
		}
	}
	if after := ask(t, o, http.MethodGet, "/full", nil).Header().Get("Retry-After"); after != retryAfter {
		t.Errorf("Retry-After is %q, want %q", after, retryAfter)
	}
	if answer := ask(t, o, http.MethodGet, "/invalid", nil); !strings.Contains(answer.Body.String(), `"errors":["a","b"]`) {
		t.Errorf("findings are lost: %s", answer.Body)
	}
}

// A panic after half an answer ends the connection: half an answer must not look like a whole one.
func TestPanicInTheMiddle(t *testing.T) {
	var log bytes.Buffer
	o := options(&log, routes{"GET /half": func(c *gin.Context) {
		c.String(http.StatusOK, "half")
		panic("then this")
	}})
	defer func() {
		if r := recover(); r != http.ErrAbortHandler {
			t.Errorf("recovered %v, want the connection to be aborted", r)
		}
		if !strings.Contains(log.String(), "then this") {
			t.Errorf("logged %q", log.String())
		}
	}()
	ask(t, o, http.MethodGet, "/half", nil)
}

// Nobody is there to read the answer, and nothing failed.
func TestCallerGone(t *testing.T) {
	var log bytes.Buffer
	o := options(&log, routes{"GET /slow": func(c *gin.Context) { c.Error(context.Canceled) }})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	routes, err := handler(o)
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	routes.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodGet, "/slow", nil))
	if recorder.Code != statusClosed || log.Len() != 0 {
		t.Errorf("answered %d, logged %q", recorder.Code, log.String())
	}
}

func TestHealth(t *testing.T) {
	var log bytes.Buffer
	o := options(&log, nil)
	o.Ready = func(context.Context) error { return errors.New("store /secret/path is read-only") }
	answer := ask(t, o, http.MethodGet, "/health", nil)
	if answer.Code != http.StatusServiceUnavailable || answer.Body.String() != `{"status":"DOWN"}` {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if !strings.Contains(log.String(), "read-only") {
		t.Errorf("logged %q", log.String())
	}
}

func TestPaths(t *testing.T) {
	var log bytes.Buffer
	o := options(&log, routes{
		"GET /things/:name": func(c *gin.Context) { c.String(http.StatusOK, "thing %s", c.Param("name")) },
		"GET /tree/*path":   func(c *gin.Context) { c.String(http.StatusOK, "tree %s", c.Param("path")) },
		"GET /":             func(c *gin.Context) { c.String(http.StatusOK, "root") },
	})
	o.BasePath = "/gate/"
	for target, want := range map[string]string{
		"/things/a":               "thing a",
		"/things/a/":              "thing a",
		"/gate/things/a//":        "thing a",
		"/gate":                   "root",
		"/gate/":                  "root",
		"/":                       "root",
		"/things/a%2Fb":           "thing a/b",
		"/things/a%2Fb+c":         "thing a/b+c",
		"/things/a+b":             "thing a+b",
		"/things/a%2Bb%20c%2F":    "thing a+b c/",
		"/things/100%25":          "thing 100%",
		"/gate/things/%7Bapp%7D":  "thing {app}",
		"/gate/tree/a/b%2Fc/":     "tree /a/b/c",
		"/things/%E2%9C%93?x=1%2": "thing ✓",
	} {
		if answer := ask(t, o, http.MethodGet, target, nil); answer.Code != 200 || answer.Body.String() != want {
			t.Errorf("%s: %d %q, want %q", target, answer.Code, answer.Body, want)
		}
	}
}

func TestNoRoute(t *testing.T) {
	var log bytes.Buffer
	o := options(&log, routes{"GET /things": func(*gin.Context) {}})
	o.Absent = func(path string) string {
		if path == "/canaries" {
			return "canary analysis"
		}
		return ""
	}
	for _, test := range []struct {
		method, path string
		status       int
		message      string
	}{
		{http.MethodGet, "/nothing", 404, "no such address: GET /nothing"},
		{http.MethodPost, "/canaries", 404, "no such address: POST /canaries. This server does not have canary analysis"},
		{http.MethodPatch, "/things", 405, "PATCH is not allowed on /things; allowed: GET"},
	} {
		if answer := ask(t, o, test.method, test.path, nil); answer.Code != test.status || message(t, answer) != test.message {
			t.Errorf("%s %s: %d %s", test.method, test.path, answer.Code, answer.Body)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br, GZIP": true, "deflate,gzip;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false,
		"gzip;q=0.001": true, "identity": false, "x-gzip": false,
	} {
		if acceptsGzip(header) != want {
			t.Errorf("%q: %v", header, !want)
		}
	}
}

// Answers that somebody has compressed already are left alone.
func TestCompressedAlready(t *testing.T) {
	var log bytes.Buffer
	o := options(&log, routes{"GET /": func(c *gin.Context) {
		c.Header("Content-Encoding", "br")
		c.String(http.StatusOK, strings.Repeat("x", 2*worthIt))
	}})
	answer := ask(t, o, http.MethodGet, "/", map[string]string{"Accept-Encoding": "gzip"})
	if answer.Header().Get("Content-Encoding") != "br" || answer.Body.Len() != 2*worthIt {
		t.Errorf("%v, %d bytes", answer.Header(), answer.Body.Len())
	}
}

// Every scope includes the ones before; an unknown one is none.
func TestScopes(t *testing.T) {
	for _, test := range []struct {
		scopes []Scope
		may    string
	}{
		{nil, ""}, {[]Scope{Read}, "read"}, {[]Scope{Trigger}, "read trigger"}, {[]Scope{Read, Write}, "read trigger write"}, {[]Scope{"admin"}, ""},
	} {
		var may []string
		for _, scope := range order {
			if (Identity{Scopes: test.scopes}).may(scope) {
				may = append(may, string(scope))
			}
		}
		if got := strings.Join(may, " "); got != test.may {
			t.Errorf("%v may %q, want %q", test.scopes, got, test.may)
		}
	}
}

// A web page of another origin cannot make a browser write: an agent on a developer's machine asks for no sign-in.
func TestCrossSite(t *testing.T) {
	var log bytes.Buffer
	o := options(&log, routes{"POST /tasks": func(*gin.Context) {}, "GET /tasks": func(*gin.Context) {}})
	o.AllowedOrigins = []string{"https://deck.example.com"}
	for _, test := range []struct {
		name, method string
		header       map[string]string
		status       int
	}{
		{"curl", http.MethodPost, nil, 200},
		{"another site", http.MethodPost, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.com"}, 403},
		{"another port of this machine", http.MethodPost, map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://example.com:9999"}, 403},
		{"an old browser", http.MethodPost, map[string]string{"Origin": "https://evil.example.com"}, 403},
		{"the agent's own page", http.MethodPost, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://example.com"}, 200},
		{"Deck", http.MethodPost, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://deck.example.com"}, 200},
		{"reading gives nothing away: there are no CORS headers", http.MethodGet, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.com"}, 200},
	} {
		answer := ask(t, o, test.method, "/tasks", test.header)
		if answer.Code != test.status {
			t.Errorf("%s: %d %s", test.name, answer.Code, answer.Body)
		}
		if test.status == 403 && !strings.Contains(message(t, answer), "add it to server.allowedOrigins") {
			t.Errorf("%s: %s", test.name, answer.Body)
		}
	}
}

func TestMethodLabel(t *testing.T) {
	if methodLabel(http.MethodPatch) != "PATCH" || methodLabel("FOO123") != "other" {
		t.Error("labels are chosen by callers")
	}
}

// A request that runs when the server is stopped is answered; new ones are not taken.
func TestGracefulStop(t *testing.T) {
	var log bytes.Buffer
	entered, finish := make(chan struct{}), make(chan struct{})
	s, err := New(options(&log, routes{"GET /slow": func(c *gin.Context) {
		close(entered)
		<-finish
		c.String(http.StatusOK, "done")
	}}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answered := make(chan string, 1)
	go func() {
		answer, err := client.Get(s.URL() + "/slow")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		answered <- string(body) + errText(err)
	}()
	<-entered
	stop()
	untilRefused(t, strings.TrimPrefix(s.URL(), "http://"))
	select {
	case err := <-ended:
		t.Errorf("the server ended while a request was running: %v", err)
	default:
	}
	close(finish)
	if got := <-answered; got != "done" {
		t.Errorf("the running request got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// untilRefused waits until nobody listens at an address.
func untilRefused(t *testing.T, address string) {
	t.Helper()
	deadline := time.After(time.Minute)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return
		}
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatal("a stopped server takes new connections")
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNewRefused(t *testing.T) {
	var log bytes.Buffer
	taken, err := New(options(&log, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}()
	again := options(&log, nil)
	again.Listen = strings.TrimPrefix(taken.URL(), "http://")
	if _, err := New(again); err == nil || !strings.Contains(err.Error(), "Choose another address with server.listen") {
		t.Errorf("an address that is taken: %v", err)
	}
	badOrigin := options(&log, nil)
	badOrigin.AllowedOrigins = []string{"https://deck.example.com", "deck.example.com/"}
	if _, err := New(badOrigin); err == nil || !strings.HasPrefix(err.Error(), "server.allowedOrigins[1]: ") {
		t.Errorf("an origin that is none: %v", err)
	}
	noCertificate := options(&log, nil)
	noCertificate.CertFile, noCertificate.KeyFile = "none.crt", "none.key"
	if _, err := New(noCertificate); err == nil || !strings.HasPrefix(err.Error(), "server.tls: open none.crt") {
		t.Errorf("no certificate: %v", err)
	}
}

// With a certificate the server speaks TLS, and nothing older than 1.2.
func TestTLS(t *testing.T) {
	var log bytes.Buffer
	certificate, key, pool := selfSigned(t)
	o := options(&log, nil)
	o.CertFile, o.KeyFile = certificate, key
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for version, works := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: version, ServerName: "example.com"}}
		answer, err := (&http.Client{Transport: transport}).Get(s.URL() + "/health")
		if (err == nil) != works {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			if err := answer.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		transport.CloseIdleConnections()
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// selfSigned writes the certificate of net/http/httptest, which is for example.com, and its key.
func selfSigned(t *testing.T) (certificateFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	donor := httptest.NewTLSServer(http.NotFoundHandler())
	defer donor.Close()
	key, err := x509.MarshalPKCS8PrivateKey(donor.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	pool = x509.NewCertPool()
	pool.AddCert(donor.Certificate())
	return write("tls.crt", "CERTIFICATE", donor.Certificate().Raw), write("tls.key", "PRIVATE KEY", key), pool
}

func TestRemote(t *testing.T) {
	const peer = "192.0.2.9:4711"
	for _, test := range []struct {
		name        string
		behindProxy bool
		forwarded   []string
		want        string
	}{
		{"the peer", false, nil, "192.0.2.9"},
		{"a caller may not choose", false, []string{"203.0.113.1"}, "192.0.2.9"},
		{"the proxy's word", true, []string{"203.0.113.1"}, "203.0.113.1"},
		{"what the caller put in front does not count", true, []string{"10.0.0.1, 203.0.113.1"}, "203.0.113.1"},
		{"nor in a header of its own", true, []string{"10.0.0.1", "203.0.113.1"}, "203.0.113.1"},
		{"IPv6", true, []string{"2001:db8::1"}, "2001:db8::1"},
		{"a proxy that says nothing", true, nil, "192.0.2.9"},
		{"nonsense", true, []string{"<script>"}, "192.0.2.9"},
	} {
		type key struct{}
		o := options(&bytes.Buffer{}, routes{"GET /where": func(c *gin.Context) { c.String(http.StatusOK, "%v", context.Context(c).Value(key{})) }})
		o.BehindProxy = test.behindProxy
		o.From = func(ctx context.Context, address string) context.Context {
			return context.WithValue(ctx, key{}, address)
		}
		routes, err := handler(o)
		if err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequest(http.MethodGet, "/where", nil)
		request.RemoteAddr = peer
		for _, value := range test.forwarded {
			request.Header.Add("X-Forwarded-For", value)
		}
		recorder := httptest.NewRecorder()
		routes.ServeHTTP(recorder, request)
		if got := recorder.Body.String(); got != test.want {
			t.Errorf("%s: found %q, want %q", test.name, got, test.want)
		}
	}
}
