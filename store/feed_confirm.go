package store

import (
	"context"
	"time"
)

// reading is the store's revision at some time after clock.
type reading struct{ clock, revision int64 }

// measure reads the store's revision every Heartbeat until ctx ends. Only such a read, which needs a
// majority of etcd's members, tells what the present is. That the watch speaks does not: a member cut off
// from the others answers requests for progress until it notices, and what a slow line delivers was true
// when it was sent.
func (f *Feed) measure(ctx context.Context, readings chan<- reading) {
	beat := time.NewTicker(f.cfg.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
		case <-ctx.Done():
			return
		}
		clock := f.clock()
		_, revision, err := f.store.Get(ctx, probeKey)
		if err != nil {
			continue // what is cached grows old; follow knows when it is too old
		}
		select {
		case readings <- reading{clock, revision}:
		case <-ctx.Done():
			return
		}
	}
}

// confirm takes note of the last reading whose revision has been applied: what is cached was true then. It
// returns the readings still to come. Only Run's goroutine calls it.
func (f *Feed) confirm(pending []reading) []reading {
	f.mu.Lock()
	applied := f.applied
	f.mu.Unlock()
	for len(pending) > 0 && pending[0].revision <= applied {
		f.confirmed.Store(pending[0].clock)
		pending = pending[1:]
	}
	return pending
}
