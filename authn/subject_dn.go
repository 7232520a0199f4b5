package authn

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// dnAttributes are the attributes that have a name in a SubjectDN, in the order of the text.
func dnAttributes() []dnAttribute {
	return []dnAttribute{
		{"E", asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}},
		{"SERIALNUMBER", asn1.ObjectIdentifier{2, 5, 4, 5}},
		{"CN", asn1.ObjectIdentifier{2, 5, 4, 3}},
		{"OU", asn1.ObjectIdentifier{2, 5, 4, 11}},
		{"O", asn1.ObjectIdentifier{2, 5, 4, 10}},
		{"POSTALCODE", asn1.ObjectIdentifier{2, 5, 4, 17}},
		{"STREET", asn1.ObjectIdentifier{2, 5, 4, 9}},
		{"L", asn1.ObjectIdentifier{2, 5, 4, 7}},
		{"ST", asn1.ObjectIdentifier{2, 5, 4, 8}},
		{"C", asn1.ObjectIdentifier{2, 5, 4, 6}},
		{"DC", asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}},
	}
}

type dnAttribute struct {
	name string
	oid  asn1.ObjectIdentifier
}

// SubjectDN returns the subject of cert as ARGO's api-authn writes it, which bindings hold as their
// auth_identifier: the attributes in a fixed order, E first and DC last, the values of one attribute joined by
// "+" in the order of the certificate, with the escapes of RFC 4514. An empty subject gives "".
//
// It leaves nothing out, so that no two sets of attribute values give one text: upstream drops attributes
// without a name (UID), all but the last CN, and does not escape E and DC, so that there a certificate could pass for
// another one. Attributes without a name follow DC as oid=#hex, and control characters are escaped.
func SubjectDN(cert *x509.Certificate) string {
	var b strings.Builder
	named := dnAttributes()
	for _, a := range named {
		values := 0
		for _, v := range cert.Subject.Names {
			if !v.Type.Equal(a.oid) {
				continue
			}
			separate(&b, values, a.name)
			writeDNValue(&b, fmt.Sprint(v.Value))
			values++
		}
	}
	others := slices.Clone(cert.Subject.Names)
	for len(others) > 0 {
		oid, values := others[0].Type, 0
		rest := others[:0:0]
		for _, v := range others {
			if !v.Type.Equal(oid) {
				rest = append(rest, v)
				continue
			}
			if slices.ContainsFunc(named, func(a dnAttribute) bool { return a.oid.Equal(oid) }) {
				continue
			}
			separate(&b, values, oid.String())
			writeDNHex(&b, v.Value)
			values++
		}
		others = rest
	}
	return b.String()
}

// separate begins the value of an attribute of which so many have been written.
func separate(b *strings.Builder, written int, name string) {
	switch {
	case written > 0:
		b.WriteByte('+')
	case b.Len() > 0:
		b.WriteByte(',')
	}
	b.WriteString(name)
	b.WriteByte('=')
}

// writeDNHex writes a value of an attribute without a name, whose text nobody could tell from its encoding.
func writeDNHex(b *strings.Builder, value any) {
	der, err := asn1.Marshal(value)
	if err != nil {
		writeDNValue(b, fmt.Sprint(value))
		return
	}
	b.WriteByte('#')
	b.WriteString(hex.EncodeToString(der))
}

func writeDNValue(b *strings.Builder, s string) {
	for n, r := range s {
		_, size := utf8.DecodeRuneInString(s[n:])
		switch {
		case strings.ContainsRune(`,+"\<>;`, r), r == ' ' && (n == 0 || n == len(s)-1), r == '#' && n == 0:
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsControl(r), r == utf8.RuneError && size == 1: // a control character, or no character at all
			for _, c := range []byte(s[n : n+size]) {
				fmt.Fprintf(b, `\%02X`, c)
			}
		default:
			b.WriteRune(r)
		}
	}
}

// HasSubjectAltName reports whether cert has a subject alternative name extension, of whatever kind.
func HasSubjectAltName(cert *x509.Certificate) bool {
	for _, e := range cert.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			return true
		}
	}
	return false
}
