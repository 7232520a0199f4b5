package authntest

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"
)

// crlWithoutNextUpdate signs an empty list without nextUpdate, which crypto/x509 refuses to make. The signer's key must be a P-256 one.
func crlWithoutNextUpdate(list *x509.RevocationList, issuer *x509.Certificate, key crypto.Signer) ([]byte, error) {
	ecdsaWithSHA256 := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	inner, err := asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Issuer    asn1.RawValue
		This      time.Time
	}{1, ecdsaWithSHA256, asn1.RawValue{FullBytes: issuer.RawSubject}, list.ThisUpdate})
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(inner)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		List      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: inner}, ecdsaWithSHA256, asn1.BitString{Bytes: signature, BitLength: len(signature) * 8}})
}
