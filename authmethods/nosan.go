package authmethods

import (
	"context"
	"errors"
	"time"

	"github.com/authgate/authgate/store"
)

// withoutSAN notes that the certificate of a binding's holder has no subject alternative name, for the
// people who will have to replace it (specs/auth-methods 2.4 step 9). Its id is the binding's.
type withoutSAN struct{ SeenOn time.Time }

// addWithoutSAN writes the note on b unless there is one.
func (r *Records) addWithoutSAN(ctx context.Context, b store.Item[*Binding], now time.Time) error {
	if _, err := r.noSAN.Get(ctx, b.ID); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	tx := store.NewTx()
	r.bindings.RequireIn(tx, b) // none may be left behind of a binding that is being deleted
	r.noSAN.CreateIn(tx, b.ID, &withoutSAN{SeenOn: now})
	_, err := r.commit(ctx, tx)
	if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) {
		return nil // somebody else did, or the binding has changed: another request will
	}
	return err
}
