package token

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
)

// Rotate makes a new key, which takes over after the overlap. While one is waiting to, the error is of
// kind Conflict: rotating in a loop would fill the key set. Without a store it wraps ErrUnavailable; the key may
// have been made then.
func (k *Keys) Rotate(ctx context.Context) (KeyInfo, error) {
	newKey := k.onceMade()
	known, err := k.rec.change(ctx, "rotating signing keys", func(s *keySet) (*keySet, error) {
		now := k.now()
		if i := s.pending(now); i >= 0 {
			p := s.keys[i]
			return nil, fault.New(fault.Conflict, "", "", "key %s is waiting to take over at %s", p.id, p.signsFrom.Format(time.RFC3339))
		}
		tidy, _ := s.tidied(now)
		if len(tidy.keys) >= maxKeys {
			return nil, fault.New(fault.Conflict, "", "", "there are %d signing keys already; wait until the oldest has retired", maxKeys)
		}
		made, err := newKey()
		if err != nil {
			return nil, err
		}
		return tidy.with(k.successor(tidy, made, now)), nil
	})
	if err != nil {
		return KeyInfo{}, err
	}
	made, err := newKey()
	if err != nil {
		return KeyInfo{}, err
	}
	k.log.Info("signing key made", zap.String("kid", made.id), zap.String("alg", string(made.alg)))
	i := known.set.find(made.id)
	if i < 0 {
		return KeyInfo{}, unavailable("rotating signing keys", errors.New("the new key is gone"))
	}
	return known.set.info(i, k.now()), nil
}

// Revoke removes a key at once, as one must when it has leaked: all tokens signed with it are refused from
// now on. If it was the one that signs, the one that waits takes over immediately, or a new one. A key that is
// not there is of kind NotFound.
func (k *Keys) Revoke(ctx context.Context, id string) error {
	newKey := k.onceMade()
	_, err := k.rec.change(ctx, "revoking a signing key", func(s *keySet) (*keySet, error) {
		now := k.now()
		i := s.find(id)
		if i < 0 {
			return nil, fault.New(fault.NotFound, "", "", "signing key was not found")
		}
		signs, next := i == s.signer(now), s.without(i)
		switch {
		case !signs && len(next.keys) > 0:
			return next, nil
		case i < len(next.keys): // the next one has moved to its place
			waiting := next.keys[i]
			return next.without(i).with(waiting.at(waiting.createdOn, laterOf(now, waiting.createdOn))), nil
		}
		made, err := newKey()
		if err != nil {
			return nil, err
		}
		return next.with(made.at(now, now)), nil
	})
	if err == nil {
		k.log.Warn("signing key revoked", zap.String("kid", id))
	}
	return err
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Maintain does what is due: a key whose time is up, or whose algorithm is not the configured one, gets a
// successor; keys that verify no more are removed. It does nothing before the first key was needed. Any
// number of replicas may call it at once. Its error wraps ErrUnavailable.
func (k *Keys) Maintain(ctx context.Context) error {
	known, err := k.rec.read(ctx)
	if err != nil {
		return err
	}
	now := k.now()
	if _, untidy := known.set.tidied(now); !untidy && !k.wantsKey(known.set, now) {
		return nil
	}
	newKey, added := k.onceMade(), ""
	_, err = k.rec.change(ctx, "maintaining signing keys", func(s *keySet) (*keySet, error) {
		now := k.now()
		tidy, untidy := s.tidied(now)
		if !k.wantsKey(tidy, now) {
			if added = ""; !untidy || len(tidy.keys) == 0 {
				return nil, errUnchanged // another replica was faster
			}
			return tidy, nil
		}
		made, err := newKey()
		if err != nil {
			return nil, err
		}
		added = made.id
		return tidy.with(k.successor(tidy, made, now)), nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err == nil && added != "" {
		k.log.Info("signing key made", zap.String("kid", added), zap.String("alg", string(k.cfg.Alg)))
	}
	return err
}

// wantsKey reports whether the key that signs is to have a successor, and none is waiting.
func (k *Keys) wantsKey(s *keySet, now time.Time) bool {
	i := s.signer(now)
	if i < 0 || s.pending(now) >= 0 {
		return false
	}
	if s.keys[i].alg != k.cfg.Alg && len(s.keys) < maxChanges {
		return true
	}
	return k.cfg.RotateEvery > 0 && len(s.keys) < maxKeys && !now.Before(s.keys[i].signsFrom.Add(k.cfg.RotateEvery-k.cfg.Overlap))
}

// onceMade returns a function that always returns the same new key, whose times are still to be set: a change
// may be tried several times, and making a key may take a processor a second.
func (k *Keys) onceMade() func() (*signingKey, error) {
	return sync.OnceValues(func() (*signingKey, error) {
		now := k.now()
		return generateKey(k.cfg.Alg, now, now)
	})
}

// successor sets when made begins to sign in s: at once if it is the first, else after the overlap and
// after all others.
func (k *Keys) successor(s *keySet, made *signingKey, now time.Time) *signingKey {
	if len(s.keys) == 0 {
		return made.at(now, now)
	}
	last := s.keys[len(s.keys)-1].signsFrom
	return made.at(now, laterOf(now.Add(k.cfg.Overlap), last.Add(time.Nanosecond)))
}
