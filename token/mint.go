package token

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
)

// maxToken is the longest token in bytes, minted or verified: a header line has not much more room.
const maxToken = 16 << 10

// Mint signs a token with the key that is active now, making the first one if there is none. Claims that
// cannot become a token, or one that lives longer than MaxLife, are an error of kind Invalid, one that gets too
// long is of kind TooLarge; without a key to sign with it wraps ErrUnavailable.
func (k *Keys) Mint(ctx context.Context, c Claims) (secret.String, error) {
	const op = "minting token"
	now := k.now()
	if c.Expiry.Unix() <= now.Unix() || c.Expiry.Sub(now) > MaxLife {
		return secret.String{}, fault.New(fault.Invalid, op, "exp", "it must lie within the next %s", MaxLife)
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
	key, err := k.signer(ctx)
	if err != nil {
		return secret.String{}, err
	}
	b64 := base64.RawURLEncoding
	buf := make([]byte, 0, len(key.header)+1+b64.EncodedLen(len(payload)))
	buf = append(append(buf, key.header...), '.')
	signed := string(b64.AppendEncode(buf, payload))
	signature, err := key.sign(signed)
	if err != nil {
		return secret.String{}, fault.New(fault.Internal, op, "", "%w", err)
	}
	raw := signed + "." + b64.EncodeToString(signature)
	if len(raw) > maxToken {
		return secret.String{}, fault.New(fault.TooLarge, op, "", "it would have more than %d bytes", maxToken)
	}
	return secret.New(raw), nil
}

// signer returns the key that signs now.
func (k *Keys) signer(ctx context.Context) (*signingKey, error) {
	known, err := k.rec.read(ctx)
	if err != nil {
		return nil, err
	}
	now := k.now()
	i := known.set.signer(now)
	if i < 0 {
		newer, err := k.ahead(ctx, known.revision)
		if err != nil {
			return nil, err
		}
		if i := newer.signer(now); i >= 0 {
			return newer.keys[i], nil
		}
		return k.firstKey(ctx)
	}
	if !known.set.has(k.cfg.Alg, now) && k.mayMaintain(now) {
		// The key that signs is as good as ever: a failure here is not the caller's.
		if err := k.Maintain(ctx); err != nil {
			k.log.Warn("signing keys cannot be maintained", zap.Error(err))
		}
	}
	return known.set.keys[i], nil
}

// mayMaintain keeps Mint from asking all the time for what cannot be had.
func (k *Keys) mayMaintain(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if age := now.Sub(k.tried); 0 <= age && age < maintainEvery {
		return false
	}
	k.tried = now
	return true
}

// firstKey makes a key if there is none to sign with. One caller does so at a time, since making one may
// take a processor a second.
func (k *Keys) firstKey(ctx context.Context) (*signingKey, error) {
	const op = "making the first signing key"
	select {
	case k.making <- struct{}{}:
		defer func() { <-k.making }()
	case <-ctx.Done():
		return nil, unavailable(op, context.Cause(ctx))
	}
	newKey := k.onceMade()
	known, err := k.rec.change(ctx, op, func(s *keySet) (*keySet, error) {
		now := k.now()
		if s.signer(now) >= 0 {
			return nil, errUnchanged // somebody else was faster
		}
		made, err := newKey()
		if err != nil {
			return nil, err
		}
		return s.with(made.at(now, now)), nil
	})
	if errors.Is(err, errUnchanged) {
		known, err = k.rec.readPast(ctx)
	}
	if err != nil {
		return nil, err
	}
	k.learn(known)
	if i := known.set.signer(k.now()); i >= 0 {
		return known.set.keys[i], nil
	}
	return nil, unavailable(op, errors.New("no key signs"))
}
