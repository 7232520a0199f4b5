package authn

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
)

// crlScope is which certificates of its issuer a list speaks of: all of them, if zero.
type crlScope struct {
	names             []string // of the distribution points it is for, if it is not for all
	onlyUser, onlyCAs bool
}

// issuingDistributionPoint is ASN.1 of RFC 5280 section 5.2.5.
type issuingDistributionPoint struct {
	Name          distributionPointName `asn1:"optional,tag:0"`
	OnlyUser      bool                  `asn1:"optional,tag:1"`
	OnlyCA        bool                  `asn1:"optional,tag:2"`
	SomeReasons   asn1.BitString        `asn1:"optional,tag:3"`
	Indirect      bool                  `asn1:"optional,tag:4"`
	OnlyAttribute bool                  `asn1:"optional,tag:5"`
}

// scopeOf reads the extensions of a list. It refuses delta lists, lists of other authorities' certificates, of
// some reasons only and of attribute certificates, and those with critical extensions nobody knows: a serial
// missing in one of these proves nothing.
func scopeOf(extensions []pkix.Extension) (crlScope, error) {
	var scope crlScope
	seen := false
	for _, e := range extensions {
		switch {
		case e.Id.Equal(oidCRLNumber()), e.Id.Equal(oidAuthorityKey()):
		case e.Id.Equal(oidDeltaCRL()):
			return scope, errors.New("it is a delta list")
		case e.Id.Equal(oidIssuingPoint()):
			var err error
			if scope, err = issuingScope(e.Value); err != nil || seen {
				return scope, errors.New("it does not speak of every reason and every certificate of a kind")
			}
			seen = true
		case e.Critical:
			return scope, errors.New("it has a critical extension that is not known")
		}
	}
	return scope, nil
}

func issuingScope(der []byte) (crlScope, error) {
	var p issuingDistributionPoint
	rest, err := asn1.Unmarshal(der, &p)
	named := len(p.Name.Full) > 0
	switch {
	case err != nil || len(rest) > 0:
		return crlScope{}, errors.New("malformed")
	case p.Indirect || p.OnlyAttribute || p.SomeReasons.BitLength > 0 || len(p.Name.Relative.FullBytes) > 0:
		return crlScope{}, errors.New("limited")
	case named && len(p.Name.uris()) == 0:
		return crlScope{}, errors.New("for points that are not URIs")
	}
	return crlScope{names: p.Name.uris(), onlyUser: p.OnlyUser, onlyCAs: p.OnlyCA}, nil
}

// covers reports whether the list speaks of cert, which names it by point (RFC 5280 section 6.3.3 b 2). Without this, an
// authority's list for other certificates would acquit every one of these.
func (s crlScope) covers(cert *x509.Certificate, point crlPoint) bool {
	if s.onlyUser && cert.IsCA || s.onlyCAs && !cert.IsCA {
		return false
	}
	return len(s.names) == 0 || slices.ContainsFunc(s.names, func(n string) bool { return slices.Contains(point.names, n) })
}
