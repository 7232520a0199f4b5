package store

import (
	"context"
	"slices"
	"sync"
)

// FailReads makes every Get and List fail with err, wrapped in ErrUnavailable, until called with nil.
func (m *Memory) FailReads(err error) { m.set(func() { m.readErr = err }) }

// FailWrites does the same for Txn.
func (m *Memory) FailWrites(err error) { m.set(func() { m.writeErr = err }) }

// FailWatches does the same for starting a watch; running ones go on.
func (m *Memory) FailWatches(err error) { m.set(func() { m.watchErr = err }) }

// CutWatches ends all watches without a word, as a lost connection does.
func (m *Memory) CutWatches() { m.set(func() { m.cut() }) }

// StallWatches makes all watches, present and future, deliver nothing at all, progress included, until
// called with false. What happened meanwhile is delivered then.
func (m *Memory) StallWatches(stalled bool) {
	m.set(func() {
		m.stalled = stalled
		for w := range m.watches {
			w.wake()
		}
	})
}

// HoldEvents makes all watches wait for Deliver, until called with false.
func (m *Memory) HoldEvents(held bool) {
	m.set(func() {
		m.held = held
		for w := range m.watches {
			w.allowed = 0
			w.wake()
		}
	})
}

// Deliver lets every held watch pass n more batches, or as many as it has: it grants nothing in advance.
func (m *Memory) Deliver(n int) {
	m.set(func() {
		for w := range m.watches {
			w.allowed = min(w.allowed+n, len(w.queue))
			w.wake()
		}
	})
}

// Compact forgets the history before revision, as etcd does: a watch can then start at revision at the
// earliest. Running watches keep what is already queued for them.
func (m *Memory) Compact(revision int64) {
	m.set(func() {
		m.oldest = max(m.oldest, min(revision, m.revision))
		for len(m.history) > 0 && m.history[0].Revision < m.oldest {
			m.history = m.history[1:]
		}
	})
}

// Restore puts the store back to what it was at revision, as from a backup, and cuts all watches. The
// history must not be compacted.
func (m *Memory) Restore(revision int64) {
	m.set(func() {
		m.cut()
		m.kvs, m.revision = make(map[string]KV), revision
		m.history = slices.DeleteFunc(m.history, func(b Batch) bool { return b.Revision > revision })
		for _, b := range m.history {
			for _, e := range b.Events {
				if e.Deleted {
					delete(m.kvs, e.Key)
				} else {
					m.kvs[e.Key] = KV{Key: e.Key, Value: e.Value, Revision: e.Revision}
				}
			}
		}
	})
}

// HoldReads makes every read from now on take its answer from the store and then wait for Release, so
// that events can overtake it. Like any call it fails after two seconds. One hold is in force at a time.
func (m *Memory) HoldReads() *ReadHold {
	h := &ReadHold{m: m, released: make(chan struct{}), changed: make(chan struct{})}
	m.set(func() { m.hold = h })
	return h
}

// Revision returns the store's revision.
func (m *Memory) Revision() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revision
}

// Reads returns how many Gets and Lists have been answered.
func (m *Memory) Reads() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

// Watches returns how many watches are running.
func (m *Memory) Watches() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.watches)
}

func (m *Memory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func (m *Memory) cut() []*memoryWatch {
	watches := make([]*memoryWatch, 0, len(m.watches))
	for w := range m.watches {
		close(w.cut)
		delete(m.watches, w)
		watches = append(watches, w)
	}
	return watches
}

// ReadHold is a set of reads kept on their way back.
type ReadHold struct {
	m        *Memory
	released chan struct{}

	mu      sync.Mutex
	waiting int
	changed chan struct{}
}

// Await returns once n reads are waiting.
func (h *ReadHold) Await(ctx context.Context, n int) error {
	for {
		h.mu.Lock()
		waiting, changed := h.waiting, h.changed
		h.mu.Unlock()
		if waiting >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// LetPass holds no more reads but keeps those that are waiting.
func (h *ReadHold) LetPass() {
	h.m.set(func() {
		if h.m.hold == h {
			h.m.hold = nil
		}
	})
}

// Release lets the waiting reads go and holds no more. It is called once.
func (h *ReadHold) Release() {
	h.LetPass()
	close(h.released)
}

func (h *ReadHold) wait(ctx context.Context, op string) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	h.waiting++
	close(h.changed)
	h.changed = make(chan struct{})
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	select {
	case <-h.released:
		return nil
	case <-ctx.Done():
		return unavailable(op, context.Cause(ctx))
	}
}
