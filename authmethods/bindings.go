package authmethods

import (
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// Bindings returns all bindings in the order they were made, also those whose service type is gone or
// no longer takes them. A record that cannot be read has its Err set.
func (s *Service) Bindings(ctx context.Context) ([]store.Item[*Binding], error) {
	items, err := s.rec.bindings.List(ctx)
	if err != nil {
		return nil, storeError("listing bindings", err)
	}
	sortBindings(items)
	return items, nil
}

// BindingsOf returns the bindings of a host of the service type called service, in the order they were
// made. With an authID it is the one x509 binding of that identifier, or NotFound: upstream looks at no
// other kind there (specs/auth-methods 2.3).
func (s *Service) BindingsOf(ctx context.Context, service, host, authID string) ([]store.Item[*Binding], error) {
	st, err := s.ServiceType(ctx, service)
	if err != nil {
		return nil, err
	}
	if !st.Value.HasHost(host) {
		return nil, notFound("Host")
	}
	if authID != "" {
		item, err := s.bindingFor(ctx, st.ID, host, AuthTypeX509, authID)
		if err != nil {
			return nil, err
		}
		return []store.Item[*Binding]{item}, nil
	}
	items, err := s.rec.bindings.Find(ctx, byPlace, pairKey(st.ID, host))
	if err != nil {
		return nil, storeError("listing bindings", err)
	}
	sortBindings(items)
	return items, nil
}

func sortBindings(items []store.Item[*Binding]) {
	slices.SortFunc(items, func(a, b store.Item[*Binding]) int {
		return byAge(a.Err, b.Err, func() int { return a.Value.CreatedOn.Compare(b.Value.CreatedOn) }, a.ID, b.ID)
	})
}

// bindingFor finds the binding of one identity at one host of a service type. Its errors are of kind
// NotFound, Internal (the record cannot be read) or Unavailable.
func (s *Service) bindingFor(ctx context.Context, service, host, authType, identifier string) (store.Item[*Binding], error) {
	item, err := s.rec.bindings.By(ctx, byIdentity, identityKey(service, host, authType, identifier))
	return readBinding(item, err)
}

// Binding returns one binding by name. Its errors are of kind NotFound, Internal (the record cannot be
// read) or Unavailable.
func (s *Service) Binding(ctx context.Context, name string) (store.Item[*Binding], error) {
	return readBinding(s.bindingNamed(ctx, name))
}

func (s *Service) bindingNamed(ctx context.Context, name string) (store.Item[*Binding], error) {
	if len(name) > maxName*utf8.UTFMax {
		return store.Item[*Binding]{}, store.ErrNotFound
	}
	return s.rec.bindings.By(ctx, byName, name)
}

func readBinding(item store.Item[*Binding], err error) (store.Item[*Binding], error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return item, notFound(resBindingTitle)
	case err != nil:
		return item, storeError("reading binding", err)
	case item.Err != nil:
		return item, fault.New(fault.Internal, "reading binding", "", "%w", item.Err)
	}
	return item, nil
}

// CreateBinding stores v; its UUID and times are set here. As with CreateMethod its service type is the
// one it was checked against also at the moment of writing.
func (s *Service) CreateBinding(ctx context.Context, v Binding) (store.Item[*Binding], error) {
	v.UUID, v.CreatedOn, v.UpdatedOn, v.LastAuth = uuid.NewString(), s.now().UTC(), time.Time{}, time.Time{}
	for attempt := 0; ; attempt++ {
		st, err := s.placeBinding(ctx, &v)
		if err != nil {
			return store.Item[*Binding]{}, err
		}
		tx := store.NewTx()
		s.require(tx, st)
		s.rec.bindings.CreateIn(tx, v.UUID, &v)
		revision, err := s.rec.commit(ctx, tx)
		if err == nil {
			return store.Item[*Binding]{ID: v.UUID, Value: &v, Revision: revision}, nil
		}
		if !retry(ctx, attempt, err) {
			return store.Item[*Binding]{}, bindingWriteError("creating binding", &v, err)
		}
	}
}

// UpdateBinding applies p to the binding called name if it is at a revision that match allows. Whatever
// p changes, the binding must not become a second one of its identity.
func (s *Service) UpdateBinding(ctx context.Context, name string, p BindingPatch, match store.Match) (store.Item[*Binding], error) {
	const op = "updating binding"
	for attempt := 0; ; attempt++ {
		item, err := s.Binding(ctx, name)
		if err != nil {
			return item, err
		}
		if err := checkMatch(ctx, s.rec.bindings, item, match, resBinding, name); err != nil {
			if retry(ctx, attempt, err) {
				continue
			}
			return item, storeError(op, err)
		}
		v := p.apply(*item.Value, s.now().UTC())
		st, err := s.placeBinding(ctx, &v)
		if err != nil {
			return item, err
		}
		tx := store.NewTx()
		s.require(tx, st)
		s.rec.bindings.UpdateIn(tx, item, &v)
		revision, err := s.rec.commit(ctx, tx)
		if err == nil {
			return store.Item[*Binding]{ID: v.UUID, Value: &v, Revision: revision}, nil
		}
		if !retry(ctx, attempt, err) {
			return item, bindingWriteError(op, &v, err)
		}
	}
}

// placeBinding checks all of v and returns the service type it belongs to.
func (s *Service) placeBinding(ctx context.Context, v *Binding) (store.Item[*ServiceType], error) {
	if err := v.checkRequired(); err != nil {
		return store.Item[*ServiceType]{}, err
	}
	st, err := s.typeByUUID(ctx, v.ServiceUUID)
	if err != nil {
		return st, err
	}
	return st, v.checkPlace(st.Value)
}

// DeleteBinding deletes the binding called name, also one that cannot be read, if it is at a revision
// that match allows.
func (s *Service) DeleteBinding(ctx context.Context, name string, match store.Match) (store.Item[*Binding], error) {
	for attempt := 0; ; attempt++ {
		item, err := s.bindingNamed(ctx, name)
		if err != nil {
			return readBinding(item, err)
		}
		err = checkMatch(ctx, s.rec.bindings, item, match, resBinding, name)
		if err == nil {
			item.Revision, err = s.rec.deleteBindings(ctx, store.NewTx(), []store.Item[*Binding]{item})
		}
		if err == nil {
			return item, nil
		}
		if !retry(ctx, attempt, err) {
			return item, storeError("deleting binding", err)
		}
	}
}

// deleteBindings adds the deletion of bindings and of the notes on them to tx and commits it. A note that
// is written in between stays behind: ids do not come back, so it says nothing about anybody.
func (r *Records) deleteBindings(ctx context.Context, tx *store.Tx, items []store.Item[*Binding]) (int64, error) {
	for _, item := range items {
		switch note, err := current(ctx, r.noSAN, item.ID); {
		case err == nil:
			r.noSAN.DeleteIn(tx, note)
		case !errors.Is(err, store.ErrNotFound):
			return 0, err
		}
		r.bindings.DeleteIn(tx, item)
	}
	return r.commit(ctx, tx)
}

func bindingWriteError(op string, b *Binding, err error) error {
	var u *store.UniqueError
	if !errors.As(err, &u) {
		return storeError(op, err)
	}
	if u.Index == byIdentity {
		return exists(resBinding, "auth_identifier", b.AuthIdentifier)
	}
	return exists(resBinding, "name", b.Name)
}
