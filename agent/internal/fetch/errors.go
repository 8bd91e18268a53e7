package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/agent/internal/outbound"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Error is a failed fetch. Its texts hold no credentials and no query of a URL.
type Error struct {
	// Type and Name are the artifact's.
	Type, Name string
	// Problem says what was asked and what came back, Advice what to do.
	Problem, Advice string
	// Status is what the API answers: the status that came back, or what fits the problem; never 0.
	Status int
	// Retryable says that the same fetch may succeed soon without anybody doing something.
	Retryable bool
	// Err is the cause; may be nil.
	Err error

	// retryAfter is how long the server asks to be left alone; 0 when it does not say.
	retryAfter time.Duration
}

// Error gives `artifact github/file "chart.tgz": GET api.github.example: no such host. Check …`.
func (e *Error) Error() string {
	return fmt.Sprintf("artifact %s %q: %s", e.Type, e.Name, e.Text())
}

// Text is the error without the artifact, for texts that name it already.
func (e *Error) Text() string {
	if e.Advice == "" {
		return e.Problem
	}
	return e.Problem + ". " + e.Advice
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// about completes an error with the artifact that it is about.
func about(a spinnaker.Artifact, err error) error {
	var known *Error
	if !errors.As(err, &known) {
		known = &Error{Problem: err.Error(), Err: err}
	}
	complete := *known
	complete.Type, complete.Name = a.Type, label(a)
	if complete.Status == 0 {
		complete.Status = http.StatusBadGateway
	}
	return &complete
}

// label names an artifact for people: its name, or where it is.
func label(a spinnaker.Artifact) string {
	if a.Name != "" {
		return a.Name
	}
	if a.Type == artifact.Embedded {
		return "without a name"
	}
	if parsed, err := url.Parse(a.Reference); err == nil && parsed.Host != "" {
		return place(parsed)
	}
	return a.Reference
}

// place is a URL without what may be secret: user, query and fragment.
func place(u *url.URL) string { return u.Host + u.EscapedPath() }

// namedBody makes the errors of reading name the artifact.
type namedBody struct {
	io.ReadCloser
	artifact spinnaker.Artifact
}

func (b *namedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = about(b.artifact, err)
	}
	return n, err
}

const checkReference = "Check the account's base URL or the artifact's reference"

// networkError describes a request that got no answer, or half of one.
func networkError(ctx context.Context, asked string, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var denied *deniedError
	if errors.As(err, &denied) {
		return &Error{Problem: fmt.Sprintf("%s: %v", asked, denied), Advice: denied.advice(), Status: http.StatusForbidden, Err: err}
	}
	e := &Error{Problem: fmt.Sprintf("%s: %s", asked, networkReason(ctx, err)), Err: err, Retryable: true, Status: http.StatusBadGateway}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Retryable, e.Advice = false, checkReference
	case ctx.Err() != nil:
		e.Status = http.StatusGatewayTimeout
		e.Retryable = errors.Is(context.Cause(ctx), errTooSlow)
	case isCertificate(err):
		e.Retryable, e.Advice = false, "Check the host's certificate"
	}
	return e
}

// deniedError is a connection that the account does not allow.
type deniedError struct {
	account string
	*outbound.DeniedError
}

func (e *deniedError) advice() string {
	return fmt.Sprintf("Set allowPrivateAddresses on the artifact account %q if that is meant", e.account)
}

// networkReason keeps the innermost text: the outer ones repeat the URL, query and all.
func networkReason(ctx context.Context, err error) string {
	var (
		dns *net.DNSError
		op  *net.OpError
		u   *url.Error
	)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx).Error()
	case errors.As(err, &dns):
		return dns.Err
	case errors.As(err, &op):
		return op.Err.Error()
	case errors.As(err, &u):
		return u.Err.Error()
	}
	return err.Error()
}

// statusError describes an answer that is no success. The body's `message`, if it has one, is quoted.
func (c *client) statusError(r request, target *url.URL, response *http.Response, message string) *Error {
	code := response.StatusCode
	e := &Error{
		Problem:    fmt.Sprintf("%s %s: %d %s", r.method(), place(target), code, http.StatusText(code)),
		Status:     code,
		Retryable:  code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= http.StatusInternalServerError,
		retryAfter: retryAfter(response.Header),
	}
	if code == http.StatusForbidden && response.Header.Get("X-RateLimit-Remaining") == "0" {
		e.Retryable = true // GitHub's way to say 429
	}
	if message != "" {
		e.Problem += ": " + strings.TrimRight(message, ".")
	}
	e.Advice = c.advice(r, e)
	return e
}

// advice says what to do about an answer.
func (c *client) advice(r request, e *Error) string {
	var advice string
	switch {
	case e.retryAfter > 0:
		return fmt.Sprintf("It asks to be left alone for %s", e.retryAfter)
	case e.Retryable, c.account == "":
		return ""
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		advice = fmt.Sprintf("Check the credentials of artifact account %q and what they may read", c.account)
	case e.Status == http.StatusNotFound:
		advice = fmt.Sprintf("Check the artifact's reference and version, and that artifact account %q may read it", c.account)
	default:
		return ""
	}
	if c.credentials != nil && r.trusted != nil && !sameOrigin(r.url, r.trusted) {
		advice += fmt.Sprintf(". The account's credentials were not sent: they are for %s only", r.trusted.Host)
	}
	return advice
}
