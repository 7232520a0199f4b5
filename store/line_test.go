package store_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/storetest/etcdtest"
)

// callLimit is what every call must end within: two seconds, and what a busy machine adds.
const callLimit = 5 * time.Second

func startProxy(t *testing.T, endpoint string) *etcdtest.Proxy {
	t.Helper()
	p, err := etcdtest.NewProxy(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func openWith(t *testing.T, s store.Store, cfg store.FeedConfig) *replica {
	t.Helper()
	r := newReplica(t.Context(), s, cfg, thingSchema())
	t.Cleanup(r.stop)
	select {
	case <-r.feed.Ready():
	case <-time.After(30 * time.Second):
		t.Fatal("the feed does not sync")
	}
	return r
}

func (r *replica) put(ctx context.Context, id string, v *thing) error {
	_, err := r.things.Update(ctx, id, func(store.Item[*thing]) (*thing, error) { return v, nil })
	return err
}

// D3: a replica is cut off, records change and go, and the history of that is compacted away. Healed, it
// notices all of it, and never says again what it said before.
func TestD3_CompactionDuringACut(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*etcdtest.Proxy){
		"rejected": (*etcdtest.Proxy).Partition,
		"silent":   (*etcdtest.Proxy).Stall,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, etcdtest.Config{})
			line := startProxy(t, c.Endpoints[0])
			a := open(t, openEtcd(t, store.EtcdConfig{Endpoints: c.Endpoints}))
			b := openWith(t, openEtcd(t, store.EtcdConfig{Endpoints: []string{line.URL}}), store.FeedConfig{MaxStale: 3 * time.Second})
			a.mustCreate(t, "gone", &thing{Name: "gone", Tags: []string{"t"}})
			a.mustCreate(t, "changed", &thing{Name: "old", Tags: []string{"t"}, N: 1})
			see := func() (n, tagged int, gone, named error) {
				_, gone = b.things.Get(t.Context(), "gone")
				item, err := b.things.Get(t.Context(), "changed")
				if err == nil {
					n = item.Value.N
				}
				_, named = b.things.By(t.Context(), "name", "old")
				items, _ := b.things.Find(t.Context(), "tag", "t")
				return n, len(items), gone, named
			}
			if n, tagged, gone, named := see(); gone != nil || n != 1 || named != nil || tagged != 2 {
				t.Fatalf("before: %v, %d, %v, %d", gone, n, named, tagged)
			}
			watched := b.feed.Status().Revision
			cut(line)
			if err := errors.Join(a.things.Delete(t.Context(), "gone", 0), a.put(t.Context(), "changed", &thing{Name: "new", N: 2})); err != nil {
				t.Fatal(err)
			}
			compact(t, c, a)
			w, err := a.s.Watch(t.Context(), "", watched)
			if err != nil {
				t.Fatal(err)
			}
			if b := <-w.Batches; !errors.Is(b.Err, store.ErrCompacted) {
				t.Fatalf("the history is still there: %+v", b)
			}
			eventually(t, 30*time.Second, "the replica knows that it knows nothing", func() bool {
				_, err := b.things.Get(t.Context(), "gone")
				return errors.Is(err, store.ErrUnavailable)
			})
			line.Heal()
			eventually(t, 30*time.Second, "the replica is back", func() bool {
				n, _, gone, _ := see()
				if gone == nil || n == 1 {
					t.Fatalf("a stale answer after the cut: %v, version %d", gone, n)
				}
				return b.feed.Status().Fresh
			})
			if n, tagged, gone, named := see(); !errors.Is(gone, store.ErrNotFound) || n != 2 || !errors.Is(named, store.ErrNotFound) || tagged != 0 {
				t.Errorf("after: %v, version %d, %v, %d tagged", gone, n, named, tagged)
			}
		})
	}
}

// compact forgets all history but the last revision, which it makes one of its own.
func compact(t *testing.T, c *etcdtest.Cluster, r *replica) {
	t.Helper()
	r.mustCreate(t, "last", &thing{})
	client, err := store.DialEtcd(store.EtcdConfig{Endpoints: c.Endpoints})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Compact(t.Context(), r.mustGet(t, "last").Revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatalf("compacting: %v", err)
	}
}

