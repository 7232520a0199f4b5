package authn_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/secret"
)

// TestDiscoveryBearer: a Kubernetes API server that talks to nobody it does not know (m2m 3.3).
func TestDiscoveryBearer(t *testing.T) {
	t.Parallel()
	// cluster makes an issuer that is asked with whatever bearer returns.
	cluster := func(t *testing.T, bearer func(f *federation) (secret.String, error)) (f *federation, read *atomic.Int64) {
		f, read = newFederation(t, "ES256"), new(atomic.Int64)
		f.fed = f.with(t, func(c *authn.FederatedConfig) {
			c.DiscoveryBearer = func() (secret.String, error) {
				read.Add(1)
				return bearer(f)
			}
		})
		return f, read
	}
	own := func(token string) func(*federation) (secret.String, error) {
		return func(*federation) (secret.String, error) { return secret.New(token), nil }
	}
	t.Run("sent_to_who_asks", func(t *testing.T) {
		t.Parallel()
		token := ""
		f, read := cluster(t, func(*federation) (secret.String, error) { return secret.New(token + "\n"), nil })
		token = f.Token(t, map[string]any{"sub": "system:serviceaccount:ns:gate"})
		f.SetFault(authntest.Fault{Bearer: token})
		f.ready(t)
		if f.Discoveries() != 2 || f.Fetches() != 2 || f.Bearers() != 2 || read.Load() != 2 {
			t.Errorf("got %d and %d requests, %d with a bearer, read %d times; want 2 of each",
				f.Discoveries(), f.Fetches(), f.Bearers(), read.Load())
		}
		token = f.Token(t, map[string]any{"sub": "system:serviceaccount:ns:gate", "jti": "the next"})
		f.SetFault(authntest.Fault{Bearer: token})
		f.ready(t) // with what the file holds now
		f.pass(t, f.Token(t, nil))
	})
	t.Run("not_sent_unasked", func(t *testing.T) {
		t.Parallel()
		f, read := cluster(t, func(f *federation) (secret.String, error) { return secret.New(f.Token(t, nil)), nil })
		f.ready(t)
		if f.Bearers() != 0 || read.Load() != 0 {
			t.Errorf("got %d requests with a bearer, read %d times; want none", f.Bearers(), read.Load())
		}
	})
	for name, bearer := range map[string]func(f *federation) (secret.String, error){
		"K6_not_sent_to_another_issuer": func(f *federation) (secret.String, error) {
			return secret.New(f.Token(t, map[string]any{"iss": "https://kubernetes.default.svc"})), nil
		},
		"K6_not_sent_if_no_JWT": own("sha256~abc"),
		"K6_not_sent_if_empty":  own(""),
		"unreadable":            func(*federation) (secret.String, error) { return secret.String{}, errors.New("LEAK") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := cluster(t, bearer)
			f.SetFault(authntest.Fault{Status: 401, Body: "who are you"})
			if err := f.probe(t); err.Text != "401 Unauthorized: who are you" || err.Unreachable {
				t.Errorf("got %t %q, want what the stranger was told", err.Unreachable, err.Text)
			}
			if f.Bearers() != 0 {
				t.Error("the bearer was sent")
			}
		})
	}
	t.Run("J22_no_page_after_the_bearer", func(t *testing.T) {
		t.Parallel()
		f, _ := cluster(t, func(f *federation) (secret.String, error) { return secret.New(f.Token(t, nil)), nil })
		f.SetFault(authntest.Fault{Status: 500, Body: "LEAK"})
		if err := f.probe(t); err.Text != "500 Internal Server Error (asked with the bearer for discovery)" || !err.Unreachable {
			t.Errorf("got %t %q", err.Unreachable, err.Text)
		}
		if f.Bearers() != 1 {
			t.Errorf("got %d requests with a bearer, want 1", f.Bearers())
		}
	})
	t.Run("K5_redirect_does_not_carry_it_away", func(t *testing.T) {
		t.Parallel()
		trap := newTrap(t)
		f, _ := cluster(t, func(f *federation) (secret.String, error) { return secret.New(f.Token(t, nil)), nil })
		f.SetFault(authntest.Fault{Redirect: trap.URL})
		f.probe(t)
		if f.Bearers() != 0 || trap.connections.Load() != 0 {
			t.Error("the redirect was followed")
		}
	})
	t.Run("K6_not_sent_to_another_host", func(t *testing.T) {
		t.Parallel()
		f, keys := newFederation(t, "ES256"), authntest.New(t, authntest.WithTLS())
		keys.SetFault(authntest.Fault{Status: 401})
		f.fed = f.with(t, func(c *authn.FederatedConfig) {
			c.JWKSURL, c.CAFile = keys.JWKSURL(), keys.CAFile(t)
			c.DiscoveryBearer = func() (secret.String, error) { return secret.New(f.Token(t, nil)), nil }
		})
		f.probe(t)
		if keys.Fetches() != 1 || keys.Bearers() != 0 {
			t.Errorf("got %d requests, %d with a bearer; want 1 and none", keys.Fetches(), keys.Bearers())
		}
	})
	t.Run("K7_key_set_of_the_API_server_itself", func(t *testing.T) {
		t.Parallel()
		trap := newTrap(t)
		token := ""
		f, _ := cluster(t, func(*federation) (secret.String, error) { return secret.New(token), nil })
		token = f.Token(t, nil)
		f.SetFault(authntest.Fault{Bearer: token})
		f.Discovery("jwks_uri", strings.Replace(trap.URL, "http:", "https:", 1)+"/openid/v1/jwks")
		f.pass(t, f.Token(t, nil))
		if trap.connections.Load() != 0 || f.Bearers() != 2 {
			t.Errorf("got %d connections elsewhere and %d requests with a bearer, want none and 2", trap.connections.Load(), f.Bearers())
		}
	})
}

// TestPublishedElsewhere: the issuers whose keys are on another host, and nobody else's (specs K7).
func TestPublishedElsewhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		issuer, address string
		want            bool
	}{
		{"https://accounts.google.com", "https://www.googleapis.com/oauth2/v3/certs", true},
		{"https://securetoken.google.com/project", "https://www.googleapis.com/service_accounts/v1/jwk/x", true},
		{"https://sts.windows.net/tenant/", "https://login.microsoftonline.com/common/discovery/keys", true},
		{"https://idp.example", "https://www.googleapis.com/oauth2/v3/certs", false},
		{"https://accounts.google.com.evil.example", "https://www.googleapis.com/oauth2/v3/certs", false},
		{"https://accounts.google.com", "http://www.googleapis.com/oauth2/v3/certs", false},
		{"https://accounts.google.com", "https://www.googleapis.com:8443/oauth2/v3/certs", false},
		{"https://accounts.google.com", "https://u@www.googleapis.com/oauth2/v3/certs", false},
		{"https://accounts.google.com", "https://www.googleapis.com.evil.example/certs", false},
		{"https://accounts.google.com", "https://login.microsoftonline.com/certs", false},
		{"https://accounts.google.com", "://", false},
	} {
		if got := authn.IsPublishedAt(tt.issuer, tt.address); got != tt.want {
			t.Errorf("K7: issuer %s, keys at %s: got %t, want %t", tt.issuer, tt.address, got, tt.want)
		}
	}
}
