package token

import (
	"errors"
	"fmt"

	"github.com/authgate/authgate/internal/fault"
)

// The outcomes of Verify besides success, for errors.Is.
var (
	// ErrNotOurs: another issuer's token, or none at all. Somebody else may know it.
	ErrNotOurs = errors.New("not a token of this gateway")
	// ErrInvalid: it says it is ours and is not valid: forged, expired, not yet valid, or malformed.
	ErrInvalid = errors.New("token is not valid")
	// ErrUnavailable: whether it is valid cannot be told now. Its kind is Unavailable.
	ErrUnavailable = errors.New("signing keys are unavailable")
)

// invalid makes an error that wraps ErrInvalid. The reason never holds any part of the token.
func invalid(reason string) error { return fmt.Errorf("%w: %s", ErrInvalid, reason) }

// unavailable classifies a failure after which nobody can tell which keys there are.
func unavailable(op string, cause error) error {
	return fault.New(fault.Unavailable, op, "", "%w: %w", ErrUnavailable, cause)
}
