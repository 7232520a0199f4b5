package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

func testGet(h *harness) {
	kv, before := h.get("a")
	if kv.Revision != 0 || kv.Key != "a" || kv.Value != nil {
		h.Errorf("absent record: got %+v, want only the key", kv)
	}
	written := h.put("a", "1")
	if written <= before {
		h.Errorf("revision %d of a write is not after %d", written, before)
	}
	kv, now := h.get("a")
	if kv.Revision != written || string(kv.Value) != "1" || now < written {
		h.Errorf("got %+v at %d, want value 1 of revision %d", kv, now, written)
	}
	h.put("empty", "")
	if kv, _ := h.get("empty"); kv.Revision == 0 || len(kv.Value) != 0 {
		h.Errorf("empty value: got %+v, want a present record", kv)
	}
}

func testList(h *harness) {
	for _, key := range []string{"b/2", "b/1", "b/10", "bb/1", "a", "b"} {
		h.put(key, key)
	}
	for _, tt := range []struct {
		prefix string
		want   []string
	}{
		{"", []string{"a", "b", "b/1", "b/10", "b/2", "bb/1"}},
		{"b/", []string{"b/1", "b/10", "b/2"}},
		{"bb/", []string{"bb/1"}},
		{"c/", []string{}},
	} {
		if got := h.keys(tt.prefix); !slices.Equal(got, tt.want) {
			h.Errorf("List(%q) = %v, want %v", tt.prefix, got, tt.want)
		}
	}
	kvs, revision, err := h.s.List(h.ctx, "b/")
	if err != nil || string(kvs[0].Value) != "b/1" || kvs[0].Revision == 0 || revision < kvs[2].Revision {
		h.Errorf("List = %+v at %d, %v", kvs, revision, err)
	}
}

// testListOneRevision moves a record back and forth in transactions: no list may see both or neither.
func testListOneRevision(h *harness) {
	h.put("m/a", "")
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		from, to := "m/a", "m/b"
		for range 100 {
			if _, err := h.s.Txn(h.ctx, nil, []store.Op{{Key: from, Delete: true}, put(to, "")}); err != nil {
				h.Errorf("Txn: %v", err)
				return
			}
			from, to = to, from
		}
	})
	for range 100 {
		if keys := h.keys("m/"); len(keys) != 1 {
			h.Fatalf("a list saw %v, want one of two", keys)
		}
	}
}

func testTxnGuards(h *harness) {
	rev := h.put("a", "1")
	for _, tt := range []struct {
		name  string
		conds []store.Cond
		holds bool
	}{
		{"absent as wanted", absent("none"), true},
		{"present though wanted absent", absent("a"), false},
		{"other revision", []store.Cond{{Key: "a", Revision: rev + 1}}, false},
		{"present with a revision though absent", []store.Cond{{Key: "none", Revision: rev}}, false},
		{"one of two", []store.Cond{{Key: "a", Revision: rev}, {Key: "none", Revision: rev}}, false},
		{"right revision", []store.Cond{{Key: "a", Revision: rev}}, true},
	} {
		_, before := h.get("mark")
		at, err := h.s.Txn(h.ctx, tt.conds, []store.Op{put("mark", tt.name)})
		kv, _ := h.get("mark")
		if tt.holds {
			if err != nil || string(kv.Value) != tt.name || kv.Revision != at {
				h.Errorf("%s: %+v at %d, %v; want it applied", tt.name, kv, at, err)
			}
			continue
		}
		h.wantErr(err, fault.Conflict, store.ErrConflict)
		if string(kv.Value) == tt.name || at < before {
			h.Errorf("%s: %+v, revision %d after %d; want nothing applied and no earlier revision", tt.name, kv, at, before)
		}
	}
}

func testTxnAtomic(h *harness) {
	h.put("old", "")
	rev := h.txn(nil, put("x", "1"), put("y", "2"), store.Op{Key: "old", Delete: true}, store.Op{Key: "never", Delete: true})
	x, _ := h.get("x")
	y, _ := h.get("y")
	old, _ := h.get("old")
	if x.Revision != rev || y.Revision != rev || old.Revision != 0 {
		h.Errorf("x %d, y %d, old %d; want both of %d, and old gone", x.Revision, y.Revision, old.Revision, rev)
	}
	_, err := h.s.Txn(h.ctx, nil, []store.Op{put("x", "1"), put("x", "2")})
	h.wantErr(err, fault.Invalid)
}

