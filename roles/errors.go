package roles

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// The errors below are the causes of *fault.Errors, for errors.As. What an error of kind Invalid, NotFound,
// Exists, Conflict, Forbidden or Precondition from this package holds is made for clients and may be shown as
// it is; what the other kinds hold may not.

// UnknownError says that there is no role of this name. The fault's kind is NotFound.
type UnknownError struct{ Role string }

// Error implements error.
func (e *UnknownError) Error() string { return fmt.Sprintf("role %q does not exist", e.Role) }

// InUseError says that a role cannot be deleted, as something refers to it: By, in the words of Deps.InUse.
// The fault's kind is Conflict.
type InUseError struct{ Role, By string }

// Error implements error.
func (e *InUseError) Error() string {
	return fmt.Sprintf("role %q is referenced by another object: %s", e.Role, e.By)
}

// ReadOnlyError says that a role is built in or declared, and cannot be changed through the API. The fault's
// kind is Forbidden.
type ReadOnlyError struct{ Role, Origin string }

// Error implements error.
func (e *ReadOnlyError) Error() string {
	return fmt.Sprintf("not authorized: role %q's origin is %s, cannot be modified or deleted with the current permission", e.Role, e.Origin)
}

// ExceedsError says that a role allows something that its giver is not allowed himself. The fault's kind is
// Forbidden.
type ExceedsError struct {
	Role, Resource string
	Access         Access
}

// Error implements error.
func (e *ExceedsError) Error() string {
	return fmt.Sprintf("not authorized: role %q grants %q for %q, which the caller does not hold", e.Role, e.Access, e.Resource)
}

func unknown(name string) error {
	return &fault.Error{Kind: fault.NotFound, Err: &UnknownError{name}}
}

func inUse(name, by string) error {
	return &fault.Error{Kind: fault.Conflict, Err: &InUseError{name, by}}
}

func readOnly(r *Role) error {
	return &fault.Error{Kind: fault.Forbidden, Err: &ReadOnlyError{r.Name, r.Origin}}
}

func exists(name string) error {
	return fault.New(fault.Exists, "", "name", "role %q already exists", name)
}

func taken(r *Role) error {
	return fault.New(fault.Exists, "", "name", "role %q already exists, its origin is %s", r.Name, r.Origin)
}

func renamed(name string) error {
	return fault.New(fault.Invalid, "", "name", "role %q cannot be renamed", name)
}

func stale(name string) error {
	return fault.New(fault.Precondition, "", "", "role %q has changed: it is not at a revision If-Match names", name)
}

// storeError classifies a failure of the store for this package's callers: what the store calls invalid,
// missing or conflicting is about its own keys and revisions, and no text of that may pass as one made for
// clients.
func storeError(op string, err error) error {
	kind := fault.Internal
	switch {
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = fault.Unavailable
	}
	return fault.New(kind, op, "", "%w", err)
}

// maxAttempts bounds how often a deletion that lost a race is tried again.
const maxAttempts = 16

// retry waits a moment and reports whether a deletion that failed with err is worth another attempt. The wait
// grows and is random, so that those who collided part.
func retry(ctx context.Context, attempt int, err error) bool {
	if attempt+1 >= maxAttempts || !errors.Is(err, store.ErrConflict) {
		return false
	}
	longest := time.Millisecond << min(attempt+1, 7)
	t := time.NewTimer(time.Duration(rand.Int64N(int64(longest))) + 1)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
