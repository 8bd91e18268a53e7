package client

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answers is a transport that gives one answer after the other and remembers what it was asked.
type answers struct {
	list  []answer
	asked []*http.Request
	sent  []string
}

type answer struct {
	status int
	body   string
	header http.Header
	err    error
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a.asked, a.sent = append(a.asked, r), append(a.sent, string(body))
	next := a.list[0]
	if len(a.list) > 1 {
		a.list = a.list[1:]
	}
	if next.err != nil {
		return nil, next.err
	}
	header := next.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: next.status, Header: header, Body: io.NopCloser(strings.NewReader(next.body)), Request: r}, nil
}

func newClient(t *testing.T, list ...answer) (*Client, *answers) {
	t.Helper()
	c, err := New(Options{URL: "http://agent.example:8084/gate/", Token: "secret-token"})
	if err != nil {
		t.Fatal(err)
	}
	transport := &answers{list: list}
	c.http.Transport = transport
	return c, transport
}

func TestNewRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		options Options
		want    string
	}{
		{Options{}, `agent's URL: found "", expected a URL such as http://127.0.0.1:8084`},
		{Options{URL: "127.0.0.1:8084"}, `agent's URL: found "127.0.0.1:8084", expected a URL such as http://127.0.0.1:8084`},
		{Options{URL: "ftp://x"}, `agent's URL: found "ftp://x", expected a URL such as http://127.0.0.1:8084`},
		{Options{URL: "https://x", CA: empty + "x"}, "read the CA: open " + empty + "x: no such file or directory"},
		{Options{URL: "https://x", CA: empty}, "read the CA: " + empty + " holds no PEM certificate"},
	} {
		if _, err := New(test.options); err == nil || err.Error() != test.want {
			t.Errorf("%+v: %v\nwant %s", test.options, err, test.want)
		}
	}
}

func TestStart(t *testing.T) {
	c, transport := newClient(t, answer{status: 202, body: `{"ref":"/pipelines/01E"}`})
	id, err := c.Start(t.Context(), "my app", "a/b", spinnaker.Trigger{"parameters": map[string]any{"n": json.Number("1.0")}})
	if err != nil || id != "01E" {
		t.Errorf("Start: %q, %v", id, err)
	}
	r := transport.asked[0]
	if got := r.Method + " " + r.URL.String(); got != "POST http://agent.example:8084/gate/pipelines/my%20app/a%2Fb" {
		t.Errorf("asked %s", got)
	}
	if r.Header.Get("Authorization") != "Bearer secret-token" || r.Header.Get("Content-Type") != "application/json" || transport.sent[0] != `{"parameters":{"n":1.0}}` {
		t.Errorf("sent %v %s", r.Header, transport.sent[0])
	}
	if got := c.ExecutionURL("01E"); got != "http://agent.example:8084/gate/pipelines/01E" {
		t.Errorf("ExecutionURL: %s", got)
	}
}

