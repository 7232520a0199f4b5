package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

var errDown = errors.New("no route to host")

func (p *pair) down(err error) {
	p.m.FailReads(err)
	p.m.FailWrites(err)
	p.m.FailWatches(err)
	if err != nil {
		p.m.CutWatches()
	}
	synctest.Wait()
}

func wantUnavailable(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrUnavailable) || !fault.Is(err, fault.Unavailable) {
		t.Errorf("%s: got %v, want it unavailable", what, err)
	}
}

// D1: the store is away when the process starts. Nothing is known, nothing is guessed; it is used as soon
// as it is there.
func TestD1_DownAtStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		m.FailReads(errDown)
		r := newReplica(t.Context(), m, store.FeedConfig{}, thingSchema())
		defer func() { r.stop(); _ = m.Close() }()
		pass(time.Minute)
		_, err := r.things.Get(t.Context(), "x")
		wantUnavailable(t, "Get", err)
		_, err = r.things.By(t.Context(), "name", "n")
		wantUnavailable(t, "By", err)
		_, err = r.things.Find(t.Context(), "tag", "t")
		wantUnavailable(t, "Find", err)
		_, err = r.things.List(t.Context())
		wantUnavailable(t, "List", err)
		if s := r.feed.Status(); s.Ready || s.Fresh || !s.Confirmed.IsZero() {
			t.Errorf("status %+v, want nothing known", s)
		}
		m.FailReads(nil)
		if _, err = r.things.Get(t.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get once the store is there: %v, want it absent", err)
		}
		pass(10 * time.Second)
		if s := r.feed.Status(); !s.Ready || !s.Fresh {
			t.Errorf("status %+v, want ready and fresh", s)
		}
	})
}

// Before the first sync a read waits for the store within its time instead of failing at once.
func TestD1_ReadWaitsForAStartingStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		hold := m.HoldReads()
		r := newReplica(t.Context(), m, store.FeedConfig{}, thingSchema())
		defer func() { r.stop(); _ = m.Close() }()
		p := &pair{T: t, m: m}
		read := p.getAsync(t.Context(), r, "x")
		pass(time.Second)
		hold.Release()
		if <-read.done; !errors.Is(read.err, store.ErrNotFound) {
			t.Errorf("got %v, want it absent", read.err)
		}
	})
}

// D2: the store goes away while running. What was known is served for MaxStale, then nothing; what was not
// known, and writes, fail at once. Afterwards all is as before.
func TestD2_DownWhileRunning(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{Name: "n", Tags: []string{"t"}, N: 1})
		p.set(p.a, "y", &thing{})
		lookAll := func() error {
			_, err := p.b.things.Get(p.Context(), "x")
			_, byErr := p.b.things.By(p.Context(), "name", "n")
			_, findErr := p.b.things.Find(p.Context(), "tag", "t")
			_, err2 := p.b.things.Get(p.Context(), "none")
			if errors.Is(err2, store.ErrNotFound) {
				err2 = nil
			}
			return errors.Join(err, byErr, findErr, err2)
		}
		if err := lookAll(); err != nil {
			p.Fatalf("before: %v", err)
		}
		pass(time.Minute) // loaded long ago, confirmed by the watch since
		p.down(errDown)
		began := time.Now()
		for range 6 {
			if err := lookAll(); err != nil {
				p.Errorf("%v into the outage: %v", time.Since(began), err)
			}
			_, err := p.b.things.Get(p.Context(), "y")
			wantUnavailable(p.T, "reading what is not in memory", err)
			_, err = p.b.things.Create(p.Context(), "new", &thing{})
			wantUnavailable(p.T, "Create", err)
			_, err = p.b.things.Update(p.Context(), "x", func(i store.Item[*thing]) (*thing, error) { return i.Value, nil })
			wantUnavailable(p.T, "Update", err)
			wantUnavailable(p.T, "Delete", p.b.things.Delete(p.Context(), "x", 0))
			pass(4 * time.Second)
		}
		if p.b.things.Stats().StaleServes == 0 {
			p.Error("stale answers are not counted")
		}
		pass(11 * time.Second)
		wantUnavailable(p.T, "reading after MaxStale", lookAll())

		p.down(nil)
		pass(10 * time.Second)
		if err := lookAll(); err != nil || !p.b.feed.Status().Fresh {
			p.Errorf("after the outage: %v, %+v", err, p.b.feed.Status())
		}
	})
}

