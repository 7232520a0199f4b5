package roles

import (
	"context"

	"github.com/authgate/authgate/store"
)

// RequireIn adds to tx the condition that the named roles are what it returns, so that a holder that names
// them is written only while they exist; a deletion that is under way at that time does not take place. It
// belongs into every transaction that writes such a holder, whether or not it named them before. The roles are
// returned in the order of names, without repetitions and None among them.
//
// A name of no role is an *UnknownError; a role that cannot be read is of kind Unavailable. When Commit says
// store.ErrConflict, one of the roles has changed: make the transaction anew. A stored role takes one of the
// conditions etcd allows a transaction, and at times one of its changes.
func (s *Service) RequireIn(ctx context.Context, tx *store.Tx, names ...string) ([]*Role, error) {
	required := make([]*Role, 0, len(names))
	seen := make(map[string]struct{}, len(names))
	for _, name := range names {
		if _, again := seen[name]; again {
			continue
		}
		seen[name] = struct{}{}
		r, err := s.requireIn(ctx, tx, name)
		if err != nil {
			return nil, err
		}
		required = append(required, r)
	}
	return required, nil
}

func (s *Service) requireIn(ctx context.Context, tx *store.Tx, name string) (*Role, error) {
	if r := s.fixed[name]; r != nil {
		return r, nil
	}
	item, err := s.named(ctx, name)
	if err != nil {
		return nil, err
	}
	if item.Value.deleting {
		kept := *item.Value
		kept.deleting = false
		s.rec.roles.UpdateIn(tx, item, &kept)
	} else {
		s.rec.roles.RequireIn(tx, item)
	}
	return item.Value, nil
}

// Grantable is Permissions.MayGrant for names: it reports whether who has holder may give others these roles.
// A name of no role is an *UnknownError. Who writes a grant should ask MayGrant about what RequireIn returns
// instead: between two readings a role may change.
func (s *Service) Grantable(ctx context.Context, holder Permissions, names []string) error {
	granted := make([]*Role, 0, len(names))
	for _, name := range names {
		r, err := s.current(ctx, name)
		if err != nil {
			return err
		}
		if r == nil {
			return unknown(name)
		}
		granted = append(granted, r)
	}
	return holder.MayGrant(granted)
}
