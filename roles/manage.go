package roles

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/authgate/authgate/store"
)

// Roles returns the built-in roles, the declared ones, and then by name the stored ones that none of those
// hides. Only the stored ones have a revision. A stored record that cannot be read has its Err set.
func (s *Service) Roles(ctx context.Context) ([]store.Item[*Role], error) {
	stored, err := s.rec.roles.List(ctx)
	if err != nil {
		return nil, storeError("listing roles", err)
	}
	items := make([]store.Item[*Role], 0, len(s.listed)+len(stored))
	for _, r := range s.listed {
		items = append(items, fixedItem(r))
	}
	for _, item := range stored {
		if s.fixed[item.ID] == nil {
			items = append(items, settled(item))
		}
	}
	slices.SortFunc(items[len(s.listed):], func(a, b store.Item[*Role]) int { return strings.Compare(a.ID, b.ID) })
	return items, nil
}

// Shadowed returns the names of stored roles that declared ones of the same name hide. The caller warns of
// them once: they allow something else than what the store says.
func (s *Service) Shadowed(ctx context.Context) ([]string, error) {
	var names []string
	for _, r := range s.listed {
		_, err := s.rec.roles.Get(ctx, r.Name)
		switch {
		case err == nil:
			names = append(names, r.Name)
		case !errors.Is(err, store.ErrNotFound):
			return nil, storeError("looking for roles", err)
		}
	}
	return names, nil
}

// Role returns one role by name. Its errors are an *UnknownError or of kind Unavailable.
func (s *Service) Role(ctx context.Context, name string) (store.Item[*Role], error) {
	if r := s.fixed[name]; r != nil {
		return fixedItem(r), nil
	}
	return s.named(ctx, name)
}

// named returns a stored role.
func (s *Service) named(ctx context.Context, name string) (store.Item[*Role], error) {
	item, err := s.stored(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return item, unknown(name)
	case err != nil:
		return item, unreadable(err)
	case item.Err != nil:
		return item, unreadable(item.Err)
	}
	return item, nil
}

func fixedItem(r *Role) store.Item[*Role] { return store.Item[*Role]{ID: r.Name, Value: r} }

// Create stores v; its origin and times are set here. Whether the caller may give what v allows is for
// Permissions.MayGrant to say.
func (s *Service) Create(ctx context.Context, v Role) (store.Item[*Role], error) {
	r, err := newRole(Role{
		Name: v.Name, Description: v.Description, Permissions: v.Permissions, Origin: OriginImperative, CreatedOn: s.now().UTC(),
	})
	if err != nil {
		return store.Item[*Role]{}, err
	}
	if old := s.fixed[r.Name]; old != nil {
		return store.Item[*Role]{}, taken(old)
	}
	item, err := s.rec.roles.Create(ctx, r.Name, r)
	if errors.Is(err, store.ErrExists) {
		return item, exists(r.Name)
	}
	if err != nil {
		return item, storeError("creating role", err)
	}
	return item, nil
}

// Update replaces description and permissions of a stored role that is at a revision match allows. The name
// in v must be empty or the same. It also replaces a record that cannot be read.
func (s *Service) Update(ctx context.Context, name string, v Role, match store.Match) (store.Item[*Role], error) {
	if r := s.fixed[name]; r != nil {
		return store.Item[*Role]{}, readOnly(r)
	}
	var refused error // by change, and so made for the client, unlike what the store says
	item, err := s.rec.roles.Update(ctx, name, func(old store.Item[*Role]) (*Role, error) {
		var r *Role
		r, refused = s.change(settled(old), v, match)
		return r, refused
	})
	switch {
	case err == nil:
		return item, nil
	case refused != nil:
		return item, refused
	case errors.Is(err, store.ErrNotFound):
		return item, unknown(name)
	}
	return item, storeError("updating role", err)
}

func (s *Service) change(old store.Item[*Role], v Role, match store.Match) (*Role, error) {
	if !match.Allows(old.Revision) {
		return nil, stale(old.ID)
	}
	if v.Name != "" && v.Name != old.ID {
		return nil, renamed(old.ID)
	}
	now := s.now().UTC()
	made := Role{Name: old.ID, Description: v.Description, Permissions: v.Permissions, Origin: OriginImperative, CreatedOn: now}
	if old.Err == nil {
		made.CreatedOn, made.UpdatedOn = old.Value.CreatedOn, now
	}
	return newRole(made)
}
