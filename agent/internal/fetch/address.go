package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Time limits of a connection; the whole fetch has Limits.Timeout.
const (
	dialTimeout           = 10 * time.Second
	tlsHandshakeTimeout   = 10 * time.Second
	responseHeaderTimeout = 30 * time.Second
	idleTimeout           = time.Minute
)

// newTransport makes connections for an account. Addresses are checked when a connection is made, after the name was
// resolved: neither a redirect nor a name server can lead elsewhere.
func newTransport(account string, access Access, config *tls.Config) *http.Transport {
	open := &net.Dialer{Timeout: dialTimeout}
	guarded := &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		return checkAddress(account, address)
	}}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if access.AllowPrivateAddresses || slices.ContainsFunc(access.AllowedHosts, func(h string) bool { return strings.EqualFold(h, host) }) {
				return open.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   tlsHandshakeTimeout,
		ResponseHeaderTimeout: responseHeaderTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   4,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // the size limit is for what is read
	}
}

// deniedError is a connection that the account does not allow.
type deniedError struct {
	account string
	address netip.Addr
}

func (e *deniedError) Error() string { return fmt.Sprintf("its address %s is not public", e.address) }

func (e *deniedError) advice() string {
	return fmt.Sprintf("Set allowPrivateAddresses on the artifact account %q if that is meant", e.account)
}

func checkAddress(account, hostPort string) error {
	parsed, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return fmt.Errorf("address %q: %w", hostPort, err)
	}
	if address := parsed.Addr().Unmap().WithZone(""); !isPublic(address) {
		return &deniedError{account: account, address: address}
	}
	return nil
}

// isPublic says whether an address belongs to the public Internet.
func isPublic(address netip.Addr) bool {
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return false
	}
	if translated, ok := behindNAT64(address); ok {
		return isPublic(translated)
	}
	for _, reserved := range [...]netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"), // carriers' own, and many clusters' Pods
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("64:ff9b:1::/48"),
	} {
		if reserved.Contains(address) {
			return false
		}
	}
	return true
}

// behindNAT64 is the IPv4 address that an address of the well-known NAT64 prefix stands for.
func behindNAT64(address netip.Addr) (netip.Addr, bool) {
	if !netip.MustParsePrefix("64:ff9b::/96").Contains(address) {
		return netip.Addr{}, false
	}
	bytes := address.As16()
	return netip.AddrFrom4([4]byte(bytes[12:])), true
}

func isCertificate(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
	)
	return errors.As(err, &verification) || errors.As(err, &authority)
}
