package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"
)

// algorithm is an index into the supported asymmetric JWS algorithms. There is no symmetric one: a
// public key can then never be taken for an HMAC secret (specs J2).
type algorithm uint8

const (
	rs256 algorithm = iota
	rs384
	rs512
	ps256
	ps384
	ps512
	es256
	es384
	es512
	edDSA
	algorithmCount
)

// algorithmByName finds an algorithm by the exact text of a header or configuration.
func algorithmByName(name string) (algorithm, bool) {
	for a := range algorithmCount {
		if a.method().Alg() == name {
			return a, true
		}
	}
	return 0, false
}

func algorithmNames() []string {
	names := make([]string, 0, algorithmCount)
	for a := range algorithmCount {
		names = append(names, a.method().Alg())
	}
	return names
}

// method returns golang-jwt's implementation of a.
func (a algorithm) method() jwt.SigningMethod {
	switch a {
	case rs256:
		return jwt.SigningMethodRS256
	case rs384:
		return jwt.SigningMethodRS384
	case rs512:
		return jwt.SigningMethodRS512
	case ps256:
		return jwt.SigningMethodPS256
	case ps384:
		return jwt.SigningMethodPS384
	case ps512:
		return jwt.SigningMethodPS512
	case es256:
		return jwt.SigningMethodES256
	case es384:
		return jwt.SigningMethodES384
	case es512:
		return jwt.SigningMethodES512
	default:
		return jwt.SigningMethodEdDSA
	}
}

// algorithms is a set of algorithm values.
type algorithms uint16

const allAlgorithms algorithms = 1<<algorithmCount - 1

func (s algorithms) has(a algorithm) bool { return s&(1<<a) != 0 }

func algorithmSet(names []string) algorithms {
	var s algorithms
	for _, n := range names {
		if a, ok := algorithmByName(n); ok {
			s |= 1 << a
		}
	}
	return s
}

// algorithmsFor returns the algorithms a public key can be used with at all, none for a key of an
// unsupported type or curve.
func algorithmsFor(key crypto.PublicKey) algorithms {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return 1<<rs256 | 1<<rs384 | 1<<rs512 | 1<<ps256 | 1<<ps384 | 1<<ps512
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return 1 << es256
		case elliptic.P384():
			return 1 << es384
		case elliptic.P521():
			return 1 << es512
		}
	case ed25519.PublicKey:
		return 1 << edDSA
	}
	return 0
}

func (s algorithms) names() []string {
	var names []string
	for a := range algorithmCount {
		if s.has(a) {
			names = append(names, a.method().Alg())
		}
	}
	return names
}
