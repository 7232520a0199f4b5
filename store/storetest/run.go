package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// patience is how long the suite waits for what must happen.
const patience = 10 * time.Second

// Open returns an empty store, and a function that compacts its history up to a revision. The suite
// closes the store.
type Open func(t *testing.T) (s store.Store, compact func(revision int64))

// Run runs the suite against the stores that open makes.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*harness){
		"Get":                 testGet,
		"List":                testList,
		"ListOneRevision":     testListOneRevision,
		"TxnGuards":           testTxnGuards,
		"TxnAtomic":           testTxnAtomic,
		"TxnRevisions":        testTxnRevisions,
		"TxnContention":       testTxnContention,
		"A5_KeysStayBelow":    testKeys,
		"Watch":               testWatch,
		"WatchFromThePast":    testWatchPast,
		"WatchPrefix":         testWatchPrefix,
		"WatchWholeTxn":       testWatchWholeTxn,
		"WatchProgress":       testWatchProgress,
		"WatchProgressAlone":  testWatchProgressAlone,
		"WatchCompacted":      testWatchCompacted,
		"WatchCancelled":      testWatchCancelled,
		"ValuesAreCopies":     testCopies,
		"CancelledCalls":      testCancelledCalls,
		"Close":               testClose,
		"CloseEndsWatches":    testCloseEndsWatches,
		"ErrorsAreClassified": testClassified,
	} {
		t.Run(name, func(t *testing.T) {
			if name != "WatchCompacted" { // stores of one server have one history
				t.Parallel()
			}
			s, compact := open(t)
			h := &harness{T: t, ctx: t.Context(), s: s, compact: compact}
			defer func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
			test(h)
		})
	}
}

// harness shortens the tests: its helpers end the test on an error nobody expected.
type harness struct {
	*testing.T
	ctx     context.Context
	s       store.Store
	compact func(int64)
}

func (h *harness) get(key string) (store.KV, int64) {
	h.Helper()
	kv, revision, err := h.s.Get(h.ctx, key)
	if err != nil {
		h.Fatalf("Get(%q): %v", key, err)
	}
	return kv, revision
}

func (h *harness) txn(conds []store.Cond, ops ...store.Op) int64 {
	h.Helper()
	revision, err := h.s.Txn(h.ctx, conds, ops)
	if err != nil {
		h.Fatalf("Txn(%v, %v): %v", conds, ops, err)
	}
	return revision
}

func (h *harness) put(key, value string) int64 {
	h.Helper()
	return h.txn(nil, put(key, value))
}

func (h *harness) remove(key string) int64 {
	h.Helper()
	return h.txn(nil, store.Op{Key: key, Delete: true})
}

func (h *harness) keys(prefix string) []string {
	h.Helper()
	kvs, _, err := h.s.List(h.ctx, prefix)
	if err != nil {
		h.Fatalf("List(%q): %v", prefix, err)
	}
	keys := make([]string, 0, len(kvs))
	for _, kv := range kvs {
		keys = append(keys, kv.Key)
	}
	return keys
}

func (h *harness) watch(ctx context.Context, prefix string, revision int64) *store.Watch {
	h.Helper()
	w, err := h.s.Watch(ctx, prefix, revision)
	if err != nil {
		h.Fatalf("Watch(%q, %d): %v", prefix, revision, err)
	}
	return w
}

// next returns the next batch, or false if the watch has ended.
func (h *harness) next(w *store.Watch) (store.Batch, bool) {
	h.Helper()
	select {
	case b, ok := <-w.Batches:
		return b, ok
	case <-time.After(patience):
		h.Fatal("the watch delivers nothing")
		return store.Batch{}, false
	}
}

// events returns the next n events and checks that they come in order.
func (h *harness) events(w *store.Watch, n int) []store.Event {
	h.Helper()
	var events []store.Event
	for len(events) < n {
		b, ok := h.next(w)
		if !ok || b.Err != nil {
			h.Fatalf("watch ended with %v after %d of %d events", b.Err, len(events), n)
		}
		events = append(events, b.Events...)
		if len(b.Events) > 0 && b.Revision != b.Events[len(b.Events)-1].Revision {
			h.Fatalf("batch says revision %d but ends with an event of %d", b.Revision, b.Events[len(b.Events)-1].Revision)
		}
	}
	if !slices.IsSortedFunc(events, func(a, b store.Event) int { return int(a.Revision - b.Revision) }) {
		h.Fatalf("events out of order: %v", events)
	}
	if len(events) > n {
		h.Fatalf("got %d events, want %d: %v", len(events), n, events)
	}
	return events
}

func (h *harness) wantErr(err error, kind fault.Kind, is ...error) {
	h.Helper()
	if !fault.Is(err, kind) {
		h.Errorf("error %v has kind %v, want %v", err, fault.KindOf(err), kind)
	}
	for _, target := range is {
		if !errors.Is(err, target) {
			h.Errorf("error %v does not wrap %v", err, target)
		}
	}
}

func put(key, value string) store.Op { return store.Op{Key: key, Value: []byte(value)} }

func absent(key string) []store.Cond { return []store.Cond{{Key: key}} }
