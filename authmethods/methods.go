package authmethods

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

// MethodPatch changes an auth method: nil leaves a field as it is. Headers replaces all headers at
// once. The credential field of the other kind is ignored, as upstream does.
type MethodPatch struct {
	ServiceUUID, Host    *string
	Port                 *int
	AccessKey            *secret.String
	Headers              *map[string]secret.String
	Path, RetrievalField *string
}

// Methods returns the declared auth methods, then the stored ones that none of them replaces, in the
// order they were made, also those whose service type no longer lists their host. A stored record that
// cannot be read has its Err set.
func (s *Service) Methods(ctx context.Context) ([]store.Item[*Method], error) {
	stored, err := s.rec.methods.List(ctx)
	if err != nil {
		return nil, storeError("listing auth methods", err)
	}
	items := make([]store.Item[*Method], 0, len(s.decl.methods)+len(stored))
	for _, m := range s.decl.methods {
		items = append(items, store.Item[*Method]{ID: m.UUID, Value: m})
	}
	for _, item := range stored {
		if item.Err != nil || !s.decl.shadows(item.Value) {
			items = append(items, item)
		}
	}
	slices.SortStableFunc(items[len(s.decl.methods):], func(a, b store.Item[*Method]) int {
		return byAge(a.Err, b.Err, func() int { return a.Value.CreatedOn.Compare(b.Value.CreatedOn) }, a.ID, b.ID)
	})
	return items, nil
}

// Method returns the auth method of a host in the service type called service, if it is of the service
// type's kind. Its errors are of kind NotFound (naming what is missing), Internal or Unavailable.
func (s *Service) Method(ctx context.Context, service, host string) (store.Item[*Method], error) {
	st, err := s.ServiceType(ctx, service)
	if err != nil {
		return store.Item[*Method]{}, err
	}
	return s.methodOf(ctx, st.Value, host)
}

// methodOf is Method for a service type at hand.
func (s *Service) methodOf(ctx context.Context, st *ServiceType, host string) (store.Item[*Method], error) {
	item, err := s.lookupMethod(ctx, st, host)
	switch {
	case err != nil:
		return item, err
	case item.Err != nil:
		return item, fault.New(fault.Internal, "reading auth method", "", "%w", item.Err)
	case item.Value.Type != st.AuthMethod:
		return item, notFound(resMethodTitle)
	}
	return item, nil
}

// lookupMethod finds the method of a host in st, also one of another kind or that cannot be read.
func (s *Service) lookupMethod(ctx context.Context, st *ServiceType, host string) (store.Item[*Method], error) {
	if !st.HasHost(host) {
		return store.Item[*Method]{}, notFound("Host")
	}
	if m := s.decl.method(st.UUID, host); m != nil {
		return store.Item[*Method]{ID: m.UUID, Value: m}, nil
	}
	item, err := s.rec.methods.By(ctx, byPair, pairKey(st.UUID, host))
	if errors.Is(err, store.ErrNotFound) {
		return item, notFound(resMethodTitle)
	}
	if err != nil {
		return item, storeError("reading auth method", err)
	}
	return item, nil
}

// SoleHost returns the one host of the service type called service that has an auth method. If more have
// one the error asks for the host; if none has, it is of kind NotFound.
func (s *Service) SoleHost(ctx context.Context, service string) (string, error) {
	st, err := s.ServiceType(ctx, service)
	if err != nil {
		return "", err
	}
	sole := ""
	for _, host := range st.Value.Hosts {
		switch item, err := s.lookupMethod(ctx, st.Value, host); {
		case fault.Is(err, fault.NotFound) || host == sole:
		case err != nil:
			return "", err
		case item.Err == nil && item.Value.Type != st.Value.AuthMethod:
		case sole != "":
			return "", emptyField(resMethod, "host")
		default:
			sole = host
		}
	}
	if sole == "" {
		return "", notFound(resMethodTitle)
	}
	return sole, nil
}

// CreateMethod stores v below the service type called service, which decides its kind; its UUIDs, Type,
// times and Origin are set here. The service type is the one v was checked against also at the moment
// of writing, so that none can be left below a service type that is being deleted.
func (s *Service) CreateMethod(ctx context.Context, service string, v Method) (store.Item[*Method], error) {
	v.UUID, v.CreatedOn, v.UpdatedOn, v.Origin = uuid.NewString(), s.now().UTC(), time.Time{}, ""
	for attempt := 0; ; attempt++ {
		st, err := s.ServiceType(ctx, service)
		if err != nil {
			return store.Item[*Method]{}, err
		}
		v.ServiceUUID, v.Type = st.ID, st.Value.AuthMethod
		m, err := placeMethod(v, st.Value)
		if err != nil {
			return store.Item[*Method]{}, err
		}
		if s.decl.shadows(m) {
			return store.Item[*Method]{}, exists(resMethodTitle, "host", m.Host)
		}
		tx := store.NewTx()
		s.require(tx, st)
		s.rec.methods.CreateIn(tx, m.UUID, m)
		revision, err := s.rec.commit(ctx, tx)
		if err == nil {
			return store.Item[*Method]{ID: m.UUID, Value: m, Revision: revision}, nil
		}
		if !retry(ctx, attempt, err) {
			return store.Item[*Method]{}, methodWriteError("creating auth method", m.Host, err)
		}
	}
}

