package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/storetest/etcdtest"
)

// load is writers who each count up in a record of their own, and readers who watch them do it.
type load struct {
	t       *testing.T
	writers []*writer
	work    sync.WaitGroup
	stop    chan struct{}
}

// writer knows what it has sent, and what of that was answered.
type writer struct {
	id             string
	sent, answered atomic.Int64
}

// startLoad writes through the replicas in turn, and reads through all of them, until finish.
func startLoad(t *testing.T, writers int, replicas ...*replica) *load {
	t.Helper()
	l := &load{t: t, stop: make(chan struct{})}
	for i := range writers {
		w := &writer{id: fmt.Sprint("counter-", i)}
		replicas[0].mustCreate(t, w.id, &thing{Name: w.id, Tags: []string{"counter"}})
		l.writers = append(l.writers, w)
		l.work.Go(func() { l.write(replicas[i%len(replicas)], w) })
	}
	for _, r := range replicas {
		l.work.Go(func() { l.read(r) })
	}
	return l
}

func (l *load) stopped() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// write counts on from what is stored, for an unanswered write may have happened.
func (l *load) write(r *replica, w *writer) {
	for !l.stopped() {
		item, err := r.things.Update(l.t.Context(), w.id, func(old store.Item[*thing]) (*thing, error) {
			n := int64(old.Value.N)
			if n < w.answered.Load() {
				l.t.Errorf("%s: %d is stored though %d was answered", w.id, n, w.answered.Load())
			}
			w.sent.Store(max(w.sent.Load(), n+1))
			return &thing{Name: w.id, Tags: []string{"counter"}, N: int(n + 1)}, nil
		})
		switch {
		case err == nil:
			w.answered.Store(int64(item.Value.N))
		case !errors.Is(err, store.ErrUnavailable):
			l.t.Errorf("%s: %v", w.id, err)
			return
		}
		<-time.After(time.Millisecond)
	}
}

// read checks that no replica ever goes back in time.
func (l *load) read(r *replica) {
	seen := make([]int, len(l.writers))
	for !l.stopped() {
		for i, w := range l.writers {
			item, err := r.things.Get(l.t.Context(), w.id)
			switch {
			case errors.Is(err, store.ErrUnavailable):
			case err != nil || item.Value.N < seen[i]:
				l.t.Errorf("%s: read %+v, %v after %d", w.id, item, err, seen[i])
				return
			default:
				seen[i] = item.Value.N
			}
		}
		<-time.After(time.Millisecond)
	}
}

// more waits until each writer has been answered n times more.
func (l *load) more(n int64) {
	l.t.Helper()
	goals := make([]int64, len(l.writers))
	for i, w := range l.writers {
		goals[i] = w.answered.Load() + n
	}
	eventually(l.t, 60*time.Second, "writes are answered", func() bool {
		for i, w := range l.writers {
			if w.answered.Load() < goals[i] {
				return l.t.Failed()
			}
		}
		return true
	})
}

// finish ends the load and checks that every replica has what was answered, and nothing that was not sent.
func (l *load) finish(replicas ...*replica) {
	l.t.Helper()
	close(l.stop)
	l.work.Wait()
	for _, r := range replicas {
		eventually(l.t, 30*time.Second, "the replica is fresh", func() bool { return r.feed.Status().Fresh })
		var ids []string
		for _, w := range l.writers {
			ids = append(ids, w.id)
			n, named := int64(r.mustGet(l.t, w.id).Value.N), int64(0)
			if item, err := r.things.By(l.t.Context(), "name", w.id); err == nil {
				named = int64(item.Value.N)
			}
			if n < w.answered.Load() || n > w.sent.Load() || named != n {
				l.t.Errorf("%s is %d, by its name %d; answered %d, sent %d", w.id, n, named, w.answered.Load(), w.sent.Load())
			}
		}
		items, err := r.things.Find(l.t.Context(), "tag", "counter")
		if got := idsOf(items); err != nil || !slices.Equal(got, ids) {
			l.t.Errorf("Find = %v, %v; want %v", got, err, ids)
		}
	}
}

// The leader goes away while writes run: none that was answered is lost, no reader goes back in time, and
// it goes on by itself.
func TestLeaderLossUnderLoad(t *testing.T) {
	t.Parallel()
	c := startCluster(t, etcdtest.Config{Members: 3, TLS: true})
	cfg := store.EtcdConfig{Endpoints: c.Endpoints, CAFile: c.Certs.CA, CertFile: c.Certs.Cert, KeyFile: c.Certs.Key}
	a, b := open(t, openEtcd(t, cfg)), open(t, openEtcd(t, cfg))
	l := startLoad(t, 4, a, b)
	l.more(20)
	c.StopLeader()
	l.more(20)
	l.finish(a, b)
}

