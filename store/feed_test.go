package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authgate/authgate/store"
)

// A watch that says nothing any more is given up after StaleAfter, and reads go to the store meanwhile.
func TestFeedSilence(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{N: 1})
		p.wantN(p.b, "x", 1)
		pass(time.Hour)
		if s := p.b.feed.Status(); !s.Fresh || s.Resyncs != 0 {
			p.Fatalf("a store at rest: %+v, want fresh and no resync", s)
		}
		p.m.StallWatches(true)
		pass(9 * time.Second) // the last heartbeat was up to 5 s ago
		if !p.b.feed.Status().Fresh {
			p.Error("stale before StaleAfter")
		}
		pass(7 * time.Second)
		if p.b.feed.Status().Fresh {
			p.Error("fresh after StaleAfter")
		}
		p.set(p.a, "x", &thing{N: 2})
		p.wantN(p.b, "x", 2)
		pass(time.Hour)
		if s := p.b.feed.Status(); s.Fresh || s.Resyncs != 0 {
			p.Errorf("the new watches are as silent: %+v, want stale all the time", s)
		}
		p.m.StallWatches(false)
		pass(30 * time.Second)
		if s := p.b.feed.Status(); !s.Fresh || s.Resyncs != 1 {
			p.Errorf("the watch speaks again: %+v, want fresh", s)
		}
		if n := p.m.Watches(); n != 2 {
			p.Errorf("%d watches for 2 feeds", n)
		}
	})
}

// However a watch ends, and however often, the feed starts another.
func TestFeedResyncs(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		for i := range 100 {
			p.m.CutWatches()
			synctest.Wait()
			if p.b.feed.Status().Fresh {
				p.Fatalf("cut %d: still fresh", i)
			}
			p.set(p.a, "x", &thing{N: i})
			p.wantN(p.b, "x", i)
			pass(30 * time.Second)
			if s := p.b.feed.Status(); !s.Fresh || s.Resyncs != uint64(i+1) {
				p.Fatalf("after cut %d: %+v", i, s)
			}
			p.wantN(p.b, "x", i)
		}
	})
}

// A failing store is asked ever more seldom, but for ever.
func TestFeedBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &counting{Memory: store.NewMemory()}
		s.FailReads(errDown)
		r := newReplica(t.Context(), s, store.FeedConfig{}, thingSchema())
		defer func() { r.stop(); _ = s.Close() }()
		pass(time.Minute)
		first := s.gets.Load()
		if first < 12 || first > 60 {
			t.Errorf("%d attempts in the first minute", first)
		}
		pass(time.Hour)
		if n := s.gets.Load() - first; n < 3600/5 || n > 3600 {
			t.Errorf("%d attempts in an hour, want one each 2.5 to 5 seconds", n)
		}
	})
}

// counting counts the attempts to read, answered or not.
type counting struct {
	*store.Memory
	gets atomic.Int64
}

func (c *counting) Get(ctx context.Context, key string) (store.KV, int64, error) {
	c.gets.Add(1)
	return c.Memory.Get(ctx, key)
}

// The process was stopped for a while (SIGSTOP, a suspended machine). The first thing it reads on its
// watch may be of before: it must not take that for a sign that the watch is fresh.
func TestFeedAfterTheProcessSlept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		var slept atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		r := newReplica(t.Context(), m, store.FeedConfig{Now: now}, thingSchema())
		defer func() { r.stop(); _ = m.Close() }()
		<-r.feed.Ready()
		slept.Store(int64(time.Minute))
		if _, err := m.Txn(t.Context(), nil, []store.Op{{Key: "things/r/x"}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r.feed.Status().Fresh {
			t.Error("fresh by an event that may be a minute old")
		}
		pass(time.Second)
		if s := r.feed.Status(); !s.Fresh || s.Resyncs != 1 {
			t.Errorf("%+v, want a resync", s)
		}
	})
}

func TestFeedWait(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		item := p.set(p.a, "x", &thing{})
		if err := p.b.feed.Wait(p.Context(), item.Revision); err != nil {
			p.Errorf("waiting for what is applied: %v", err)
		}
		began := time.Now()
		wantUnavailable(p.T, "waiting for the future", p.b.feed.Wait(p.Context(), item.Revision+1))
		if d := time.Since(began); d != 2*time.Second {
			p.Errorf("gave up after %v, want 2 s", d)
		}
		ctx, cancel := context.WithTimeout(p.Context(), time.Second)
		defer cancel()
		err := p.b.feed.Wait(ctx, item.Revision+1)
		if wantUnavailable(p.T, "waiting with a context", err); !errors.Is(err, context.DeadlineExceeded) {
			p.Errorf("%v does not say that the context ended", err)
		}
	})
}

// A revision may belong to a change outside the watched prefix, which no event announces: Wait asks.
func TestFeedWaitForAForeignRevision(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		ours := &prefixed{Memory: m, prefix: "ours/"}
		r := newReplica(t.Context(), ours, store.FeedConfig{}, thingSchema())
		defer func() { r.stop(); _ = m.Close() }()
		<-r.feed.Ready()
		revision, err := m.Txn(t.Context(), nil, []store.Op{{Key: "theirs/x"}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := r.feed.Wait(t.Context(), revision); err != nil {
			t.Errorf("Wait: %v", err)
		}
		if d := time.Since(began); d > 200*time.Millisecond {
			t.Errorf("it took %v", d)
		}
	})
}

// prefixed watches only a part of a Memory.
type prefixed struct {
	*store.Memory
	prefix string
}

func (p *prefixed) Watch(ctx context.Context, prefix string, revision int64) (*store.Watch, error) {
	return p.Memory.Watch(ctx, p.prefix+prefix, revision)
}

// Run ends with its context, and its watch with it.
func TestFeedRunEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		f := store.NewFeed(m, store.FeedConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.Run(ctx) }()
		<-f.Ready()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
		if f.Status().Fresh {
			t.Error("fresh without a watch")
		}
		if n := m.Watches(); n != 0 {
			t.Errorf("%d watches are left", n)
		}
		_ = m.Close()
	})
}
