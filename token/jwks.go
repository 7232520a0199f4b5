package token

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

// jwk is a public key as RFC 7517 and RFC 8037 write it.
type jwk struct {
	KeyType string `json:"kty"`
	Use     string `json:"use"`
	Alg     Alg    `json:"alg"`
	ID      string `json:"kid"`
	Curve   string `json:"crv,omitempty"`
	X       string `json:"x,omitempty"`
	Y       string `json:"y,omitempty"`
	N       string `json:"n,omitempty"`
	E       string `json:"e,omitempty"`
}

// JWKS returns the public parts of all keys whose tokens count now or will soon, as a JSON Web Key Set.
func (k *Keys) JWKS(ctx context.Context) ([]byte, error) {
	set, _, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	out := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	now := k.now()
	for _, key := range set.keys {
		if key.verifies(now) {
			out.Keys = append(out.Keys, key.jwk())
		}
	}
	return json.Marshal(out)
}

func (k *signingKey) jwk() jwk {
	b64 := base64.RawURLEncoding.EncodeToString
	j := jwk{Use: "sig", Alg: k.alg, ID: k.id}
	switch p := k.private.Public().(type) {
	case *ecdsa.PublicKey:
		j.KeyType, j.Curve = "EC", "P-256"
		if point, err := p.Bytes(); err == nil && len(point) == 65 {
			j.X, j.Y = b64(point[1:33]), b64(point[33:])
		}
	case ed25519.PublicKey:
		j.KeyType, j.Curve, j.X = "OKP", "Ed25519", b64(p)
	case *rsa.PublicKey:
		j.KeyType, j.N, j.E = "RSA", b64(p.N.Bytes()), b64(big.NewInt(int64(p.E)).Bytes())
	}
	return j
}
