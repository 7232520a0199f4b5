package m2m

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/roles"
	"github.com/authgate/authgate/store"
)

// Deps are what a Service needs beside its records. Now and Roles are required.
type Deps struct {
	Now    func() time.Time
	Logger *zap.Logger // nil: nothing is logged
	Roles  *roles.Service
	// AllowPrivateAddresses lets issuers be on private and loopback addresses, there also by plain http.
	// Link-local and metadata addresses stay refused.
	AllowPrivateAddresses bool
	// CAFile is a PEM file of roots that issuers' certificates may have, beside the system's. Empty: none.
	CAFile string
	// DiscoveryBearer returns the token for clusters that show their keys to nobody else, as
	// authn.FederatedConfig has it. It serves configs of TypeKubeServiceAccount. May be nil.
	DiscoveryBearer func() (secret.String, error)
}

// Service manages configs and finds the one a token belongs to. One is built per configuration over Records
// that outlive it. It is safe for concurrent use.
type Service struct {
	rec      *Records
	deps     Deps
	declared *declarations
}

// New validates the declared configs as the API would and returns the Service of one configuration. It
// touches neither the store nor the network. Its errors are of kind Invalid and name the Caddyfile's block.
func New(rec *Records, declared []Declared, deps Deps) (*Service, error) {
	if rec == nil || deps.Now == nil || deps.Roles == nil {
		return nil, errors.New("m2m: Records, Deps.Now and Deps.Roles are required")
	}
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	s := &Service{rec: rec, deps: deps}
	var err error
	if s.declared, err = s.declare(declared); err != nil {
		return nil, err
	}
	return s, nil
}

// List returns all configs by issuer and then id, and after those the stored records that cannot be read,
// with their Err set. Declared ones have no revision; stored ones they hide are left out.
func (s *Service) List(ctx context.Context) ([]store.Item[*Config], error) {
	stored, err := s.rec.configs.List(ctx)
	if err != nil {
		return nil, storeError("listing auth machine to machine configs", err)
	}
	items := make([]store.Item[*Config], 0, len(s.declared.list)+len(stored))
	for _, c := range s.declared.list {
		items = append(items, declaredItem(c))
	}
	for _, item := range stored {
		if !s.hides(item) {
			items = append(items, item)
		}
	}
	slices.SortFunc(items, func(a, b store.Item[*Config]) int {
		switch {
		case a.Err != nil && b.Err != nil:
			return strings.Compare(a.ID, b.ID)
		case a.Err != nil:
			return 1
		case b.Err != nil:
			return -1
		}
		if c := strings.Compare(a.Value.Issuer, b.Value.Issuer); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return items, nil
}

// Get returns one config by id, in any spelling of a UUID. Its errors are of kind NotFound, which is also
// that of an id that is no UUID, or Unavailable.
func (s *Service) Get(ctx context.Context, id string) (store.Item[*Config], error) {
	canonical, ok := parseID(id)
	if !ok {
		return store.Item[*Config]{}, notFound(id)
	}
	return s.ByID(ctx, canonical)
}

// ByID is Get for an id in canonical form, as tokens hold it.
func (s *Service) ByID(ctx context.Context, id string) (store.Item[*Config], error) {
	if c := s.declared.byID[id]; c != nil {
		return declaredItem(c), nil
	}
	item, err := s.rec.configs.Get(ctx, id)
	return s.found(item, err, notFound, id)
}

// ByIssuer returns the config of exactly this issuer. Its errors are of kind Unauthenticated if there is none,
// or Unavailable. It makes no connection to anybody (specs K8). Upstream finds configs of
// TypeKubeServiceAccount by the issuer of the cluster it runs in as well; here an issuer is what it is called.
func (s *Service) ByIssuer(ctx context.Context, issuer string) (store.Item[*Config], error) {
	folded := foldIssuer(issuer)
	if c := s.declared.byIssuer[folded]; c != nil {
		if c.Issuer != issuer {
			return store.Item[*Config]{}, notConfigured(issuer)
		}
		return declaredItem(c), nil
	}
	item, err := s.rec.configs.By(ctx, byIssuer, folded)
	item, err = s.found(item, err, notConfigured, issuer)
	if err == nil && item.Value.Issuer != issuer {
		return store.Item[*Config]{}, notConfigured(issuer)
	}
	return item, err
}

// found is what was read from the store by name, or the error for its caller.
func (s *Service) found(item store.Item[*Config], err error, absent func(string) error, name string) (store.Item[*Config], error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Item[*Config]{}, absent(name)
	case err != nil:
		return store.Item[*Config]{}, unreadable(err)
	case item.Err != nil:
		return store.Item[*Config]{}, unreadable(item.Err)
	case s.hides(item):
		return store.Item[*Config]{}, absent(name)
	}
	return item, nil
}
