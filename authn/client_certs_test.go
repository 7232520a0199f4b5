package authn_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/fault"
)

func TestNewClientCerts_refuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, err := os.ReadFile(authntest.NewCA(t).File())
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		"M1_missing":           filepath.Join(dir, "none.pem"),
		"M1_unreadable":        dir,
		"M1_empty":             write("empty.pem", ""),
		"M1_no_certificate":    write("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
		"M1_broken_in_the_end": write("broken.pem", string(good)+"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := authn.NewClientCerts(authn.ClientCertConfig{CAFile: file}, authn.ClientCertDeps{})
			if c != nil || !fault.Is(err, fault.Invalid) {
				t.Errorf("got %v and error %v, want fault.Invalid", c != nil, err)
			}
		})
	}
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestClientCerts_trust(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	below := ca.Intermediate(t)
	now := ca.Clock.Now()
	c := newClientCerts(t, ca)
	lax := newClientCerts(t, ca, skipChecks)
	for _, tc := range []struct {
		name  string
		cert  tls.Certificate
		fault authn.CertFault // zero: it passes
		text  string
		lax   authn.CertFault // the same without checks
	}{
		{name: "plain", cert: ca.Issue(t, authntest.CertSpec{})},
		{name: "through_an_intermediate", cert: below.Issue(t, authntest.CertSpec{})},
		{name: "any_usage", cert: ca.Issue(t, authntest.CertSpec{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})},
		{name: "no_usage", cert: ca.Issue(t, authntest.CertSpec{ExtKeyUsage: []x509.ExtKeyUsage{}})},
		{name: "rsa", cert: ca.Issue(t, authntest.CertSpec{Key: rsaKey(t, 2048)})},
		{
			name: "M3_expired", cert: ca.Issue(t, authntest.CertSpec{NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Second)}),
			fault: authn.CertExpired, text: "Your certificate has expired",
		},
		{
			name: "M3_not_yet_valid", cert: ca.Issue(t, authntest.CertSpec{NotBefore: now.Add(time.Second)}),
			fault: authn.CertNotActive, text: "Your certificate is not active yet",
		},
		{
			name: "M3_wrong_usage", cert: ca.Issue(t, authntest.CertSpec{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}),
			fault: authn.CertUsage, text: "not meant for client", lax: authn.CertUsage,
		},
		{
			name:  "M3_wrong_usage_of_an_authority",
			cert:  ca.Intermediate(t, authntest.CASpec(authntest.CertSpec{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})).Issue(t, authntest.CertSpec{}),
			fault: authn.CertUsage, text: "not meant for client", lax: authn.CertUsage,
		},
		{name: "M3_authority_as_leaf", cert: ca.Issue(t, authntest.CertSpec{IsCA: true}), fault: authn.CertUsage, text: "of an authority", lax: authn.CertUsage},
		{
			name: "M3_other_authority", cert: authntest.NewCA(t, authntest.CAClock(ca.Clock)).Issue(t, authntest.CertSpec{}),
			fault: authn.CertUntrusted, text: "not signed by a trusted", lax: authn.CertUntrusted,
		},
		{
			name: "M3_authority_of_the_same_name", cert: authntest.NewCA(t, authntest.CAClock(ca.Clock),
				authntest.CASpec(authntest.CertSpec{RawSubject: ca.Cert.RawSubject})).Issue(t, authntest.CertSpec{}),
			fault: authn.CertUntrusted, text: "not signed by a trusted", lax: authn.CertUntrusted,
		},
		{
			name: "M3_expired_and_untrusted", cert: authntest.NewCA(t).Issue(t, authntest.CertSpec{NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour)}),
			fault: authn.CertUntrusted, text: "not signed by a trusted", lax: authn.CertUntrusted,
		},
		{
			name: "M3_expired_authority", cert: ca.Intermediate(t, authntest.CASpec(authntest.CertSpec{NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Second)})).Issue(t, authntest.CertSpec{}),
			fault: authn.CertExpired, text: "authority above", lax: authn.CertExpired,
		},
		{
			name: "M3_leaf_as_authority", cert: signedByLeaf(t, ca), fault: authn.CertUntrusted, text: "not signed by a trusted", lax: authn.CertUntrusted,
		},
		{name: "M3_weak_rsa_key", cert: ca.Issue(t, authntest.CertSpec{Key: rsaKey(t, 1024)}), fault: authn.CertUntrusted, text: "too weak", lax: authn.CertUntrusted},
		{
			name: "M3_weak_key_of_an_authority", cert: ca.Intermediate(t, authntest.CASpec(authntest.CertSpec{Key: rsaKey(t, 1024)})).Issue(t, authntest.CertSpec{}),
			fault: authn.CertUntrusted, text: "too weak", lax: authn.CertUntrusted,
		},
		{
			name: "M3_sha1_signature", cert: ca.Issue(t, authntest.CertSpec{Signature: x509.ECDSAWithSHA1}),
			fault: authn.CertUntrusted, text: "not signed by a trusted", lax: authn.CertUntrusted,
		},
		{
			name: "M3_no_list", cert: ca.Issue(t, authntest.CertSpec{CRLPoints: []string{}}), fault: authn.CertNoCRLPoint,
			text: "Your certificate is invalid. No CRLDistributionPoints found on the certificate",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			state := handshake(t, tc.cert)
			if tc.fault == 0 {
				mustTrust(t, c, state)
				mustTrust(t, c, state) // from the cache
			} else {
				mustRefuse(t, c, state, tc.fault, tc.text)
				mustRefuse(t, c, state, tc.fault, tc.text)
			}
			if tc.lax == 0 {
				mustTrust(t, lax, state)
			} else {
				mustRefuse(t, lax, state, tc.lax, tc.text)
			}
		})
	}
}

