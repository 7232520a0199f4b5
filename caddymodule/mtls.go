package caddymodule

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/secret"
)

// choose returns the credential that this route judges: the token, or the client certificate where the
// route accepts mtls. On a route that accepts both kinds a request with both is refused, since two readers
// could pick different callers (specs J18). What a route does not accept it does not look at: a certificate
// beside a token only serves tokens bound to it, and an Authorization header on a route for certificates
// alone is none of its business.
func (g *gate) choose(r *http.Request, c authn.Credential, malformed error) (authn.Credential, *denial) {
	if g.bearer && malformed != nil {
		return c, refusal(malformed)
	}
	if !g.mtls {
		return c, nil
	}
	if !g.bearer {
		c.Scheme, c.Token = "", secret.String{}
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			c.TLS, c.RemoteAddr = r.TLS, r.RemoteAddr // missing after a malformed Authorization
		}
	}
	if c.Scheme != "" {
		if c.TLS != nil {
			return c, refusal(authn.ErrAmbiguous)
		}
		return c, nil
	}
	if r.TLS == nil {
		return c, nil // no certificate, no credential
	}
	if !r.TLS.HandshakeComplete {
		// Early data: the key of the certificate is not proved yet, and the request could be a replay.
		return c, &denial{status: http.StatusTooEarly, text: "send the request again when the handshake is complete"}
	}
	if !sameServer(r.TLS.ServerName, r.Host) {
		// Which certificates the listener asks for, and verifies, depends on the name in the handshake: the
		// one of another site must not open this one, on a coalesced connection either (specs P9, M2).
		return c, &denial{status: http.StatusMisdirectedRequest, text: "the connection was made for another host"}
	}
	return c, nil
}

// sameServer reports whether host, a Host header, is what the TLS handshake named. No handshake names an
// address, so a request for one comes without a name.
func sameServer(name, host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if name == "" {
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		return err == nil
	}
	return strings.EqualFold(name, host)
}
