package jenkins

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Kind says what went wrong with a request to Jenkins, so that callers decide
// by it and users can be told the next step.
type Kind string

// The kinds of Error.
const (
	KindUnreachable  Kind = "unreachable"   // no connection: refused, no route, unknown host, reset
	KindTLS          Kind = "tls"           // certificate or handshake refused
	KindTimeout      Kind = "timeout"       // no complete answer within the time limit
	KindCanceled     Kind = "canceled"      // the caller's context ended
	KindStarting     Kind = "starting"      // Jenkins answers that it starts or restarts
	KindProxy        Kind = "proxy"         // a 5xx that is not from Jenkins
	KindBusy         Kind = "busy"          // 429, or 503 with Retry-After; see Error.RetryAfter
	KindLogin        Kind = "login"         // a login page or a redirect instead of the API
	KindUnauthorized Kind = "unauthorized"  // the credentials are refused or needed
	KindForbidden    Kind = "forbidden"     // the user lacks a right
	KindCrumb        Kind = "crumb"         // the CSRF crumb is refused
	KindNotFound     Kind = "not-found"     // no such job, build, file or queue item, or no right to see it
	KindWrongAddress Kind = "wrong-address" // no Jenkins at the configured address
	KindTruncated    Kind = "truncated"     // the body ended early
	KindBadAnswer    Kind = "bad-answer"    // not the JSON that was asked for
	KindEmpty        Kind = "empty-answer"  // success without a body
	KindTooLarge     Kind = "too-large"     // the answer exceeds its size limit
	KindLongQuery    Kind = "long-query"    // the request line is too long for Jenkins
	KindInternal     Kind = "internal"      // Jenkins failed and logged why
	KindRejected     Kind = "rejected"      // a start or change was refused for its content
	KindNotFile      Kind = "not-a-file"    // a page came instead of an artifact
	KindProperties   Kind = "properties"    // the property file is missing, empty or malformed; see Error.Err
)

// Error is every failure of this package. Its text never holds a credential.
type Error struct {
	Master string
	Op     string // what was tried, such as "list builds"
	Job    string // full name; empty when the request is not about a job
	Build  int    // 0 when the request is not about a build
	File   string // artifact path or property file; empty when not about one
	Kind   Kind
	Status int    // HTTP status; 0 when none arrived
	Reason string // what came back and what to do, for the user

	// RetryAfter is how long Jenkins asked us to wait; 0 when it did not.
	RetryAfter time.Duration
	// Uncertain is set when a request that changes something failed in a way
	// that leaves open whether Jenkins carried it out.
	Uncertain bool
	Err       error // cause; may be nil
}

// Error gives `jenkins "ci": list builds of "team/app": 403 Forbidden: …`.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "jenkins %q: %s", e.Master, e.Op)
	sep := " "
	if e.File != "" {
		fmt.Fprintf(&b, " %q", e.File)
		sep = " of "
	}
	if e.Job != "" {
		fmt.Fprintf(&b, "%s%q", sep, e.Job)
		if e.Build > 0 {
			fmt.Fprintf(&b, " #%d", e.Build)
		}
	}
	b.WriteString(": ")
	if e.Status >= 300 {
		fmt.Fprintf(&b, "%d %s: ", e.Status, http.StatusText(e.Status))
	}
	b.WriteString(e.Reason)
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// MasterWide reports whether the failure is about the master as a whole, so
// that other requests to it would fail the same way.
func (e *Error) MasterWide() bool {
	switch e.Kind {
	case KindUnreachable, KindTLS, KindTimeout, KindCanceled, KindStarting, KindProxy,
		KindBusy, KindLogin, KindUnauthorized, KindWrongAddress:
		return true
	default:
		return false
	}
}

// Temporary reports whether the same request may well succeed soon without
// anybody doing something.
func (e *Error) Temporary() bool {
	switch e.Kind {
	case KindUnreachable, KindTimeout, KindStarting, KindProxy, KindBusy,
		KindTruncated, KindBadAnswer, KindEmpty, KindInternal:
		return true
	default:
		return false
	}
}

// KindOf returns the kind of the first *Error in err's chain, "" when there is
// none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// connectionError describes a request that got no answer, or only part of one.
func (c *Client) connectionError(ctx context.Context, call call, req *http.Request, err error) *Error {
	e := c.failure(call, KindUnreachable, 0, fmt.Sprintf("Cannot reach Jenkins %s at %s: %s", c.name, req.URL.Host, networkReason(err)))
	e.Err = err
	e.Uncertain = call.post && !isDial(err)
	switch {
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), errTooSlow),
		ctx.Err() == nil && isTimeout(err):
		e.Kind = KindTimeout
		e.Reason = fmt.Sprintf("Jenkins %s did not answer within %s (%s)", c.name, seconds(c.timeout), req.URL.EscapedPath())
	case ctx.Err() != nil:
		e.Kind = KindCanceled
		e.Reason = "given up: " + context.Cause(ctx).Error()
		e.Err = context.Cause(ctx)
	case isTLS(err):
		e.Kind = KindTLS
		e.Uncertain = false
		e.Reason = fmt.Sprintf("TLS to %s failed: %s", c.name, tlsReason(err))
	}
	return e
}

func (c *Client) failure(call call, kind Kind, status int, reason string) *Error {
	return &Error{
		Master: c.name, Op: call.op, Job: call.job, Build: call.build, File: call.file,
		Kind: kind, Status: status, Reason: reason,
	}
}

// networkReason keeps the innermost text, which names no address a second time.
func networkReason(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func isTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		alert        tls.AlertError
	)
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &alert)
}

func tlsReason(err error) string {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		return "certificate signed by unknown authority (name its file in the master's ca)"
	case errors.As(err, &host):
		return fmt.Sprintf("certificate is not for %s (check the address)", host.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate has expired or is not yet valid (renew it, check the clocks)"
	case errors.As(err, &record):
		return "the server does not speak TLS (is the address http rather than https?)"
	default:
		return err.Error()
	}
}

// seconds writes a limit as users configure it: "20 s", "1.5 s".
func seconds(d time.Duration) string {
	return fmt.Sprintf("%g s", d.Seconds())
}
