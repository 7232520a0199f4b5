package caddymodule

import (
	"net/http"

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
	if !authn.SameServer(r.TLS, r.Host) {
		return c, &denial{status: http.StatusMisdirectedRequest, text: "the connection was made for another host"}
	}
	return c, nil
}
