package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	// probeKey is read for the store's revision only; nothing is ever stored there.
	probeKey = "feed"
	// minBackoff and maxBackoff bound the pause between two syncs.
	minBackoff = 50 * time.Millisecond
	maxBackoff = 5 * time.Second
)

var (
	errSilent      = errors.New("watch is silent")
	errUnconfirmed = errors.New("store cannot confirm what is cached")
)

// Run keeps the caches true until ctx ends, and returns its error. It never gives up: after any failure
// it syncs anew, pausing ever longer between attempts. It is called once.
func (f *Feed) Run(ctx context.Context) error {
	for failures := 0; ; failures++ {
		began := f.clock()
		err := f.session(ctx)
		was := f.live.Swap(false)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if was {
			f.cfg.Logger.Warn("store watch lost, reading from the store", zap.Error(err))
			if f.clock()-began > int64(f.cfg.StaleAfter) {
				failures = 0
			}
		} else if failures == 0 {
			f.cfg.Logger.Warn("store watch cannot be started", zap.Error(err))
		}
		pause := time.NewTimer(backoff(failures, minBackoff, maxBackoff))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		}
	}
}

// backoff returns a random pause of at least half of the limit, which doubles with each failure.
func backoff(failures int, least, most time.Duration) time.Duration {
	limit := most
	if failures < 16 {
		limit = min(most, least<<failures)
	}
	return limit/2 + rand.N(limit/2+1)
}

// session syncs once and follows the watch until it fails.
func (f *Feed) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the watch
	began := f.clock()
	_, revision, err := f.store.Get(ctx, probeKey)
	if err != nil {
		return err
	}
	// From revision, though that is applied by the reset: etcd answers no request for progress on a watch
	// that begins in the future, and a store at rest would seem silent.
	w, err := f.store.Watch(ctx, "", revision)
	if err != nil {
		return err
	}
	defer func() {
		cancel()
		for range w.Batches { // it is closed when the watch has ended
		}
	}()
	first, err := f.prove(ctx, w)
	if err != nil {
		return err
	}
	f.sync(revision, began)
	f.advance(first)
	readings, measured := make(chan reading), make(chan struct{})
	go func() {
		defer close(measured)
		f.measure(ctx, readings)
	}()
	defer func() {
		cancel()
		<-measured
	}()
	return f.follow(ctx, w, readings)
}

// prove waits for a new watch's first sign of life: one that is silent from the start must not make the
// caches trusted for StaleAfter, again and again.
func (f *Feed) prove(ctx context.Context, w *Watch) (Batch, error) {
	ask := time.NewTicker(waitPatience)
	defer ask.Stop()
	silence := time.NewTimer(f.cfg.StaleAfter)
	defer silence.Stop()
	for {
		select {
		case b, ok := <-w.Batches:
			if !ok {
				return b, errWatchEnded
			}
			return b, b.Err
		case <-ask.C:
			if err := w.Progress(); err != nil {
				return Batch{}, err
			}
		case <-silence.C:
			return Batch{}, errSilent
		case <-ctx.Done():
			return Batch{}, context.Cause(ctx)
		}
	}
}

// sync starts over at revision, which was the store's at a time not before clock.
func (f *Feed) sync(revision, clock int64) {
	f.mu.Lock()
	for _, m := range f.members {
		m.reset(revision)
	}
	f.applied = revision
	f.confirmed.Store(clock)
	f.breaker.worked()
	f.live.Store(true)
	first := !f.synced.Swap(true)
	if !first {
		f.resyncs++
	}
	f.wakeLocked()
	f.mu.Unlock()
	if first {
		close(f.ready)
	}
	f.cfg.Logger.Info("store watch synced", zap.Int64("revision", revision))
}

func (f *Feed) follow(ctx context.Context, w *Watch, readings <-chan reading) error {
	heard := f.clock()
	beat := time.NewTicker(f.cfg.Heartbeat)
	defer beat.Stop()
	limit := time.NewTimer(f.cfg.StaleAfter)
	defer limit.Stop()
	var pending []reading
	for {
		select {
		case b, ok := <-w.Batches:
			switch {
			case !ok:
				return errWatchEnded
			case b.Err != nil:
				return b.Err
			case f.clock()-heard > int64(f.cfg.StaleAfter):
				// This process itself was stopped: what comes in now may have been sent long ago.
				return errSilent
			}
			heard = f.clock()
			f.advance(b)
			pending = f.confirm(pending)
		case r := <-readings:
			if pending = f.confirm(append(pending, r)); len(pending) == 0 {
				continue
			}
			// The revision may be of a change outside the feed's prefix, which no event announces.
			if err := w.Progress(); err != nil {
				return err
			}
		case <-f.asked:
			if err := w.Progress(); err != nil {
				return err
			}
		case <-beat.C:
			if err := w.Progress(); err != nil {
				return err
			}
		case <-limit.C:
			silent, unconfirmed := f.left(heard), f.left(f.confirmed.Load())
			switch {
			case silent <= 0:
				return errSilent
			case unconfirmed <= 0:
				return errUnconfirmed
			}
			limit.Reset(min(silent, unconfirmed))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// left is how long something of the given clock stays good.
func (f *Feed) left(clock int64) time.Duration {
	return f.cfg.StaleAfter - time.Duration(f.clock()-clock)
}

// advance applies a batch to every member before it lets anybody see its revision: who has waited for
// it cannot join a load that began before.
func (f *Feed) advance(b Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range b.Events {
		f.applyLocked(e.Key, e.Revision)
	}
	if b.Revision > f.applied {
		f.applied = b.Revision
		f.wakeLocked()
	}
}

func (f *Feed) applyLocked(key string, revision int64) {
	for _, m := range f.members {
		if strings.HasPrefix(key, m.prefix()) {
			m.apply(key, revision)
		}
	}
}

func (f *Feed) wakeLocked() {
	if f.advanced != nil {
		close(f.advanced)
		f.advanced = nil
	}
}
