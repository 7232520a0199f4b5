package roles

import (
	"context"
	"errors"
	"slices"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// Effective are the roles a caller really has, and what they allow together. The zero value has and allows
// nothing. It shares its contents with others: they must not be changed.
type Effective struct {
	// Roles are in the order of their names' first mention, without None.
	Roles       []*Role
	Permissions Permissions
}

// Resolve returns what the named roles allow now. Names that repeat count once; None and those of no role are
// left out: a role that is gone grants nothing (specs X3). If one of them cannot be read, or the store cannot
// tell, the error is of kind Unavailable, and there is no part of a result: without that role the caller might
// pass for somebody he is not (specs D5). It reads caches only, and is made for every request; but the first
// time it hears a name it asks the store, so names must come from mappings and not from callers.
func (s *Service) Resolve(ctx context.Context, names []string) (Effective, error) {
	var e Effective
	own := false // e.Permissions belong to no role
	for i, name := range names {
		if name == None || slices.ContainsFunc(e.Roles, func(r *Role) bool { return r.Name == name }) {
			continue
		}
		r, err := s.current(ctx, name)
		if err != nil {
			return Effective{}, err
		}
		if r == nil {
			continue
		}
		if e.Roles == nil {
			e.Roles = make([]*Role, 0, len(names)-i)
		}
		e.Roles = append(e.Roles, r)
		e.Permissions, own = e.Permissions.join(r.Permissions, own)
	}
	return e, nil
}

// current returns the role of the given name, or nil. Its errors are of kind Unavailable.
func (s *Service) current(ctx context.Context, name string) (*Role, error) {
	if r := s.fixed[name]; r != nil {
		return r, nil
	}
	item, err := s.stored(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = item.Err
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return item.Value, nil
}

// stored returns the stored role of the given name, from the cache if it is there.
func (s *Service) stored(ctx context.Context, name string) (store.Item[*Role], error) {
	item, err := s.rec.roles.Get(ctx, name)
	if err != nil {
		return item, err
	}
	return settled(item), nil
}

func unreadable(err error) error { return fault.New(fault.Unavailable, "reading role", "", "%w", err) }
