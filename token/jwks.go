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

// JWKS returns the public parts of all keys whose tokens count now or will soon, as a JSON Web Key Set (RFC
// 7517); an empty one before the first key was made. Its error wraps ErrUnavailable. Whoever keeps it must
// read it again when a token names a key that is not in it: the successor of a leaked key signs at once.
func (k *Keys) JWKS(ctx context.Context) ([]byte, error) {
	known, err := k.rec.read(ctx)
	if err != nil {
		return nil, err
	}
	out := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	now := k.now()
	for i, key := range known.set.keys {
		if known.set.verifies(i, now) {
			out.Keys = append(out.Keys, key.jwk())
		}
	}
	return json.Marshal(out)
}

func (k *signingKey) jwk() jwk {
	b64 := base64.RawURLEncoding.EncodeToString
	j := jwk{Use: "sig", Alg: k.alg, ID: k.id}
	switch p := k.public.(type) {
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
