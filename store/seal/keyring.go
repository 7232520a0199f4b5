package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
)

// Keyring holds the keys in use: the first one seals, all of them open. It is immutable and safe for
// concurrent use.
type Keyring struct {
	keys []ringKey
}

type ringKey struct {
	Key
	header string // of the envelopes it seals
	aead   cipher.AEAD
}

// NewKeyring returns a Keyring. The zero Key and a key given twice are refused.
func NewKeyring(first Key, others ...Key) (*Keyring, error) {
	r := new(Keyring)
	for _, k := range append([]Key{first}, others...) {
		if k.id == "" {
			return nil, errors.New("an encryption key is empty")
		}
		if slices.Contains(r.IDs(), k.id) {
			return nil, fmt.Errorf("the encryption key %s is given twice", k.id)
		}
		aead, err := newAEAD([]byte(k.material.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("encryption key %s: %w", k.id, err)
		}
		r.keys = append(r.keys, ringKey{Key: k, header: magic + k.id + ":", aead: aead})
	}
	return r, nil
}

// IDs returns the keys' ids; the first one's seals.
func (r *Keyring) IDs() []string {
	ids := make([]string, 0, len(r.keys))
	for _, k := range r.keys {
		ids = append(ids, k.id)
	}
	return ids
}

// find returns the key with the given id, or nil.
func (r *Keyring) find(id string) *ringKey {
	for i := range r.keys {
		if r.keys[i].id == id {
			return &r.keys[i]
		}
	}
	return nil
}

// newAEAD returns AES-256-GCM that puts a random nonce in front of what it seals.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