// testTxnRevisions allows for others who write to the same server.
func testTxnRevisions(h *harness) {
	first := h.put("a", "")
	next := h.put("a", "")
	if next <= first {
		h.Errorf("second write has revision %d, want more than %d", next, first)
	}
	if none := h.remove("never"); none < next {
		h.Errorf("a deletion of nothing has revision %d, want %d or more", none, next)
	}
	if none := h.txn(absent("never")); none < next {
		h.Errorf("a transaction without changes has revision %d, want %d or more", none, next)
	}
	if kv, _ := h.get("a"); kv.Revision != next {
		h.Errorf("the record has revision %d, want that of its last write, %d", kv.Revision, next)
	}
}

// testTxnContention: of many who create one record, one succeeds; a counter counts all increments.
func testTxnContention(h *harness) {
	const writers = 10
	var wg sync.WaitGroup
	created := make(chan int, writers)
	for i := range writers {
		wg.Go(func() {
			if _, err := h.s.Txn(h.ctx, absent("one"), []store.Op{put("one", "")}); err == nil {
				created <- i
			}
			for done := false; !done; {
				kv, _, err := h.s.Get(h.ctx, "counter")
				if err != nil {
					h.Errorf("Get: %v", err)
					return
				}
				_, err = h.s.Txn(h.ctx, []store.Cond{{Key: "counter", Revision: kv.Revision}},
					[]store.Op{put("counter", string(kv.Value)+"|")})
				done = err == nil
			}
		})
	}
	wg.Wait()
	if len(created) != 1 {
		h.Errorf("%d writers created the record, want 1", len(created))
	}
	if kv, _ := h.get("counter"); string(kv.Value) != strings.Repeat("|", writers) {
		h.Errorf("counter is %q after %d increments", kv.Value, writers)
	}
}

func testKeys(h *harness) {
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\x00b", "a b", "a\nb", "\x7f", "ä",
		strings.Repeat("a", 64<<10),
	} {
		name := fmt.Sprintf("%.20q", key)
		_, _, err := h.s.Get(h.ctx, key)
		h.Run(name, func(t *testing.T) {
			h := &harness{T: t, ctx: h.ctx, s: h.s}
			h.wantErr(err, fault.Invalid)
			_, err = h.s.Txn(h.ctx, nil, []store.Op{put(key, "")})
			h.wantErr(err, fault.Invalid)
			_, err = h.s.Txn(h.ctx, absent(key), nil)
			h.wantErr(err, fault.Invalid)
			prefix := strings.TrimSuffix(key, "/")
			if prefix == "" {
				return // everything
			}
			_, _, err = h.s.List(h.ctx, prefix)
			h.wantErr(err, fault.Invalid)
			_, err = h.s.Watch(h.ctx, prefix, 1)
			h.wantErr(err, fault.Invalid)
		})
	}
	// A prefix ends on a whole segment (P11).
	_, _, err := h.s.List(h.ctx, "types")
	h.wantErr(err, fault.Invalid)
}

func testCopies(h *harness) {
	value := []byte("abc")
	h.txn(nil, store.Op{Key: "a", Value: value})
	value[0] = 'X'
	kv, _ := h.get("a")
	kv.Value[1] = 'X'
	if kv, _ := h.get("a"); string(kv.Value) != "abc" {
		h.Errorf("stored value is %q, want abc", kv.Value)
	}
}

func testCancelledCalls(h *harness) {
	ctx, cancel := context.WithCancel(h.ctx)
	cancel()
	_, _, err := h.s.Get(ctx, "a")
	h.wantErr(err, fault.Unavailable, store.ErrUnavailable, context.Canceled)
	_, _, err = h.s.List(ctx, "")
	h.wantErr(err, fault.Unavailable, store.ErrUnavailable, context.Canceled)
	_, err = h.s.Txn(ctx, nil, []store.Op{put("a", "")})
	h.wantErr(err, fault.Unavailable, store.ErrUnavailable, context.Canceled)
}

func testClassified(h *harness) {
	_, err := h.s.Txn(h.ctx, nil, []store.Op{{Key: "big", Value: make([]byte, 3<<20)}})
	h.wantErr(err, fault.TooLarge)
}
