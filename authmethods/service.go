package authmethods

import (
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"
)

// Deps are what a Service needs beside its records. Now is required.
type Deps struct {
	Now      func() time.Time
	Logger   *zap.Logger // nil: nothing is logged
	Retrieve RetrieveConfig
}

// RetrieveConfig says how tokens are retrieved from external services.
type RetrieveConfig struct {
	// AllowPrivateAddresses lets external services be on private and loopback addresses. Link-local and
	// metadata addresses stay refused.
	AllowPrivateAddresses bool
	// Roots are trusted to vouch for external services, beside the system's: for certificates that name
	// server authentication as a usage of their key.
	Roots *x509.CertPool
}

// Service manages service types, auth methods and bindings, makes Injectors and retrieves tokens. One is
// built per configuration over Records that outlive it. It is safe for concurrent use.
type Service struct {
	rec      *Records
	now      func() time.Time
	log      *zap.Logger
	decl     *declarations
	defaults map[string]*typeDefaults // by service type's type
	external *retriever
	mapped   *mappedTokens
}

// New validates the declared objects as the API would and returns the Service of one configuration. It
// does not touch the store or the network. Its errors are of kind Invalid and name the Caddyfile's block
// and field. The caller must Close the Service.
func New(rec *Records, decl Declared, deps Deps) (*Service, error) {
	if rec == nil || deps.Now == nil {
		return nil, errors.New("authmethods: Records and Deps.Now are required")
	}
	s := &Service{
		rec: rec, now: deps.Now, log: deps.Logger, defaults: map[string]*typeDefaults{},
		external: newRetriever(deps.Retrieve), mapped: newMappedTokens(deps.Now),
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	defaults := builtinDefaults()
	for _, typ := range slices.Sorted(maps.Keys(decl.Defaults)) {
		d, known := defaults[typ]
		if !known {
			return nil, declaredError("service_defaults "+typ, unsupported("type", typ, supportedTypes()))
		}
		defaults[typ] = d.with(decl.Defaults[typ])
	}
	for typ, d := range defaults {
		compiled, err := d.compile()
		if err != nil {
			return nil, declaredError("service_defaults "+typ, err)
		}
		s.defaults[typ] = compiled
	}
	var err error
	if s.decl, err = newDeclarations(decl, deps.Now().UTC().Truncate(time.Second)); err != nil {
		return nil, err
	}
	return s, nil
}

// Close waits for the token retrievals under way, ends those that take longer than two seconds more, and
// closes the connections to external services. Requests that are still under way may use the Service after that; it
// then keeps no connections. It may be called more than once.
func (s *Service) Close() {
	s.mapped.close()
	s.external.close()
}

// with returns d with the set fields of o in place of its own.
func (d Defaults) with(o Defaults) Defaults {
	if o.Path != "" {
		d.Path = o.Path
	}
	if o.RetrievalField != "" {
		d.RetrievalField = o.RetrievalField
	}
	if o.Placement != "" {
		d.Placement = o.Placement
	}
	return d
}

// ManagedHeaders returns the normalised names of the headers this configuration is known to attach:
// x-api-key, the placements' and those of declared methods, sorted. No client may send them to any
// upstream. Left out are headers that every client sends for reasons of its own: Authorization, Cookie
// and those that carry no credentials. Inject replaces these, like the headers of stored methods, on the
// requests it attaches to.
func (s *Service) ManagedHeaders() []string {
	names := []string{defaultHeaderNorm}
	add := func(norm string) {
		if norm != "" && norm != "authorization" && norm != "cookie" && !ordinary(norm) {
			names = append(names, norm)
		}
	}
	for _, d := range s.defaults {
		add(d.byType.norm)
	}
	for _, m := range s.decl.methods {
		for _, norm := range m.plan.managed {
			add(norm)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