// burst makes many calls of every kind at once and checks that each ends in time, with an answer or with
// ErrUnavailable. It returns how many of those that need the store got an answer.
func burst(t *testing.T, r *replica) (answered int) {
	t.Helper()
	var (
		calls sync.WaitGroup
		mu    sync.Mutex
	)
	memory := []string{"Get", "By", "Find"}
	one := func(what string, call func() error) {
		calls.Go(func() {
			began := time.Now()
			err := call()
			took := time.Since(began)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case took > callLimit:
				t.Errorf("%s took %v", what, took)
			case err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists):
				if !slices.Contains(memory, what) {
					answered++
				}
			case !errors.Is(err, store.ErrUnavailable):
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	for i := range 50 {
		id := string(rune('A' + i))
		one("Get", func() error { _, err := r.things.Get(t.Context(), id); return err })
		one("By", func() error { _, err := r.things.By(t.Context(), "name", id); return err })
		one("Find", func() error { _, err := r.things.Find(t.Context(), "tag", id); return err })
		one("List", func() error { _, err := r.things.List(t.Context()); return err })
		one("Create", func() error { _, err := r.things.Create(t.Context(), id, &thing{}); return err })
		one("Update", func() error { return r.put(t.Context(), id, &thing{}) })
		one("Delete", func() error { return r.things.Delete(t.Context(), id, 0) })
		one("Store.Get", func() error { _, _, err := r.s.Get(t.Context(), id); return err })
		one("Store.Watch", func() error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := r.s.Watch(ctx, "", 0)
			return err
		})
	}
	calls.Wait()
	return answered
}

// testHang makes a store hang several times: all calls end in time, none leaves a goroutine behind, and
// afterwards everything works again.
func testHang(t *testing.T, r *replica, hang, goOn func()) {
	t.Helper()
	r.mustCreate(t, "x", &thing{N: 1})
	burst(t, r)
	var before int
	for round := range 3 {
		hang()
		if n := burst(t, r); n > 0 {
			t.Errorf("round %d: %d calls were answered by a store that hangs", round, n)
		}
		goOn()
		eventually(t, 30*time.Second, "the store works again", func() bool {
			return r.feed.Status().Fresh && r.put(t.Context(), "x", &thing{N: round}) == nil
		})
		if n := r.mustGet(t, "x").Value.N; n != round {
			t.Errorf("round %d: version %d", round, n)
		}
		if round == 0 {
			before = settled()
			continue
		}
		wantGoroutines(t, before)
	}
}

// settled returns how many goroutines there are once they become no fewer.
func settled() int {
	least := runtime.NumGoroutine()
	for quiet := 0; quiet < 10; quiet++ {
		<-time.After(50 * time.Millisecond)
		if n := runtime.NumGoroutine(); n < least {
			least, quiet = n, 0
		}
	}
	return least
}

// wantGoroutines waits until there are about as many goroutines as before.
func wantGoroutines(t *testing.T, before int) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	n := runtime.NumGoroutine()
	for ; n > before+20; n = runtime.NumGoroutine() {
		if time.Now().After(deadline) {
			t.Errorf("%d goroutines before, %d after", before, n)
			return
		}
		<-time.After(50 * time.Millisecond)
	}
}

// A watch that is given up before the member has confirmed it leaves nothing behind, here or there, though
// the client it ran on goes on.
func TestAbandonedWatches(t *testing.T) {
	line := startProxy(t, plain.Endpoints[0])
	s := openEtcd(t, store.EtcdConfig{Endpoints: []string{line.URL}, Prefix: freshPrefix()})
	abandon := func(n int) {
		if _, _, err := s.Get(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		line.Stall()
		var watches sync.WaitGroup
		for range n {
			watches.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				_, err := s.Watch(ctx, "", 1)
				wantUnavailable(t, "Watch", err)
			})
		}
		watches.Wait()
		line.Heal()
		eventually(t, 30*time.Second, "the line works again", func() bool {
			_, _, err := s.Get(t.Context(), "x")
			return err == nil
		})
	}
	abandon(1)
	before := settled()
	abandon(50)
	wantGoroutines(t, before)
}

// A line that swallows everything, as a dead switch or a member whose disk does not answer.
func TestSilentLine(t *testing.T) {
	line := startProxy(t, plain.Endpoints[0])
	cfg := store.EtcdConfig{Endpoints: []string{line.URL}, Prefix: freshPrefix()}
	r := openWith(t, openEtcd(t, cfg), store.FeedConfig{MaxStale: time.Second})
	testHang(t, r, line.Stall, line.Heal)
}

// A line that is slower than what anybody waits for, then one that is only slow.
func TestSlowLine(t *testing.T) {
	t.Parallel()
	line := startProxy(t, plain.Endpoints[0])
	cfg := store.EtcdConfig{Endpoints: []string{line.URL}, Prefix: freshPrefix()}
	r := openWith(t, openEtcd(t, cfg), store.FeedConfig{MaxStale: 3 * time.Second})
	r.mustCreate(t, "x", &thing{N: 1})
	line.Delay(4 * time.Second)
	began := time.Now()
	wantUnavailable(t, "a write", r.put(t.Context(), "x", &thing{N: 2}))
	if d := time.Since(began); d > callLimit {
		t.Errorf("a write took %v", d)
	}
	eventually(t, 30*time.Second, "what is in memory is too old", func() bool {
		_, err := r.things.Get(t.Context(), "x")
		return errors.Is(err, store.ErrUnavailable)
	})
	line.Delay(100 * time.Millisecond) // five trips a write, one a read
	eventually(t, 30*time.Second, "a slow line is good enough", func() bool {
		return r.put(t.Context(), "x", &thing{N: 3}) == nil && r.feed.Status().Fresh
	})
	if n := r.mustGet(t, "x").Value.N; n != 3 {
		t.Errorf("version %d, want 3", n)
	}
}
