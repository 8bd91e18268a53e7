package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"github.com/gennaker/gennaker/agent/internal/outbound"
)

// Time limits of a connection; the whole fetch has Limits.Timeout.
const (
	dialTimeout           = 10 * time.Second
	tlsHandshakeTimeout   = 10 * time.Second
	responseHeaderTimeout = 30 * time.Second
	idleTimeout           = time.Minute
)

// newTransport makes connections for an account.
func newTransport(access Access, config *tls.Config) *http.Transport {
	rules := outbound.Rules{AllowPrivateAddresses: access.AllowPrivateAddresses, AllowedHosts: access.AllowedHosts}
	return &http.Transport{
		DialContext:           rules.Dial(dialTimeout),
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   tlsHandshakeTimeout,
		ResponseHeaderTimeout: responseHeaderTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   4,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // the size limit is for what is read
	}
}

func isCertificate(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
	)
	return errors.As(err, &verification) || errors.As(err, &authority)
}
