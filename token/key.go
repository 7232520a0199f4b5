package token

import (
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// signingKey is one key of the set. It is immutable.
type signingKey struct {
	id        string
	alg       Alg
	method    jwt.SigningMethod
	createdOn time.Time
	signsFrom time.Time
	public    crypto.PublicKey
	private   crypto.Signer // nil once it signs no more
	header    string        // the first part of all its tokens
}

// newSigningKey completes k, whose id, alg, times and public key are set.
func newSigningKey(k signingKey) (*signingKey, error) {
	var err error
	if k.method, err = k.alg.method(); err != nil {
		return nil, err
	}
	if !isKeyID(k.id) || !k.alg.fits(k.public) || k.signsFrom.Before(k.createdOn) {
		return nil, errors.New("not a key of ours")
	}
	k.header = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + string(k.alg) + `","kid":"` + k.id + `","typ":"JWT"}`))
	return &k, nil
}

// generateKey makes a key that signs from the given moment on.
func generateKey(alg Alg, now, signsFrom time.Time) (*signingKey, error) {
	private, err := alg.generate()
	if err != nil {
		return nil, errors.New("making a signing key failed")
	}
	return newSigningKey(signingKey{
		id: newKeyID(), alg: alg, createdOn: now.UTC(), signsFrom: signsFrom.UTC(), public: private.Public(), private: private,
	})
}

// at returns k with other times.
func (k *signingKey) at(createdOn, signsFrom time.Time) *signingKey {
	moved := *k
	moved.createdOn, moved.signsFrom = createdOn.UTC(), signsFrom.UTC()
	return &moved
}

// publicOnly returns k without what signs.
func (k *signingKey) publicOnly() *signingKey {
	stripped := *k
	stripped.private = nil
	return &stripped
}

// sign returns the signature of text.
func (k *signingKey) sign(text string) ([]byte, error) {
	signature, err := k.method.Sign(text, k.private)
	if err != nil {
		return nil, fmt.Errorf("signing with %s failed", k.id) // the cause could tell of the key
	}
	return signature, nil
}

// String and Format keep what is secret from every verb of fmt: only the id shows.
func (k *signingKey) String() string { return k.id }

// Format implements fmt.Formatter.
func (k *signingKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.id) }

// Format implements fmt.Formatter: what is in the cache does not show, and is not read without its lock.
func (r Records) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "signing keys of a store") }

// Format implements fmt.Formatter as that of Records does.
func (k *Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "signing keys of "+k.cfg.Issuer) }

// keyPrefix begins the ids of our keys, so that a stranger's token costs no look-up.
const (
	keyPrefix  = "ag-"
	keyIDBytes = 8
)

func newKeyID() string {
	var random [keyIDBytes]byte
	_, _ = rand.Read(random[:]) // never fails
	return keyPrefix + hex.EncodeToString(random[:])
}

func isKeyID(id string) bool {
	rest, ok := strings.CutPrefix(id, keyPrefix)
	if !ok || len(rest) != 2*keyIDBytes {
		return false
	}
	for i := range len(rest) {
		if c := rest[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

var _ fmt.Formatter = (*signingKey)(nil)
