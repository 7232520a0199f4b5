package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/authgate/authgate/internal/fault"
)

// maxRequest is etcd's limit of a transaction.
const maxRequest = 3 << 19

// Memory is a Store in memory for tests, with etcd's semantics: one revision for each change, history
// until compacted, watches that may start anywhere in it. Its other methods make it misbehave as a store
// and a network can. It keeps its whole history; do not use it in production.
type Memory struct {
	mu       sync.Mutex
	revision int64
	kvs      map[string]KV
	history  []Batch // one per revision
	oldest   int64   // revisions before it are compacted
	watches  map[*memoryWatch]struct{}
	closed   bool

	readErr, writeErr, watchErr error
	stalled, held               bool
	hold                        *ReadHold
	reads                       int64
}

// NewMemory returns an empty store at revision 1.
func NewMemory() *Memory {
	return &Memory{revision: 1, oldest: 1, kvs: make(map[string]KV), watches: make(map[*memoryWatch]struct{})}
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key string) (KV, int64, error) {
	const op = "reading from memory"
	if err := checkKey(key); err != nil {
		return KV{}, 0, invalid(op, err)
	}
	m.mu.Lock()
	if err := m.refuse(ctx, op, m.readErr); err != nil {
		m.mu.Unlock()
		return KV{}, 0, err
	}
	m.reads++
	kv, revision, hold := m.kvs[key], m.revision, m.hold
	m.mu.Unlock()
	kv.Key, kv.Value = key, bytes.Clone(kv.Value)
	return kv, revision, hold.wait(ctx, op)
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix string) ([]KV, int64, error) {
	const op = "listing from memory"
	if err := checkPrefix(prefix); err != nil {
		return nil, 0, invalid(op, err)
	}
	m.mu.Lock()
	if err := m.refuse(ctx, op, m.readErr); err != nil {
		m.mu.Unlock()
		return nil, 0, err
	}
	m.reads++
	kvs := make([]KV, 0)
	for key, kv := range m.kvs {
		if strings.HasPrefix(key, prefix) {
			kv.Value = bytes.Clone(kv.Value)
			kvs = append(kvs, kv)
		}
	}
	revision, hold := m.revision, m.hold
	m.mu.Unlock()
	slices.SortFunc(kvs, func(a, b KV) int { return strings.Compare(a.Key, b.Key) })
	return kvs, revision, hold.wait(ctx, op)
}

// Txn implements Store.
func (m *Memory) Txn(ctx context.Context, conds []Cond, ops []Op) (int64, error) {
	const op = "writing to memory"
	if err := checkTxn(conds, ops); err != nil {
		return 0, invalid(op, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx, op, m.writeErr); err != nil {
		return 0, err
	}
	size := 0
	for _, o := range ops {
		size += len(o.Key) + len(o.Value)
	}
	if size > maxRequest {
		return 0, fault.New(fault.TooLarge, op, "", "request too large")
	}
	for _, c := range conds {
		if m.kvs[c.Key].Revision != c.Revision {
			return m.revision, conflictError(op)
		}
	}
	next := Batch{Revision: m.revision + 1}
	for _, o := range ops {
		if _, present := m.kvs[o.Key]; o.Delete && !present {
			continue // as in etcd: no event, and no revision of its own
		}
		e := Event{Key: o.Key, Revision: next.Revision, Deleted: o.Delete}
		if o.Delete {
			delete(m.kvs, o.Key)
		} else {
			e.Value = bytes.Clone(o.Value)
			m.kvs[o.Key] = KV{Key: o.Key, Value: e.Value, Revision: next.Revision}
		}
		next.Events = append(next.Events, e)
	}
	if len(next.Events) > 0 {
		m.revision = next.Revision
		m.history = append(m.history, next)
		for w := range m.watches {
			w.offer(next)
		}
	}
	return m.revision, nil
}

// Watch implements Store.
func (m *Memory) Watch(ctx context.Context, prefix string, revision int64) (*Watch, error) {
	const op = "watching memory"
	if err := checkPrefix(prefix); err != nil {
		return nil, invalid(op, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuse(ctx, op, m.watchErr); err != nil {
		return nil, err
	}
	w := newMemoryWatch(m, prefix, revision)
	if revision < m.oldest {
		w.queue = []Batch{{Err: compactedError(op)}}
	} else {
		for _, b := range m.history {
			w.offer(b)
		}
	}
	m.watches[w] = struct{}{}
	go w.run(ctx)
	return &Watch{Batches: w.batches, Progress: func() error { return m.progress(w) }}, nil
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	m.closed = true
	watches := m.cut()
	m.mu.Unlock()
	for _, w := range watches {
		<-w.done
	}
	return nil
}

func (m *Memory) refuse(ctx context.Context, op string, failure error) error {
	switch {
	case m.closed:
		return closedError(op)
	case ctx.Err() != nil:
		return unavailable(op, context.Cause(ctx))
	case failure != nil:
		return unavailable(op, failure)
	}
	return nil
}

func (m *Memory) progress(w *memoryWatch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, running := m.watches[w]; !running {
		return unavailable("asking for progress", errors.New("watch ended"))
	}
	if m.revision >= w.revision { // as in etcd: no report on a watch that begins in the future
		w.queue = append(w.queue, Batch{Revision: m.revision})
		w.wake()
	}
	return nil
}

var _ Store = (*Memory)(nil)
