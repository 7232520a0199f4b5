package store_test

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/authgate/authgate/store"
)

// C9: what one replica writes, another reads within a second, mostly within milliseconds. The record is in
// the other's memory each time, so it is the watch that makes it visible.
func TestC9_Visibility(t *testing.T) {
	t.Parallel()
	cfg := store.EtcdConfig{Endpoints: plain.Endpoints, Prefix: freshPrefix()}
	a, b := open(t, openEtcd(t, cfg)), open(t, openEtcd(t, cfg))
	a.mustCreate(t, "x", &thing{Name: "n"})
	const writes = 1000
	delays := make([]time.Duration, 0, writes)
	for i := 1; i <= writes; i++ {
		b.mustGet(t, "x")
		if _, err := a.things.Update(t.Context(), "x", func(store.Item[*thing]) (*thing, error) {
			return &thing{Name: "n", N: i}, nil
		}); err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
		written := time.Now()
		for b.mustGet(t, "x").Value.N != i {
			if time.Since(written) > 10*time.Second {
				t.Fatalf("write %d is not seen", i)
			}
			runtime.Gosched()
		}
		delays = append(delays, time.Since(written))
	}
	slices.Sort(delays)
	p99 := delays[writes*99/100]
	t.Logf("visible on the other replica: median %v, p99 %v, at most %v", delays[writes/2], p99, delays[writes-1])
	if p99 > time.Second {
		t.Errorf("p99 is %v, want under a second", p99)
	}
	if s := b.things.Stats(); s.Misses > 4*writes {
		t.Errorf("%d misses for %d writes: the cache is not in use", s.Misses, writes)
	}
}
