// Package outbound opens connections to hosts that pipelines name, and refuses those that lead inside: an address of the
// agent's own network is reached only where the configuration says so.
package outbound

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Rules say where connections may lead.
type Rules struct {
	// AllowPrivateAddresses lets them lead to loopback, link-local and private addresses.
	AllowPrivateAddresses bool
	// AllowedHosts are hosts that may be reached whatever their addresses.
	AllowedHosts []string
}

// DeniedError is a connection that the rules do not allow.
type DeniedError struct{ Address netip.Addr }

// Error gives "its address 10.0.0.1 is not public".
func (e *DeniedError) Error() string { return fmt.Sprintf("its address %s is not public", e.Address) }

// Dial returns a function for http.Transport.DialContext; timeout bounds each connection. The address is checked when a
// connection is made, after the name was resolved: neither a redirect nor a name server can lead elsewhere. A connection
// that the rules do not allow is a *DeniedError.
func (r Rules) Dial(timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	open := &net.Dialer{Timeout: timeout}
	guarded := &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error { return check(address) }}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if r.AllowPrivateAddresses || slices.ContainsFunc(r.AllowedHosts, func(h string) bool { return strings.EqualFold(h, host) }) {
			return open.DialContext(ctx, network, address)
		}
		return guarded.DialContext(ctx, network, address)
	}
}

func check(hostPort string) error {
	parsed, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return fmt.Errorf("address %q: %w", hostPort, err)
	}
	if address := parsed.Addr().Unmap().WithZone(""); !isPublic(address) {
		return &DeniedError{Address: address}
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
