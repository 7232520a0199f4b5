package authn_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// The texts a client is told when its list is not to be had.
const (
	noAccess = "Could not access CRL"
	noRead   = "Unable to read CRL Data"
	noParse  = "Unable to parse CRL Data"
)

func TestCRL_revoked(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	c := newClientCerts(t, ca)
	good, bad := handshake(t, ca.Issue(t, authntest.CertSpec{})), handshake(t, ca.Issue(t, authntest.CertSpec{}))
	for range 20 {
		ca.Revoke(ca.Issue(t, authntest.CertSpec{}).Leaf.SerialNumber)
	}
	ca.Revoke(bad.PeerCertificates[0].SerialNumber)
	mustTrust(t, c, good)
	mustRefuse(t, c, bad, authn.CertRevoked, "Your certificate has been revoked")
	mustTrust(t, newClientCerts(t, ca, skipChecks), bad)
	if n := ca.CRLFetches(); n != 1 {
		t.Errorf("%d fetches for one list, and none for the lax one", n)
	}
}

func TestCRL_faults(t *testing.T) {
	t.Parallel()
	trap := newTrap(t)
	good := authntest.NewCA(t)
	der, err := good.CRL()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		fault authntest.CRLFault
		text  string // empty: the list is good
	}{
		{"plain", authntest.CRLFault{}, ""},
		{"pem", authntest.CRLFault{PEM: true}, ""},
		{"M3_not_found", authntest.CRLFault{Status: 404}, noAccess},
		{"M3_server_error", authntest.CRLFault{Status: 500}, noAccess},
		{"M3_no_content", authntest.CRLFault{Status: 204}, noAccess},
		{"M3_cut", authntest.CRLFault{Abort: true}, noAccess},
		{"K5_redirect", authntest.CRLFault{Redirect: trap.URL}, noAccess},
		{"K5_redirect_to_metadata", authntest.CRLFault{Redirect: "http://169.254.169.254/latest"}, noAccess},
		{"K5_redirect_to_itself", authntest.CRLFault{Redirect: "/other.crl"}, noAccess},
		{"M3_huge", authntest.CRLFault{Huge: true}, noRead},
		{"K5_gzip_bomb", authntest.CRLFault{GzipBomb: true}, noAccess},
		{"K5_drip", authntest.CRLFault{Drip: true}, noRead},
		{"K5_hang", authntest.CRLFault{Hang: make(chan struct{})}, noAccess},
		{"M3_html", authntest.CRLFault{Body: []byte("<html>")}, noParse},
		{"M3_empty", authntest.CRLFault{Body: []byte{}}, noParse},
		{"M3_broken_pem", authntest.CRLFault{Body: []byte("-----BEGIN X509 CRL-----\nAA")}, noParse},
		{"M3_list_of_another_authority", authntest.CRLFault{Body: der}, noParse},
		{"M3_issuer_of_another_name", authntest.CRLFault{Issuer: good}, noParse},
		{"M3_forged_signature", authntest.CRLFault{Signer: good}, noParse},
		{"M3_sha1_signature", authntest.CRLFault{Signature: x509.ECDSAWithSHA1}, noParse},
		{"M3_from_the_future", authntest.CRLFault{ThisUpdate: time.Second}, noParse},
		{"M3_stale", authntest.CRLFault{ThisUpdate: -time.Hour, NextUpdate: -time.Second}, noParse},
		{"M3_no_next_update", authntest.CRLFault{NoNextUpdate: true}, noParse},
		{"M3_delta", authntest.CRLFault{Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}}, noParse},
		{"M3_delta_not_critical", authntest.CRLFault{Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Value: []byte{2, 1, 1}}}}, noParse},
		{"M3_unknown_critical", authntest.CRLFault{Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}}, noParse},
		{"unknown_not_critical", authntest.CRLFault{Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}}, ""},
		{"M3_entry_critical", authntest.CRLFault{Entry: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}}}, noParse},
		{"entry_not_critical", authntest.CRLFault{Entry: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{1, 1, 0xff}}}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ca := authntest.NewCA(t)
			ca.Revoke(ca.Issue(t, authntest.CertSpec{}).Leaf.SerialNumber) // so that there is an entry
			ca.SetCRLFault(tc.fault)
			c := newClientCerts(t, ca)
			if tc.fault.Drip || tc.fault.Hang != nil {
				c.SetCRLTimeout(50 * time.Millisecond)
			}
			state := handshake(t, ca.Issue(t, authntest.CertSpec{}))
			if tc.text == "" {
				mustTrust(t, c, state)
			} else {
				mustRefuse(t, c, state, authn.CertCRLUnavailable, tc.text)
			}
			if n := ca.CRLFetches(); n != 1 {
				t.Errorf("%d fetches, want 1", n)
			}
			if n := trap.connections.Load(); n != 0 {
				t.Errorf("%d redirects were followed", n)
			}
		})
	}
}

