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
	// Heartbeat is how often the watch is asked whether it lives. Zero: 5 s.
	Heartbeat time.Duration
	// StaleAfter is how long the watch may be silent. Zero: 15 s.
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

	live      atomic.Bool  // the watch is known to work: caches may be used
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

// NewFeed returns a Feed that does nothing until it is Run.
func NewFeed(s Store, cfg FeedConfig) *Feed {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Heartbeat = orDefault(cfg.Heartbeat, 5*time.Second)
	cfg.StaleAfter = orDefault(cfg.StaleAfter, 15*time.Second)
	cfg.MaxStale = orDefault(cfg.MaxStale, 30*time.Second)
	return &Feed{
		store: s, cfg: cfg, start: cfg.Now(),
		ready: make(chan struct{}), asked: make(chan struct{}, 1),
	}
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
		Ready: f.synced.Load(), Fresh: f.live.Load(), Revision: f.applied, Confirmed: f.Confirmed(), Resyncs: f.resyncs,
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
func (f *Feed) clock() int64 { return max(1, int64(f.cfg.Now().Sub(f.start))) }

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