// The leader is cut off from the other members but not from its clients. It acknowledges no write, and
// what a replica knows from it is served no longer than max_stale, though it goes on talking. After that
// everybody agrees.
func TestIsolatedLeader(t *testing.T) {
	t.Parallel()
	const maxStale = 2 * time.Second
	c := startCluster(t, etcdtest.Config{Members: 3})
	at := c.Leader()
	if at < 0 {
		t.Fatal("nobody leads")
	}
	major := open(t, openEtcd(t, store.EtcdConfig{Endpoints: slices.Delete(slices.Clone(c.Endpoints), at, at+1)}))
	minor := openWith(t, openEtcd(t, store.EtcdConfig{Endpoints: c.Endpoints[at : at+1]}), store.FeedConfig{MaxStale: maxStale})
	major.mustCreate(t, "x", &thing{Name: "old", N: 1})
	eventually(t, 30*time.Second, "both know it", func() bool {
		_, err := minor.things.By(t.Context(), "name", "old")
		return err == nil
	})
	if _, err := minor.things.Get(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}

	c.Isolate(at)
	isolated := time.Now() // no read that needs a majority has been answered since
	var calls sync.WaitGroup
	defer calls.Wait()
	calls.Go(func() {
		_, err := minor.things.Create(t.Context(), "unsure", &thing{})
		wantUnavailable(t, "creating in the minority", err)
		wantUnavailable(t, "deleting in the minority", minor.things.Delete(t.Context(), "x", 0))
	})
	calls.Go(func() {
		eventually(t, 30*time.Second, "the majority goes on", func() bool {
			return major.put(t.Context(), "x", &thing{Name: "new", N: 2}) == nil
		})
	})
	var served time.Duration
	for asked := time.Duration(0); asked < 3*maxStale; asked = time.Since(isolated) {
		item, err := minor.things.Get(t.Context(), "x")
		_, absent := minor.things.Get(t.Context(), "none")
		if err == nil || errors.Is(absent, store.ErrNotFound) {
			served = max(served, asked)
		}
		if err == nil && item.Value.N != 1 {
			t.Errorf("version %d in the minority", item.Value.N)
		}
		<-time.After(10 * time.Millisecond)
	}
	calls.Wait()
	if served >= maxStale || served == 0 {
		t.Errorf("the minority was served for %v, the bound is %v", served, maxStale)
	}
	t.Logf("served for %v, the bound is %v", served, maxStale)

	c.Heal(at)
	eventually(t, 30*time.Second, "the replica knows again", func() bool {
		item, err := minor.things.Get(t.Context(), "x")
		if err == nil && item.Value.N != 2 {
			t.Fatalf("version %d after the partition", item.Value.N)
		}
		return err == nil && minor.feed.Status().Fresh
	})
	if _, err := minor.things.By(t.Context(), "name", "old"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the old name: %v", err)
	}
	_, one := major.things.Get(t.Context(), "unsure")
	_, other := minor.things.Get(t.Context(), "unsure")
	if errors.Is(one, store.ErrNotFound) != errors.Is(other, store.ErrNotFound) {
		t.Errorf("the write nobody acknowledged: %v and %v", one, other)
	}
	if err := minor.put(t.Context(), "x", &thing{N: 3}); err != nil {
		t.Errorf("a write after the partition: %v", err)
	}
}

// One member of three is killed and comes back on what is on its disk, then another goes for good, so that
// the first one's disk is needed for a majority. No answered write is lost.
func TestMemberKilledUnderLoad(t *testing.T) {
	t.Parallel()
	c := startCluster(t, etcdtest.Config{Members: 3, Processes: true})
	cfg := store.EtcdConfig{Endpoints: c.Endpoints}
	a, b := open(t, openEtcd(t, cfg)), open(t, openEtcd(t, cfg))
	l := startLoad(t, 4, a, b)
	l.more(20)
	killed := leader(t, c)
	c.Kill(killed)
	l.more(20)
	if err := c.Restart(killed); err != nil {
		t.Fatal(err)
	}
	c.Kill((killed + 1) % 3)
	l.more(20)
	l.finish(a, b)
}

// A member stops answering without going away, as one whose disk hangs. If it leads, the others elect
// another; if it is the only one, calls end in time and nothing is left of them when it goes on.
func TestPausedMember(t *testing.T) {
	t.Run("leader of three", func(t *testing.T) {
		t.Parallel()
		c := startCluster(t, etcdtest.Config{Members: 3, Processes: true})
		cfg := store.EtcdConfig{Endpoints: c.Endpoints}
		a, b := open(t, openEtcd(t, cfg)), open(t, openEtcd(t, cfg))
		l := startLoad(t, 4, a, b)
		l.more(20)
		paused := leader(t, c)
		if err := c.Pause(paused); err != nil {
			t.Fatal(err)
		}
		l.more(5)
		if err := c.Resume(paused); err != nil {
			t.Fatal(err)
		}
		l.more(20)
		l.finish(a, b)
	})
	t.Run("only one", func(t *testing.T) {
		c := startCluster(t, etcdtest.Config{Processes: true})
		r := openWith(t, openEtcd(t, store.EtcdConfig{Endpoints: c.Endpoints}), store.FeedConfig{MaxStale: time.Second})
		testHang(t, r, func() { must(t, c.Pause(0)) }, func() { must(t, c.Resume(0)) })
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func leader(t *testing.T, c *etcdtest.Cluster) int {
	t.Helper()
	at := -1
	eventually(t, 30*time.Second, "somebody leads", func() bool {
		at = c.Leader()
		return at >= 0
	})
	return at
}
