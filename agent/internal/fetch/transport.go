package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/outbound"
)

// Time limits of a connection; the whole fetch has Limits.Timeout.
const (
	dialTimeout           = 10 * time.Second
	tlsHandshakeTimeout   = 10 * time.Second
	responseHeaderTimeout = 30 * time.Second
	idleTimeout           = time.Minute
)

// dial opens a connection.
type dial func(ctx context.Context, network, address string) (net.Conn, error)

// newDial makes connections for an account, to where it may reach.
func newDial(account string, reach config.Reach) dial {
	open := outbound.Rules{AllowPrivateAddresses: reach.AllowPrivateAddresses, AllowedHosts: reach.AllowedHosts}.Dial(dialTimeout)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := open(ctx, network, address)
		if denied := (*outbound.DeniedError)(nil); errors.As(err, &denied) {
			err = &deniedError{account, denied}
		}
		return connection, err
	}
}

func newTransport(dial dial, config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:           dial,
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
