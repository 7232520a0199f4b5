package store

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// FeedConfig tunes a Feed. The zero value is what production uses.
type FeedConfig struct {
	// Logger gets losses and recoveries of the watch. Nil: none.
	Logger *zap.Logger
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Heartbeat is how often the watch is asked whether it lives, and the store for its revision. Zero:
	// 5 s. At most a third of StaleAfter.
	Heartbeat time.Duration
	// StaleAfter is how long the watch may be silent, and how long ago what is cached may have been
	// confirmed, before reads go to the store. Zero: 15 s. At most MaxStale, unless that is negative.
	StaleAfter time.Duration
	// MaxStale is how long after it was last known to be true a cached record may be served while the
	// store cannot be read. Zero: 30 s. Negative: never.
	MaxStale time.Duration
}

// Feed is the one watch a process holds on a Store, and what keeps its Collections true. It must be
// Run; before its first sync and whenever it is stale, Collections read the store. Safe for concurrent
// use.
type Feed struct {
	store Store
	cfg   FeedConfig
	start time.Time

	live      atomic.Bool  // the watch is thought to work: see fresh
	synced    atomic.Bool  // it has been live once
	confirmed atomic.Int64 // when the caches were last known to be true, as of start; 0: never
	breaker   breaker

	ready chan struct{}
	asked chan struct{} // Wait wants a progress report

	mu       sync.Mutex // guards the rest; never taken while a shard is locked
	applied  int64
	resyncs  uint64
	advanced chan struct{} // closed when applied changes; nil while nobody waits
	members  []member
}

// member is a cache the Feed keeps true.
type member interface {
	// prefix begins the keys the member is about.
	prefix() string
	// apply drops what is cached under key, which has changed at revision.
	apply(key string, revision int64)
	// reset drops everything; revision is the store's at some time after all earlier loads began.
	reset(revision int64)
}

// minHeartbeat keeps a feed with a tiny StaleAfter from asking without a pause.
const minHeartbeat = 50 * time.Millisecond

// NewFeed returns a Feed that does nothing until it is Run.
func NewFeed(s Store, cfg FeedConfig) *Feed {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	cfg.Heartbeat = orDefault(cfg.Heartbeat, 5*time.Second)
	cfg.StaleAfter = orDefault(cfg.StaleAfter, 15*time.Second)
	cfg.MaxStale = orDefault(cfg.MaxStale, 30*time.Second)
	if cfg.MaxStale > 0 {
		cfg.StaleAfter = min(cfg.StaleAfter, cfg.MaxStale) // nothing is served past it, noticed or not
	}
	cfg.Heartbeat = max(minHeartbeat, min(cfg.Heartbeat, cfg.StaleAfter/3))
	f := &Feed{
		store: s, cfg: cfg, start: time.Now(),
		ready: make(chan struct{}), asked: make(chan struct{}, 1),
	}
	if cfg.Now != nil {
		f.start = cfg.Now()
	}
	return f
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// FeedStatus is a snapshot of a Feed.
type FeedStatus struct {
	// Ready: the first sync has been made.
	Ready bool
	// Fresh: the watch works and caches are in use.
	Fresh bool
	// Revision up to which every change has been applied.
	Revision int64
	// Confirmed is when the caches were last known to be true; zero: never.
	Confirmed time.Time
	// Resyncs counts the syncs after the first.
	Resyncs uint64
}

// Status returns a snapshot.
func (f *Feed) Status() FeedStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return FeedStatus{
		Ready: f.synced.Load(), Fresh: f.fresh(), Revision: f.applied, Confirmed: f.Confirmed(), Resyncs: f.resyncs,
	}
}

// Confirmed returns when the caches were last known to be true, or the zero time.
func (f *Feed) Confirmed() time.Time {
	if c := f.confirmed.Load(); c != 0 {
		return f.start.Add(time.Duration(c))
	}
	return time.Time{}
}

// Ready is closed once the first sync has been made.
func (f *Feed) Ready() <-chan struct{} { return f.ready }

// clock is the time since start. It comes from the monotonic clock, so a step of the wall clock moves
// no bound (specs D8). It is never 0.
func (f *Feed) clock() int64 {
	if f.cfg.Now != nil {
		return max(1, int64(f.cfg.Now().Sub(f.start)))
	}
	return max(1, int64(time.Since(f.start))) // half the price of time.Now, and every read pays it
}

// fresh reports whether caches may be used without asking the store: the watch works, and what they hold
// was confirmed less than StaleAfter ago. The second is asked by every read, since a process that was
// stopped may serve before it has noticed anything.
func (f *Feed) fresh() bool {
	return f.live.Load() && f.clock()-f.confirmed.Load() < int64(f.cfg.StaleAfter)
}

// trusts reports whether something loaded at the given clock may be served though the store cannot be
// read: it must have been known to be true less than MaxStale ago.
func (f *Feed) trusts(loaded int64) bool {
	known := max(loaded, f.confirmed.Load())
	return f.clock()-known < int64(f.cfg.MaxStale)
}

// register adds a member. It may use what it loads from the revision applied so far.
func (f *Feed) register(m member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.reset(f.applied)
	f.members = append(f.members, m)
}
