package tokenset

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
)

// RS256 and ES256 are the algorithms a token set can be signed with.
const (
	RS256 = "RS256"
	ES256 = "ES256"
)

// Keys are the issuer's signing keys, one per algorithm. They exist for the
// benchmark only: the private halves lie unprotected in the output folder.
type Keys struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	dir string
}

// LoadKeys reads the keys kept in dir, or makes them and writes them there,
// public halves beside them as PEM for gateways that read files.
func LoadKeys(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	k := &Keys{dir: dir}
	signer, err := loadKey(dir, RS256, func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	if err != nil {
		return nil, err
	}
	var ok bool
	if k.rsa, ok = signer.(*rsa.PrivateKey); !ok {
		return nil, fmt.Errorf("the %s key in %s is a %T", RS256, dir, signer)
	}
	signer, err = loadKey(dir, ES256, func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })
	if err != nil {
		return nil, err
	}
	if k.ec, ok = signer.(*ecdsa.PrivateKey); !ok {
		return nil, fmt.Errorf("the %s key in %s is a %T", ES256, dir, signer)
	}
	return k, nil
}

// PublicPEM is the path of the public key file for alg.
func (k *Keys) PublicPEM(alg string) string { return filepath.Join(k.dir, alg+".pub.pem") }

// Kid is the key id tokens of alg carry.
func Kid(alg string) string { return "bench-" + alg }

// JWKS is the key set document an issuer publishes for these keys.
func (k *Keys) JWKS() map[string]any {
	b64 := base64.RawURLEncoding.EncodeToString
	pub, err := k.ec.PublicKey.Bytes() // 0x04, X, Y: 65 bytes on P-256
	if err != nil {
		panic("tokenset: a P-256 key without an encoding: " + err.Error())
	}
	return map[string]any{"keys": []map[string]any{
		{
			"kty": "RSA", "use": "sig", "alg": RS256, "kid": Kid(RS256),
			"n": b64(k.rsa.N.Bytes()), "e": b64(big.NewInt(int64(k.rsa.E)).Bytes()),
		},
		{
			"kty": "EC", "use": "sig", "alg": ES256, "kid": Kid(ES256), "crv": "P-256",
			"x": b64(pub[1:33]), "y": b64(pub[33:65]),
		},
	}}
}

func loadKey(dir, alg string, generate func() (crypto.Signer, error)) (crypto.Signer, error) {
	path := filepath.Join(dir, alg+".key.pem")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		signer, err := generate()
		if err != nil {
			return nil, err
		}
		return signer, writeKey(dir, alg, signer)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New(strconv.Quote(path) + " holds no PEM block; delete it to have a new key made")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a %T cannot sign", path, key)
	}
	return signer, nil
}

// writeKey writes the public half first, so that a private key on disk always
// has its public file.
func writeKey(dir, alg string, signer crypto.Signer) error {
	pub, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return err
	}
	priv, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return err
	}
	pubPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})
	if err := os.WriteFile(filepath.Join(dir, alg+".pub.pem"), pubPEM, 0o644); err != nil {
		return err
	}
	privPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: priv})
	return os.WriteFile(filepath.Join(dir, alg+".key.pem"), privPEM, 0o600)
}
