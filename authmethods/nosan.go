package authmethods

import (
	"context"
	"errors"

	"github.com/authgate/authgate/store"
)

// noteWithoutSAN records once that the certificate of b's holder has no subject alternative name.
func (s *Service) noteWithoutSAN(ctx context.Context, b store.Item[*Binding]) error {
	if _, err := s.rec.noSAN.Get(ctx, b.ID); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	tx := store.NewTx()
	s.rec.bindings.RequireIn(tx, b) // none may be left behind of a binding that is being deleted
	s.rec.noSAN.CreateIn(tx, b.ID, &withoutSAN{SeenOn: s.now().UTC()})
	_, err := s.rec.commit(ctx, tx)
	if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) {
		return nil // somebody else did, or the binding has changed: another request will
	}
	return err
}

// forgetWithoutSAN deletes the note on a deleted binding.
func (s *Service) forgetWithoutSAN(ctx context.Context, binding string) error {
	err := s.rec.noSAN.Delete(ctx, binding, 0)
	if err == nil || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return storeError("deleting the note on a binding", err)
}
