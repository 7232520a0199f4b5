package store

import (
	"sync/atomic"
	"time"
)

// breakerPause is how long a failing store is left alone.
const breakerPause = 250 * time.Millisecond

// breaker keeps requests from all waiting for a store that does not answer: after a failure one call
// in each pause may try. The zero value is closed. Clocks are Feed.clock's.
type breaker struct {
	next atomic.Int64 // earliest clock of the next try; 0: the last call worked
}

func (b *breaker) failing() bool { return b.next.Load() != 0 }

// allow reports whether the caller may use the store now.
func (b *breaker) allow(now int64) bool {
	next := b.next.Load()
	return next == 0 || now >= next && b.next.CompareAndSwap(next, now+int64(breakerPause))
}

func (b *breaker) failed(now int64) { b.next.Store(now + int64(breakerPause)) }

func (b *breaker) worked() {
	if b.next.Load() != 0 {
		b.next.Store(0)
	}
}
