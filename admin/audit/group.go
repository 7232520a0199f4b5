package audit

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
)

const (
	maxWait    = 2 * time.Second
	maxEntries = 64 // of one transaction; an etcd allows 128
)

// batch is what one transaction stores. Its fields are guarded by the Log's mutex until it is taken from
// the queue; then they belong to who writes it.
type batch struct {
	ops     []store.Op
	counts  [classes]int // how many entries are lost from the store if it fails
	waiting []*waiter
	done    chan struct{}
}

// waiter is a caller whose entry is in a batch. Once lead is closed it has to write the batch.
type waiter struct {
	lead chan struct{}
}

// commit is the callers' turns at the store: one of them writes, and those who come meanwhile share the
// next transaction, which one of them writes. So there is no goroutine to stop.
type commit struct {
	mu      sync.Mutex
	writing bool
	queue   []*batch
}

// join puts an entry into the batch that is written next. It returns no waiter to a caller who has to
// write at once.
func (c *commit) join(op store.Op, class class, lost int) (*batch, *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b *batch
	if n := len(c.queue); n > 0 && len(c.queue[n-1].ops) < maxEntries {
		b = c.queue[n-1]
	} else {
		b = &batch{done: make(chan struct{})}
		c.queue = append(c.queue, b)
	}
	b.ops = append(b.ops, op)
	b.counts[class] += lost
	if !c.writing {
		c.writing = true
		return b, nil
	}
	w := &waiter{lead: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	return b, w
}

// take removes the batch whose turn it is.
func (c *commit) take() *batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.queue[0]
	c.queue = c.queue[1:]
	return b
}

// handOver ends the turn of a caller who has written, and reports whether it has to write another batch:
// one whose callers have all gone. The caller that came last gets the next turn, since it has the most
// of its time left.
func (c *commit) handOver() (again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.writing = false
		return false
	}
	waiting := c.queue[0].waiting
	if len(waiting) == 0 {
		return true
	}
	close(waiting[len(waiting)-1].lead)
	return false
}

// leave lets a caller go before its batch is written, unless it was just given the turn.
func (c *commit) leave(b *batch, w *waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-w.lead:
		return false
	default:
	}
	b.waiting = slices.DeleteFunc(b.waiting, func(other *waiter) bool { return other == w })
	return true
}

// put stores an entry together with those that come at the same time. patience ends when the caller has
// waited long enough; ctx, which may end before, only frees a caller that others do not wait for.
func (l *Log) put(ctx, patience context.Context, op store.Op, class class, lost int) {
	b, w := l.turns.join(op, class, lost)
	if w != nil && !l.wait(ctx, patience, b, w) {
		return
	}
	for again := true; again; again = l.turns.handOver() {
		l.write(patience, l.turns.take())
	}
}

// wait reports whether the caller has to write.
func (l *Log) wait(ctx, patience context.Context, b *batch, w *waiter) bool {
	select {
	case <-b.done:
		return false
	case <-w.lead:
		return true
	case <-ctx.Done():
	case <-patience.Done():
	}
	return !l.turns.leave(b, w)
}

func (l *Log) write(ctx context.Context, b *batch) {
	defer close(b.done)
	_, err := l.store.Txn(ctx, nil, b.ops)
	if err == nil {
		return
	}
	l.failed(b.counts)
	l.log.Error("audit entries are in the log only", zap.Int("entries", len(b.ops)), zap.Error(err))
}
