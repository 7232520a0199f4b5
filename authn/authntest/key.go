package authntest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// Key is a signing key with its kid and algorithm. Change JWK to publish something else than the truth.
type Key struct {
	ID, Alg string
	JWK     map[string]any
	private crypto.Signer
	secret  []byte // for HS256
}

// NewKey makes a key for alg: RS256 and its family, PS256 and its family, ES256, ES384, ES512, EdDSA.
func NewKey(t testing.TB, alg, kid string) *Key {
	t.Helper()
	var signer crypto.Signer
	var err error
	switch {
	case strings.HasPrefix(alg, "RS"), strings.HasPrefix(alg, "PS"):
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case alg == "ES256":
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case alg == "ES384":
		signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case alg == "ES512":
		signer, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case alg == "EdDSA":
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("no keys for %q", alg)
	}
	if err != nil {
		t.Fatalf("authntest: making a key: %v", err)
	}
	return KeyOf(t, signer, alg, kid)
}

// KeyOf makes a Key of a private key the test has made itself.
func KeyOf(t testing.TB, signer crypto.Signer, alg, kid string) *Key {
	t.Helper()
	k := &Key{ID: kid, Alg: alg, private: signer, JWK: map[string]any{"kid": kid, "alg": alg, "use": "sig"}}
	switch pub := signer.Public().(type) {
	case *rsa.PublicKey:
		k.JWK["kty"], k.JWK["n"], k.JWK["e"] = "RSA", b64(pub.N.Bytes()), b64(big.NewInt(int64(pub.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil {
			t.Fatalf("authntest: encoding a key: %v", err)
		}
		half := (len(point) - 1) / 2
		k.JWK["kty"], k.JWK["crv"] = "EC", pub.Curve.Params().Name
		k.JWK["x"], k.JWK["y"] = b64(point[1:1+half]), b64(point[1+half:])
	case ed25519.PublicKey:
		k.JWK["kty"], k.JWK["crv"], k.JWK["x"] = "OKP", "Ed25519", b64(pub)
	default:
		t.Fatalf("authntest: no JWK for a %T", pub)
	}
	return k
}

// HMACKey makes a symmetric key, which no issuer may ever accept.
func HMACKey(secret []byte, kid string) *Key {
	return &Key{ID: kid, Alg: "HS256", secret: secret, JWK: map[string]any{"kid": kid, "kty": "oct", "k": b64(secret)}}
}

// Public returns the public key, nil for a symmetric one.
func (k *Key) Public() crypto.PublicKey {
	if k.private == nil {
		return nil
	}
	return k.private.Public()
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sign returns the JWS signature of text by the key's own algorithm.
func (k *Key) sign(text string) ([]byte, error) {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[k.Alg[len(k.Alg)-3:]]
	digest := []byte(text)
	if hash != 0 {
		h := hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	switch k.Alg[:2] {
	case "HS":
		h := hmac.New(hash.New, k.secret)
		h.Write([]byte(text))
		return h.Sum(nil), nil
	case "RS":
		return k.private.Sign(rand.Reader, digest, hash)
	case "PS":
		return k.private.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
	case "ES":
		private, ok := k.private.(*ecdsa.PrivateKey)
		if !ok {
			return nil, errors.New("not an ECDSA key")
		}
		r, s, err := ecdsa.Sign(rand.Reader, private, digest)
		if err != nil {
			return nil, err
		}
		size := (private.Curve.Params().BitSize + 7) / 8
		sig := make([]byte, 2*size)
		r.FillBytes(sig[:size])
		s.FillBytes(sig[size:])
		return sig, nil
	case "Ed":
		return k.private.Sign(rand.Reader, []byte(text), crypto.Hash(0))
	}
	return nil, fmt.Errorf("no signatures by %q", k.Alg)
}
