package outbound

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestPublicAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"140.82.112.3": true, "2606:50c0:8000::153": true, "64:ff9b::8c52:7003": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "0.0.0.0": false, "::": false,
		"10.1.2.3": false, "172.16.0.1": false, "172.32.0.1": true, "192.168.1.1": false, "fd00::1": false,
		"169.254.169.254": false, "fe80::1": false, "100.64.0.1": false, "100.128.0.1": true,
		"192.0.0.8": false, "198.18.0.1": false, "224.0.0.1": false, "ff02::1": false, "240.0.0.1": false, "255.255.255.255": false,
		"64:ff9b::a00:1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("isPublic(%s) = %v", text, got)
		}
	}
	for _, mapped := range []string{"[::ffff:127.0.0.1]:80", "[::ffff:10.0.0.1]:80", "[fe80::1%eth0]:80"} {
		if err := check(mapped); err == nil {
			t.Errorf("%s is accepted", mapped)
		}
	}
}

func TestDialFollowsTheRules(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, test := range map[string]struct {
		rules  Rules
		denied bool
	}{
		"no rules":             {Rules{}, true},
		"private addresses":    {Rules{AllowPrivateAddresses: true}, false},
		"the host":             {Rules{AllowedHosts: []string{"127.0.0.1"}}, false},
		"another host":         {Rules{AllowedHosts: []string{"localhost"}}, true},
		"another host's start": {Rules{AllowedHosts: []string{"127.0.0"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := test.rules.Dial(10*time.Second)(t.Context(), "tcp", listener.Addr().String())
			if err == nil {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}
			denied := (*DeniedError)(nil)
			if errors.As(err, &denied) != test.denied || !test.denied && err != nil {
				t.Errorf("found %v, expected denied: %v", err, test.denied)
			}
		})
	}
}
