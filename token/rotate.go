package token

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// KeyInfo is what may be known about a key.
type KeyInfo struct {
	ID            string
	Alg           Alg
	State         string
	CreatedOn     time.Time
	SignsFrom     time.Time
	VerifiesUntil time.Time // zero while no other key is to take over
}

// List returns the keys, in the order in which they sign, and the store's revision of their last change.
func (k *Keys) List(ctx context.Context) ([]KeyInfo, int64, error) {
	set, revision, err := k.load(ctx)
	if err != nil {
		return nil, 0, err
	}
	now := k.now()
	list := make([]KeyInfo, 0, len(set.keys))
	for _, key := range set.keys {
		if key.verifies(now) {
			list = append(list, set.info(key, now))
		}
	}
	return list, revision, nil
}

func (s *keySet) info(k *signingKey, now time.Time) KeyInfo {
	return KeyInfo{k.id, k.alg, s.state(k, now), k.createdOn, k.signsFrom, k.verifiesUntil}
}

// Rotate makes a new key, which takes over after the overlap. While one is waiting to, the error is of
// kind Conflict: rotating in a loop would fill the key set.
func (k *Keys) Rotate(ctx context.Context) (KeyInfo, error) {
	var made *signingKey
	set, err := k.change(ctx, "rotating signing keys", func(s *keySet) (*keySet, error) {
		now := k.now()
		if p := s.pending(now); p != nil {
			return nil, fault.New(fault.Conflict, "", "", "key %s is waiting to take over at %s", p.id, p.signsFrom.UTC().Format(time.RFC3339))
		}
		var err error
		if made, err = k.newKey(s, now); err != nil {
			return nil, err
		}
		return s.pruned(now).with(made, k.retain()), nil
	})
	if err != nil {
		return KeyInfo{}, err
	}
	return set.info(made, k.now()), nil
}

// Revoke removes a key at once, as one must when it has leaked: all tokens signed with it are refused from
// now on. If it was the one that signs, a new one takes over immediately, and one that was waiting goes with
// it: it would have to be published first.
func (k *Keys) Revoke(ctx context.Context, id string) error {
	_, err := k.change(ctx, "revoking a signing key", func(s *keySet) (*keySet, error) {
		now := k.now()
		if s.find(id) == nil {
			return nil, fault.New(fault.NotFound, "", "", "signing key %s was not found", printable(id))
		}
		next := s.without(id).pruned(now)
		if next.active(now) != nil {
			return next, nil
		}
		if p := next.pending(now); p != nil {
			next = next.without(p.id)
		}
		made, err := k.makeKey(now, now)
		if err != nil {
			return nil, err
		}
		return next.with(made, k.retain()), nil
	})
	return err
}

// printable keeps what a caller made up out of error texts.
func printable(id string) string {
	if isKeyID(id) {
		return id
	}
	return "of that id"
}

// Maintain does what is due: a key whose time is up, or whose algorithm is not the configured one, gets a
// successor; keys that verify no more are removed. It does nothing before the first key was needed. Any
// number of replicas may call it at once.
func (k *Keys) Maintain(ctx context.Context) error {
	set, _, err := k.load(ctx)
	if err != nil {
		return err
	}
	if !k.due(set) {
		return nil
	}
	_, err = k.change(ctx, "maintaining signing keys", func(s *keySet) (*keySet, error) {
		if !k.due(s) { // another replica was faster
			return nil, errOnlyRead
		}
		now := k.now()
		next := s.pruned(now)
		if !k.outdated(s, now) {
			return next, nil
		}
		made, err := k.newKey(s, now)
		if err != nil {
			return nil, err
		}
		return next.with(made, k.retain()), nil
	})
	if errors.Is(err, errOnlyRead) {
		return nil
	}
	return err
}

func (k *Keys) due(s *keySet) bool {
	now := k.now()
	return len(s.pruned(now).keys) != len(s.keys) || k.outdated(s, now)
}

// outdated reports whether the key that signs needs a successor, and none is waiting.
func (k *Keys) outdated(s *keySet, now time.Time) bool {
	active := s.active(now)
	if active == nil || s.pending(now) != nil {
		return false
	}
	return active.alg != k.cfg.Alg || k.cfg.RotateEvery > 0 && !now.Before(active.signsFrom.Add(k.cfg.RotateEvery-k.cfg.Overlap))
}

// maintainEvery is how often Run looks whether something is due.
const maintainEvery = time.Minute

// Run calls Maintain now and then until ctx ends. Failures are logged and tried again.
func (k *Keys) Run(ctx context.Context) {
	for {
		pause := time.NewTimer(maintainEvery/2 + rand.N(maintainEvery)) // apart from the other replicas
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
		if err := k.Maintain(ctx); err != nil && ctx.Err() == nil {
			k.log.Warn("signing keys cannot be maintained", zap.Error(err))
		}
	}
}

func (k *Keys) retain() time.Duration { return k.cfg.MaxLife + retireMargin }

// newKey makes the successor of the key that signs; the first key of all signs at once.
func (k *Keys) newKey(s *keySet, now time.Time) (*signingKey, error) {
	if len(s.pruned(now).keys) >= maxKeys {
		return nil, fault.New(fault.Conflict, "", "", "there are %d signing keys already; wait until the oldest retires", maxKeys)
	}
	from := now
	if s.active(now) != nil {
		from = now.Add(k.cfg.Overlap)
	}
	return k.makeKey(now, from)
}

func (k *Keys) makeKey(now, from time.Time) (*signingKey, error) {
	method, err := k.cfg.Alg.method()
	if err != nil {
		return nil, err
	}
	private, err := k.cfg.Alg.generate()
	if err != nil {
		return nil, errors.New("making a signing key failed")
	}
	return &signingKey{id: newKeyID(), alg: k.cfg.Alg, createdOn: now, signsFrom: from, private: private, method: method}, nil
}

// change replaces the key set by what f makes of it, which may run several times.
func (k *Keys) change(ctx context.Context, op string, f func(*keySet) (*keySet, error)) (*keySet, error) {
	for range 8 {
		item, err := k.rec.sets.Update(ctx, recordID, func(found store.Item[*keySet]) (*keySet, error) {
			if found.Err != nil {
				return nil, fault.New(fault.Unavailable, op, "", "%w: %w", ErrUnavailable, found.Err)
			}
			return f(found.Value)
		})
		if errors.Is(err, store.ErrNotFound) {
			var set *keySet
			if set, err = f(&keySet{}); err != nil {
				return nil, err
			}
			if item, err = k.rec.sets.Create(ctx, recordID, set); errors.Is(err, store.ErrExists) {
				continue // another replica made the first one
			}
		}
		if err != nil && errors.Is(err, store.ErrUnavailable) {
			return nil, fault.New(fault.Unavailable, op, "", "%w: %w", ErrUnavailable, err)
		}
		return item.Value, err
	}
	return nil, fault.New(fault.Unavailable, op, "", "%w: it keeps being changed by others", ErrUnavailable)
}
