package authn

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
)

// SameServer reports whether host, a Host header with or without a port, is what the TLS handshake named.
// Which certificates a listener asks for, and verifies, depends on the name in the handshake, so a
// certificate presented to one site must not open another, on a coalesced connection either (specs P9,
// M2). No handshake names an address: a request for one comes without a name.
func SameServer(state *tls.ConnectionState, host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if state.ServerName == "" {
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		return err == nil
	}
	return strings.EqualFold(state.ServerName, host)
}