// The store does not refuse but swallows calls. One request in a while finds out; the others must not each
// wait for its timeout.
func TestD2_RequestsDoNotQueueForASilentStore(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{N: 1})
		p.wantN(p.b, "x", 1)
		hold := p.m.HoldReads()
		p.m.FailWatches(errDown)
		p.m.CutWatches()
		synctest.Wait()
		first := time.Now()
		p.wantN(p.b, "x", 1)
		if d := time.Since(first); d > 2*time.Second {
			p.Errorf("the first request waited %v, want at most one timeout", d)
		}
		began := time.Now()
		for range 1000 {
			p.wantN(p.b, "x", 1)
			if _, err := p.b.things.Get(p.Context(), "y"); !errors.Is(err, store.ErrUnavailable) {
				p.Fatalf("reading what is not in memory: %v", err)
			}
		}
		if d := time.Since(began); d > 3*time.Second {
			p.Errorf("2000 requests took %v while the store is silent", d)
		}
		hold.Release()
	})
}

// What is read from the store while the watch is away counts from when it was read.
func TestStaleCountsFromTheRead(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{N: 1})
		p.m.FailWatches(errDown)
		p.m.CutWatches()
		pass(time.Hour)
		p.wantN(p.b, "x", 1)
		p.set(p.a, "x", &thing{N: 2})
		p.wantN(p.b, "x", 2) // no watch, and yet what is true
		p.m.FailReads(errDown)
		pass(29 * time.Second)
		p.wantN(p.b, "x", 2)
		pass(2 * time.Second)
		_, err := p.b.things.Get(p.Context(), "x")
		wantUnavailable(p.T, "after MaxStale", err)
	})
}

// D3: what happened during a disconnect is noticed though its events are compacted away.
func TestD3_CompactionDuringADisconnect(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{Name: "n"})
		p.b.mustGet(p.T, "x")
		p.m.FailWatches(errDown)
		p.m.CutWatches()
		synctest.Wait()
		if err := p.a.things.Delete(p.Context(), "x", 0); err != nil {
			p.Fatal(err)
		}
		p.set(p.a, "y", &thing{})
		p.m.Compact(p.m.Revision())
		p.m.FailWatches(nil)
		pass(10 * time.Second)
		if !p.b.feed.Status().Fresh {
			p.Fatal("the feed has not recovered")
		}
		if _, err := p.b.things.Get(p.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
			p.Errorf("the deleted record: %v, want it absent", err)
		}
	})
}

// D4: a sync that fails half-way moves no revision and makes nothing fresh.
func TestD4_FailedSyncMovesNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{N: 1})
		before := p.b.feed.Status()
		p.m.FailWatches(errDown)
		p.m.CutWatches()
		p.set(p.a, "x", &thing{N: 2})
		pass(time.Minute)
		s := p.b.feed.Status()
		if s.Fresh || s.Revision != before.Revision || !s.Confirmed.Equal(before.Confirmed) || s.Resyncs != 0 {
			p.Errorf("status %+v, want %+v but stale", s, before)
		}
		wantUnavailable(p.T, "waiting for what is not applied", p.b.feed.Wait(p.Context(), p.m.Revision()))
	})
}

// While the store is failing a caller who leaves is not held.
func TestReadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		hold := p.m.HoldReads()
		ctx, cancel := context.WithTimeout(p.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := p.b.things.Get(ctx, "x")
		wantUnavailable(p.T, "Get", err)
		if d := time.Since(began); d > 100*time.Millisecond {
			p.Errorf("waited %v", d)
		}
		hold.Release()
	})
}

// A caller with little patience must not make the store look as if it failed: that would be an outage for
// everybody, made by anybody.
func TestImpatientCallersAreNoOutage(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		hold := p.m.HoldReads()
		ctx, cancel := context.WithTimeout(p.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := p.b.things.List(ctx)
		wantUnavailable(p.T, "List", err)
		wantUnavailable(p.T, "Delete", p.b.things.Delete(ctx, "x", 0))
		hold.Release()
		if _, err := p.b.things.Get(p.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
			p.Errorf("somebody else's Get: %v", err)
		}
		p.set(p.b, "x", &thing{})
	})
}

// A thousand requests for one record that is not in memory are one read of the store.
func TestOneLoadForMany(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{N: 1})
		before := p.m.Reads()
		hold := p.m.HoldReads()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { p.wantN(p.b, "x", 1) })
		}
		synctest.Wait()
		hold.Release()
		wg.Wait()
		if n := p.m.Reads() - before; n != 1 {
			p.Errorf("%d reads, want 1", n)
		}
	})
}