// signedByLeaf is a certificate that the holder of an ordinary one made.
func signedByLeaf(t *testing.T, ca *authntest.CA) tls.Certificate {
	t.Helper()
	leaf := ca.Issue(t, authntest.CertSpec{})
	template := &x509.Certificate{
		SerialNumber: leaf.Leaf.SerialNumber, Subject: pkix.Name{CommonName: "admin"}, NotBefore: leaf.Leaf.NotBefore, NotAfter: leaf.Leaf.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CRLDistributionPoints: []string{ca.CRLURL},
	}
	key := rsaKey(t, 2048)
	der, err := x509.CreateCertificate(rand.Reader, template, leaf.Leaf, key.Public(), leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, leaf.Certificate[0]}, PrivateKey: key}
}

func TestClientCerts_no_certificate(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	c := newClientCerts(t, ca)
	unfinished := handshake(t, ca.Issue(t, authntest.CertSpec{}))
	mustTrust(t, c, unfinished)
	unfinished.HandshakeComplete = false
	for name, state := range map[string]*tls.ConnectionState{
		"plain_http": nil, "none_presented": newServer(t).connect(t, nil), "handshake_not_complete": unfinished,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustRefuse(t, c, state, authn.CertMissing, "No certificate provided")
		})
	}
}

// TestClientCerts_of_the_listener is the case without CAFile: Caddy's client_auth has judged the chain.
func TestClientCerts_of_the_listener(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	verifying := newServer(t, func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool() })
	c := newClientCerts(t, ca, func(cfg *authn.ClientCertConfig, _ *authn.ClientCertDeps) { cfg.CAFile = "" })
	if c.Roots() != nil {
		t.Error("roots without a CAFile")
	}
	cert := ca.Issue(t, authntest.CertSpec{NotAfter: ca.Clock.Now().Add(time.Hour)})
	state := verifying.connect(t, &cert)
	mustTrust(t, c, state)

	t.Run("M3_not_verified_by_the_listener", func(t *testing.T) {
		mustRefuse(t, c, handshake(t, cert), authn.CertUntrusted, "not signed by a trusted")
	})
	t.Run("M3_chain_of_another_certificate", func(t *testing.T) {
		mixed := *handshake(t, ca.Issue(t, authntest.CertSpec{}))
		mixed.VerifiedChains = state.VerifiedChains
		mustRefuse(t, c, &mixed, authn.CertUntrusted, "not trusted")
	})
	t.Run("M3_sha1_signature", func(t *testing.T) {
		weak := *handshake(t, ca.Issue(t, authntest.CertSpec{Signature: x509.ECDSAWithSHA1}))
		weak.VerifiedChains = [][]*x509.Certificate{{weak.PeerCertificates[0], ca.Cert}}
		mustRefuse(t, c, &weak, authn.CertUntrusted, "too weak")
	})
	t.Run("M3_wrong_usage", func(t *testing.T) {
		other := *handshake(t, ca.Issue(t, authntest.CertSpec{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}))
		other.VerifiedChains = [][]*x509.Certificate{{other.PeerCertificates[0], ca.Cert}}
		mustRefuse(t, c, &other, authn.CertUsage, "not meant for client")
	})
	t.Run("M3_revoked", func(t *testing.T) {
		revoked := ca.Issue(t, authntest.CertSpec{CRLPoints: []string{ca.CRLURL + "?2"}})
		ca.Revoke(revoked.Leaf.SerialNumber)
		mustRefuse(t, c, verifying.connect(t, &revoked), authn.CertRevoked, "revoked")
	})
	t.Run("M3_expired_since_the_handshake", func(t *testing.T) {
		ca.Clock.Advance(time.Hour + time.Second)
		mustRefuse(t, c, state, authn.CertExpired, "Your certificate has expired")
	})
}

