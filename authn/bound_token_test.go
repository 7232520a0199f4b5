package authn_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

func thumbprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// TestBoundToken presents a token that is bound to a certificate (RFC 8705 section 3), first to a cold cache and
// then to a warm one.
func TestBoundToken(t *testing.T) {
	t.Parallel()
	idp, ca := authntest.New(t, authntest.WithAlg("ES256")), authntest.NewCA(t)
	own, other := handshake(t, ca.Issue(t, authntest.CertSpec{})), handshake(t, ca.Issue(t, authntest.CertSpec{}))
	token := idp.Token(t, map[string]any{"cnf": map[string]any{"x5t#S256": thumbprint(own.PeerCertificates[0])}})
	present := func(s authn.Authenticator, state *tls.ConnectionState) error {
		c := bearer(token)
		c.TLS = state
		p, err := s.Authenticate(t.Context(), c)
		if (p != nil) != (err == nil) {
			t.Errorf("principal %v and error %v", p != nil, err)
		}
		return err
	}
	unfinished := *own
	unfinished.HandshakeComplete = false
	// The certificate of the authority above is not the one whose key was used.
	behind := *other
	behind.PeerCertificates = []*x509.Certificate{other.PeerCertificates[0], own.PeerCertificates[0]}
	wrong := map[string]*tls.ConnectionState{
		"M4_other_certificate": other, "M4_no_certificate": nil, "M4_no_certificate_over_tls": {HandshakeComplete: true},
		"M4_before_the_handshake_is_complete": &unfinished, "M4_not_the_leaf": &behind,
	}
	for name, state := range wrong {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cached, err := authn.NewIssuers([]*authn.Issuer{newIssuer(t, idp)}, authn.NewTokenCache(10))
			if err != nil {
				t.Fatal(err)
			}
			if err := present(cached, state); !errors.Is(err, authn.ErrRejected) {
				t.Errorf("cold: error %v, want ErrRejected", err)
			}
			if err := present(cached, own); err != nil {
				t.Fatalf("its own certificate: %v", err)
			}
			if err := present(cached, state); !errors.Is(err, authn.ErrRejected) {
				t.Errorf("warm: error %v, want ErrRejected", err)
			}
			if err := present(authn.Chain{cached}, state); !errors.Is(err, authn.ErrRejected) {
				t.Errorf("in a chain: error %v, want ErrRejected", err)
			}
			if err := present(cached, own); err != nil {
				t.Errorf("its own certificate, warm: %v", err)
			}
		})
	}
}

func TestBoundToken_proofs_that_cannot_be_checked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	state := handshake(t, authntest.NewCA(t).Issue(t, authntest.CertSpec{}))
	sum := thumbprint(state.PeerCertificates[0])
	for name, cnf := range map[string]any{
		"J24_jkt":             map[string]any{"jkt": sum},
		"J24_jkt_and_x5t":     map[string]any{"jkt": sum, "x5t#S256": sum},
		"M4_jwk":              map[string]any{"jwk": map[string]any{"kty": "EC"}},
		"M4_unknown":          map[string]any{"x5t#S256": sum, "x": 1},
		"M4_other_case":       map[string]any{"X5T#s256": sum},
		"M4_empty":            map[string]any{},
		"M4_null":             json.RawMessage("null"),
		"M4_text":             sum,
		"M4_list":             []any{map[string]any{"x5t#S256": sum}},
		"M4_number":           map[string]any{"x5t#S256": 1},
		"M4_empty_thumbprint": map[string]any{"x5t#S256": ""},
		"M4_short":            map[string]any{"x5t#S256": sum[:40]},
		"M4_padded":           map[string]any{"x5t#S256": sum + "="},
		"M4_line_break":       map[string]any{"x5t#S256": sum + "\n"},
		"M4_not_base64url":    map[string]any{"x5t#S256": strings.Repeat("+", 43)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := bearer(r.idp.Token(t, map[string]any{"cnf": cnf}))
			c.TLS = state
			if _, err := r.issuers.Authenticate(t.Context(), c); !errors.Is(err, authn.ErrRejected) {
				t.Errorf("error %v, want ErrRejected", err)
			}
		})
	}
}

func TestParseCredential_certificate(t *testing.T) {
	t.Parallel()
	state := handshake(t, authntest.NewCA(t).Issue(t, authntest.CertSpec{}))
	for _, tc := range []struct {
		name   string
		state  *tls.ConnectionState
		header http.Header
		cert   bool
		scheme string
		want   error
	}{
		{name: "certificate", state: state, cert: true},
		{name: "certificate_and_token", state: state, header: http.Header{"Authorization": {"Bearer a.b.c"}}, cert: true, scheme: "bearer"},
		{name: "J18_two_tokens", state: state, header: http.Header{"Authorization": {"Bearer a", "Bearer b"}}, want: authn.ErrAmbiguous},
		{name: "tls_without_certificate", state: &tls.ConnectionState{HandshakeComplete: true}},
		{name: "plain_http"},
		{name: "H10_in_a_header", header: http.Header{"X-Client-Cert": {"x"}, "Client-Cert": {":AA==:"}, "X-Forwarded-Client-Cert": {"Hash=1"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			r.TLS, r.RemoteAddr = tc.state, remote
			for name, values := range tc.header {
				r.Header[name] = values
			}
			c, err := authn.ParseCredential(r)
			if !errors.Is(err, tc.want) || c.Scheme != tc.scheme {
				t.Fatalf("got scheme %q and error %v, want %q and %v", c.Scheme, err, tc.scheme, tc.want)
			}
			if got := c.Cert() != nil; got != tc.cert || tc.cert && (c.RemoteAddr != remote || c.Cert() != state.PeerCertificates[0]) {
				t.Errorf("certificate %v from %q, want %v", got, c.RemoteAddr, tc.cert)
			}
		})
	}
}
