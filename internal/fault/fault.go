// Package fault gives every layer one closed set of error kinds, so that each API can map a
// failure to its own dialect without looking at message texts. It imports only the standard library.
package fault

import (
	"errors"
	"fmt"
)

// Kind classifies a failure by what the caller can do about it.
type Kind uint8

// The zero Kind is Internal: an error nobody classified must never look like the caller's fault.
const (
	Internal Kind = iota
	Invalid
	NotFound
	Exists
	Conflict
	Unauthenticated
	Forbidden
	Unavailable
	TooLarge
	Gone
	Precondition // the record is not at a revision the caller named (If-Match, RFC 9110 section 13.1.1)
)

var kindNames = [...]string{
	Internal: "internal", Invalid: "invalid", NotFound: "not found", Exists: "already exists",
	Conflict: "conflict", Unauthenticated: "unauthenticated", Forbidden: "forbidden",
	Unavailable: "unavailable", TooLarge: "too large", Gone: "gone", Precondition: "precondition failed",
}

// String returns the kind's lowercase name.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Error is a classified failure. Op names what was being done ("creating auth method"), Field the
// input that caused it (empty if none); both may be shown to clients. Err is the cause: its text goes
// to logs, and to clients only where the API's dialect asks for it. Never put a secret in any of them.
type Error struct {
	Kind  Kind
	Op    string
	Field string
	Err   error
}

// New returns an *Error whose cause is formatted as by fmt.Errorf, so %w works.
func New(kind Kind, op, field, format string, args ...any) *Error {
	return &Error{Kind: kind, Op: op, Field: field, Err: fmt.Errorf(format, args...)}
}

// Error renders "op: field: cause", leaving out what is empty.
func (e *Error) Error() string {
	text := e.Kind.String()
	if e.Err != nil {
		text = e.Err.Error()
	}
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Op != "" {
		text = e.Op + ": " + text
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost *Error in err's chain, or Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is classified as kind.
func Is(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}
