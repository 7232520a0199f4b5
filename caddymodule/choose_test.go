package caddymodule

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/authgate/authgate/authn"
)

// TestChooseEarlyData: what HTTP/3 clients send before the handshake is complete can be a replay, and
// proves no key. Everything else about choose is tested from outside.
func TestChooseEarlyData(t *testing.T) {
	t.Parallel()
	g := &gate{mtls: true}
	r := httptest.NewRequest(http.MethodGet, "https://a.test/", nil)
	r.TLS = &tls.ConnectionState{ServerName: "a.test", PeerCertificates: []*x509.Certificate{{}}}
	c, err := authn.ParseCredential(r)
	if _, d := g.choose(r, c, err); d == nil || d.status != http.StatusTooEarly {
		t.Errorf("early data: got %+v, want 425", d)
	}
	r.TLS.HandshakeComplete = true
	if _, d := g.choose(r, c, err); d != nil {
		t.Errorf("after the handshake: got %+v", d)
	}
}
