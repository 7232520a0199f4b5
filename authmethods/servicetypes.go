package authmethods

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// ServiceTypePatch changes a service type: nil leaves a field as it is, a pointer to nil empties it.
// Type cannot be changed.
type ServiceTypePatch struct {
	Name, AuthMethod *string
	Hosts, AuthTypes *[]string
}

// ServiceTypes returns the declared service types, then the stored ones that no declared one hides, in
// the order they were made. A stored record that cannot be read has its Err set.
func (s *Service) ServiceTypes(ctx context.Context) ([]store.Item[*ServiceType], error) {
	stored, err := s.rec.types.List(ctx)
	if err != nil {
		return nil, storeError("listing service types", err)
	}
	items := make([]store.Item[*ServiceType], 0, len(s.decl.types)+len(stored))
	for _, st := range s.decl.types {
		items = append(items, store.Item[*ServiceType]{ID: st.UUID, Value: st})
	}
	for _, item := range stored {
		if item.Err != nil || s.decl.byName[item.Value.Name] == nil {
			items = append(items, item)
		}
	}
	slices.SortStableFunc(items[len(s.decl.types):], func(a, b store.Item[*ServiceType]) int {
		return byAge(a.Err, b.Err, func() int { return a.Value.CreatedOn.Compare(b.Value.CreatedOn) }, a.ID, b.ID)
	})
	return items, nil
}

// Shadowed returns the names of stored service types that declared ones of the same name hide, with
// all their methods. The caller warns of them once.
func (s *Service) Shadowed(ctx context.Context) ([]string, error) {
	var names []string
	for _, st := range s.decl.types {
		_, err := s.rec.types.By(ctx, byName, st.Name)
		switch {
		case err == nil:
			names = append(names, st.Name)
		case !errors.Is(err, store.ErrNotFound):
			return nil, storeError("looking for service types", err)
		}
	}
	return names, nil
}

// ServiceType returns one service type by name. Its errors are of kind NotFound, Internal (the record
// cannot be read) or Unavailable.
func (s *Service) ServiceType(ctx context.Context, name string) (store.Item[*ServiceType], error) {
	item, err := s.lookupType(ctx, name)
	if err == nil && item.Err != nil {
		err = fault.New(fault.Internal, "reading service type", "", "%w", item.Err)
	}
	return item, err
}

// lookupType is ServiceType but returns an unreadable record with its Err.
func (s *Service) lookupType(ctx context.Context, name string) (store.Item[*ServiceType], error) {
	if st := s.decl.byName[name]; st != nil {
		return store.Item[*ServiceType]{ID: st.UUID, Value: st}, nil
	}
	if len(name) > maxName*utf8.UTFMax {
		return store.Item[*ServiceType]{}, notFound("Service-type")
	}
	item, err := s.rec.types.By(ctx, byName, name)
	if errors.Is(err, store.ErrNotFound) {
		return item, notFound("Service-type")
	}
	if err != nil {
		return item, storeError("reading service type", err)
	}
	return item, nil
}

// CreateServiceType stores v; its UUID, times and Origin are set here.
func (s *Service) CreateServiceType(ctx context.Context, v ServiceType) (store.Item[*ServiceType], error) {
	v.UUID, v.CreatedOn, v.UpdatedOn, v.Origin = uuid.NewString(), s.now().UTC(), time.Time{}, ""
	st, err := newServiceType(v)
	if err != nil {
		return store.Item[*ServiceType]{}, err
	}
	if s.decl.byName[st.Name] != nil {
		return store.Item[*ServiceType]{}, exists(resServiceType, "name", st.Name)
	}
	item, err := s.rec.types.Create(ctx, st.UUID, st)
	if err != nil {
		return item, typeWriteError("creating service type", st.Name, err)
	}
	return item, nil
}

// UpdateServiceType applies p to the service type called name if it is at a revision that match allows.
func (s *Service) UpdateServiceType(
	ctx context.Context, name string, p ServiceTypePatch, match store.Match,
) (store.Item[*ServiceType], error) {
	item, err := s.ServiceType(ctx, name)
	if err != nil {
		return item, err
	}
	if item.Value.Origin != "" {
		return item, readOnly(resServiceType, name, item.Value.Origin)
	}
	newName := name
	var refused error // by change, and so made for the client, unlike what the store says
	item, err = s.rec.types.Update(ctx, item.ID, func(old store.Item[*ServiceType]) (*ServiceType, error) {
		var st *ServiceType
		if st, refused = s.changeType(old, name, p, match); refused == nil {
			newName = st.Name
		}
		return st, refused
	})
	switch {
	case err == nil:
		return item, nil
	case refused != nil:
		return item, refused
	case errors.Is(err, store.ErrNotFound): // deleted since it was looked up
		return item, notFound("Service-type")
	}
	return item, typeWriteError("updating service type", newName, err)
}

func (s *Service) changeType(
	old store.Item[*ServiceType], name string, p ServiceTypePatch, match store.Match,
) (*ServiceType, error) {
	if old.Err != nil {
		return nil, fault.New(fault.Internal, "reading service type", "", "%w", old.Err)
	}
	if old.Value.Name != name { // renamed since it was looked up
		return nil, notFound("Service-type")
	}
	if !match.Allows(old.Revision) {
		return nil, stale(resServiceType, name)
	}
	st, err := newServiceType(p.apply(*old.Value, s.now().UTC()))
	if err != nil {
		return nil, err
	}
	if st.Name != name && s.decl.byName[st.Name] != nil {
		return nil, exists(resServiceType, "name", st.Name)
	}
	return st, nil
}

func (p ServiceTypePatch) apply(v ServiceType, now time.Time) ServiceType {
	if p.Name != nil {
		v.Name = *p.Name
	}
	if p.AuthMethod != nil {
		v.AuthMethod = *p.AuthMethod
	}
	if p.Hosts != nil {
		v.Hosts = *p.Hosts
	}
	if p.AuthTypes != nil {
		v.AuthTypes = *p.AuthTypes
	}
	v.UpdatedOn = now
	return v
}

func typeWriteError(op, name string, err error) error {
	var u *store.UniqueError
	if errors.As(err, &u) {
		return exists(resServiceType, "name", name)
	}
	return storeError(op, err)
}

// byAge orders readable records by time and then id, unreadable ones last.
func byAge(errA, errB error, compare func() int, idA, idB string) int {
	switch {
	case errA != nil && errB == nil:
		return 1
	case errA == nil && errB != nil:
		return -1
	case errA == nil:
		if c := compare(); c != 0 {
			return c
		}
	}
	return strings.Compare(idA, idB)
}
