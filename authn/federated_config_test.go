package authn_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/fault"
)

// TestFederatedConfig: what must not be called is refused when it is written (specs K6). Every form of an
// address is in TestIssuerURL.
func TestFederatedConfig(t *testing.T) {
	t.Parallel()
	nothing := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(nothing, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		cfg   authn.FederatedConfig
		field string // empty: valid
	}{
		{"plain", authn.FederatedConfig{Issuer: "https://idp.example"}, ""},
		{"trailing_slash", authn.FederatedConfig{Issuer: "https://idp.example/"}, ""},
		{"jwks_url_with_query", authn.FederatedConfig{Issuer: "https://idp.example", JWKSURL: "https://keys.example/k?v=1"}, ""},
		{"private_allowed", authn.FederatedConfig{Issuer: "https://10.0.0.1:6443", AllowPrivateAddresses: true}, ""},
		{"issuer_empty", authn.FederatedConfig{}, "issuer"},
		{"issuer_no_url", authn.FederatedConfig{Issuer: "kubernetes/serviceaccount"}, "issuer"},
		{"K6_http", authn.FederatedConfig{Issuer: "http://idp.example", AllowPrivateAddresses: true}, "issuer"},
		{"K6_file", authn.FederatedConfig{Issuer: "file:///etc/passwd"}, "issuer"},
		{"K6_userinfo", authn.FederatedConfig{Issuer: "https://u:p@idp.example"}, "issuer"},
		{"K6_query", authn.FederatedConfig{Issuer: "https://idp.example?x"}, "issuer"},
		{"K6_fragment", authn.FederatedConfig{Issuer: "https://idp.example#x"}, "issuer"},
		{"K6_private", authn.FederatedConfig{Issuer: "https://10.0.0.1"}, "issuer"},
		{"K6_loopback_etcd", authn.FederatedConfig{Issuer: "https://127.0.0.1:2379"}, "issuer"},
		{"K6_metadata", authn.FederatedConfig{Issuer: "https://169.254.169.254", AllowPrivateAddresses: true}, "issuer"},
		{"K6_metadata_mapped", authn.FederatedConfig{Issuer: "https://[::ffff:169.254.169.254]", AllowPrivateAddresses: true}, "issuer"},
		{"K6_hexadecimal", authn.FederatedConfig{Issuer: "https://0x7f.1", AllowPrivateAddresses: true}, "issuer"},
		{"K6_jwks_url", authn.FederatedConfig{Issuer: "https://idp.example", JWKSURL: "https://10.0.0.1/jwks"}, "jwks_url"},
		{"audience_empty", authn.FederatedConfig{Issuer: "https://idp.example", Audiences: []string{"a", ""}}, "audience"},
		{"ca_missing", authn.FederatedConfig{Issuer: "https://idp.example", CAFile: nothing + "x"}, "ca"},
		{"ca_without_certificate", authn.FederatedConfig{Issuer: "https://idp.example", CAFile: nothing}, "ca"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := authn.NewFederated(tt.cfg, authn.IssuerDeps{})
			if tt.field == "" {
				if err != nil {
					t.Fatalf("got %v, want none", err)
				}
				f.Close()
				return
			}
			if f != nil || !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.field+": ") {
				t.Fatalf("got %v, want an invalid %s", err, tt.field)
			}
		})
	}
	t.Run("audiences_are_copied", func(t *testing.T) {
		t.Parallel()
		list := []string{"a"}
		f := newFederation(t, "ES256", audiences(list...), func(c *authn.FederatedConfig) { c.Audiences = list })
		list[0] = "b"
		f.pass(t, f.Token(t, map[string]any{"aud": "a"}))
	})
}

// TestFederatedCA: a CA file that changes needs no restart, and one that is gone takes no key away.
func TestFederatedCA(t *testing.T) {
	t.Parallel()
	f := newFederation(t, "ES256")
	right, err := os.ReadFile(f.CAFile(t))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "ca.pem")
	write := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(right)
	f.fed = f.with(t, func(c *authn.FederatedConfig) { c.CAFile = name })
	write([]byte("half a fi"))
	if err := f.probe(t); err.Text != "the CA file cannot be read" || !err.Unreachable {
		t.Errorf("got %t %q", err.Unreachable, err.Text)
	}
	write(right)
	f.ready(t)
	write(nil)
	f.probe(t)
	f.pass(t, f.Token(t, nil))
}

// TestFederatedDial: what passed when it was written is judged again when it is dialled (specs K6, DNS
// rebinding).
func TestFederatedDial(t *testing.T) {
	t.Parallel()
	idp := authntest.New(t, authntest.WithTLS())
	port := idp.URL[strings.LastIndexByte(idp.URL, ':'):]
	for _, cfg := range []authn.FederatedConfig{
		{Issuer: "https://localhost" + port},
		{Issuer: "https://idp.example", JWKSURL: "https://localhost" + port + "/jwks"},
	} {
		t.Run("K6_"+cfg.JWKSURL, func(t *testing.T) {
			t.Parallel()
			cfg.CAFile = idp.CAFile(t)
			fed, err := authn.NewUncheckedFederated(cfg, authn.IssuerDeps{Now: idp.Clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(fed.Close)
			err = fed.Probe(t.Context())
			var told *authn.DiscoveryError
			if !errors.As(err, &told) || told.Unreachable || !strings.Contains(told.Text, "forbidden address") {
				t.Errorf("got %v, want a forbidden address", err)
			}
			if idp.Discoveries()+idp.Fetches() != 0 {
				t.Error("it was called")
			}
		})
	}
}
