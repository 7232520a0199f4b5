package m2m

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/roles"
	"github.com/authgate/authgate/store"
)

// WriteOptions say under which conditions a config is written. The zero value grants nothing and asks nobody.
type WriteOptions struct {
	// Validate asks the issuer first whether it is one. Without it the config is stored all the same, but never
	// with an issuer that must not be called.
	Validate bool
	// Holder is what the writer is allowed: he may give others no role that allows more.
	Holder roles.Permissions
	// AnyRole lifts that condition.
	AnyRole bool
}

// Create stores v under an id made here; the one in v is ignored. A nil v is a request without a config.
// Errors that a client may see hold an *Error.
func (s *Service) Create(ctx context.Context, v *Config, o WriteOptions) (store.Item[*Config], error) {
	return s.write(ctx, uuid.NewString(), v, o, nil)
}

// Put stores v as the config of the given id, whether or not there is one, if that is at a revision match
// allows; one that does not exist is at revision 0. Nothing of the old config remains, not even its issuer if
// v has another. The id in v is ignored.
func (s *Service) Put(ctx context.Context, id string, v *Config, o WriteOptions, match store.Match) (store.Item[*Config], error) {
	if id == "" {
		return store.Item[*Config]{}, invalid("empty ID provided")
	}
	canonical, ok := parseID(id)
	if !ok {
		return store.Item[*Config]{}, notFound(id)
	}
	if c := s.declared.byID[canonical]; c != nil {
		return store.Item[*Config]{}, readOnly(c.Issuer, c.Traits.Origin)
	}
	return s.write(ctx, canonical, v, o, match)
}

// Delete removes the config of the given id, also one that cannot be read or is hidden by a declared one. That
// there is none is no error, unless match says otherwise.
func (s *Service) Delete(ctx context.Context, id string, match store.Match) error {
	canonical, ok := parseID(id)
	if !ok {
		return notFound(id)
	}
	if c := s.declared.byID[canonical]; c != nil {
		return readOnly(c.Issuer, c.Traits.Origin)
	}
	for attempt := 0; ; attempt++ {
		err := s.tryDelete(ctx, canonical, match)
		switch {
		case err == nil || fault.Is(err, fault.Precondition):
			return err
		case !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) || !pause(ctx, attempt):
			return storeError("deleting auth machine to machine config", err)
		}
	}
}

func (s *Service) tryDelete(ctx context.Context, id string, match store.Match) error {
	old, err := s.current(ctx, id)
	switch {
	case err != nil:
		return err
	case !match.Allows(old.Revision):
		return stale(id)
	case old.Revision == 0:
		return nil
	}
	return s.rec.configs.Delete(ctx, id, old.Revision)
}

func (s *Service) write(
	ctx context.Context, id string, v *Config, o WriteOptions, match store.Match,
) (store.Item[*Config], error) {
	c, err := s.prepare(id, v)
	if err != nil {
		return store.Item[*Config]{}, err
	}
	// All that is known here is asked before somebody else is called.
	if err := s.checkIssuerFree(ctx, c); err != nil {
		return store.Item[*Config]{}, err
	}
	if _, err := s.plan(ctx, c, o, match); err != nil {
		return store.Item[*Config]{}, writeError(c, err)
	}
	if err := s.probe(ctx, c, o.Validate); err != nil {
		return store.Item[*Config]{}, err
	}
	for attempt := 0; ; attempt++ {
		tx, err := s.plan(ctx, c, o, match)
		if err == nil {
			var revision int64
			if revision, err = store.Commit(ctx, s.rec.store, s.rec.feed, tx); err == nil {
				return store.Item[*Config]{ID: id, Value: c, Revision: revision}, nil
			}
		}
		var taken *store.UniqueError
		again := errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists) && !errors.As(err, &taken)
		if !again || !pause(ctx, attempt) {
			return store.Item[*Config]{}, writeError(c, err)
		}
	}
}

