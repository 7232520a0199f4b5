package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

func testWatch(h *harness) {
	_, now := h.get("a")
	w := h.watch(h.ctx, "", now+1)
	r1, r2 := h.put("a", "1"), h.put("a", "2")
	r3 := h.remove("a")
	events := h.events(w, 3)
	for i, want := range []store.Event{
		{Key: "a", Value: []byte("1"), Revision: r1},
		{Key: "a", Value: []byte("2"), Revision: r2},
		{Key: "a", Revision: r3, Deleted: true},
	} {
		got := events[i]
		if got.Key != want.Key || string(got.Value) != string(want.Value) || got.Revision != want.Revision || got.Deleted != want.Deleted {
			h.Errorf("event %d: got %+v, want %+v", i, got, want)
		}
	}
}

func testWatchPast(h *harness) {
	h.put("a", "0")
	first := h.put("a", "1")
	h.put("a", "2")
	w := h.watch(h.ctx, "", first)
	h.put("a", "3")
	for i, e := range h.events(w, 3) {
		if want := fmt.Sprint(i + 1); string(e.Value) != want || e.Revision < first+int64(i) {
			h.Errorf("event %d: got %q of %d, want %q of %d or later", i, e.Value, e.Revision, want, first+int64(i))
		}
	}
}

func testWatchPrefix(h *harness) {
	_, now := h.get("a")
	w := h.watch(h.ctx, "in/", now+1)
	h.put("in/1", "")
	h.put("inn/2", "")
	h.put("in", "")
	h.put("in/3", "")
	var keys []string
	for _, e := range h.events(w, 2) {
		keys = append(keys, e.Key)
	}
	if want := []string{"in/1", "in/3"}; !slices.Equal(keys, want) {
		h.Errorf("watched keys %v, want %v", keys, want)
	}
}

// testWatchWholeTxn: the events of one revision come in one batch.
func testWatchWholeTxn(h *harness) {
	_, now := h.get("a")
	w := h.watch(h.ctx, "", now+1)
	ops := make([]store.Op, 0, 100)
	for i := range 100 {
		ops = append(ops, put(fmt.Sprintf("k/%03d", i), "v"))
	}
	rev := h.txn(nil, ops...)
	b, ok := h.next(w)
	if !ok || b.Err != nil || len(b.Events) != 100 || b.Revision != rev {
		h.Errorf("got %d events up to %d (%v), want all 100 of %d", len(b.Events), b.Revision, b.Err, rev)
	}
}

// testWatchProgressAlone: a watch on what is still to come, which gets no progress reports, takes them
// from no other.
func testWatchProgressAlone(h *harness) {
	last := h.put("a", "")
	w := h.watch(h.ctx, "", last)
	h.watch(h.ctx, "", last+1_000_000)
	h.progress(w, last)
}

func testWatchProgress(h *harness) {
	w := h.watch(h.ctx, "in/", h.put("in/1", ""))
	last := h.put("out/1", "")
	if seen := h.progress(w, last); seen != 1 {
		h.Errorf("%d events came before the progress report, want 1", seen)
	}
}

// progress asks for a progress report of the given revision until it comes, and returns how many events
// came before it.
func (h *harness) progress(w *store.Watch, revision int64) (seen int) {
	h.Helper()
	ask := time.NewTicker(50 * time.Millisecond)
	defer ask.Stop()
	limit := time.After(patience)
	for reported := false; !reported; {
		select {
		case b, ok := <-w.Batches:
			if !ok || b.Err != nil {
				h.Fatalf("watch ended: %v", b.Err)
			}
			seen += len(b.Events)
			reported = len(b.Events) == 0 && b.Revision >= revision
		case <-ask.C:
			if err := w.Progress(); err != nil {
				h.Fatalf("Progress: %v", err)
			}
		case <-limit:
			h.Fatal("no progress report")
		}
	}
	return seen
}

func testWatchCompacted(h *harness) {
	first := h.put("a", "1")
	h.put("a", "2")
	last := h.put("a", "3")
	running := h.watch(h.ctx, "", last+1)
	h.compact(last)

	w, err := h.s.Watch(h.ctx, "", first)
	if err == nil {
		b, ok := h.next(w)
		if !ok {
			h.Fatal("the watch ended without a reason")
		}
		err = b.Err
	}
	h.wantErr(err, fault.Gone, store.ErrCompacted)
	if err == nil {
		return
	}
	if w != nil {
		if _, ok := h.next(w); ok {
			h.Error("the watch goes on after its error")
		}
	}
	// What is not compacted can be watched, and running watches go on.
	h.events(h.watch(h.ctx, "", last), 1)
	h.put("a", "4")
	h.events(running, 1)
	if kv, _ := h.get("a"); string(kv.Value) != "4" {
		h.Errorf("value after compaction: %q, want 4", kv.Value)
	}
}

func testWatchCancelled(h *harness) {
	ctx, cancel := context.WithCancel(h.ctx)
	_, now := h.get("a")
	w := h.watch(ctx, "", now+1)
	other := h.watch(h.ctx, "", now+1)
	cancel()
	h.ended(w)
	if err := w.Progress(); err == nil {
		h.Error("Progress of an ended watch succeeds")
	} else {
		h.wantErr(err, fault.Unavailable)
	}
	h.put("a", "")
	h.events(other, 1)
}

// ended drains a watch that must end; what was on its way may still come.
func (h *harness) ended(w *store.Watch) {
	h.Helper()
	for {
		if _, ok := h.next(w); !ok {
			return
		}
	}
}

func testClose(h *harness) {
	h.put("a", "")
	for range 2 {
		if err := h.s.Close(); err != nil {
			h.Fatalf("Close: %v", err)
		}
	}
	_, _, err := h.s.Get(h.ctx, "a")
	h.wantErr(err, fault.Unavailable, store.ErrClosed, store.ErrUnavailable)
	_, _, err = h.s.List(h.ctx, "")
	h.wantErr(err, fault.Unavailable, store.ErrClosed, store.ErrUnavailable)
	_, err = h.s.Txn(h.ctx, nil, []store.Op{put("a", "")})
	h.wantErr(err, fault.Unavailable, store.ErrClosed, store.ErrUnavailable)
	_, err = h.s.Watch(h.ctx, "", 1)
	h.wantErr(err, fault.Unavailable, store.ErrClosed, store.ErrUnavailable)
}

func testCloseEndsWatches(h *harness) {
	_, now := h.get("a")
	w := h.watch(h.ctx, "", now+1)
	if err := h.s.Close(); err != nil {
		h.Fatalf("Close: %v", err)
	}
	h.ended(w)
}
