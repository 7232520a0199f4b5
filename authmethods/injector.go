package authmethods

import (
	"context"
	"errors"
	"net/http"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// Target is the address a request is really about to be sent to: the dialled one, never the request's
// Host, which is client input.
type Target struct {
	Scheme string // "https", or anything else for a connection in clear
	Host   string // a name or address, without port
	Port   int    // 0 means the scheme's own: 443 for https, else 80
}

func (t Target) port() int {
	switch {
	case t.Port != 0:
		return t.Port
	case t.Scheme == "https":
		return 443
	}
	return 80
}

// Injector attaches the stored credential of a target to a request. It is safe for concurrent use.
type Injector interface {
	// Inject changes r, which must be the transport's own clone with its own Header map. Injected tells
	// what it did; without a credential for t it does nothing and returns the zero Injected. An error
	// means that the request must not be sent: its kind is Conflict if more than one credential fits
	// (502), Unavailable if one is configured and cannot be attached, or cannot be told to be (503), and
	// Forbidden if InjectOptions.Map is on and the caller has no binding (403).
	// Errors name service types and hosts, never secrets.
	Inject(ctx context.Context, r *http.Request, t Target, p *authn.Principal) (Injected, error)
}

// InjectOptions loosen what an Injector does.
type InjectOptions struct {
	// AllowPlainHTTP lets credentials leave this machine unencrypted (insecure_plain_http).
	AllowPlainHTTP bool
	// Map attaches the token that the external service gives the caller's own identity, by its binding, in
	// place of the stored credential. Callers without a principal or a binding are refused (Forbidden).
	Map bool
}

// Injector returns an Injector of this configuration. serviceType names the service type whose
// credential is wanted, and thereby requires it: a target without a usable credential of it is refused.
// Empty means any service type, and nothing to attach if none lists the host.
func (s *Service) Injector(serviceType string, o InjectOptions) Injector {
	return &injector{s: s, serviceType: serviceType, o: o}
}

type injector struct {
	s           *Service
	serviceType string
	o           InjectOptions
}

var _ Injector = (*injector)(nil)

// Inject implements Injector.
func (i *injector) Inject(ctx context.Context, r *http.Request, t Target, p *authn.Principal) (Injected, error) {
	at := target{normalHost(t.Host), t.port()}
	var c candidate
	var err error
	if i.serviceType != "" {
		c, err = i.s.named(ctx, i.serviceType, at)
	} else {
		c, err = i.s.only(ctx, at)
	}
	if err != nil || c.m == nil {
		return Injected{}, err
	}
	if t.Scheme != "https" && !i.o.AllowPlainHTTP && !loopback(at.host) {
		return Injected{}, unusable("the credential of %s for %s would be sent unencrypted", c.st.Name, at)
	}
	if i.o.Map {
		return i.s.attachMapped(ctx, r, c, p)
	}
	return c.m.attach(r, i.s.defaults[c.st.Type].of(c.m)), nil
}

// named finds the one active method for at of the service type called name. Broken records must not
// stop it, they may be other service types' (D5); if they are its own it has no method, which ends below.
func (s *Service) named(ctx context.Context, name string, at target) (candidate, error) {
	if st := s.decl.byName[name]; st != nil {
		if m := s.decl.byPair[serviceHost{st.UUID, at.host}]; m != nil && m.Port == at.port {
			return candidate{m, st, 0}, nil
		}
	}
	items, err := s.rec.methods.Find(ctx, byTarget, targetKey(at.host, at.port))
	if err != nil {
		return candidate{}, unusable("looking for the auth method of %s: %w", at, err)
	}
	var found candidate
	var doubt error
	for _, item := range items {
		if item.Err != nil || s.decl.shadows(item.Value) {
			continue
		}
		st, err := s.typeFor(ctx, item.Value.ServiceUUID)
		switch {
		case err != nil:
			doubt = err
		case st == nil || st.Name != name || !active(item.Value, st):
		case found.m != nil:
			return candidate{}, ambiguous(at)
		default:
			found = candidate{item.Value, st, item.Revision}
		}
	}
	switch {
	case found.m != nil:
		return found, nil
	case doubt != nil:
		return candidate{}, doubt
	}
	return candidate{}, unusable("service type %s has no usable auth method for %s", name, at)
}

// only finds the one active method for at, whatever its service type, or none.
func (s *Service) only(ctx context.Context, at target) (candidate, error) {
	if at.host == "" {
		return candidate{}, nil
	}
	var found candidate
	n, inactive := 0, ""
	for _, c := range s.decl.byTarget[at] {
		found = c
		n++
	}
	items, err := s.rec.methods.Find(ctx, byTarget, targetKey(at.host, at.port))
	if err != nil {
		return candidate{}, unusable("looking for the auth method of %s: %w", at, err)
	}
	for _, item := range items {
		if item.Err != nil { // it may be a second candidate: which one to send cannot be told
			return candidate{}, unusable("an auth method of %s cannot be read: %w", at, item.Err)
		}
		if s.decl.shadows(item.Value) {
			continue
		}
		st, err := s.typeFor(ctx, item.Value.ServiceUUID)
		if err != nil {
			return candidate{}, err
		}
		if st == nil || !active(item.Value, st) {
			inactive = item.ID
			continue
		}
		found = candidate{item.Value, st, item.Revision}
		n++
	}
	switch {
	case n == 1:
		return found, nil
	case n > 1:
		return candidate{}, ambiguous(at)
	case inactive != "":
		return candidate{}, unusable("auth method %s of %s does not fit its service type any more", inactive, at)
	}
	return candidate{}, s.expectNone(ctx, at.host)
}

// typeFor returns the service type a stored record names, nil if it is gone or a declared one hides it.
func (s *Service) typeFor(ctx context.Context, id string) (*ServiceType, error) {
	if st := s.decl.byUUID[id]; st != nil {
		return st, nil
	}
	item, err := s.rec.types.Get(ctx, id)
	if err == nil {
		err = item.Err
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, unusable("reading service type %s: %w", id, err)
	}
	if s.decl.byName[item.Value.Name] != nil {
		return nil, nil
	}
	return item.Value, nil
}

// active reports whether m may be used for st: its host is still listed and its kind is still the
// service type's (specs/auth-methods 4.3, 4.5).
func active(m *Method, st *ServiceType) bool {
	return m.Type == st.AuthMethod && st.HasHost(m.Host)
}

// expectNone refuses a host that a service type lists while it has no method for it at all: a
// credential is meant to be attached there, and a request without it would reach the upstream as
// nobody. A method for another port shows that this port is not meant.
func (s *Service) expectNone(ctx context.Context, host string) error {
	for _, st := range s.decl.byHost[host] {
		if err := s.expectMethod(ctx, st, host); err != nil {
			return err
		}
	}
	items, err := s.rec.types.Find(ctx, byHost, host)
	if err != nil {
		return unusable("looking for the service types of %s: %w", host, err)
	}
	for _, item := range items {
		if item.Err != nil {
			return unusable("a service type of %s cannot be read: %w", host, item.Err)
		}
		if s.decl.byName[item.Value.Name] != nil {
			continue
		}
		if err := s.expectMethod(ctx, item.Value, host); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) expectMethod(ctx context.Context, st *ServiceType, host string) error {
	if s.decl.byPair[serviceHost{st.UUID, host}] != nil {
		return nil
	}
	for _, spelling := range st.spellings[host] {
		item, err := s.rec.methods.By(ctx, byPair, pairKey(st.UUID, spelling))
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return unusable("looking for the auth method of %s in %s: %w", host, st.Name, err)
		case item.Err != nil:
			return unusable("the auth method of %s in %s cannot be read: %w", host, st.Name, item.Err)
		case item.Value.Type == st.AuthMethod:
			return nil
		}
	}
	return unusable("service type %s lists %s and has no auth method for it", st.Name, host)
}

func ambiguous(at target) error {
	return fault.New(fault.Conflict, "attaching credential", "", "more than one service type has a credential for %s: name one", at)
}
