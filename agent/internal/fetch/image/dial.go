package image

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// dialer opens the connections that a registry needs: to itself, and to where it leads, as with a redirect or the address that
// gives its tokens. Those may be inside, next to a registry that is; but no registry leads to the agent's own machine, or to a
// link-local address, where clouds give away credentials.
type dialer struct {
	own           []string
	open, guarded *net.Dialer
}

// newDialer makes the dialer of a registry's address.
func newDialer(registry *url.URL) (*dialer, error) {
	d := &dialer{own: []string{registry.Hostname()}, open: &net.Dialer{Timeout: dialTimeout}}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: registry})
	if err != nil {
		return nil, fmt.Errorf("proxy of the environment: %w", err)
	}
	if proxy != nil {
		d.own = append(d.own, proxy.Hostname())
	}
	d.guarded = &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error { return checkLed(address) }}
	return d, nil
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(d.own, func(own string) bool { return strings.EqualFold(own, host) }) {
		return d.open.DialContext(ctx, network, address)
	}
	return d.guarded.DialContext(ctx, network, address)
}

// checkLed refuses addresses to which no registry leads. It is asked after the name was resolved.
func checkLed(address string) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := parsed.Addr().Unmap(); ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast() {
		return fmt.Errorf("it leads to %s, an address of this machine or network segment, and is not followed", ip)
	}
	return nil
}
