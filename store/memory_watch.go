package store

import (
	"context"
	"strings"
)

// memoryWatch delivers what its queue holds. All fields but the channels are guarded by Memory.mu.
type memoryWatch struct {
	m        *Memory
	prefix   string
	revision int64
	queue    []Batch
	allowed  int // batches Deliver has let through while the watches are held

	batches chan Batch
	woken   chan struct{} // capacity 1
	cut     chan struct{}
	done    chan struct{}
}

func newMemoryWatch(m *Memory, prefix string, revision int64) *memoryWatch {
	return &memoryWatch{
		m: m, prefix: prefix, revision: revision,
		batches: make(chan Batch), woken: make(chan struct{}, 1), cut: make(chan struct{}), done: make(chan struct{}),
	}
}

// offer queues the part of a revision this watch is about.
func (w *memoryWatch) offer(b Batch) {
	if b.Revision < w.revision {
		return
	}
	seen := Batch{Revision: b.Revision}
	for _, e := range b.Events {
		if strings.HasPrefix(e.Key, w.prefix) {
			seen.Events = append(seen.Events, e)
		}
	}
	if len(seen.Events) > 0 {
		w.queue = append(w.queue, seen)
		w.wake()
	}
}

func (w *memoryWatch) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// next takes the first batch that may be delivered now.
func (w *memoryWatch) next() (Batch, bool) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if len(w.queue) == 0 || w.m.stalled || w.m.held && w.allowed == 0 {
		return Batch{}, false
	}
	if w.m.held {
		w.allowed--
	}
	b := w.queue[0]
	w.queue = w.queue[1:]
	return b, true
}

func (w *memoryWatch) run(ctx context.Context) {
	defer close(w.done)
	defer close(w.batches)
	defer func() {
		w.m.mu.Lock()
		delete(w.m.watches, w)
		w.m.mu.Unlock()
	}()
	for {
		b, ok := w.next()
		if !ok {
			select {
			case <-w.woken:
				continue
			case <-w.cut:
				return
			case <-ctx.Done():
				return
			}
		}
		select {
		case w.batches <- b:
		case <-w.cut:
			return
		case <-ctx.Done():
			return
		}
		if b.Err != nil {
			return
		}
	}
}