func TestClientCerts_host(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	state := handshake(t, ca.Issue(t, authntest.CertSpec{DNSNames: []string{"a.example", "b.example"}}))
	nameless := handshake(t, ca.Issue(t, authntest.CertSpec{Subject: pkix.Name{CommonName: "c.example"}}))
	answers := map[string][]string{
		"192.0.2.1": {"x.example.", "b.example."}, "192.0.2.2": {"c.example."}, "192.0.2.3": {}, "2001:db8::1": {"a.example."},
		"192.0.2.6": append(make([]string, 32), "a.example."),
	}
	c := newClientCerts(t, ca, func(cfg *authn.ClientCertConfig, d *authn.ClientCertDeps) {
		cfg.VerifyHost = true
		d.LookupAddr = func(_ context.Context, addr string) ([]string, error) {
			switch addr {
			case "192.0.2.4":
				return nil, &net.DNSError{Err: "no such host", Name: addr, Server: "10.0.0.53:53", IsNotFound: true}
			case "192.0.2.5":
				return nil, &net.DNSError{Err: "i/o timeout", Name: addr, Server: "10.0.0.53:53", IsTimeout: true}
			}
			return answers[addr], nil
		}
	})
	for _, tc := range []struct {
		name, from string
		state      *tls.ConnectionState
		fault      authn.CertFault
		text       string
		outcome    error
	}{
		{name: "one_of_the_names", from: "192.0.2.1:1", state: state},
		{name: "ipv6", from: "[2001:db8::1]:1", state: state},
		{name: "M3_other_name", from: "192.0.2.2:1", state: state, fault: authn.CertHostMismatch, text: "x509: certificate is valid for a.example, b.example, not c.example"},
		{name: "M3_name_only_in_CN", from: "192.0.2.2:1", state: nameless, fault: authn.CertHostMismatch, text: "x509: certificate relies on legacy Common Name field, use SANs instead"},
		{name: "M3_name_after_a_flood", from: "192.0.2.6:1", state: state, fault: authn.CertHostMismatch},
		{name: "no_name", from: "192.0.2.3:1", state: state, fault: authn.CertReverseLookup, text: "lookup 192.0.2.3: no such host", outcome: authn.ErrRejected},
		{name: "not_found", from: "192.0.2.4:1", state: state, fault: authn.CertReverseLookup, text: "lookup 192.0.2.4: no such host", outcome: authn.ErrRejected},
		{name: "resolver_down", from: "192.0.2.5:1", state: state, fault: authn.CertReverseLookup, text: "lookup 192.0.2.5: i/o timeout", outcome: authn.ErrUnavailable},
		{name: "bad_address", from: "192.0.2.1", state: state, fault: authn.CertAddress, text: "missing port in address"},
		{name: "name_for_an_address", from: "a.example:1", state: state, fault: authn.CertAddress, text: "a.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.fault == 0 {
				if _, err := c.Check(t.Context(), tc.state, tc.from); err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			mustRefuseFrom(t.Context(), t, c, tc.state, tc.from, tc.fault, tc.text)
			if _, err := c.Check(t.Context(), tc.state, tc.from); tc.fault == authn.CertHostMismatch && tc.text != "" && err.Error() != tc.text {
				t.Errorf("text %q, want %q", err, tc.text)
			}
			if _, err := c.Check(t.Context(), tc.state, tc.from); tc.outcome != nil && !errors.Is(err, tc.outcome) {
				t.Errorf("error %v, want %v", err, tc.outcome)
			}
		})
	}
}

