package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// Alg is a signature algorithm, by its name in JWTs (RFC 7518, RFC 8037).
type Alg string

// The algorithms keys are made for. None is symmetric: what verifies can be published (specs J2).
const (
	ES256 Alg = "ES256"
	EdDSA Alg = "EdDSA"
	RS256 Alg = "RS256"
)

// Algs returns the algorithms, the default first.
func Algs() []Alg { return []Alg{ES256, EdDSA, RS256} }

// rsaBits is what every verifier takes. Longer keys would cost two to four times as much at each request, and
// these sign for a month only; who wants more takes another algorithm.
const rsaBits = 2048

func (a Alg) method() (jwt.SigningMethod, error) {
	switch a {
	case ES256:
		return jwt.SigningMethodES256, nil
	case EdDSA:
		return jwt.SigningMethodEdDSA, nil
	case RS256:
		return jwt.SigningMethodRS256, nil
	}
	return nil, fmt.Errorf("signature algorithm %q is not supported; there are %v", string(a), Algs())
}

func (a Alg) generate() (crypto.Signer, error) {
	switch a {
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	}
	_, err := a.method()
	return nil, err
}

// fits reports whether key is one that generate makes for a, and strong enough (specs J3, J21).
func (a Alg) fits(key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return a == ES256 && k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return a == EdDSA && len(k) == ed25519.PublicKeySize
	case *rsa.PublicKey:
		return a == RS256 && k.N.BitLen() >= rsaBits && k.E >= 1<<16+1
	}
	return false
}
