package authn_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

var (
	oidEmail = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	oidDC    = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}
	oidUID   = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	oidTitle = asn1.ObjectIdentifier{2, 5, 4, 12}
	oidCN    = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidO     = asn1.ObjectIdentifier{2, 5, 4, 10}
)

// attribute is one attribute of a subject, in the order of the certificate.
type attribute struct {
	oid   asn1.ObjectIdentifier
	value string
}

// issueSubject makes a certificate with exactly these attributes.
func issueSubject(t *testing.T, ca *authntest.CA, attributes ...attribute) *x509.Certificate {
	t.Helper()
	var rdns pkix.RDNSequence
	for _, a := range attributes {
		rdns = append(rdns, pkix.RelativeDistinguishedNameSET{{Type: a.oid, Value: a.value}})
	}
	raw, err := asn1.Marshal(rdns)
	if err != nil {
		t.Fatal(err)
	}
	return ca.Issue(t, authntest.CertSpec{RawSubject: raw}).Leaf
}

func TestSubjectDN(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	for _, tc := range []struct {
		name    string
		subject []attribute
		want    string
	}{
		{"example_of_the_specification", []attribute{
			{asn1.ObjectIdentifier{2, 5, 4, 6}, "GR"}, {asn1.ObjectIdentifier{2, 5, 4, 8}, "Attikí"},
			{oidO, "NATIONAL INFRASTRUCTURES FOR RESEARCH & TECHNOLOGY S.A."}, {oidCN, "*.einfra.grnet.gr"},
		}, "CN=*.einfra.grnet.gr,O=NATIONAL INFRASTRUCTURES FOR RESEARCH & TECHNOLOGY S.A.,ST=Attikí,C=GR"},
		{"every_attribute", []attribute{
			{oidDC, "org"}, {oidDC, "example"}, {asn1.ObjectIdentifier{2, 5, 4, 6}, "GR"}, {asn1.ObjectIdentifier{2, 5, 4, 8}, "st"},
			{asn1.ObjectIdentifier{2, 5, 4, 7}, "l"}, {asn1.ObjectIdentifier{2, 5, 4, 9}, "street"}, {asn1.ObjectIdentifier{2, 5, 4, 17}, "11521"},
			{oidO, "o"}, {asn1.ObjectIdentifier{2, 5, 4, 11}, "ou2"}, {asn1.ObjectIdentifier{2, 5, 4, 11}, "ou1"}, {oidCN, "cn"},
			{asn1.ObjectIdentifier{2, 5, 4, 5}, "42"}, {oidEmail, "a@example.org"},
		}, "E=a@example.org,SERIALNUMBER=42,CN=cn,OU=ou2+OU=ou1,O=o,POSTALCODE=11521,STREET=street,L=l,ST=st,C=GR,DC=org+DC=example"},
		{"M3_comma_in_a_name", []attribute{{oidCN, "x,O=Victim"}}, `CN=x\,O=Victim`},
		{"M3_plus_in_a_name", []attribute{{oidO, "x+O=y"}}, `O=x\+O=y`},
		{"M3_comma_in_e", []attribute{{oidEmail, "a@b,CN=admin"}, {oidCN, "x"}}, `E=a@b\,CN=admin,CN=x`},
		{"M3_plus_in_dc", []attribute{{oidCN, "x"}, {oidDC, "v1+DC=v2"}}, `CN=x,DC=v1\+DC=v2`},
		{"M3_newline", []attribute{{oidCN, "x\nCN=admin"}}, `CN=x\0ACN=admin`},
		{"M3_nul", []attribute{{oidCN, "admin\x00x"}}, `CN=admin\00x`},
		{"backslash_that_looks_like_a_newline", []attribute{{oidCN, `x\0ACN=admin`}}, `CN=x\\0ACN=admin`},
		{"spaces_at_the_ends", []attribute{{oidCN, " x "}, {oidO, " "}}, `CN=\ x\ ,O=\ `},
		{"hash_in_front", []attribute{{oidCN, "#13"}}, `CN=\#13`},
		{"M3_second_common_name", []attribute{{oidCN, "mallory"}, {oidCN, "admin"}}, "CN=mallory+CN=admin"},
		{"M3_attribute_without_a_name", []attribute{{oidCN, "x"}, {oidUID, "alice"}}, "CN=x,0.9.2342.19200300.100.1.1=#1305616c696365"},
		{"empty", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			spec := tc.subject
			if spec == nil {
				if got := authn.SubjectDN(&x509.Certificate{}); got != "" {
					t.Errorf("got %q for no subject", got)
				}
				return
			}
			if got := authn.SubjectDN(issueSubject(t, ca, spec...)); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

// TestSubjectDN_like_upstream compares with what api-authn does, for the subjects it writes without a loss.
func TestSubjectDN_like_upstream(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	cert := ca.Issue(t, authntest.CertSpec{Subject: pkix.Name{
		CommonName: `Ada "Countess" <Lovelace>; #1`, Organization: []string{"A+B", "#C, Inc."}, OrganizationalUnit: []string{" x", "y "},
		Country: []string{"GB", "GR"}, Locality: []string{"Athína"}, Province: []string{`a\b`}, StreetAddress: []string{"1 = 2"},
		PostalCode: []string{"1"}, SerialNumber: "007",
	}}).Leaf
	if got, want := authn.SubjectDN(cert), cert.Subject.ToRDNSequence().String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestSubjectDN_tells_subjects_apart reads the text back: what can be read back is not that of anybody else.
func TestSubjectDN_tells_subjects_apart(t *testing.T) {
	t.Parallel()
	types := []asn1.ObjectIdentifier{oidEmail, oidDC, oidCN, oidO, {2, 5, 4, 11}, {2, 5, 4, 5}, {2, 5, 4, 6}, oidUID, oidTitle}
	pieces := []string{"", "a", ",", "+", "=", `\`, `"`, "#", " ", ";", "<", "\n", "\r", "\x00", "0A", "CN=", ",CN=a", "+CN=a", "E=", ",DC=", "é", "\u0085", "\ufffd"}
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]string{}
	for range 20000 {
		var rdns pkix.RDNSequence
		want := map[string][]string{}
		for range 1 + r.IntN(4) {
			oid, value := types[r.IntN(len(types))], ""
			for range r.IntN(4) {
				value += pieces[r.IntN(len(pieces))]
			}
			rdns = append(rdns, pkix.RelativeDistinguishedNameSET{{Type: oid, Value: value}})
			want[oid.String()] = append(want[oid.String()], value)
		}
		cert := &x509.Certificate{}
		cert.Subject.FillFromRDNSequence(&rdns) // as crypto/x509 does
		text := authn.SubjectDN(cert)
		if strings.ContainsAny(text, "\n\r\x00\u0085") {
			t.Fatalf("a control character in %q", text)
		}
		if got := fmt.Sprintf("%q", readDN(t, text)); got != fmt.Sprintf("%q", want) {
			t.Fatalf("%q reads as %s, but the subject is %q", text, got, want)
		}
		if other, ok := seen[text]; ok && other != fmt.Sprintf("%q", want) {
			t.Fatalf("%q stands for %s and %q", text, other, want)
		}
		seen[text] = fmt.Sprintf("%q", want)
	}
}

// readDN takes a text apart by the rules of RFC 4514.
func readDN(t *testing.T, text string) map[string][]string {
	t.Helper()
	oids := map[string]string{
		"E": oidEmail.String(), "DC": oidDC.String(), "CN": "2.5.4.3", "O": "2.5.4.10", "OU": "2.5.4.11", "SERIALNUMBER": "2.5.4.5", "C": "2.5.4.6",
	}
	found := map[string][]string{}
	var names []string
	for _, part := range splitUnescaped(text) {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			t.Fatalf("%q has a part without =", text)
		}
		names = append(names, name)
		if oid, known := oids[name]; known {
			found[oid] = append(found[oid], unescape(t, value))
			continue
		}
		der, err := hex.DecodeString(strings.TrimPrefix(value, "#"))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var s string
		if _, err := asn1.Unmarshal(der, &s); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		found[name] = append(found[name], s)
	}
	if order := slices.Compact(slices.Clone(names)); len(order) != len(found) {
		t.Fatalf("%q names an attribute in two places", text)
	}
	return found
}

func splitUnescaped(text string) []string {
	var parts []string
	start := 0
	for n := 0; n < len(text); n++ {
		switch text[n] {
		case '\\':
			n++
		case ',', '+':
			parts = append(parts, text[start:n])
			start = n + 1
		}
	}
	return append(parts, text[start:])
}

func unescape(t *testing.T, value string) string {
	t.Helper()
	var b []byte
	for n := 0; n < len(value); n++ {
		if value[n] != '\\' {
			b = append(b, value[n])
			continue
		}
		if n+2 < len(value) {
			if c, err := hex.DecodeString(value[n+1 : n+3]); err == nil {
				b = append(b, c...)
				n += 2
				continue
			}
		}
		n++
		b = append(b, value[n])
	}
	return string(b)
}

func TestHasSubjectAltName(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	if authn.HasSubjectAltName(ca.Issue(t, authntest.CertSpec{}).Leaf) {
		t.Error("found in a certificate without")
	}
	for _, spec := range []authntest.CertSpec{{DNSNames: []string{"a.example"}}, {EmailAddresses: []string{"a@example.org"}}} {
		if !authn.HasSubjectAltName(ca.Issue(t, spec).Leaf) {
			t.Errorf("not found with %v", spec)
		}
	}
}
