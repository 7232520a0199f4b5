package authn_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strconv"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/secret"
)

// configFor returns the plainest configuration that accepts tokens of idp.
func configFor(idp *authntest.IdP, name string) authn.IssuerConfig {
	return authn.IssuerConfig{
		Name: name, URL: idp.URL, Audiences: []string{authntest.Audience}, AllowPrivateAddresses: true,
		Algorithms: []string{idp.SigningKey().Alg},
	}
}

// newIssuer makes an issuer on idp's clock that is closed with the test.
func newIssuer(t testing.TB, idp *authntest.IdP, change ...func(*authn.IssuerConfig)) *authn.Issuer {
	t.Helper()
	cfg := configFor(idp, "idp")
	for _, f := range change {
		f(&cfg)
	}
	i, err := authn.NewIssuer(cfg, authn.IssuerDeps{Now: idp.Clock.Now})
	if err != nil {
		t.Fatalf("NewIssuer: %v", err)
	}
	t.Cleanup(i.Close)
	return i
}

// newIssuers makes an Issuers with a cache.
func newIssuers(t testing.TB, list ...*authn.Issuer) *authn.Issuers {
	t.Helper()
	s, err := authn.NewIssuers(list, authn.NewTokenCache(1000))
	if err != nil {
		t.Fatalf("NewIssuers: %v", err)
	}
	return s
}

func bearer(token string) authn.Credential {
	return authn.Credential{Scheme: "bearer", Token: secret.New(token)}
}

// withCert is c presented over a connection whose peer proved to hold the key of cert.
func withCert(c authn.Credential, cert *x509.Certificate) authn.Credential {
	c.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{cert}}
	c.RemoteAddr = "192.0.2.1:40000"
	return c
}

// mustPass fails the test unless a accepts token.
func mustPass(t testing.TB, a authn.Authenticator, token string) *authn.Principal {
	t.Helper()
	p, err := a.Authenticate(t.Context(), bearer(token))
	if err != nil {
		t.Fatalf("got %v, want a principal", err)
	}
	if p == nil {
		t.Fatal("got neither principal nor error")
	}
	return p
}

// mustFail fails the test unless a answers token with an error that wraps want and no other outcome.
func mustFail(t testing.TB, a authn.Authenticator, token string, want error) {
	t.Helper()
	p, err := a.Authenticate(t.Context(), bearer(token))
	if p != nil || !errors.Is(err, want) {
		t.Fatalf("got principal %v and error %v, want error %v", p != nil, err, want)
	}
	for _, other := range []error{authn.ErrNoCredential, authn.ErrNotMine, authn.ErrRejected, authn.ErrUnavailable} {
		if other != want && errors.Is(err, other) {
			t.Fatalf("error %v wraps %v beside %v", err, other, want)
		}
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
