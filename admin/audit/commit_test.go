package audit_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/store"
)

// TestGroupCommit counts transactions: those who come while one is in flight share the next ones.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := store.NewMemory()
		g := holding(mem)
		l := audit.New(g, zap.NewNop(), nil)
		var all sync.WaitGroup
		add := func() { all.Go(func() { l.Append(t.Context(), entry(1)) }) }
		add()
		synctest.Wait()
		for range 130 {
			add()
		}
		synctest.Wait()
		if g.txns.Load() != 1 {
			t.Fatalf("%d transactions while one is in flight", g.txns.Load())
		}
		close(g.hold)
		all.Wait()
		if txns, largest := g.txns.Load(), g.largest.Load(); txns != 4 || largest != 64 || g.ops.Load() != 131 {
			t.Errorf("%d transactions for %d entries, the largest of %d", txns, g.ops.Load(), largest)
		}
		if n := keys(t, mem, "known"); n != 131 {
			t.Errorf("%d stored", n)
		}
	})
}

// TestPatience: nobody waits longer than two seconds, or longer than its own context while somebody else
// writes.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := holding(store.NewMemory())
		l := audit.New(g, zap.NewNop(), nil)
		start := time.Now()
		ended := make(chan time.Duration, 3)
		call := func(ctx context.Context) { l.Append(ctx, entry(1)); ended <- time.Since(start) }
		go call(t.Context()) // writes
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		go call(short)
		if d := <-ended; d != 100*time.Millisecond {
			t.Errorf("the caller whose context ended waited %v", d)
		}
		go call(t.Context())
		if d := <-ended; d != 2*time.Second {
			t.Errorf("the writer waited %v", d)
		}
		if d := <-ended; d != 2100*time.Millisecond {
			t.Errorf("the last waited until %v", d)
		}
	})
}

// TestHangingUp: a caller who is gone before its entry is stored cannot hide it, whether it writes alone,
// for others, or waits for another, and never spoils what others write.
func TestHangingUp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"A12_writer_goes", "A12_waiting_one_goes", "A12_all_go"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				mem := store.NewMemory()
				g := holding(mem)
				l := audit.New(g, zap.NewNop(), nil)
				var all sync.WaitGroup
				gone, hangUp := context.WithCancel(t.Context())
				for i, goes := range map[string][]bool{
					"A12_writer_goes": {true, false, false}, "A12_waiting_one_goes": {false, true, false}, "A12_all_go": {true, true, true},
				}[name] {
					ctx := t.Context()
					if goes {
						ctx = gone
					}
					all.Go(func() { l.Append(ctx, entry(i)) })
					synctest.Wait()
				}
				hangUp()
				synctest.Wait()
				close(g.hold)
				all.Wait()
				if n := keys(t, mem, "known"); n != 3 {
					t.Errorf("%d of 3 stored", n)
				}
			})
		})
	}
}

// TestLastComesFirst: when the turn is handed over it goes to who has waited least, so that a slow store
// gets the most time.
func TestLastComesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := store.NewMemory()
		g := holding(mem)
		l := audit.New(g, zap.NewNop(), nil)
		var all sync.WaitGroup
		start := time.Now()
		for i := range 3 { // at 0, 0.8 and 1.6 s
			time.Sleep(time.Until(start.Add(time.Duration(i) * 800 * time.Millisecond)))
			all.Go(func() { l.Append(t.Context(), entry(i)) })
			synctest.Wait()
		}
		for _, at := range []time.Duration{1900, 3000} { // the second caller's time ends at 2.8 s
			time.Sleep(time.Until(start.Add(at * time.Millisecond)))
			g.hold <- struct{}{}
			synctest.Wait()
		}
		all.Wait()
		if n := keys(t, mem, "known"); n != 3 {
			t.Errorf("%d of 3 stored", n)
		}
	})
}
