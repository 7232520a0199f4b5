package audit

import (
	"net/http"
	"sync"
	"time"
)

// class parts the entries of callers who proved who they are from those of the others.
type class int

const (
	known class = iota
	unknown
	classes
)

func classOf(e Entry) class {
	if e.Caller == "" {
		return unknown
	}
	return known
}

func (c class) name() string {
	if c == unknown {
		return "unknown"
	}
	return "known"
}

// bound is how many entries of a class are kept. Between two prunings of all replicas there can be more.
func (c class) bound() int {
	if c == unknown {
		return 1000
	}
	return 10000
}

const (
	unknownEvery = time.Second     // between stored entries of unknown callers
	failurePause = 5 * time.Second // for which refused writes do not wait for a store that has failed
	pruneEvery   = 256             // entries of one Log
)

// intake decides which entries are stored. The zero value is ready.
type intake struct {
	mu          sync.Mutex
	lost        [classes]int // entries only in the log since the last stored one
	admitted    [classes]int
	lastUnknown time.Time
	lastFailure time.Time
}

// admit decides about one entry. It returns how many were left out before it, and whether the caller has
// to prune the class when it is done.
func (in *intake) admit(now time.Time, c class, status int) (suppressed int, prune, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if unreachable(status) || status >= http.StatusBadRequest && within(now, in.lastFailure, failurePause) ||
		c == unknown && within(now, in.lastUnknown, unknownEvery) {
		in.lost[c]++
		return 0, false, false
	}
	if c == unknown {
		in.lastUnknown = now
	}
	suppressed, in.lost[c] = in.lost[c], 0
	prune = in.admitted[c]%pruneEvery == 0
	in.admitted[c]++
	return suppressed, prune, true
}

// failed takes note of entries that the store did not take.
func (in *intake) failed(now time.Time, lost [classes]int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lastFailure = now
	for c, n := range lost {
		in.lost[c] += n
	}
}

// within reports whether now is less than d after t. A clock that was set back is not.
func within(now, t time.Time, d time.Duration) bool {
	passed := now.Sub(t)
	return !t.IsZero() && passed >= 0 && passed < d
}
