package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/authgate/authgate/token"
)

type publishedKey struct{ Kty, Use, Alg, Kid, Crv, X, Y, N, E string }

func published(t *testing.T, k *token.Keys) []publishedKey {
	t.Helper()
	data, err := k.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []publishedKey }
	if err := json.Unmarshal(data, &set); err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{`"d"`, `"p"`, `"q"`, `"k"`} {
		if strings.Contains(string(data), private) {
			t.Errorf("the key set has a member %s", private)
		}
	}
	return set.Keys
}

// verifyByJWKS verifies raw as a stranger would, with golang-jwt and the published keys.
func verifyByJWKS(t *testing.T, k *token.Keys, raw string) error {
	t.Helper()
	parser := jwt.NewParser(jwt.WithoutClaimsValidation())
	_, err := parser.Parse(raw, func(parsed *jwt.Token) (any, error) {
		for _, key := range published(t, k) {
			if key.Kid == parsed.Header["kid"] && key.Alg == parsed.Method.Alg() && key.Use == "sig" {
				return key.public()
			}
		}
		return nil, fmt.Errorf("no key")
	})
	return err
}

func (k publishedKey) public() (any, error) {
	number := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			panic(err)
		}
		return b
	}
	switch k.Kty + k.Crv {
	case "ECP-256":
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, append(number(k.X), number(k.Y)...)...))
	case "OKPEd25519":
		return ed25519.PublicKey(number(k.X)), nil
	case "RSA":
		return &rsa.PublicKey{N: new(big.Int).SetBytes(number(k.N)), E: int(new(big.Int).SetBytes(number(k.E)).Int64())}, nil
	}
	return nil, fmt.Errorf("unknown key type %s %s", k.Kty, k.Crv)
}

// TestJWKS: keys are published before they sign, and until their last token has expired.
func TestJWKS(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := replica(t, memory(t), c)
	if keys := published(t, k); len(keys) != 0 {
		t.Errorf("keys %v", keys)
	}
	mint(t, k, c)
	made, err := k.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if keys := published(t, k); len(keys) != 2 || keys[1].Kid != made.ID || made.State != token.StatePending {
		t.Errorf("with one waiting: %v, %+v", keys, made)
	}
	c.advance(25*time.Hour + 2*time.Minute)
	if keys := published(t, k); len(keys) != 1 || keys[0].Kid != made.ID {
		t.Errorf("after the first has retired: %v", keys)
	}
}
