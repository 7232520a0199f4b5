package authmethods

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// attachMapped puts on r the token that the external service of c gives the caller's own identity
// (specs/auth-methods 5.3.5), and nothing else: the stored credential only retrieves it.
func (s *Service) attachMapped(ctx context.Context, r *http.Request, c candidate, p *authn.Principal) (Injected, error) {
	binding, err := s.bindingOf(ctx, c, p)
	if err != nil {
		return Injected{}, err
	}
	k := mapKey{binding.ID, binding.Revision, c.m.UUID, c.revision}
	token, known, err := s.mapped.known(k)
	if !known {
		token, err = s.mappedToken(ctx, k, false, c.m, c.st, binding.Value.UniqueKey)
	}
	if err == nil {
		err = token.unfit
	}
	if err != nil {
		return Injected{}, unusable("the token of binding %s: %w", binding.Value.Name, err)
	}
	d := s.defaults[c.st.Type]
	at := d.plain()
	c.m.plan.secret.clear(r, at.norm)
	if c.m.Type == KindAPIKey {
		d.of(c.m).clearQuery(r) // the upstream reads keys there: one of the client's would be a second one
	}
	at.set(r, token.token.Reveal())
	return Injected{plan: c.m.plan, token: token}, nil
}

// mappedToken retrieves what mapped does not know of k, which must be that of m and uniqueKey's binding.
func (s *Service) mappedToken(
	ctx context.Context, k mapKey, withValue bool, m *Method, st *ServiceType, uniqueKey string,
) (*mappedToken, error) {
	return s.mapped.get(ctx, k, withValue, func(ctx context.Context) (*mappedToken, error) {
		value, err := s.retrieve(ctx, m, st, uniqueKey)
		if err != nil {
			return nil, err
		}
		return newMappedToken(value), nil
	})
}

// bindingOf returns the active binding of p at the host of c.
func (s *Service) bindingOf(ctx context.Context, c candidate, p *authn.Principal) (store.Item[*Binding], error) {
	authType, identifier := identityOf(p)
	if identifier == "" {
		return store.Item[*Binding]{}, unbound("the caller has no identity that a binding could name")
	}
	item, err := s.rec.bindings.By(ctx, byIdentity, identityKey(c.st.UUID, c.m.Host, authType, identifier))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return item, unbound("service type %s has no binding for the caller at %s", c.st.Name, c.m.Host)
	case err != nil:
		return item, unusable("looking for the caller's binding in service type %s: %w", c.st.Name, err)
	case item.Err != nil:
		return item, unusable("binding %s cannot be read: %w", item.ID, item.Err)
	case !item.Value.activeIn(c.st):
		return item, unbound("service type %s does not take binding %s any more", c.st.Name, item.Value.Name)
	}
	return item, nil
}

// identityOf returns how a binding names p, or an empty identifier if none can. An issuer's URL holds no
// space, so issuer and subject cannot be mistaken for another pair (specs C3).
func identityOf(p *authn.Principal) (authType, identifier string) {
	switch {
	case p == nil || p.ID == "":
	case p.Method == authn.MethodMTLS:
		return AuthTypeX509, p.ID
	case p.Method == authn.MethodJWT && p.Issuer != "" && !strings.Contains(p.Issuer, " "):
		return AuthTypeOIDC, p.Issuer + " " + p.ID
	}
	return "", ""
}

// unbound refuses a caller, who must not get through on the stored credential instead.
func unbound(format string, args ...any) error {
	return fault.New(fault.Forbidden, "attaching credential", "", format, args...)
}
