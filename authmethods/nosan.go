package authmethods

import (
	"context"
	"errors"
	"time"

	"github.com/authgate/authgate/store"
)

// withoutSAN notes that the certificate of a binding's holder has no subject alternative name (specs/auth-methods
// 2.4 step 9). Its id is the binding's. Nothing shows the notes: their use is the one log line that comes
// with each, for the people who will have to replace the certificate. That it is kept is what makes the
// line come once, whatever number of replicas see the certificate.
type withoutSAN struct{ SeenOn time.Time }

// addWithoutSAN writes the note on b and reports that it did, unless there is one.
func (r *Records) addWithoutSAN(ctx context.Context, b store.Item[*Binding], now time.Time) (added bool, err error) {
	if _, err := r.noSAN.Get(ctx, b.ID); !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	tx := store.NewTx()
	r.bindings.RequireIn(tx, b) // none may be left behind of a binding that is being deleted
	r.noSAN.CreateIn(tx, b.ID, &withoutSAN{SeenOn: now})
	_, err = r.commit(ctx, tx)
	if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) {
		return false, nil // somebody else did, or the binding has changed: another request will
	}
	return err == nil, err
}
