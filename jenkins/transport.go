package jenkins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bndr/gojenkins"
)

const userAgent = "gennaker"

// errTooSlow is the cause of a context that our own time limit ended.
var errTooSlow = errors.New("time limit of the request")

// call says what a request is about; it travels in the request's context, so
// that the round-tripper can name it in errors.
type call struct {
	op    string
	job   string
	build int
	file  string
	post  bool
}

type callKey struct{}

func callOf(ctx context.Context) call {
	about, _ := ctx.Value(callKey{}).(call)
	return about
}

// get reads one object of the JSON API. tree limits its fields; see Jenkins'
// remote access API. A body that was cut off or is no JSON, and a failure that
// Jenkins logged, are tried once more at once.
func get[T any](ctx context.Context, c *Client, about call, path, tree string) (T, http.Header, error) {
	query := map[string]string{}
	if tree != "" {
		query["tree"] = tree
	}
	for attempt := 1; ; attempt++ {
		var out T
		header, err := c.getOnce(ctx, about, path, query, &out)
		if err == nil {
			return out, header, nil
		}
		if attempt == 2 || !worthRepeating(err) || ctx.Err() != nil {
			var none T
			return none, nil, err
		}
		c.log.Debug("jenkins answer unusable, asking again", "job", about.job, "build", about.build, "error", err)
	}
}

func worthRepeating(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case KindTruncated, KindInternal:
		return true
	case KindBadAnswer:
		return e.Status < 400
	default:
		return false
	}
}

func (c *Client) getOnce(ctx context.Context, about call, path string, query map[string]string, out any) (http.Header, error) {
	ctx, cancel := c.limit(ctx, about)
	defer cancel()
	request := gojenkins.NewAPIRequest(http.MethodGet, path, nil)
	request.Suffix = "api/json"
	response, err := c.requester.Do(ctx, request, out, query)
	if err != nil {
		return nil, c.typed(about, err)
	}
	return response.Header, nil
}

// post sends a form. It is never repeated, except after Jenkins refused a
// crumb, when it has done nothing. It returns the answer's status and header.
func (c *Client) post(ctx context.Context, about call, path string, form url.Values) (*http.Response, error) {
	about.post = true
	ctx, cancel := c.limit(ctx, about)
	defer cancel()
	request := gojenkins.NewAPIRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	request.SetHeader("Content-Type", "application/x-www-form-urlencoded")
	var body string
	response, err := c.requester.Do(ctx, request, &body)
	if err != nil {
		return nil, c.typed(about, err)
	}
	return response, nil
}

// limit bounds one request in time and carries its description.
func (c *Client) limit(ctx context.Context, about call) (context.Context, context.CancelFunc) {
	ctx = context.WithValue(ctx, callKey{}, about)
	return context.WithTimeoutCause(ctx, c.timeout, errTooSlow)
}

// typed finds the *Error that the round-tripper made, or makes one of what the
// JSON decoder said.
func (c *Client) typed(about call, err error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err // url.Error repeats the address
	}
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
		reason string
	)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		e := c.failure(about, KindTruncated, 0, fmt.Sprintf("Answer of %s was cut off in the middle", c.name))
		e.Err = err
		return e
	case errors.As(err, &syntax):
		reason = fmt.Sprintf("%s sent no valid JSON (%v at byte %d)", c.name, syntax, syntax.Offset)
	case errors.As(err, &kind):
		reason = fmt.Sprintf("%s sent %s for %q", c.name, kind.Value, kind.Field)
	default:
		reason = err.Error()
	}
	e := c.failure(about, KindBadAnswer, 0, reason)
	e.Err = err
	return e
}

// transport is what gojenkins' Requester talks through. It hands on complete
// good answers only; everything else is an *Error.
type transport struct{ c *Client }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c, about := t.c, callOf(req.Context())
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-req.Context().Done():
		return nil, c.connectionError(req.Context(), about, req, req.Context().Err())
	}
	if !about.post {
		return c.exchange(req, about)
	}
	return c.exchangeWithCrumb(req, about)
}

// exchange sends one request, reads the whole answer and judges it.
func (c *Client) exchange(req *http.Request, about call) (*http.Response, error) {
	req = req.Clone(req.Context())
	c.sign(req)
	start := time.Now()
	response, err := c.wire.RoundTrip(req)
	if err != nil {
		return nil, c.connectionError(req.Context(), about, req, err)
	}
	body, err := c.readAll(req, response, about)
	if err != nil {
		return nil, err
	}
	c.log.Debug("jenkins request", "job", about.job, "build", about.build, "op", about.op,
		"method", req.Method, "path", req.URL.EscapedPath(), "status", response.StatusCode,
		"bytes", len(body), "duration", time.Since(start))
	if err := c.judge(req, response, body, about); err != nil {
		return nil, err
	}
	// gojenkins takes an X-Error header for a failure even on a good answer,
	// and then forgets to close the body.
	response.Header.Del("X-Error")
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

func (c *Client) sign(req *http.Request) {
	req.Header.Set("User-Agent", userAgent)
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
}

// readAll reads the whole body within the size limit.
func (c *Client) readAll(req *http.Request, response *http.Response, about call) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, c.maxSize+1))
	closeErr := response.Body.Close()
	if err == nil {
		err = closeErr
	}
	if int64(len(body)) > c.maxSize {
		return nil, c.tooLarge(about, response.StatusCode)
	}
	if err == nil {
		return body, nil
	}
	e := c.connectionError(req.Context(), about, req, err)
	if e.Kind == KindUnreachable {
		e.Kind = KindTruncated
		e.Reason = fmt.Sprintf("Answer of %s was cut off after %d bytes", c.name, len(body))
	}
	return nil, e
}

func (c *Client) tooLarge(about call, status int) *Error {
	reason := fmt.Sprintf("Answer of %s exceeds %s", c.name, mebibytes(c.maxSize))
	if about.op == opListJobs {
		reason = fmt.Sprintf("Job list of %s exceeds %s; name folders in the configuration", c.name, mebibytes(c.maxSize))
	}
	return c.failure(about, KindTooLarge, status, reason)
}

func mebibytes(n int64) string {
	return fmt.Sprintf("%g MiB", float64(n)/(1<<20))
}

// isJSON reports whether the answer announces JSON; application/javascript is
// what Hudson and the first versions of Jenkins call it.
func isJSON(header http.Header) bool {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && (media == "application/json" || media == "application/javascript")
}

func isHTML(header http.Header) bool {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && media == "text/html"
}
