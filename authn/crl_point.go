package authn

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"slices"
)

const (
	maxPoints      = 8 // distribution points of a certificate
	maxPointURLs   = 4 // places of one point that are tried
	maxPointURLLen = 2048
)

// crlPoint is one distribution point of a certificate (RFC 5280 section 4.2.1.13). Its URLs are ways to
// one and the same list; different points may have different lists, so every one of them must be asked.
type crlPoint struct {
	names []string // its URIs, all of them
	urls  []string // those that can be fetched; never empty
}

// distributionPoint and the types below are ASN.1 of RFC 5280. crypto/x509 hands out the URIs of all points
// in one list, from which it cannot be told that a point has none, or a list signed by somebody else.
type distributionPoint struct {
	Name    distributionPointName `asn1:"optional,tag:0"`
	Reasons asn1.BitString        `asn1:"optional,tag:1"`
	Issuer  asn1.RawValue         `asn1:"optional,tag:2"`
}

type distributionPointName struct {
	Full     []asn1.RawValue `asn1:"optional,tag:0"`
	Relative asn1.RawValue   `asn1:"optional,tag:1"`
}

// uris returns the uniformResourceIdentifiers among the full names.
func (n distributionPointName) uris() []string {
	var list []string
	for _, name := range n.Full {
		if name.Class == asn1.ClassContextSpecific && name.Tag == 6 {
			list = append(list, string(name.Bytes))
		}
	}
	return list
}

// crlPoints returns the distribution points of cert, nil if it has none. It fails if one of them cannot be
// asked: not over http or https, with a list of some other issuer or of some reasons only.
func crlPoints(cert *x509.Certificate) ([]crlPoint, *CertError) {
	extension := slices.IndexFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidCRLPoints()) })
	if extension < 0 {
		return nil, nil
	}
	unusable := &CertError{Fault: CertCRLUnavailable, Text: "Could not access CRL"}
	var points []distributionPoint
	rest, err := asn1.Unmarshal(cert.Extensions[extension].Value, &points)
	if err != nil || len(rest) > 0 || len(points) > maxPoints {
		return nil, unusable
	}
	var list []crlPoint
	for _, p := range points {
		point := crlPoint{names: p.Name.uris()}
		for _, name := range point.names {
			if fetchable(name) && len(point.urls) < maxPointURLs {
				point.urls = append(point.urls, name)
			}
		}
		if len(point.urls) == 0 || p.Reasons.BitLength > 0 || len(p.Issuer.FullBytes) > 0 {
			return nil, unusable
		}
		list = append(list, point)
	}
	return list, nil
}

func fetchable(address string) bool {
	if len(address) > maxPointURLLen {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}
