package authn

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

func oidCRLPoints() asn1.ObjectIdentifier    { return asn1.ObjectIdentifier{2, 5, 29, 31} }
func oidDeltaCRL() asn1.ObjectIdentifier     { return asn1.ObjectIdentifier{2, 5, 29, 27} }
func oidIssuingPoint() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 28} }
func oidCRLNumber() asn1.ObjectIdentifier    { return asn1.ObjectIdentifier{2, 5, 29, 20} }
func oidAuthorityKey() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 35} }

// serial is the number of a certificate, at most 20 bytes long (RFC 5280 section 4.1.2.2), with zeros in front.
type serial [20]byte

// serialOf fails for a number no conforming list can have.
func serialOf(n *big.Int) (s serial, ok bool) {
	if n.Sign() < 0 || n.BitLen() > 8*len(s) {
		return s, false
	}
	n.FillBytes(s[:])
	return s, true
}

// crlList is a revocation list, verified and reduced to what is asked of it. It is immutable.
type crlList struct {
	serials                []serial // sorted
	thisUpdate, nextUpdate time.Time
	scope                  crlScope
}

func (l *crlList) has(s serial) bool {
	_, found := slices.BinarySearchFunc(l.serials, s, compareSerials)
	return found
}

func compareSerials(a, b serial) int { return bytes.Compare(a[:], b[:]) }

// size is what l takes, roughly.
func (l *crlList) size() int { return 200 + len(l.serials)*len(serial{}) }

// parseCRL verifies a list, in DER or PEM, as one issuer signed and that is current at now (RFC 5280 section
// 6.3.3 f to h). Whatever it does not understand it refuses. The entries are looked at last and one by one: until
// the signature has been verified, a stranger chose them, and crypto/x509 makes some 300 bytes of each.
func parseCRL(data []byte, issuer *x509.Certificate, now time.Time) (*crlList, error) {
	if bytes.HasPrefix(data, []byte("-----BEGIN")) {
		block, rest := pem.Decode(data)
		if block == nil || block.Type != "X509 CRL" || len(bytes.TrimSpace(rest)) > 0 {
			return nil, errors.New("not one list in PEM")
		}
		data = block.Bytes
	}
	tbs, entries, rl, err := splitCRL(data)
	if err != nil {
		return nil, err
	}
	switch {
	case !bytes.Equal(rl.RawIssuer, issuer.RawSubject):
		return nil, errors.New("its issuer is not that of the certificate")
	case !strongSignature(rl.SignatureAlgorithm):
		return nil, errors.New("its signature algorithm is not supported or too weak")
	case issuer.Version == 3 && !issuer.BasicConstraintsValid, issuer.BasicConstraintsValid && !issuer.IsCA,
		issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0:
		return nil, errors.New("the certificate's issuer may not sign lists")
	case issuer.CheckSignature(rl.SignatureAlgorithm, tbs, rl.Signature) != nil:
		return nil, errors.New("its signature does not verify")
	case rl.ThisUpdate.After(now):
		return nil, errors.New("it is from the future")
	case rl.NextUpdate.IsZero():
		return nil, errors.New("it does not say when the next one comes")
	case !now.Before(rl.NextUpdate):
		return nil, errors.New("the next one is due")
	}
	l := &crlList{thisUpdate: rl.ThisUpdate, nextUpdate: rl.NextUpdate}
	if l.scope, err = scopeOf(rl.Extensions); err != nil {
		return nil, err
	}
	l.serials, err = revokedSerials(entries)
	return l, err
}

// splitCRL takes the entries out of a list and lets crypto/x509 parse the rest. tbs is the part that is signed.
func splitCRL(data []byte) (tbs, entries []byte, rl *x509.RevocationList, err error) {
	malformed := errors.New("not a list in DER")
	var whole struct{ List, Algorithm, Signature asn1.RawValue }
	if rest, err := asn1.Unmarshal(data, &whole); err != nil || len(rest) > 0 {
		return nil, nil, nil, malformed
	}
	var parts []asn1.RawValue
	if whole.List.Class != asn1.ClassUniversal || whole.List.Tag != asn1.TagSequence {
		return nil, nil, nil, malformed
	}
	for rest := whole.List.Bytes; len(rest) > 0; {
		var part asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &part); err != nil || len(parts) == 7 {
			return nil, nil, nil, malformed
		}
		parts = append(parts, part)
	}
	// version, signature, issuer, thisUpdate, [nextUpdate], [revokedCertificates], [extensions]
	at := 4
	if len(parts) > at && (parts[at].Tag == asn1.TagUTCTime || parts[at].Tag == asn1.TagGeneralizedTime) {
		at++
	}
	if len(parts) > at && parts[at].Class == asn1.ClassUniversal && parts[at].Tag == asn1.TagSequence {
		entries = parts[at].Bytes
		parts = slices.Delete(parts, at, at+1)
	}
	if len(parts) > at && (parts[at].Class != asn1.ClassContextSpecific || len(parts) > at+1) {
		return nil, nil, nil, malformed
	}
	var head []byte
	for _, p := range parts {
		head = append(head, p.FullBytes...)
	}
	shell, err := asn1.Marshal(struct{ List, Algorithm, Signature asn1.RawValue }{
		asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: head}, whole.Algorithm, whole.Signature,
	})
	if err != nil {
		return nil, nil, nil, malformed
	}
	if rl, err = x509.ParseRevocationList(shell); err != nil {
		return nil, nil, nil, fmt.Errorf("not a list: %w", err)
	}
	return whole.List.FullBytes, entries, rl, nil
}

// revokedSerials returns the sorted numbers of the entries. What an entry gives as the reason does not matter: on
// hold is revoked too, for as long as it is on the list.
func revokedSerials(entries []byte) ([]serial, error) {
	var list []serial
	for len(entries) > 0 {
		var entry, number, date, extensions asn1.RawValue
		var err error
		if entries, err = asn1.Unmarshal(entries, &entry); err != nil {
			return nil, errors.New("an entry cannot be read")
		}
		rest, err := asn1.Unmarshal(entry.Bytes, &number)
		if err != nil || entry.Tag != asn1.TagSequence || number.Tag != asn1.TagInteger || len(number.Bytes) == 0 {
			return nil, errors.New("an entry cannot be read")
		}
		if rest, err = asn1.Unmarshal(rest, &date); err != nil {
			return nil, errors.New("an entry has no date")
		}
		if len(rest) > 0 {
			if _, err = asn1.Unmarshal(rest, &extensions); err != nil || criticalIn(extensions.FullBytes) {
				return nil, errors.New("an entry has an extension that must be understood")
			}
		}
		digits := bytes.TrimLeft(number.Bytes, "\x00")
		var s serial
		if number.Bytes[0] >= 0x80 || len(digits) > len(s) {
			continue // no certificate that gets here can have such a number
		}
		copy(s[len(s)-len(digits):], digits)
		list = append(list, s)
	}
	slices.SortFunc(list, compareSerials)
	return slices.Clip(slices.Compact(list)), nil
}

// criticalIn reports whether one of the extensions of an entry is critical, or cannot be read. We know none
// that may be: the one in use, certificateIssuer, makes the entry another authority's.
func criticalIn(der []byte) bool {
	if !bytes.Contains(der, []byte{asn1.TagBoolean, 1, 0xff}) {
		return false // there is no TRUE in it: most lists never get further
	}
	var list []pkix.Extension
	rest, err := asn1.Unmarshal(der, &list)
	return err != nil || len(rest) > 0 || slices.ContainsFunc(list, func(e pkix.Extension) bool { return e.Critical })
}