// TestCRL_cut_short cuts a good list at every length, and adds to it.
func TestCRL_cut_short(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	ca.Revoke(ca.Issue(t, authntest.CertSpec{}).Leaf.SerialNumber)
	ca.SetCRLFault(authntest.CRLFault{NextUpdate: 20 * time.Hour}) // so that none of them is stale as well
	der, err := ca.CRL()
	if err != nil {
		t.Fatal(err)
	}
	state := handshake(t, ca.Issue(t, authntest.CertSpec{}))
	c := newClientCerts(t, ca)
	refuse := func(body []byte) {
		t.Helper()
		ca.SetCRLFault(authntest.CRLFault{Body: body})
		ca.Clock.Advance(11 * time.Second) // past the pause after the failure before
		mustRefuse(t, c, state, authn.CertCRLUnavailable, noParse)
	}
	for n := range der {
		refuse(der[:n])
	}
	for n := range der { // any bit turned
		turned := slices.Clone(der)
		turned[n] ^= 1
		refuse(turned)
	}
	refuse(append(slices.Clone(der), 0))
	ca.SetCRLFault(authntest.CRLFault{Body: der})
	ca.Clock.Advance(11 * time.Second)
	mustTrust(t, c, state)
}

// name is a GeneralName of a URI.
func name(uri string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(uri)}
}

type pointName struct {
	Full []asn1.RawValue `asn1:"optional,tag:0"`
}

type point struct {
	Name    pointName       `asn1:"optional,tag:0"`
	Reasons asn1.BitString  `asn1:"optional,tag:1"`
	Issuer  []asn1.RawValue `asn1:"optional,tag:2"`
}