// prepare makes of v the config to be written.
func (s *Service) prepare(id string, v *Config) (*Config, error) {
	if v == nil {
		return nil, newError(fault.Invalid, CodeInvalidArgument, "empty config given")
	}
	filled := withIssuer(*v)
	filled.ID = id
	c, err := newConfig(filled, s.deps.AllowPrivateAddresses)
	if err != nil {
		return nil, err
	}
	if c.Traits.Origin != OriginImperative {
		return nil, readOnly(c.Issuer, c.Traits.Origin)
	}
	if holder := s.declared.byIssuer[foldIssuer(c.Issuer)]; holder != nil {
		return nil, issuerTaken(c.Issuer, holder.ID)
	}
	return c, nil
}

// withIssuer fills in the issuer of those that need not name it.
func withIssuer(v Config) Config {
	if v.Issuer != "" {
		return v
	}
	if v.Type == TypeGitHubActions {
		v.Issuer = GitHubIssuer
	} else if p, known := presetNamed(v.Preset); known {
		v.Issuer = p.Issuer
	}
	return v
}

// plan makes the transaction that writes c, of the roles and the record as they are now.
func (s *Service) plan(ctx context.Context, c *Config, o WriteOptions, match store.Match) (*store.Tx, error) {
	old, err := s.current(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	if !match.Allows(old.Revision) {
		return nil, stale(c.ID)
	}
	tx := store.NewTx()
	granted, err := s.deps.Roles.RequireIn(ctx, tx, c.RoleNames()...)
	if err != nil {
		return nil, err
	}
	if !o.AnyRole {
		if err := o.Holder.MayGrant(granted); err != nil {
			return nil, err
		}
	}
	if old.Revision == 0 {
		s.rec.configs.CreateIn(tx, c.ID, c)
	} else {
		s.rec.configs.UpdateIn(tx, old, c)
	}
	return tx, nil
}

// checkIssuerFree spares the issuer a call, and the caller the wait, where the write would be refused anyway.
// The cache may not have heard of a deletion: only the store's own word refuses.
func (s *Service) checkIssuerFree(ctx context.Context, c *Config) error {
	const op = "looking for auth machine to machine configs"
	found, err := s.rec.configs.By(ctx, byIssuer, foldIssuer(c.Issuer))
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && found.ID == c.ID:
		return nil
	case err != nil:
		return storeError(op, err)
	}
	now, err := s.current(ctx, found.ID)
	switch {
	case err != nil:
		return storeError(op, err)
	case now.Revision == found.Revision, now.Err == nil && now.Revision != 0 && foldIssuer(now.Value.Issuer) == foldIssuer(c.Issuer):
		return issuerTaken(c.Issuer, found.ID)
	}
	return nil
}

var errOnlyRead = errors.New("nothing to change")

// current reads a config past the cache. One that does not exist is at revision 0.
func (s *Service) current(ctx context.Context, id string) (store.Item[*Config], error) {
	var item store.Item[*Config]
	_, err := s.rec.configs.Update(ctx, id, func(found store.Item[*Config]) (*Config, error) {
		item = found
		return nil, errOnlyRead
	})
	if errors.Is(err, errOnlyRead) || errors.Is(err, store.ErrNotFound) {
		return item, nil
	}
	return item, err
}

// writeError is err as the table of 2.9 has it.
func writeError(c *Config, err error) error {
	var (
		taken   *store.UniqueError
		unknown *roles.UnknownError
		exceeds *roles.ExceedsError
		told    *Error
	)
	switch {
	case errors.As(err, &told):
		return err
	case errors.As(err, &taken):
		return issuerTaken(c.Issuer, "")
	case errors.As(err, &unknown):
		return unknownRole(unknown)
	case errors.As(err, &exceeds):
		return newError(fault.Forbidden, CodePermissionDenied, "%w", exceeds)
	}
	return storeError("writing auth machine to machine config", err)
}
