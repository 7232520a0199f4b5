package authmethods_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/secret"
)

// certRig is the argo fixture with a binding "bound" of the subject dn at host3 of s1.
type certRig struct {
	*rig
	ca    *authntest.CA
	certs *authn.ClientCerts
	auth  authn.Authenticator
}

func newCertRig(t testing.TB, cfg authn.ClientCertConfig) *certRig {
	t.Helper()
	rig, s1, _ := argo(t)
	rig.bind(binding("bound", s1, "host3", dn))
	c := &certRig{rig: rig, ca: authntest.NewCA(t)}
	cfg.CAFile, cfg.AllowPrivateAddresses = c.ca.File(), true
	var err error
	if c.certs, err = authn.NewClientCerts(cfg, authn.ClientCertDeps{Now: c.ca.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.certs.Close)
	c.auth = rig.svc.CertAuthenticator(c.certs)
	return c
}

// presented is the credential of a caller with a certificate of the subject dn, if spec names no other.
func presented(t testing.TB, ca *authntest.CA, spec authntest.CertSpec) (authn.Credential, *x509.Certificate) {
	t.Helper()
	if spec.Subject.String() == "" {
		spec.Subject = pkix.Name{CommonName: "client", Organization: []string{"Test"}}
	}
	leaf := ca.Issue(t, spec).Leaf
	return authn.Credential{
		TLS:        &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}},
		RemoteAddr: "127.0.0.1:1",
	}, leaf
}

func TestCertAuthenticator(t *testing.T) {
	t.Parallel()
	c := newCertRig(t, authn.ClientCertConfig{})
	s2 := c.mustType("s2")
	c.bind(binding("also", s2, "host4", dn))
	cred, leaf := presented(t, c.ca, authntest.CertSpec{
		DNSNames: []string{"a.test", "b.test"}, EmailAddresses: []string{"a@b.test"}, Serial: big.NewInt(0xabc),
	})
	p, err := c.auth.Authenticate(t.Context(), cred)
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != dn || p.Kind != "binding" || p.Method != "mtls" || p.Issuer != c.ca.Cert.Subject.String() || !p.NotAfter.Equal(leaf.NotAfter) {
		t.Errorf("principal %+v", p)
	}
	sum := sha256.Sum256(leaf.Raw)
	want := map[string][]string{
		"binding": {"also", "bound"}, "dns": {"a.test", "b.test"}, "email": {"a@b.test"}, "serial": {"abc"},
		"fingerprint": {hex.EncodeToString(sum[:])},
	}
	for name, values := range want {
		if got := p.Attrs.Get(name); fmt.Sprint(got) != fmt.Sprint(values) {
			t.Errorf("%s: %q, want %q", name, got, values)
		}
	}
	if names := p.Attrs.Names(); len(names) != len(want) {
		t.Errorf("attributes %q", names)
	}
}

