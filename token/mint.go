package token

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
)

// Claims are what a token says. Extra holds the private claims, by name; none may have the name of a
// registered one. Times count in whole seconds.
type Claims struct {
	Issuer    string // set by Mint
	Audience  []string
	Subject   string
	ID        string // jti; Mint makes one if it is empty
	Name      string
	IssuedAt  time.Time // zero: now
	NotBefore time.Time // zero: none
	Expiry    time.Time // required
	Extra     map[string]json.RawMessage
}

var registered = []string{"iss", "aud", "sub", "jti", "name", "iat", "nbf", "exp"}

// Mint signs a token with the key that is active now, making the first one if there is none.
func (k *Keys) Mint(ctx context.Context, c Claims) (secret.String, error) {
	const op = "minting token"
	now := k.now()
	if !c.Expiry.After(now) || c.Expiry.Sub(now) > k.cfg.MaxLife {
		return secret.String{}, fault.New(fault.Invalid, op, "exp", "it must lie within the next %s", k.cfg.MaxLife)
	}
	key, err := k.signer(ctx)
	if err != nil {
		return secret.String{}, err
	}
	if c.ID == "" {
		c.ID = uuid.NewString()
	}
	if c.IssuedAt.IsZero() {
		c.IssuedAt = now
	}
	payload, err := c.payload(k.cfg.Issuer)
	if err != nil {
		return secret.String{}, fault.New(fault.Invalid, op, "", "%w", err)
	}
	header := `{"alg":"` + string(key.alg) + `","kid":"` + key.id + `","typ":"JWT"}`
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString(payload)
	signature, err := key.method.Sign(signed, key.private)
	if err != nil {
		return secret.String{}, fault.New(fault.Internal, op, "", "signing failed")
	}
	return secret.New(signed + "." + b64.EncodeToString(signature)), nil
}

func (k *Keys) signer(ctx context.Context) (*signingKey, error) {
	set, _, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	if key := set.active(k.now()); key != nil {
		return key, nil
	}
	set, err = k.change(ctx, "making the first signing key", func(s *keySet) (*keySet, error) {
		now := k.now()
		if s.active(now) != nil {
			return s, nil // another replica was faster
		}
		next := s.pruned(now)
		if p := next.pending(now); p != nil {
			next = next.without(p.id)
		}
		made, err := k.makeKey(now, now)
		if err != nil {
			return nil, err
		}
		return next.with(made, k.retain()), nil
	})
	if err != nil {
		return nil, err
	}
	if key := set.active(k.now()); key != nil {
		return key, nil
	}
	return nil, fmt.Errorf("%w: none signs now", ErrUnavailable)
}

func (c *Claims) payload(issuer string) ([]byte, error) {
	all := make(map[string]any, len(c.Extra)+len(registered))
	for name, value := range c.Extra {
		if slices.Contains(registered, name) {
			return nil, fmt.Errorf("private claim %q has the name of a registered one", name)
		}
		all[name] = value
	}
	all["iss"], all["jti"], all["iat"], all["exp"] = issuer, c.ID, c.IssuedAt.Unix(), c.Expiry.Unix()
	switch len(c.Audience) {
	case 0:
	case 1:
		all["aud"] = c.Audience[0]
	default:
		all["aud"] = c.Audience
	}
	if c.Subject != "" {
		all["sub"] = c.Subject
	}
	if c.Name != "" {
		all["name"] = c.Name
	}
	if !c.NotBefore.IsZero() {
		all["nbf"] = c.NotBefore.Unix()
	}
	return json.Marshal(all)
}
