package roles

import (
	"context"
	"errors"

	"github.com/authgate/authgate/store"
)

// Delete removes a stored role that is at a revision match allows and that nothing refers to: else the error
// is an *InUseError. It also removes a record that cannot be read. No holder written with RequireIn at the
// same time, here or on another replica, is left without its role.
func (s *Service) Delete(ctx context.Context, name string, match store.Match) error {
	const op = "deleting role"
	if r := s.fixed[name]; r != nil {
		return readOnly(r)
	}
	for attempt := 0; ; attempt++ {
		err := s.tryDelete(ctx, name, match, attempt == 0)
		var refused *refusal
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused):
			return refused.error
		case errors.Is(err, store.ErrNotFound):
			return unknown(name)
		case !retry(ctx, attempt, err):
			return storeError(op, err)
		}
	}
}

// refusal is an error for the caller as it is, and ends the deletion.
type refusal struct{ error }

func (s *Service) tryDelete(ctx context.Context, name string, match store.Match, first bool) error {
	// The first look spares the store the mark, and the role a new revision, where it would be in vain.
	if err := s.rec.catchUp(ctx); err != nil {
		return err
	}
	item, err := s.stored(ctx, name)
	if err != nil {
		return err
	}
	if first && !match.Allows(item.Revision) {
		return &refusal{stale(name)}
	}
	if err := s.unused(ctx, name); err != nil {
		return err
	}
	revision, err := s.mark(ctx, name, match)
	if err != nil {
		return err
	}
	// What was written before the mark must be seen now, by whatever replica it was written.
	if err := s.rec.feed.Wait(ctx, revision); err != nil {
		return err
	}
	if err := s.unused(ctx, name); err != nil {
		return err
	}
	return s.rec.roles.Delete(ctx, name, revision)
}

func (s *Service) unused(ctx context.Context, name string) error {
	by, err := s.inUse(ctx, name)
	switch {
	case err != nil:
		return &refusal{storeError("looking for what refers to the role", err)} // it is not about the role's record
	case by != "":
		return &refusal{inUse(name, by)}
	}
	return nil
}

var errMarked = errors.New("already marked")

// mark notes in the record that it is about to be deleted, and returns the record's revision then. A mark that
// somebody else left, or is still working with, does as well: neither can miss a holder, and the deletion of
// one of them fails.
func (s *Service) mark(ctx context.Context, name string, match store.Match) (int64, error) {
	var revision int64
	item, err := s.rec.roles.Update(ctx, name, func(old store.Item[*Role]) (*Role, error) {
		revision = old.Revision
		switch {
		case !match.Allows(old.Revision):
			return nil, &refusal{stale(name)}
		case old.Err != nil:
			// Others may be able to read it, and refer to it, if only this replica lacks a key.
			return &Role{Name: name, Origin: OriginImperative, deleting: true, lost: true}, nil
		case old.Value.deleting:
			return nil, errMarked
		}
		marked := *old.Value
		marked.deleting = true
		return &marked, nil
	})
	if errors.Is(err, errMarked) {
		return revision, nil
	}
	return item.Revision, err
}
