package authmethods

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// The resources as the API's error texts call them (specs/auth-methods 3: the spelling differs between
// the messages, and clients match on it).
const (
	resServiceType = "service-type"
	resMethod      = "auth method"
	resMethodTitle = "Auth method"

	resBinding      = "binding"
	resBindingTitle = "Binding"
)

// The texts below are made for clients: what an error of kind Invalid, NotFound, Exists, Conflict or
// Precondition from this package holds may be shown as it is. Errors of other kinds may not, but see
// MapError.

func notFound(what string) error {
	return fault.New(fault.NotFound, "", "", "%s was not found", what)
}

func exists(resource, field, value string) error {
	return fault.New(fault.Exists, "", field, "%s object with %s: %s already exists", resource, field, value)
}

func emptyField(resource, field string) error {
	return fault.New(fault.Invalid, "", field, "%s object contains empty fields. empty value for field: %s", resource, field)
}

func unsupported(field, content string, supported []string) error {
	return fault.New(fault.Invalid, "", field, "%s: %s is not yet supported.Supported:%v", field, content, supported)
}

func invalidField(field, reason string, args ...any) error {
	return fault.New(fault.Invalid, "", field, "Field: "+field+" contains invalid data. "+reason, args...)
}

func readOnly(resource, name, origin string) error {
	return fault.New(fault.Conflict, "", "", "%s object %s is declared in the %s and cannot be changed here", resource, name, origin)
}

func stale(resource, name string) error {
	return fault.New(fault.Precondition, "", "", "%s object %s has changed: it is not at a revision If-Match names", resource, name)
}

// unusable says that a credential is configured and cannot be attached: 503, the upstream is not called.
func unusable(format string, args ...any) error {
	return fault.New(fault.Unavailable, "attaching credential", "", format, args...)
}

// storeError classifies a failure of the store for this package's callers. What the store calls
// invalid, missing or conflicting is about its own keys and revisions: no text of that may pass as one
// made for clients. What stale made stays as it is.
func storeError(op string, err error) error {
	if fault.Is(err, fault.Precondition) {
		return err
	}
	kind := fault.Internal
	switch {
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = fault.Unavailable
	}
	return fault.New(kind, op, "", "%w", err)
}

// maxAttempts bounds how often a write that lost a race is tried again.
const maxAttempts = 16

// retry waits a moment and reports whether a write that failed with err is worth another attempt: the
// record had changed or gone since it was read. The wait grows and is random, so that writers which
// collided part, and lets the cache hear of the change.
func retry(ctx context.Context, attempt int, err error) bool {
	if attempt+1 >= maxAttempts || !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
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
