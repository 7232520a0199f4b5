// Package secret holds text that must never reach a log, an error, a metric or an encoder by accident.
// It imports only the standard library.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
)

// Redacted is what every way of printing or marshalling a String yields.
const Redacted = "REDACTED"

// String is a secret value. The zero value is the empty secret. It is immutable and safe for
// concurrent use. It cannot be compared with == (that would not be constant-time); use Equal.
type String struct {
	_ [0]func()
	// p points to the text, nil if that is empty: in an unexported field of another struct fmt cannot
	// call Format and prints what it finds by reflection, which is then an address.
	p *string
}

// New wraps s.
func New(s string) String {
	if s == "" {
		return String{}
	}
	return String{p: &s}
}

// Reveal returns the secret itself. Call it only where the secret leaves for its one destination.
func (s String) Reveal() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

// Empty reports whether the secret is the empty text.
func (s String) Empty() bool { return s.p == nil }

// Equal compares in a time that depends on neither secret's content nor length.
func (s String) Equal(other String) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String implements fmt.Stringer and returns Redacted.
func (String) String() string { return Redacted }

// GoString implements fmt.GoStringer and returns Redacted.
func (String) GoString() string { return Redacted }

// Format implements fmt.Formatter: every verb prints Redacted, also %d and %x, which would otherwise
// reach into the struct.
func (String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// MarshalText implements encoding.TextMarshaler (and so JSON) and yields Redacted.
func (String) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

var (
	_ fmt.Formatter  = String{}
	_ fmt.GoStringer = String{}
)
