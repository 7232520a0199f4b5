package store

import (
	"errors"

	"github.com/authgate/authgate/internal/fault"
)

// unavailable classifies a failure after which nobody can tell what the store holds. It always wraps
// ErrUnavailable, so that a caller who asks for that never mistakes it for an absent record.
func unavailable(op string, cause error) error {
	if errors.Is(cause, ErrUnavailable) {
		return &fault.Error{Kind: fault.Unavailable, Op: op, Err: cause}
	}
	return fault.New(fault.Unavailable, op, "", "%w: %w", ErrUnavailable, cause)
}

func closedError(op string) error {
	return fault.New(fault.Unavailable, op, "", "%w: %w", ErrUnavailable, ErrClosed)
}

func conflictError(op string) error {
	return &fault.Error{Kind: fault.Conflict, Op: op, Err: ErrConflict}
}

func compactedError(op string) error {
	return &fault.Error{Kind: fault.Gone, Op: op, Err: ErrCompacted}
}

func notFoundError(op string) error {
	return &fault.Error{Kind: fault.NotFound, Op: op, Err: ErrNotFound}
}

// UniqueError says that another record already holds a value that only one record may hold. It wraps
// ErrExists; the *fault.Error around it has kind Exists and the index as its field. Its text leaves the
// value out, which may not be for everybody's eyes.
type UniqueError struct {
	Collection, Index, Value string
}

// Error implements error.
func (e *UniqueError) Error() string {
	return "another record of " + e.Collection + " has the same " + e.Index
}

// Unwrap returns ErrExists.
func (e *UniqueError) Unwrap() error { return ErrExists }
