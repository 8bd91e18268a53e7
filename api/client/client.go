package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// timeout bounds one request.
	timeout = 60 * time.Second
	// maxAnswer is the largest answer read, in bytes.
	maxAnswer = 64 << 20
	// attempts and firstPause bound the repetition of a request that may be repeated.
	attempts   = 5
	firstPause = 200 * time.Millisecond
	// longestPause bounds the pause that the agent may ask for.
	longestPause = 30 * time.Second
)

// Options say where the agent is and who is calling.
type Options struct {
	// URL of the agent, for example http://127.0.0.1:8084.
	URL string
	// Token is an API token; empty for none.
	Token string
	// CA is a file of certificates that the agent's is checked against, beside the system's.
	CA string
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New checks the options; it opens no connection.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("agent's URL: found %q, expected a URL such as http://127.0.0.1:8084", o.URL)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("read the CA: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("read the system's certificates: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the CA: %s holds no PEM certificate", o.CA)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &Client{base: strings.TrimRight(o.URL, "/"), token: o.Token, http: &http.Client{Transport: transport,
		// A followed redirect would turn a POST into a GET: the address is wrong, and the caller is told the right one.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Close gives back idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// ExecutionURL is the address of an execution.
func (c *Client) ExecutionURL(id string) string { return c.base + "/pipelines/" + url.PathEscape(id) }

// Start starts a pipeline by name or id and returns the execution's id. A correlationId in the trigger makes it safe to
// repeat, so it is repeated only then.
func (c *Client) Start(ctx context.Context, application, nameOrID string, trigger spinnaker.Trigger) (id string, err error) {
	var answer struct {
		Ref string `json:"ref"`
	}
	err = c.call(ctx, http.MethodPost, "/pipelines/"+url.PathEscape(application)+"/"+url.PathEscape(nameOrID), trigger, &answer,
		trigger.Text("correlationId") != "")
	return answer.Ref[strings.LastIndex(answer.Ref, "/")+1:], err
}

// Execution reads an execution.
func (c *Client) Execution(ctx context.Context, id string) (*spinnaker.Execution, error) {
	var execution spinnaker.Execution
	err := c.call(ctx, http.MethodGet, "/pipelines/"+url.PathEscape(id), nil, &execution, true)
	return &execution, err
}

// Cancel cancels an execution.
func (c *Client) Cancel(ctx context.Context, id, reason string) error {
	return c.call(ctx, http.MethodPut, "/pipelines/"+url.PathEscape(id)+"/cancel?reason="+url.QueryEscape(reason), nil, nil, true)
}

// SavePipeline saves a pipeline configuration.
func (c *Client) SavePipeline(ctx context.Context, pipeline any) error {
	return c.call(ctx, http.MethodPost, "/pipelines", pipeline, nil, false)
}

// Task starts a task and returns its id.
func (c *Client) Task(ctx context.Context, task any) (id string, err error) {
	var answer struct {
		Ref string `json:"ref"`
	}
	err = c.call(ctx, http.MethodPost, "/tasks", task, &answer, false)
	return answer.Ref[strings.LastIndex(answer.Ref, "/")+1:], err
}

// Healthy asks once whether the agent is ready to work.
func (c *Client) Healthy(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/health", nil, nil, false)
}

// Get reads any address of the API into v.
func (c *Client) Get(ctx context.Context, path string, v any) error {
	return c.call(ctx, http.MethodGet, path, nil, v, true)
}

// call sends a request and decodes the answer. Repeatable requests are sent again when the agent did not answer, or
// answered that it cannot now.
func (c *Client) call(ctx context.Context, method, path string, body, into any, repeatable bool) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
	}
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := c.once(ctx, method, path, data, into)
		if err == nil || !repeatable || attempt == attempts || ctx.Err() != nil || !temporary(err) {
			return err
		}
		timer := time.NewTimer(max(pause, asked(err)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
			pause *= 2
		}
	}
}

// temporary says whether a request may succeed when it is sent again.
func temporary(err error) bool {
	if answer := (*spinnaker.Error)(nil); errors.As(err, &answer) {
		return answer.Status >= http.StatusInternalServerError || answer.Status == http.StatusTooManyRequests
	}
	return !errors.Is(err, errAnswer)
}

// errAnswer marks an answer that cannot be used and would be the same the next time.
var errAnswer = errors.New("the answer")

// later is a failure after which the agent asked for a pause.
type later struct {
	error
	pause time.Duration
}

func (l *later) Unwrap() error { return l.error }

// asked is the pause that the agent asked for, within reason.
func asked(err error) time.Duration {
	if l := (*later)(nil); errors.As(err, &l) {
		return min(l.pause, longestPause)
	}
	return 0
}

func (c *Client) once(ctx context.Context, method, path string, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("call the agent: %w. Is it running there? GENNAKER_URL says where", err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if len(data) > maxAnswer {
		return fmt.Errorf("%s %s: %w is larger than %d MiB", method, path, errAnswer, maxAnswer>>20)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return failure(method, path, answer, data)
	}
	if into == nil || len(data) == 0 {
		return nil
	}
	if err := spinnaker.Decode(data, into); err != nil {
		return fmt.Errorf("%s %s: %w is not the JSON expected: %w", method, path, errAnswer, err)
	}
	return nil
}

// failure reads the agent's error body; other bodies (a proxy's page) are shown by their status only.
func failure(method, path string, answer *http.Response, data []byte) error {
	var body struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	status := answer.StatusCode
	if err := json.Unmarshal(data, &body); err != nil || body.Message == "" {
		body.Message = fmt.Sprintf("%s %s answered %d %s", method, path, status, http.StatusText(status))
		if target := answer.Header.Get("Location"); target != "" {
			body.Message += ", to " + target + ": set GENNAKER_URL to where the agent is"
		} else {
			body.Message += " without an error message: is this a gennaker?"
		}
	}
	err := &spinnaker.Error{Status: status, Message: body.Message, Errors: body.Errors}
	if seconds, parseErr := strconv.Atoi(answer.Header.Get("Retry-After")); parseErr == nil && seconds > 0 {
		return &later{err, time.Duration(seconds) * time.Second}
	}
	return err
}