// UpdateMethod applies p to the auth method of a host in the service type called service. It may move
// to another host or service type. A method that is not at a revision match allows is left as it is.
func (s *Service) UpdateMethod(
	ctx context.Context, service, host string, p MethodPatch, match store.Match,
) (store.Item[*Method], error) {
	const op = "updating auth method"
	for attempt := 0; ; attempt++ {
		item, err := s.Method(ctx, service, host)
		if err != nil {
			return item, err
		}
		if item.Value.Origin != "" {
			return item, readOnly(resMethodTitle, service+" "+host, item.Value.Origin)
		}
		if err := checkMatch(ctx, s.rec.methods, item, match, resMethodTitle, service+" "+host); err != nil {
			if retry(ctx, attempt, err) {
				continue
			}
			return item, storeError(op, err)
		}
		v := p.apply(*item.Value, s.now().UTC())
		if err := v.checkRequired(); err != nil {
			return item, err
		}
		st, err := s.typeByUUID(ctx, v.ServiceUUID)
		if err != nil {
			return item, err
		}
		m, err := placeMethod(v, st.Value)
		if err != nil {
			return item, err
		}
		if err := s.checkMove(ctx, item.Value, m, st.Value); err != nil {
			return item, err
		}
		tx := store.NewTx()
		s.require(tx, st)
		s.rec.methods.UpdateIn(tx, item, m)
		revision, err := s.rec.commit(ctx, tx)
		if err == nil {
			return store.Item[*Method]{ID: m.UUID, Value: m, Revision: revision}, nil
		}
		if !retry(ctx, attempt, err) {
			return item, methodWriteError(op, m.Host, err)
		}
	}
}

// DeleteMethod deletes the auth method of a host in the service type called service. Unlike Method it
// also finds one of another kind and one that cannot be read: either would block the host for good. One
// that is not at a revision match allows is left.
func (s *Service) DeleteMethod(ctx context.Context, service, host string, match store.Match) (store.Item[*Method], error) {
	for attempt := 0; ; attempt++ {
		st, err := s.ServiceType(ctx, service)
		if err != nil {
			return store.Item[*Method]{}, err
		}
		item, err := s.lookupMethod(ctx, st.Value, host)
		if err != nil {
			return item, err
		}
		if item.Err == nil && item.Value.Origin != "" {
			return item, readOnly(resMethodTitle, service+" "+host, item.Value.Origin)
		}
		err = checkMatch(ctx, s.rec.methods, item, match, resMethodTitle, service+" "+host)
		if err == nil {
			tx := store.NewTx()
			s.rec.methods.DeleteIn(tx, item)
			item.Revision, err = s.rec.commit(ctx, tx)
		}
		if err == nil {
			return item, nil
		}
		if !retry(ctx, attempt, err) {
			return item, storeError("deleting auth method", err)
		}
	}
}

// require adds to tx that the service type is as it was read. A declared one cannot change.
func (s *Service) require(tx *store.Tx, st store.Item[*ServiceType]) {
	if st.Value.Origin == "" {
		s.rec.types.RequireIn(tx, st)
	}
}

func (p MethodPatch) apply(v Method, now time.Time) Method {
	if p.ServiceUUID != nil {
		v.ServiceUUID = *p.ServiceUUID
	}
	if p.Host != nil {
		v.Host = *p.Host
	}
	if p.Port != nil {
		v.Port = *p.Port
	}
	if p.AccessKey != nil && v.Type == KindAPIKey {
		v.AccessKey = *p.AccessKey
	}
	if p.Headers != nil && v.Type == KindHeaders {
		v.Headers = *p.Headers
	}
	if p.Path != nil {
		v.Path = *p.Path
	}
	if p.RetrievalField != nil {
		v.RetrievalField = *p.RetrievalField
	}
	v.UpdatedOn = now
	return v
}

// checkMove refuses what the store cannot: a place that a declared method holds, and a service type of
// the other kind, where the method would be out of reach and stop its host.
func (s *Service) checkMove(ctx context.Context, was, m *Method, st *ServiceType) error {
	if was.ServiceUUID == m.ServiceUUID && was.Host == m.Host {
		return nil
	}
	if s.decl.shadows(m) {
		return exists(resMethodTitle, "host", m.Host)
	}
	if m.Type == st.AuthMethod {
		return nil
	}
	switch _, err := s.rec.methods.By(ctx, byPair, pairKey(m.ServiceUUID, m.Host)); {
	case err == nil:
		return exists(resMethodTitle, "host", m.Host)
	case !errors.Is(err, store.ErrNotFound):
		return storeError("reading auth method", err)
	}
	return invalidField("service_uuid", "The service type's auth_method is %s, not %s", st.AuthMethod, m.Type)
}

// typeByUUID returns a service type that is not hidden.
func (s *Service) typeByUUID(ctx context.Context, id string) (store.Item[*ServiceType], error) {
	if st := s.decl.byUUID[id]; st != nil {
		return store.Item[*ServiceType]{ID: id, Value: st}, nil
	}
	if len(id) > maxUUID {
		return store.Item[*ServiceType]{}, notFound("Service-type")
	}
	item, err := s.rec.types.Get(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return item, notFound("Service-type")
	case err != nil:
		return item, storeError("reading service type", err)
	case item.Err != nil:
		return item, fault.New(fault.Internal, "reading service type", "", "%w", item.Err)
	case s.decl.byName[item.Value.Name] != nil:
		return item, notFound("Service-type")
	}
	return item, nil
}

func methodWriteError(op, host string, err error) error {
	var u *store.UniqueError
	if errors.As(err, &u) {
		return exists(resMethodTitle, "host", host)
	}
	return storeError(op, err)
}
