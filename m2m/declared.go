package m2m

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// Declared is a config of the Caddyfile. Its ID and Traits are ignored.
type Declared struct {
	Config Config
	// InsecureAnyAudience says that tokens made out to anybody are meant to be taken. Without it a declared
	// config names an audience.
	InsecureAnyAudience bool
}

// declarations are the validated contents of the Caddyfile. They never change.
type declarations struct {
	list     []*Config
	byID     map[string]*Config
	byIssuer map[string]*Config // folded
}

// declaredID gives a declared config the same id on every replica and after every reload: its tokens name it.
func declaredID(issuer string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(declaredNamePrefix+issuer)).String()
}

func declaredItem(c *Config) store.Item[*Config] { return store.Item[*Config]{ID: c.ID, Value: c} }

func (s *Service) declare(declared []Declared) (*declarations, error) {
	d := &declarations{byID: map[string]*Config{}, byIssuer: map[string]*Config{}}
	for _, v := range declared {
		c, err := s.declareOne(v)
		if err == nil && d.byIssuer[foldIssuer(c.Issuer)] != nil {
			err = errors.New("the issuer is declared twice; one that differs only by case or a slash at the end counts as the same")
		}
		if err != nil {
			block := "m2m " + strings.ToLower(v.Config.Type)
			if v.Config.Issuer != "" {
				block += " " + v.Config.Issuer
			}
			return nil, &fault.Error{Kind: fault.Invalid, Op: block, Err: err}
		}
		d.list = append(d.list, c)
		d.byID[c.ID], d.byIssuer[foldIssuer(c.Issuer)] = c, c
	}
	return d, nil
}

func (s *Service) declareOne(v Declared) (*Config, error) {
	filled := withIssuer(v.Config)
	filled.ID, filled.Traits = declaredID(filled.Issuer), Traits{Origin: OriginDeclarative}
	c, err := newConfig(filled, s.deps.AllowPrivateAddresses)
	if err != nil {
		return nil, bare(err)
	}
	f, err := s.federate(c)
	if err != nil {
		return nil, bare(err)
	}
	f.Close()
	if len(c.AcceptedAudiences()) == 0 && !v.InsecureAnyAudience {
		return nil, errors.New("no audience: tokens made out to anybody else would be taken; name one, or write insecure_any_audience")
	}
	var missing []string
	for _, name := range c.RoleNames() {
		if _, fixed := s.deps.Roles.Fixed(name); !fixed {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("missing roles [%s]: declared configs can only name roles that are built in or declared, since others may be deleted",
			strings.Join(missing, ","))
	}
	return c, nil
}

// bare is the text made for clients without the wrapping that depends on who asked.
func bare(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return err
}

// hides reports whether a declared config takes the place of a stored one, which is then as if it were not
// there. A record that cannot be read is hidden by nothing but its id.
func (s *Service) hides(item store.Item[*Config]) bool {
	return s.declared.byID[item.ID] != nil || item.Err == nil && s.declared.byIssuer[foldIssuer(item.Value.Issuer)] != nil
}

// Shadowed returns the ids of stored configs that declared ones hide. The caller warns of them once: the
// tokens minted for them are dead while it is so.
func (s *Service) Shadowed(ctx context.Context) ([]string, error) {
	var ids []string
	for _, c := range s.declared.list {
		item, err := s.rec.configs.By(ctx, byIssuer, foldIssuer(c.Issuer))
		switch {
		case err == nil:
			ids = append(ids, item.ID)
		case !errors.Is(err, store.ErrNotFound):
			return nil, storeError("looking for auth machine to machine configs", err)
		}
	}
	return ids, nil
}
