package authn_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

type issuingPoint struct {
	Name          pointName      `asn1:"optional,tag:0"`
	OnlyUser      bool           `asn1:"optional,tag:1"`
	OnlyCA        bool           `asn1:"optional,tag:2"`
	SomeReasons   asn1.BitString `asn1:"optional,tag:3"`
	Indirect      bool           `asn1:"optional,tag:4"`
	OnlyAttribute bool           `asn1:"optional,tag:5"`
}

// TestCRL_scope lets authorities publish lists that speak of some certificates only: a serial that is missing
// there proves nothing for the others.
func TestCRL_scope(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		make func(url string) issuingPoint
		bad  bool
	}{
		{"all", func(string) issuingPoint { return issuingPoint{} }, false},
		{"this_point", func(url string) issuingPoint {
			return issuingPoint{Name: pointName{Full: []asn1.RawValue{name("http://other.example/"), name(url)}}, OnlyUser: true}
		}, false},
		{"M3_other_point", func(string) issuingPoint {
			return issuingPoint{Name: pointName{Full: []asn1.RawValue{name("http://other.example/")}}}
		}, true},
		{"M3_point_without_uri", func(string) issuingPoint {
			return issuingPoint{Name: pointName{Full: []asn1.RawValue{{Class: 2, Tag: 2, Bytes: []byte("a.example")}}}}
		}, true},
		{"M3_only_authorities", func(string) issuingPoint { return issuingPoint{OnlyCA: true} }, true},
		{"M3_only_attribute_certificates", func(string) issuingPoint { return issuingPoint{OnlyAttribute: true} }, true},
		{"M3_indirect", func(string) issuingPoint { return issuingPoint{Indirect: true} }, true},
		{"M3_some_reasons", func(string) issuingPoint {
			return issuingPoint{SomeReasons: asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}}
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ca := authntest.NewCA(t)
			idp := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: mustMarshal(t, tc.make(ca.CRLURL))}
			for _, critical := range []bool{true, false} {
				idp.Critical = critical
				ca.SetCRLFault(authntest.CRLFault{Extensions: []pkix.Extension{idp}})
				c, state := newClientCerts(t, ca), handshake(t, ca.Issue(t, authntest.CertSpec{}))
				if tc.bad {
					mustRefuse(t, c, state, authn.CertCRLUnavailable, noParse)
				} else {
					mustTrust(t, c, state)
				}
			}
		})
	}
}

func TestCRL_of_intermediates(t *testing.T) {
	t.Parallel()
	root := authntest.NewCA(t)
	named := func(spec authntest.CertSpec) *authntest.CA {
		spec.CRLPoints = []string{root.CRLURL}
		return root.Intermediate(t, authntest.CASpec(spec))
	}
	good, revoked := named(authntest.CertSpec{}), named(authntest.CertSpec{})
	root.Revoke(revoked.Cert.SerialNumber)
	issue := func(ca *authntest.CA) authntest.CertSpec { return authntest.CertSpec{CRLPoints: []string{ca.CRLURL}} }

	t.Run("without_points", func(t *testing.T) {
		t.Parallel()
		ca := root.Intermediate(t)
		mustTrust(t, newClientCerts(t, root), handshake(t, ca.Issue(t, issue(ca))))
	})
	t.Run("good", func(t *testing.T) {
		t.Parallel()
		mustTrust(t, newClientCerts(t, root), handshake(t, good.Issue(t, issue(good))))
	})
	t.Run("M3_revoked", func(t *testing.T) {
		t.Parallel()
		mustRefuse(t, newClientCerts(t, root), handshake(t, revoked.Issue(t, issue(revoked))), authn.CertRevoked, "An authority above your certificate has been revoked")
	})
	t.Run("M3_list_down", func(t *testing.T) {
		t.Parallel()
		root := authntest.NewCA(t)
		ca := root.Intermediate(t, authntest.CASpec(authntest.CertSpec{CRLPoints: []string{root.CRLURL}}))
		root.SetCRLFault(authntest.CRLFault{Abort: true})
		mustRefuse(t, newClientCerts(t, root), handshake(t, ca.Issue(t, authntest.CertSpec{})), authn.CertCRLUnavailable, noAccess)
	})
	t.Run("M3_leaf_names_the_list_of_the_root", func(t *testing.T) {
		t.Parallel() // which is well signed, but says nothing of the intermediate's certificates
		mustRefuse(t, newClientCerts(t, root), handshake(t, good.Issue(t, issue(root))), authn.CertCRLUnavailable, noParse)
	})
	t.Run("M3_one_address_for_two_authorities", func(t *testing.T) {
		t.Parallel() // the root's list is at hand when the intermediate's is asked for
		c := newClientCerts(t, root)
		mustTrust(t, c, handshake(t, root.Issue(t, issue(root))))
		mustRefuse(t, c, handshake(t, good.Issue(t, issue(root))), authn.CertCRLUnavailable, noParse)
	})
	t.Run("M3_issuer_of_another_name_with_one_key", func(t *testing.T) {
		t.Parallel()
		key := ecKey(t)
		ca := root.Intermediate(t, authntest.CASpec(authntest.CertSpec{Key: key, Subject: pkix.Name{CommonName: "one"}}))
		other := root.Intermediate(t, authntest.CASpec(authntest.CertSpec{Key: key, Subject: pkix.Name{CommonName: "other"}}))
		state := handshake(t, ca.Issue(t, issue(ca)))
		mustTrust(t, newClientCerts(t, root), state)
		ca.SetCRLFault(authntest.CRLFault{Issuer: other})
		mustRefuse(t, newClientCerts(t, root), state, authn.CertCRLUnavailable, noParse)
	})
	t.Run("M3_may_not_sign_lists", func(t *testing.T) {
		t.Parallel()
		// crypto/x509 would not make such a list: let a twin with the same key and name sign it.
		key := ecKey(t)
		ca := root.Intermediate(t, authntest.CASpec(authntest.CertSpec{KeyUsage: x509.KeyUsageCertSign, Key: key, Subject: pkix.Name{CommonName: "twin"}}))
		twin := root.Intermediate(t, authntest.CASpec(authntest.CertSpec{Key: key, Subject: pkix.Name{CommonName: "twin"}}))
		ca.SetCRLFault(authntest.CRLFault{Issuer: twin})
		mustRefuse(t, newClientCerts(t, root), handshake(t, ca.Issue(t, issue(ca))), authn.CertCRLUnavailable, noParse)
	})
	t.Run("only_user_certificates_where_an_authority_is_asked_about", func(t *testing.T) {
		t.Parallel()
		root := authntest.NewCA(t)
		idp := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: mustMarshal(t, issuingPoint{OnlyUser: true})}
		root.SetCRLFault(authntest.CRLFault{Extensions: []pkix.Extension{idp}})
		ca := root.Intermediate(t, authntest.CASpec(authntest.CertSpec{CRLPoints: []string{root.CRLURL}}))
		mustRefuse(t, newClientCerts(t, root), handshake(t, ca.Issue(t, authntest.CertSpec{})), authn.CertCRLUnavailable, noParse)
	})
}
