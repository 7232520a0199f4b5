package authn

import (
	"context"
	"slices"

	"github.com/authgate/authgate/internal/fault"
)

// Issuers authenticates bearer tokens that are JWTs of one of its issuers. It is immutable and safe for
// concurrent use. It does not own the issuers: whoever made them closes them.
type Issuers struct {
	list  []*Issuer
	byURL map[string]*Issuer
	cache *TokenCache
}

// NewIssuers makes an Issuers of list, which may be empty, with a cache that may be nil. It refuses, as
// fault.Invalid, two issuers of one name or of URLs that are equal or differ only by case or one
// trailing slash: nobody could say which of them a token is of.
func NewIssuers(list []*Issuer, cache *TokenCache) (*Issuers, error) {
	s := &Issuers{list: slices.Clone(list), byURL: make(map[string]*Issuer, len(list)), cache: cache}
	for n, i := range list {
		for _, other := range list[:n] {
			switch {
			case i.Name() == other.Name():
				return nil, fault.New(fault.Invalid, "issuer "+i.Name(), "name", "used twice; rename one")
			case i.URL() == other.URL():
				return nil, fault.New(fault.Invalid, "issuer "+i.Name(), "url", "is that of issuer %s; remove one", other.Name())
			case differOnlyBySpelling(i.URL(), other.URL()):
				return nil, fault.New(fault.Invalid, "issuer "+i.Name(), "url",
					"differs from that of issuer %s only by case or a slash at the end; remove the one its tokens do not carry", other.Name())
			}
		}
		s.byURL[i.URL()] = i
	}
	return s, nil
}

// Only returns an Issuers of the named ones, for a route that does not accept all of them. It shares
// the cache, where a token of an issuer left out stays ErrNotMine (specs C1). An unknown name is
// fault.Invalid, and so is an empty list.
func (s *Issuers) Only(names []string) (*Issuers, error) {
	if len(names) == 0 {
		return nil, fault.New(fault.Invalid, "route", "issuers", "names none; name some, or leave it out for all")
	}
	var list []*Issuer
	for _, name := range names {
		n := slices.IndexFunc(s.list, func(i *Issuer) bool { return i.Name() == name })
		if n < 0 {
			return nil, fault.New(fault.Invalid, "route", "issuers", "no issuer is named %q; define it in the authgate block", name)
		}
		list = append(list, s.list[n])
	}
	return NewIssuers(list, s.cache)
}

// All returns the issuers in the order they were given.
func (s *Issuers) All() []*Issuer { return slices.Clone(s.list) }

// Authenticate implements Authenticator for the scheme "bearer". What is no JWT, or one of another
// issuer, is ErrNotMine, and makes no connection (specs K8). The unverified payload is used for nothing
// but to pick the issuer (specs J22).
func (s *Issuers) Authenticate(ctx context.Context, c Credential) (*Principal, error) {
	if c.Scheme == "" {
		return nil, ErrNoCredential
	}
	token := c.Token.Reveal()
	if c.Scheme != "bearer" || token == "" {
		return nil, ErrNotMine
	}
	if len(token) > maxTokenBytes {
		return nil, rejected("token is larger than %d bytes", maxTokenBytes)
	}
	if !isCompactJWS(token) {
		return nil, ErrNotMine
	}
	if s.cache == nil {
		p, _, _, err := s.verify(ctx, c, token)
		return p, err
	}
	k := keyOfToken(token)
	if t, ok := s.cache.get(k, s.has); ok {
		if err := t.bound().presentedBy(c); err != nil {
			return nil, err
		}
		t.issuer.keys.refreshIfDue(ctx)
		return t.principal(), nil
	}
	p, i, v, err := s.verify(ctx, c, token)
	if err != nil {
		return nil, err
	}
	s.cache.put(k, packToken(p, i, v))
	return p, nil
}

// has reports whether i itself, not only one of its name, is among the issuers: after a reload with
// another configuration the old one's verdicts no longer count.
func (s *Issuers) has(i *Issuer) bool { return s.byURL[i.cfg.URL] == i }

// verifiedBy is what a verified token depends on beside its own content.
type verifiedBy struct {
	key   *publicKey
	bound certThumbprint
}

func (s *Issuers) verify(ctx context.Context, c Credential, token string) (*Principal, *Issuer, verifiedBy, error) {
	open, err := openJWS(token)
	if err != nil {
		return nil, nil, verifiedBy{}, err
	}
	i := s.byURL[open.issuer()]
	if i == nil {
		return nil, nil, verifiedBy{}, ErrNotMine
	}
	t, err := open.parse(claimForms{})
	if err != nil {
		return nil, nil, verifiedBy{}, err
	}
	if err := t.claims.bound.presentedBy(c); err != nil {
		return nil, nil, verifiedBy{}, err
	}
	p, key, err := i.verify(ctx, &t)
	return p, i, verifiedBy{key, t.claims.bound}, err
}

var _ Authenticator = (*Issuers)(nil)
