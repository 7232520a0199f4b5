package seal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/authgate/authgate/internal/secret"
)

const (
	// keySize is AES-256's.
	keySize = 32
	// idSize is how many bytes of an HMAC make a key's id.
	idSize = 8
	// idLabel is what that HMAC is of.
	idLabel = "authgate encryption key id"
)

var (
	errKeyText = errors.New("not one line of base64 that holds 32 bytes")
	errWeakKey = errors.New("not made of random bytes")
)

// Key is a key-encryption key. The zero value is no key. It is immutable; however it is printed or
// marshalled, only its id shows.
type Key struct {
	id       string
	material secret.String // the 32 bytes themselves
}

// NewKey makes a key of random bytes.
func NewKey() (Key, error) {
	raw := make([]byte, keySize)
	if _, err := rand.Read(raw); err != nil {
		return Key{}, fmt.Errorf("making an encryption key: %w", err)
	}
	return makeKey(raw), nil
}

// ParseKey reads a key as Encode writes it: the base64 of 32 bytes, with or without a line break at its
// end. What is plainly not random is refused (specs A2). Errors hold nothing of the text.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if strings.ContainsAny(text, "\r\n") { // the decoder would skip them
		return Key{}, errKeyText
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != keySize {
		return Key{}, errKeyText
	}
	if weak(raw) {
		return Key{}, errWeakKey
	}
	return makeKey(raw), nil
}

func makeKey(raw []byte) Key {
	mac := hmac.New(sha256.New, raw)
	_, _ = io.WriteString(mac, idLabel)
	return Key{id: hex.EncodeToString(mac.Sum(nil)[:idSize]), material: secret.New(string(raw))}
}

// weak recognises zeros, counted-up bytes, typed text and other samples. The chance to refuse a random
// key is below one in 10^13.
func weak(raw []byte) bool {
	steps, printable := true, true
	distinct := make(map[byte]struct{}, len(raw))
	for i, b := range raw {
		steps = steps && (i < 2 || b-raw[i-1] == raw[1]-raw[0])
		printable = printable && b >= ' ' && b <= '~'
		distinct[b] = struct{}{}
	}
	return steps || printable || len(distinct) < 12
}

// ID returns the key's name: 16 hex digits, which tell nothing about the key.
func (k Key) ID() string { return k.id }

// Encode returns the key as text for ParseKey, without a line break.
func (k Key) Encode() secret.String {
	return secret.New(base64.StdEncoding.EncodeToString([]byte(k.material.Reveal())))
}

// String returns the key's id.
func (k Key) String() string { return k.id }

// GoString returns the key's id.
func (k Key) GoString() string { return k.id }

// Format implements fmt.Formatter: every verb prints the id.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.id) }

// MarshalText implements encoding.TextMarshaler and yields the id.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.id), nil }

var (
	_ fmt.Formatter  = Key{}
	_ fmt.GoStringer = Key{}
)
