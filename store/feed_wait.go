package store

import (
	"context"
	"errors"
	"time"
)

const (
	// waitLimit bounds Wait besides the caller's context.
	waitLimit = 2 * time.Second
	// waitPatience is how long Wait waits for the event itself before it has the watch asked: the
	// revision may be of a change outside the feed's prefix, which no event will ever announce. It asks
	// again as often, as the store may ignore that.
	waitPatience = 50 * time.Millisecond
)

var errBehind = errors.New("this replica has not caught up yet")

// Wait returns once the feed has applied every change up to revision: no read that begins afterwards
// sees anything older. It fails with ErrUnavailable after two seconds or when ctx ends.
func (f *Feed) Wait(ctx context.Context, revision int64) error {
	advanced, done := f.reached(revision)
	if done {
		return nil
	}
	limit := time.NewTimer(waitLimit)
	defer limit.Stop()
	patience := time.NewTicker(waitPatience)
	defer patience.Stop()
	for !done {
		select {
		case <-advanced:
			advanced, done = f.reached(revision)
		case <-patience.C:
			select {
			case f.asked <- struct{}{}:
			default:
			}
		case <-limit.C:
			return unavailable("waiting for the store's watch", errBehind)
		case <-ctx.Done():
			return unavailable("waiting for the store's watch", context.Cause(ctx))
		}
	}
	return nil
}

func (f *Feed) reached(revision int64) (advanced <-chan struct{}, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.applied >= revision {
		return nil, true
	}
	if f.advanced == nil {
		f.advanced = make(chan struct{})
	}
	return f.advanced, false
}

// wrote drops what is cached under the keys just changed at revision by this process, and waits until
// the watch has brought the change too. The first makes sure that this replica reads its own writes even
// if the second does not come in time, so that is no failure of the write.
func (f *Feed) wrote(ctx context.Context, keys []string, revision int64) {
	f.mu.Lock()
	for _, key := range keys {
		f.applyLocked(key, revision)
	}
	f.mu.Unlock()
	if f.live.Load() {
		_ = f.Wait(ctx, revision)
	}
}
