package caddymodule

import (
	"sync/atomic"
	"time"
)

// seldom keeps what any caller can provoke from filling the log: due is true once a second. The counters
// tell how often it really was. The zero value is ready, and safe for concurrent use.
type seldom struct{ next atomic.Int64 }

func (s *seldom) due() bool {
	now := time.Now().UnixNano()
	next := s.next.Load()
	return now >= next && s.next.CompareAndSwap(next, now+int64(time.Second))
}
