package token

import (
	"context"
	"time"
)

const (
	// aheadEvery is how often the record is read past the cache at most: whoever makes up ids of keys makes
	// one read a second, however many tokens it sends (specs K3).
	aheadEvery = time.Second
	aheadLimit = 3 * time.Second // the store's own limits are shorter
)

// glimpse is one read past the cache, shared by all who need it within aheadEvery.
type glimpse struct {
	at    time.Time
	done  chan struct{}
	found stored // valid once done is closed
	err   error
}

// ahead returns the key set if the store has a newer one than that of the given revision, else an empty
// one. It is for tokens of a key the cache does not know: a key is published long before it signs, but not the
// first of all, nor the one that replaces a leaked key. A store that does not answer is an error that wraps
// ErrUnavailable: such a token may be good.
func (k *Keys) ahead(ctx context.Context, revision int64) (*keySet, error) {
	g, mine := k.look()
	if mine {
		// Others wait for this read, so its first caller's leaving must not end it.
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), aheadLimit)
		g.found, g.err = k.rec.readPast(detached)
		cancel()
		close(g.done)
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		return nil, unavailable("reading signing keys", context.Cause(ctx))
	}
	switch {
	case g.err != nil:
		return nil, g.err
	case g.found.revision > revision:
		return g.found.set, nil
	}
	return newKeySet(nil), nil // what the cache has is as new, and a key may have been revoked since
}

// look returns the glimpse to use, and whether the caller has to fill it.
func (k *Keys) look() (g *glimpse, mine bool) {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if g := k.glimpse; g != nil {
		age := now.Sub(g.at)
		if 0 <= age && age < aheadEvery {
			return g, false
		}
		select {
		case <-g.done:
		default:
			return g, false // one at a time
		}
	}
	k.glimpse = &glimpse{at: now, done: make(chan struct{})}
	return k.glimpse, true
}

// learn makes what was read or written past the cache the answer for the next second.
func (k *Keys) learn(found stored) {
	done := make(chan struct{})
	close(done)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.glimpse = &glimpse{at: k.now(), done: done, found: found}
}