func points(t *testing.T, list ...point) []pkix.Extension {
	t.Helper()
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: mustMarshal(t, list)}}
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestCRL_points(t *testing.T) {
	t.Parallel()
	ca, down := authntest.NewCA(t), authntest.NewCA(t)
	down.SetCRLFault(authntest.CRLFault{Abort: true})
	u, dead := ca.CRLURL, down.CRLURL
	// A second list of the same authority, on which everything is revoked that has a number of 7.
	withSeven := authntest.NewCA(t)
	bodyOf := func(edit func()) []byte {
		edit()
		der, err := ca.CRL()
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	plain := bodyOf(func() {})
	ca.Revoke(seven())
	withSeven.SetCRLFault(authntest.CRLFault{Body: bodyOf(func() {})})
	ca.SetCRLFault(authntest.CRLFault{Body: plain})

	full := func(uris ...string) point {
		var p point
		for _, s := range uris {
			p.Name.Full = append(p.Name.Full, name(s))
		}
		return p
	}
	some, foreign := full(u), full(u)
	some.Reasons = asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}
	foreign.Issuer = []asn1.RawValue{name(u)}
	directory := point{Name: pointName{Full: []asn1.RawValue{{Class: 2, Tag: 4, IsCompound: true, Bytes: mustMarshal(t, pkix.RDNSequence{})}}}}
	nine := slices.Repeat([]point{full(u)}, 9)

	for _, tc := range []struct {
		name  string
		spec  authntest.CertSpec
		fault authn.CertFault
		text  string
	}{
		{"two_points", authntest.CertSpec{CRLPoints: []string{u, u + "?2"}}, 0, ""},
		{"another_way_to_one_list", authntest.CertSpec{Extra: points(t, full("ldap://127.0.0.1/cn=ca", dead+"?a", u))}, 0, ""},
		{"M3_second_point_down", authntest.CertSpec{CRLPoints: []string{u, dead + "?b"}}, authn.CertCRLUnavailable, noAccess},
		{"M3_revoked_on_the_second_list", authntest.CertSpec{Serial: seven(), CRLPoints: []string{u, withSeven.CRLURL}}, authn.CertRevoked, "revoked"},
		{"M3_ldap", authntest.CertSpec{CRLPoints: []string{"ldap://127.0.0.1/cn=ca"}}, authn.CertCRLUnavailable, noAccess},
		{"M3_http_and_ldap_points", authntest.CertSpec{CRLPoints: []string{u, "ldap://127.0.0.1/cn=ca"}}, authn.CertCRLUnavailable, noAccess},
		{"K6_file", authntest.CertSpec{CRLPoints: []string{"file:///etc/passwd"}}, authn.CertCRLUnavailable, noAccess},
		{"K6_user_in_url", authntest.CertSpec{CRLPoints: []string{strings.Replace(u, "//", "//user@", 1)}}, authn.CertCRLUnavailable, noAccess},
		{"K6_no_host", authntest.CertSpec{CRLPoints: []string{"http:///ca.crl"}}, authn.CertCRLUnavailable, noAccess},
		{"K6_not_a_url", authntest.CertSpec{CRLPoints: []string{"http://[::1"}}, authn.CertCRLUnavailable, noAccess},
		{"K6_long_url", authntest.CertSpec{CRLPoints: []string{u + "?" + strings.Repeat("x", 2048)}}, authn.CertCRLUnavailable, noAccess},
		{"M3_directory_name", authntest.CertSpec{Extra: points(t, full(u), directory)}, authn.CertCRLUnavailable, noAccess},
		{"M3_point_without_a_name", authntest.CertSpec{Extra: points(t, full(u), point{})}, authn.CertCRLUnavailable, noAccess},
		{"M3_some_reasons", authntest.CertSpec{Extra: points(t, some)}, authn.CertCRLUnavailable, noAccess},
		{"M3_list_of_another_issuer", authntest.CertSpec{Extra: points(t, foreign)}, authn.CertCRLUnavailable, noAccess},
		{"M3_many_points", authntest.CertSpec{Extra: points(t, nine...)}, authn.CertCRLUnavailable, noAccess},
		{"M3_no_points_in_the_extension", authntest.CertSpec{Extra: points(t)}, authn.CertNoCRLPoint, "No CRLDistributionPoints"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.spec.Extra != nil {
				tc.spec.CRLPoints = []string{}
			}
			c := newClientCerts(t, ca)
			state := handshake(t, ca.Issue(t, tc.spec))
			if tc.fault == 0 {
				mustTrust(t, c, state)
			} else {
				mustRefuse(t, c, state, tc.fault, tc.text)
			}
		})
	}
}

func TestCRL_addresses(t *testing.T) {
	t.Parallel()
	ca, trap := authntest.NewCA(t), newTrap(t)
	allow := func(private bool) func(*authn.ClientCertConfig, *authn.ClientCertDeps) {
		return func(cfg *authn.ClientCertConfig, _ *authn.ClientCertDeps) { cfg.AllowPrivateAddresses = private }
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(trap.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, url string
		private   bool
	}{
		{"K6_loopback", trap.URL, false},
		{"K6_localhost", "http://localhost:" + port, false},
		{"K6_mapped", "http://[::ffff:127.0.0.1]:" + port, false},
		{"K6_private", "http://10.0.0.1/ca.crl", false},
		{"K6_metadata", "http://169.254.169.254/ca.crl", true},
		{"K6_metadata_mapped", "http://[::ffff:169.254.169.254]/ca.crl", true},
		{"K6_metadata_ipv6", "http://[fd00:ec2::254]/ca.crl", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			watch, logs := observe()
			c := newClientCerts(t, ca, allow(tc.private), watch)
			mustRefuse(t, c, handshake(t, ca.Issue(t, authntest.CertSpec{CRLPoints: []string{tc.url}})), authn.CertCRLUnavailable, noAccess)
			if n := trap.connections.Load(); n != 0 {
				t.Errorf("%d connections", n)
			}
			if all := logs.All(); len(all) != 1 || !strings.Contains(all[0].ContextMap()["error"].(string), "forbidden address") {
				t.Errorf("logged %v", all)
			}
		})
	}
}

func TestCRL_https(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	s := httptest.NewUnstartedServer(ca)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, authntest.CertSpec{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})}}
	s.StartTLS()
	t.Cleanup(s.Close)
	state := handshake(t, ca.Issue(t, authntest.CertSpec{CRLPoints: []string{s.URL}}))
	mustTrust(t, newClientCerts(t, ca), state)
}
