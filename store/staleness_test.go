package store_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authgate/authgate/store"
)

// views are the ways a record, or that there is none, is read; each says what it found.
var views = map[string]func(*pair, *replica) (string, error){
	"record": func(p *pair, r *replica) (string, error) {
		item, err := r.things.Get(p.Context(), "x")
		return found(item, err)
	},
	"unique": func(p *pair, r *replica) (string, error) {
		item, err := r.things.By(p.Context(), "name", "n")
		return found(item, err)
	},
	"lookup": func(p *pair, r *replica) (string, error) {
		items, err := r.things.Find(p.Context(), "tag", "t")
		if err != nil || len(items) == 0 {
			return "none", err
		}
		return found(items[0], nil)
	},
	"absent record": func(p *pair, r *replica) (string, error) {
		item, err := r.things.Get(p.Context(), "z")
		return found(item, err)
	},
	"absent unique": func(p *pair, r *replica) (string, error) {
		item, err := r.things.By(p.Context(), "name", "z")
		return found(item, err)
	},
	"absent lookup": func(p *pair, r *replica) (string, error) {
		items, err := r.things.Find(p.Context(), "tag", "z")
		return fmt.Sprint(len(items)), err
	},
}

func found(item store.Item[*thing], err error) (string, error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "none", nil
	case err != nil:
		return "", err
	}
	return fmt.Sprint(item.Value.N), nil
}

// D2: the bound is exact, however the store fails and whatever is read: nothing is served that was last
// known to be true max_stale ago or longer.
func TestD2_MaxStaleIsExact(t *testing.T) {
	t.Parallel()
	faults := map[string]func(*store.Memory){
		"refuses all": func(m *store.Memory) {
			m.FailReads(errDown)
			m.FailWrites(errDown)
			m.FailWatches(errDown)
			m.CutWatches()
		},
		// A cable is pulled: no call fails before its time, and the watch just has nothing to say.
		"is silent": func(m *store.Memory) {
			m.HoldReads()
			m.FailWrites(errDown)
			m.StallWatches(true)
		},
		// The member we talk to is cut off from the majority. It reads and writes nothing, but its watch goes
		// on, and answers questions for progress with the last revision it has heard of.
		"is in the minority": func(m *store.Memory) {
			m.FailReads(errDown)
			m.FailWrites(errDown)
		},
	}
	for name, fault := range faults {
		for _, maxStale := range []time.Duration{2 * time.Second, 6 * time.Second, 30 * time.Second} {
			t.Run(fmt.Sprint(name, " ", maxStale), func(t *testing.T) {
				t.Parallel()
				testExactBound(t, maxStale, fault)
			})
		}
	}
}

func testExactBound(t *testing.T, maxStale time.Duration, fault func(*store.Memory)) {
	synctest.Test(t, func(t *testing.T) {
		p := &pair{T: t, m: store.NewMemory()}
		p.a = newReplica(t.Context(), p.m, store.FeedConfig{}, thingSchema())
		p.b = newReplica(t.Context(), p.m, store.FeedConfig{MaxStale: maxStale}, thingSchema())
		defer func() { p.m.StallWatches(false); _ = p.m.Close(); p.a.stop(); p.b.stop(); pass(3 * time.Second) }()
		<-p.a.feed.Ready()
		<-p.b.feed.Ready()
		p.set(p.a, "x", &thing{Name: "n", Tags: []string{"t"}, N: 1})
		before := make(map[string]string)
		for name, view := range views {
			got, err := view(p, p.b)
			if err != nil {
				p.Fatalf("before: %s: %v", name, err)
			}
			before[name] = got
		}
		pass(time.Minute)
		fault(p.m)
		broken := time.Now()
		const step = 100 * time.Millisecond
		last := make(map[string]time.Duration)
		for now := time.Duration(0); now < 2*maxStale; now = time.Since(broken) {
			for name, view := range views {
				got, err := view(p, p.b)
				switch {
				case err != nil:
					wantUnavailable(p.T, name, err)
				case got != before[name]:
					p.Fatalf("%s: %s after %v, want %s", name, got, now, before[name])
				default:
					last[name] = time.Since(broken)
				}
			}
			pass(step)
		}
		for name := range views {
			// It was last known to be true some heartbeat before the fault.
			if d := last[name]; d >= maxStale {
				p.Errorf("%s: served %v after the fault, the bound is %v", name, d, maxStale)
			} else if d < maxStale/2-step {
				p.Errorf("%s: served for %v only, the bound is %v", name, d, maxStale)
			}
		}
		_, err := p.b.things.List(t.Context())
		wantUnavailable(t, "List", err)
	})
}

// D2: the watch speaks, but of what happened long ago, as on a line that hands on its bytes a minute late.
// Events that come in prove nothing about the present.
func TestD2_WatchThatLags(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "y", &thing{})
		p.set(p.a, "x", &thing{N: 1})
		p.wantN(p.b, "x", 1)
		p.m.HoldEvents(true)
		for n := range 100 { // a backlog, of which a little arrives every second
			if _, err := p.m.Txn(p.Context(), nil, []store.Op{{Key: "things/r/y", Value: fmt.Appendf(nil, `{"v":1}%s{"n":%d}`, "\n", n)}}); err != nil {
				p.Fatal(err)
			}
		}
		if _, err := p.m.Txn(p.Context(), nil, []store.Op{{Key: "things/r/x", Delete: true}}); err != nil {
			p.Fatal(err)
		}
		deleted := time.Now()
		for time.Since(deleted) < 25*time.Second {
			p.m.Deliver(1)
			pass(time.Second)
		}
		if _, err := p.b.things.Get(p.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
			p.Errorf("a record deleted %v ago: %v, want it absent", time.Since(deleted), err)
		}
		p.m.HoldEvents(false)
		pass(30 * time.Second)
		if s := p.b.feed.Status(); !s.Fresh {
			p.Errorf("%+v once nothing is late any more, want it fresh", s)
		}
	})
}

// The process was stopped (SIGSTOP) and goes on. A request may come before any timer of the feed has run:
// it must not be served from what was in memory.
func TestD2_FirstReadAfterTheProcessSlept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		var slept atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		r := newReplica(t.Context(), m, store.FeedConfig{Now: now}, thingSchema())
		defer func() { r.stop(); _ = m.Close() }()
		<-r.feed.Ready()
		r.mustCreate(t, "x", &thing{N: 1})
		r.mustGet(t, "x")
		m.HoldEvents(true) // they are still in the socket
		if _, err := m.Txn(t.Context(), nil, []store.Op{{Key: "things/r/x", Delete: true}}); err != nil {
			t.Fatal(err)
		}
		slept.Store(int64(time.Minute))
		if _, err := r.things.Get(t.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the first read: %v, want it absent", err)
		}
		if r.feed.Status().Fresh {
			t.Error("fresh by what was known a minute ago")
		}
		m.HoldEvents(false)
	})
}