// Requests are repeated when that is safe and may help, with growing pauses, and not for ever.
func TestRepetition(t *testing.T) {
	away, busy := answer{err: errors.New("connection refused")}, answer{status: 503, body: `{"message":"starting"}`}
	fine := answer{status: 200, body: `{"ref":"/pipelines/E","id":"E"}`}
	get := func(ctx context.Context, c *Client) error { _, err := c.Execution(ctx, "E"); return err }
	start := func(trigger spinnaker.Trigger) func(context.Context, *Client) error {
		return func(ctx context.Context, c *Client) error { _, err := c.Start(ctx, "a", "p", trigger); return err }
	}
	cancel := func(ctx context.Context, c *Client) error { return c.Cancel(ctx, "E", "why not") }
	save := func(ctx context.Context, c *Client) error { return c.SavePipeline(ctx, map[string]any{}) }
	for _, test := range []struct {
		name  string
		list  []answer
		call  func(context.Context, *Client) error
		asked int
		took  time.Duration
		err   string
	}{
		{"away, then there", []answer{away, busy, fine}, get, 3, 600 * time.Millisecond, ""},
		{"away for good", []answer{away}, get, 5, 3 * time.Second, `call the agent: Get "http://agent.example:8084/gate/pipelines/E": connection refused. Is it running there? GENNAKER_URL says where`},
		{"too many requests", []answer{{status: 429, body: `{}`, header: http.Header{"Retry-After": {"2"}}}, fine}, get, 2, 2 * time.Second, ""},
		{"a refusal is final", []answer{{status: 404, body: `{"message":"Pipeline not found (id: E)"}`}}, get, 1, 0, "Pipeline not found (id: E)"},
		{"a start without correlation id is sent once", []answer{away, fine}, start(spinnaker.Trigger{}), 1, 0, "connection refused"},
		{"a start with one is safe to repeat", []answer{away, fine}, start(spinnaker.Trigger{"correlationId": "c"}), 2, 200 * time.Millisecond, ""},
		{"canceling is safe to repeat", []answer{busy, {status: 200}}, cancel, 2, 200 * time.Millisecond, ""},
		{"saving is not", []answer{busy}, save, 1, 0, "starting"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, transport := newClient(t, test.list...)
				began := time.Now()
				err := test.call(t.Context(), c)
				if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
					t.Errorf("found %v, want %q", err, test.err)
				}
				if len(transport.asked) != test.asked || time.Since(began) != test.took {
					t.Errorf("asked %d times in %v, want %d in %v", len(transport.asked), time.Since(began), test.asked, test.took)
				}
			})
		})
	}
}

// The words of a failure are the agent's; pages of somebody else are named by their status.
func TestFailures(t *testing.T) {
	for _, test := range []struct {
		answer answer
		status int
		want   string
	}{
		{answer{status: 400, body: `{"message":"no","errors":["a","b"]}`}, 400, "no"},
		{answer{status: 404, body: `<html>nginx</html>`}, 404, "GET /x answered 404 Not Found without an error message: is this a gennaker?"},
		{answer{status: 301, header: http.Header{"Location": {"https://agent.example/x"}}}, 301,
			"GET /x answered 301 Moved Permanently, to https://agent.example/x: set GENNAKER_URL to where the agent is"},
		{answer{status: 200, body: `<html>`}, 0, "GET /x: the answer is not the JSON expected: line 1, column 1: invalid character '<' looking for beginning of value"},
		{answer{status: 200, body: `"` + strings.Repeat("x", maxAnswer) + `"`}, 0, "GET /x: the answer is larger than 64 MiB"},
	} {
		c, _ := newClient(t, test.answer)
		var into map[string]any
		err := c.Get(t.Context(), "/x", &into)
		if err == nil || err.Error() != test.want {
			t.Errorf("found %v\nwant %s", err, test.want)
		}
		refused := (*spinnaker.Error)(nil)
		if errors.As(err, &refused) != (test.status != 0) || refused != nil && refused.Status != test.status {
			t.Errorf("%v: status %+v, want %d", err, refused, test.status)
		}
		if strings.Contains(err.Error(), "secret-token") {
			t.Errorf("the token is in the error: %v", err)
		}
	}
	c, _ := newClient(t, answer{status: 400, body: `{"message":"no","errors":["a","b"]}`})
	refused := (*spinnaker.Error)(nil)
	if err := c.Get(t.Context(), "/x", nil); !errors.As(err, &refused) || len(refused.Errors) != 2 {
		t.Errorf("the findings are lost: %v", err)
	}
}

// A caller who gives up is not kept waiting.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newClient(t, answer{err: errors.New("away")})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := c.Get(ctx, "/x", nil); err == nil || time.Since(began) != 300*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// Over TLS, with a certificate of our own.
func TestCA(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := w.Write([]byte(`{"version":"1"}`)); err != nil {
			t.Error(err)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pemOf(server.Certificate()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ ca, want string }{{file, ""}, {"", "certificate"}} {
		c, err := New(Options{URL: server.URL, CA: test.ca})
		if err != nil {
			t.Fatal(err)
		}
		var version struct{ Version string }
		err = c.call(t.Context(), http.MethodGet, "/version", nil, &version, false)
		if test.want == "" && (err != nil || version.Version != "1") || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("with CA %q: %+v, %v", test.ca, version, err)
		}
		c.Close()
	}
}

func pemOf(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}