func TestCertAuthenticatorRefuses(t *testing.T) {
	t.Parallel()
	other := authntest.NewCA(t)
	tests := []struct {
		name    string
		spec    authntest.CertSpec
		ca      *authntest.CA
		change  func(*authn.Credential)
		prepare func(*certRig)
		want    error // nil: accepted
	}{
		{name: "accepted"},
		{name: "no_certificate", change: func(c *authn.Credential) { c.TLS = nil }, want: authn.ErrNoCredential},
		{name: "early_data", change: func(c *authn.Credential) { c.TLS.HandshakeComplete = false }, want: authn.ErrNoCredential},
		{name: "J18_token_beside_it", change: func(c *authn.Credential) { c.Scheme, c.Token = "bearer", secret.New("t") }, want: authn.ErrNotMine},
		{name: "J18_scheme_beside_it", change: func(c *authn.Credential) { c.Scheme = "basic" }, want: authn.ErrNotMine},
		{name: "another_CA", ca: other, want: authn.ErrRejected},
		{name: "M3_expired", spec: authntest.CertSpec{NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}, want: authn.ErrRejected},
		{name: "M3_no_revocation_list", spec: authntest.CertSpec{CRLPoints: []string{}}, want: authn.ErrRejected},
		{name: "M3_revoked", spec: authntest.CertSpec{Serial: big.NewInt(7)}, want: authn.ErrRejected, prepare: func(c *certRig) {
			c.ca.Revoke(big.NewInt(7))
		}},
		{name: "unbound", spec: authntest.CertSpec{Subject: pkix.Name{CommonName: "stranger"}}, want: authn.ErrRejected},
		{name: "bound_by_oidc_only", want: authn.ErrRejected, prepare: func(c *certRig) {
			update(c.rig, "s1", authmethods.ServiceTypePatch{AuthTypes: &[]string{"x509", "oidc"}})
			c.patch(authmethods.BindingPatch{AuthType: ptr("oidc")})
		}},
		{name: "C10_binding_deleted", want: authn.ErrRejected, prepare: func(c *certRig) {
			if _, err := c.svc.DeleteBinding(c.ctx, "bound", nil); err != nil {
				c.t.Fatal(err)
			}
		}},
		{name: "C10_binding_of_another", want: authn.ErrRejected, prepare: func(c *certRig) {
			c.patch(authmethods.BindingPatch{AuthIdentifier: ptr("CN=else")})
		}},
		{name: "C10_host_removed", want: authn.ErrRejected, prepare: func(c *certRig) {
			update(c.rig, "s1", authmethods.ServiceTypePatch{Hosts: &[]string{"host1", "host2"}})
		}},
		{name: "C10_auth_type_removed", want: authn.ErrRejected, prepare: func(c *certRig) {
			update(c.rig, "s1", authmethods.ServiceTypePatch{AuthTypes: &[]string{"oidc"}})
		}},
		{name: "C10_service_type_deleted", want: authn.ErrRejected, prepare: func(c *certRig) {
			if _, err := c.svc.DeleteServiceType(c.ctx, "s1", nil); err != nil {
				c.t.Fatal(err)
			}
		}},
		{name: "hidden_by_a_declared_service_type", want: authn.ErrRejected, prepare: func(c *certRig) {
			decl := authmethods.Declared{ServiceTypes: []authmethods.ServiceType{serviceType("s1", authmethods.KindAPIKey, "host3")}}
			c.auth = c.configure(decl).CertAuthenticator(c.certs)
		}},
		{name: "D5_broken_binding", want: authn.ErrUnavailable, prepare: func(c *certRig) { c.breakBinding("bound") }},
		{name: "D5_broken_binding_beside_a_good_one", prepare: func(c *certRig) {
			c.bind(binding("also", c.mustType("s2"), "host4", dn))
			c.breakBinding("bound")
		}},
		{name: "D5_broken_service_type", want: authn.ErrUnavailable, prepare: func(c *certRig) {
			c.corrupt("service-types", c.mustType("s1").UUID, "{")
		}},
		{name: "D2_store_down", want: authn.ErrUnavailable, prepare: func(c *certRig) { c.mem.FailReads(errStub) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCertRig(t, authn.ClientCertConfig{})
			if tt.prepare != nil {
				tt.prepare(c)
			}
			ca := c.ca
			if tt.ca != nil {
				ca = tt.ca
			}
			cred, _ := presented(t, ca, tt.spec)
			if tt.change != nil {
				tt.change(&cred)
			}
			p, err := c.auth.Authenticate(t.Context(), cred)
			if tt.want == nil {
				if err != nil || p == nil || p.ID != dn {
					t.Fatalf("got %+v, %v", p, err)
				}
				return
			}
			if p != nil || !errors.Is(err, tt.want) {
				t.Fatalf("got %+v, %v; want %v", p, err, tt.want)
			}
		})
	}
}

func (c *certRig) patch(p authmethods.BindingPatch) {
	c.t.Helper()
	if _, err := c.svc.UpdateBinding(c.ctx, "bound", p, nil); err != nil {
		c.t.Fatal(err)
	}
}

func (c *certRig) breakBinding(name string) {
	c.t.Helper()
	b, err := c.svc.Binding(c.ctx, name)
	if err != nil {
		c.t.Fatal(err)
	}
	c.corrupt("bindings", b.ID, "{")
}
