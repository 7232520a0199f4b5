package m2m

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// The gRPC codes of Error, as the API shows them (specs/m2m 2.1).
const (
	CodeInvalidArgument    = 3
	CodeNotFound           = 5
	CodeAlreadyExists      = 6
	CodePermissionDenied   = 7
	CodeFailedPrecondition = 9
	CodeInternal           = 13
	CodeUnavailable        = 14
	CodeUnauthenticated    = 16
)

// Error is a failure with a text made for clients, always within a *fault.Error of the kind that goes with
// its code. What an error of this package says without one is for the log.
type Error struct {
	Code    int
	Message string
	cause   error
}

// Error returns e.Message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.cause }

// newError formats as fmt.Errorf does: what %w names is the cause.
func newError(kind fault.Kind, code int, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &fault.Error{Kind: kind, Err: &Error{Code: code, Message: err.Error(), cause: errors.Unwrap(err)}}
}

func invalid(format string, args ...any) error {
	return newError(fault.Invalid, CodeInvalidArgument, "invalid arguments: "+format, args...)
}

func notFound(id string) error {
	return newError(fault.NotFound, CodeNotFound, "auth machine to machine config with id %s", quote(id))
}

func notConfigured(issuer string) error {
	return newError(fault.Unauthenticated, CodeUnauthenticated, "issuer %s is not configured", quote(issuer))
}

func unauthenticated(format string, args ...any) error {
	return newError(fault.Unauthenticated, CodeUnauthenticated, format, args...)
}

// readOnly is row 11 of table 2.9, and what a change of a declared config gets.
func readOnly(issuer, origin string) error {
	return newError(fault.Forbidden, CodePermissionDenied,
		"not authorized: machine to machine auth config %q's origin is %s, cannot be modified or deleted with the current permission", issuer, origin)
}

// issuerTaken is row 13. It names the holder if that is known.
func issuerTaken(issuer, holder string) error {
	if holder == "" {
		return newError(fault.Exists, CodeAlreadyExists, "issuer %q is used by another auth machine to machine config: already exists", issuer)
	}
	return newError(fault.Exists, CodeAlreadyExists, "issuer %q is used by auth machine to machine config %q: already exists", issuer, holder)
}

// unknownRole is row 14.
func unknownRole(cause error) error {
	return newError(fault.NotFound, CodeNotFound, "%w: referenced object not found", cause)
}

func stale(id string) error {
	return newError(fault.Precondition, CodeFailedPrecondition,
		"auth machine to machine config with id %q has changed: it is not at a revision If-Match names", id)
}

// quote is %q for what a stranger wrote, whatever its length.
func quote(s string) string {
	const longest = 256
	if len(s) <= longest {
		return fmt.Sprintf("%q", s)
	}
	cut := longest
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q...", strings.ToValidUTF8(s[:cut], "\ufffd"))
}

// storeError classifies a failure of the store for this package's callers: what the store calls invalid,
// missing or conflicting is about its own keys and revisions, and no text of that is made for clients.
func storeError(op string, err error) error {
	kind := fault.Internal
	switch {
	case fault.Is(err, fault.Unavailable), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound),
		errors.Is(err, store.ErrExists), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = fault.Unavailable
	}
	return fault.New(kind, op, "", "%w", err)
}

// unreadable says that there is a config and nobody can tell what it allows (specs D5).
func unreadable(err error) error {
	return fault.New(fault.Unavailable, "reading auth machine to machine config", "", "%w", err)
}

// maxAttempts bounds how often a write that lost a race is tried again.
const maxAttempts = 16

// pause waits a moment and reports whether another attempt is due. The wait grows and is random, so that
// writers which collided part.
func pause(ctx context.Context, attempt int) bool {
	if attempt+1 >= maxAttempts {
		return false
	}
	longest := time.Millisecond << min(attempt+1, 7)
	t := time.NewTimer(time.Duration(rand.Int64N(int64(longest))) + 1) //nolint:gosec // not a secret
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