// TestClientCerts_time moves the clock under a connection that stays open, past what is cached.
func TestClientCerts_time(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	c := newClientCerts(t, ca)
	state := handshake(t, ca.Issue(t, authntest.CertSpec{NotAfter: ca.Clock.Now().Add(30 * time.Second)}))
	mustTrust(t, c, state)
	ca.Clock.Advance(31 * time.Second)
	mustRefuse(t, c, state, authn.CertExpired, "Your certificate has expired")
	ca.Clock.Advance(-2 * time.Hour)
	mustRefuse(t, c, state, authn.CertNotActive, "Your certificate is not active yet")
}

// TestClientCerts_cached_path has an authority end while its path of trust is cached.
func TestClientCerts_cached_path(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	below := ca.Intermediate(t, authntest.CASpec(authntest.CertSpec{NotAfter: ca.Clock.Now().Add(30 * time.Second)}))
	state := handshake(t, below.Issue(t, authntest.CertSpec{}))
	c, lax := newClientCerts(t, ca), newClientCerts(t, ca, skipChecks)
	mustTrust(t, c, state)
	mustTrust(t, lax, state)
	ca.Clock.Advance(31 * time.Second)
	mustRefuse(t, c, state, authn.CertExpired, "authority above")
	mustRefuse(t, lax, state, authn.CertExpired, "authority above")
}

// TestClientCerts_resumed is M5: the session goes on, but the authority behind it is no longer trusted.
func TestClientCerts_resumed(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]uint16{"M5_tls12": tls.VersionTLS12, "M5_tls13": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, next := authntest.NewCA(t), authntest.NewCA(t)
			before, after := newClientCerts(t, old), newClientCerts(t, next)
			s := newServer(t, func(c *tls.Config) { c.MaxVersion = version })
			cert, sessions := old.Issue(t, authntest.CertSpec{}), tls.NewLRUClientSessionCache(1)
			resume := func(c *tls.Config) { c.ClientSessionCache, c.ServerName = sessions, "gate.example" }
			mustTrust(t, before, s.connect(t, &cert, resume))
			state := s.connect(t, &cert, resume)
			if !state.DidResume || state.Version != version {
				t.Fatalf("resumed %v, version %x", state.DidResume, state.Version)
			}
			mustTrust(t, before, state)
			mustRefuse(t, after, state, authn.CertUntrusted, "not signed by a trusted")
			// nor does what the listener verified count any more once there are roots of our own
			state.VerifiedChains = [][]*x509.Certificate{{state.PeerCertificates[0], old.Cert}}
			mustRefuse(t, newClientCerts(t, next), state, authn.CertUntrusted, "not signed by a trusted")
		})
	}
}

// TestClientCerts_long_chain sends more certificates than anybody needs, the right one at the end.
func TestClientCerts_long_chain(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	below := ca.Intermediate(t)
	c := newClientCerts(t, ca)
	cert := below.Issue(t, authntest.CertSpec{})
	filler := ca.Issue(t, authntest.CertSpec{}).Certificate[0]
	long := tls.Certificate{PrivateKey: cert.PrivateKey, Certificate: [][]byte{cert.Certificate[0]}}
	for range 6 {
		long.Certificate = append(long.Certificate, filler)
	}
	near := long
	near.Certificate = append(near.Certificate[:7:7], below.Cert.Raw)
	mustTrust(t, c, handshake(t, near))
	long.Certificate = append(long.Certificate, filler, below.Cert.Raw)
	mustRefuse(t, c, handshake(t, long), authn.CertUntrusted, "not signed by a trusted")
}
