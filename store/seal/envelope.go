package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
)

const (
	// magic begins every envelope; the digit is the version.
	magic = "authgate-seal:1:"
	// headerSize is the length of the text in front: magic, key id, colon.
	headerSize = len(magic) + 2*idSize + 1
	// overhead is what AES-GCM adds: nonce and tag.
	overhead = 12 + 16
	// wrappedSize is the length of a sealed data key.
	wrappedSize = keySize + overhead
)

var (
	// ErrNotSealed says that a value is no envelope at all.
	ErrNotSealed = errors.New("not encrypted")
	// ErrUnknownKey says that an envelope was sealed with a key that the Keyring does not hold.
	ErrUnknownKey = errors.New("encrypted with a key that is not configured")
	// ErrTampered says that an envelope is not what the key sealed under this name: it was changed, cut,
	// or taken from another place.
	ErrTampered = errors.New("changed or moved since it was encrypted")
)

// Seal returns an envelope that only Open with the same name opens. The name is not in it.
func (r *Keyring) Seal(plain []byte, name string) ([]byte, error) {
	key := &r.keys[0]
	var buf [keySize]byte
	dataKey := buf[:]
	if _, err := rand.Read(dataKey); err != nil {
		return nil, fmt.Errorf("making a data key: %w", err)
	}
	defer clear(dataKey)
	data, err := newAEAD(dataKey)
	if err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	bound := associated(key.header, name)
	sealed := make([]byte, 0, headerSize+wrappedSize+overhead+len(plain))
	sealed = append(sealed, key.header...)
	sealed = key.aead.Seal(sealed, nil, dataKey, bound)
	return data.Seal(sealed, nil, plain, bound), nil
}

// Open returns what was sealed under name. The error is ErrNotSealed, ErrUnknownKey or ErrTampered; it
// holds nothing of the content.
func (r *Keyring) Open(sealed []byte, name string) ([]byte, error) {
	id, ok := Sealed(sealed)
	if !ok {
		return nil, ErrNotSealed
	}
	key := r.find(id)
	if key == nil {
		return nil, ErrUnknownKey
	}
	rest := sealed[headerSize:]
	if len(rest) < wrappedSize+overhead {
		return nil, ErrTampered
	}
	bound := associated(key.header, name)
	var buf [keySize]byte
	dataKey, err := key.aead.Open(buf[:0], nil, rest[:wrappedSize], bound)
	if err != nil {
		return nil, ErrTampered
	}
	defer clear(dataKey)
	data, err := newAEAD(dataKey)
	if err != nil {
		return nil, ErrTampered
	}
	plain, err := data.Open(make([]byte, 0, len(rest)-wrappedSize-overhead), nil, rest[wrappedSize:], bound)
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// Sealed reports whether a value has the form of an envelope, and which key it names. It proves nothing:
// anybody can write such a value.
func Sealed(value []byte) (keyID string, ok bool) {
	if len(value) < headerSize || !bytes.HasPrefix(value, []byte(magic)) || value[headerSize-1] != ':' {
		return "", false
	}
	id := value[len(magic) : headerSize-1]
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", false
		}
	}
	return string(id), true
}

// associated has one length in front of the name, so no two pairs make the same bytes.
func associated(header, name string) []byte {
	return append(append(make([]byte, 0, len(header)+len(name)), header...), name...)
}
