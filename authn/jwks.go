package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/authgate/authgate/internal/strictjson"
)

const (
	maxJWKSBytes = 1 << 20
	maxJWKSKeys  = 256
	maxJWKSDepth = 8
	maxKeyID     = 256 // bytes of a kid, in key sets and in tokens

	minRSABits     = 2048
	maxRSABits     = 8192
	maxRSAExponent = 1<<31 - 1
)

// jwk holds the members of a JSON Web Key that matter here. Certificates and URLs (x5c, x5u) are not
// among them: a key is trusted because of where the set came from, and nothing in it is followed.
type jwk struct {
	Kty    string   `json:"kty"`
	Use    string   `json:"use"`
	KeyOps []string `json:"key_ops"`
	Alg    string   `json:"alg"`
	Kid    string   `json:"kid"`
	Crv    string   `json:"crv"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
	N      string   `json:"n"`
	E      string   `json:"e"`
	K      string   `json:"k"`
	D      string   `json:"d"`
}

// parsedKey is a usable public key of a set.
type parsedKey struct {
	kid    string
	public crypto.PublicKey
	algs   algorithms // what it may verify, already limited to the issuer's list
}

// parseJWKS returns the keys of a JWK set that can verify signatures by one of the allowed algorithms;
// keys that cannot are skipped (RFC 7517 section 5). A set without any is an error, so that an error
// page or an emptied file never replaces working keys (specs K5). Two different keys under one kid are
// both skipped: nobody can tell which is meant.
func parseJWKS(data []byte, allowed algorithms) ([]parsedKey, error) {
	if len(data) > maxJWKSBytes {
		return nil, errors.New("key set: larger than 1 MiB")
	}
	if err := strictjson.Check(data, maxJWKSDepth); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(data, &set) != nil {
		return nil, errors.New("key set: not an object with a list of keys")
	}
	if len(set.Keys) > maxJWKSKeys {
		return nil, fmt.Errorf("key set: more than %d keys", maxJWKSKeys)
	}
	var (
		keys      []parsedKey
		ambiguous []string
		lastSkip  error
	)
	for _, raw := range set.Keys {
		k, err := parseJWK(raw, allowed)
		if err != nil {
			lastSkip = err
			continue
		}
		n := slices.IndexFunc(keys, func(other parsedKey) bool { return other.kid == k.kid })
		switch {
		case n < 0:
			keys = append(keys, k)
		case !samePublic(keys[n].public, k.public) || keys[n].algs != k.algs:
			ambiguous = append(ambiguous, k.kid)
			lastSkip = errors.New("two different keys have the same kid")
		}
	}
	keys = slices.DeleteFunc(keys, func(k parsedKey) bool { return slices.Contains(ambiguous, k.kid) })
	if len(keys) == 0 {
		if lastSkip != nil {
			return nil, fmt.Errorf("key set: none of its %d keys can be used, the last because %w", len(set.Keys), lastSkip)
		}
		return nil, errors.New("key set: no keys in it")
	}
	return keys, nil
}

// parseJWK decodes one key, or says why it is skipped.
func parseJWK(raw json.RawMessage, allowed algorithms) (parsedKey, error) {
	var k jwk
	if json.Unmarshal(raw, &k) != nil {
		return parsedKey{}, errors.New("it has a member of the wrong type")
	}
	switch {
	case k.Kid == "" || len(k.Kid) > maxKeyID:
		return parsedKey{}, errors.New("it has no kid of 1 to 256 bytes")
	case k.K != "" || k.D != "":
		return parsedKey{}, errors.New("it shows a secret part, so anybody may sign with it")
	case k.Use != "" && k.Use != "sig":
		return parsedKey{}, errors.New("its use is not sig")
	case k.KeyOps != nil && !slices.Contains(k.KeyOps, "verify"):
		return parsedKey{}, errors.New("its key_ops lack verify")
	}
	public, err := decodePublic(k)
	if err != nil {
		return parsedKey{}, err
	}
	algs := algorithmsFor(public) & allowed
	if k.Alg != "" {
		algs &= algorithmSet([]string{k.Alg})
	}
	if algs == 0 {
		return parsedKey{}, errors.New("none of the issuer's algorithms fits it (see algorithms)")
	}
	return parsedKey{kid: k.Kid, public: public, algs: algs}, nil
}

// decodePublic lets go-jose decode the public members, and only those, so that neither a private nor a
// symmetric key (oct) can come out, and checks the key's strength.
func decodePublic(k jwk) (crypto.PublicKey, error) {
	members, err := json.Marshal(map[string]string{"kty": k.Kty, "crv": k.Crv, "x": k.X, "y": k.Y, "n": k.N, "e": k.E})
	if err != nil {
		return nil, errors.New("it cannot be decoded")
	}
	if len(k.E) > 8 { // go-jose cuts a longer exponent to 64 bits without an error
		return nil, errors.New("its exponent is too large")
	}
	var decoded jose.JSONWebKey
	if err := decoded.UnmarshalJSON(members); err != nil {
		return nil, errors.New("it is not a well-formed RSA, EC or Ed25519 key")
	}
	switch public := decoded.Key.(type) {
	case *rsa.PublicKey:
		return public, checkRSA(public)
	case *ecdsa.PublicKey:
		if _, err := public.ECDH(); err != nil {
			return nil, errors.New("it is not a point of its curve")
		}
		return public, nil
	case ed25519.PublicKey:
		if len(public) != ed25519.PublicKeySize {
			return nil, errors.New("it is not 32 bytes long")
		}
		return public, nil
	}
	return nil, errors.New("it is not an RSA, EC or Ed25519 key")
}

func checkRSA(k *rsa.PublicKey) error {
	switch bits := k.N.BitLen(); {
	case bits < minRSABits:
		return fmt.Errorf("it is RSA of %d bits, under %d", bits, minRSABits)
	case bits > maxRSABits:
		return fmt.Errorf("it is RSA of %d bits, over %d", bits, maxRSABits)
	case k.N.Bit(0) == 0:
		return errors.New("its modulus is even")
	case k.E < 3 || k.E%2 == 0 || k.E > maxRSAExponent:
		return errors.New("its exponent is not an odd number from 3 to 2^31-1")
	}
	return nil
}

func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
