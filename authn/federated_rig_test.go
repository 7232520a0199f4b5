package authn_test

import (
	"errors"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// federation is a Federated under test with its fake IdP, over real TLS with a CA of its own.
type federation struct {
	*authntest.IdP
	fed *authn.Federated
}

func newFederation(t testing.TB, alg string, change ...func(*authn.FederatedConfig)) *federation {
	t.Helper()
	f := &federation{IdP: authntest.New(t, authntest.WithAlg(alg), authntest.WithTLS())}
	f.fed = f.with(t, change...)
	return f
}

// with makes another Federated for the same IdP.
func (f *federation) with(t testing.TB, change ...func(*authn.FederatedConfig)) *authn.Federated {
	t.Helper()
	cfg := authn.FederatedConfig{Issuer: f.URL, CAFile: f.CAFile(t), AllowPrivateAddresses: true}
	for _, c := range change {
		c(&cfg)
	}
	fed, err := authn.NewFederated(cfg, authn.IssuerDeps{Now: f.Clock.Now})
	if err != nil {
		t.Fatalf("NewFederated: %v", err)
	}
	t.Cleanup(fed.Close)
	return fed
}

func audiences(list ...string) func(*authn.FederatedConfig) {
	return func(c *authn.FederatedConfig) { c.Audiences = list }
}

func (f *federation) pass(t testing.TB, token string) *authn.IDToken {
	t.Helper()
	id, err := f.fed.Verify(t.Context(), token)
	if err != nil {
		t.Fatalf("got %v, want a token", err)
	}
	if id.Issuer != f.URL {
		t.Fatalf("got issuer %q, want %q", id.Issuer, f.URL)
	}
	return id
}

// refuse fails the test unless token is rejected, and returns the text for its sender.
func (f *federation) refuse(t testing.TB, token string) string {
	t.Helper()
	id, err := f.fed.Verify(t.Context(), token)
	var told *authn.VerifyError
	if id != nil || !errors.Is(err, authn.ErrRejected) || !errors.As(err, &told) {
		t.Fatalf("got token %v and error %v, want a VerifyError that wraps rejected", id != nil, err)
	}
	for _, other := range []error{authn.ErrNotMine, authn.ErrUnavailable, authn.ErrNoCredential} {
		if errors.Is(err, other) {
			t.Fatalf("error %v wraps %v beside rejected", err, other)
		}
	}
	return told.Text
}

// unavailable fails the test unless nothing can be told about token.
func (f *federation) unavailable(t testing.TB, token string) error {
	t.Helper()
	id, err := f.fed.Verify(t.Context(), token)
	if id != nil || !errors.Is(err, authn.ErrUnavailable) || errors.Is(err, authn.ErrRejected) {
		t.Fatalf("got token %v and error %v, want unavailable", id != nil, err)
	}
	return err
}

// ready has the issuer's keys fetched.
func (f *federation) ready(t testing.TB) {
	t.Helper()
	if err := f.fed.Probe(t.Context()); err != nil {
		t.Fatalf("Probe: %v", err)
	}
}

func (f *federation) wantFetches(t testing.TB, want int) {
	t.Helper()
	if got := f.Fetches(); got != want {
		t.Fatalf("got %d fetches of the key set, want %d", got, want)
	}
}
