package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Trouble says what to make of an error of a Cluster.
type Trouble int

const (
	// Refused means that the API server understood and said no: a person must act.
	Refused Trouble = iota
	// Away means that the API server did not answer, or not now: it is to be asked again.
	Away
	// Broken means that the API server answered with an internal error, such as a webhook that cannot be called: it
	// may pass, but is not worth waiting for as long as for a server that is away.
	Broken
	// Conflicting means that somebody else changed the object at the same time.
	Conflicting
)

// Judge classifies an error.
func Judge(err error) Trouble {
	switch {
	case ownedByOthers(err):
		return Refused
	case apierrors.IsConflict(err):
		return Conflicting
	case apierrors.IsTooManyRequests(err), apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsServiceUnavailable(err):
		return Away
	}
	var answer apierrors.APIStatus
	if errors.As(err, &answer) {
		switch answer.Status().Code {
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return Away
		case http.StatusInternalServerError:
			return Broken
		}
		return Refused
	}
	if unhealable(err) {
		return Refused
	}
	var request *url.Error
	if errors.As(err, &request) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return Away
	}
	return Refused
}

// ownedByOthers reports whether a server-side apply was refused because other managers own fields of the object: the
// one kind of conflict that does not pass.
func ownedByOthers(err error) bool {
	return apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict)
}

// unhealable finds connection errors that no waiting cures: certificates that do not fit, credentials that cannot be
// had.
func unhealable(err error) bool {
	var (
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		invalid     x509.CertificateInvalidError
		certificate *tls.CertificateVerificationError
	)
	return errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid) ||
		errors.As(err, &certificate) || strings.Contains(err.Error(), "getting credentials:")
}

// RetryAfter is what the API server asked for, zero if it did not.
func RetryAfter(err error) time.Duration {
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		return time.Duration(seconds) * time.Second
	}
	return 0
}

// Explain is an error's text for people, without the parts that say nothing.
func (c *Cluster) Explain(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		return fmt.Sprintf("the API server %s of account %q: %s", c.Server, c.Account, request.Err)
	}
	var answer apierrors.APIStatus
	if errors.As(err, &answer) && answer.Status().Code == http.StatusUnauthorized {
		return fmt.Sprintf("the API server %s does not accept the credentials of account %q (401 Unauthorized): renew them", c.Server, c.Account)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("the API server %s of account %q did not answer in time", c.Server, c.Account)
	}
	return err.Error()
}
