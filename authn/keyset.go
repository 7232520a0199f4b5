package authn

import (
	"context"
	"crypto"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.uber.org/zap"
)

const (
	maxRefresh      = 15 * time.Minute // the scheduled refresh happens at least this often
	firstBackoff    = time.Second
	maxAbsentKids   = 256
	maxAbsentMemory = 10 * time.Minute
)

// publicKey is one key of one issuer. The pointer is its identity: it stays the same while fetches
// confirm the key, so that cached tokens stay valid, and is never used again once the key is gone.
type publicKey struct {
	kid       string
	public    crypto.PublicKey
	algs      algorithms
	goodUntil atomic.Int64 // in the key set's clock; 0 once removed
}

// keySet holds the keys of one issuer and decides when to fetch them. It differs from go-oidc's remote
// key set in what specs E7 and E8 found missing there: keys end, and strangers cannot cause fetches.
//
//   - A scheduled refresh is due a quarter of maxAge after the last success, at most maxRefresh. The
//     next request starts it in the background and is served from the old keys meanwhile.
//   - A key missing from a fetched set is dead at once; every key is dead maxAge after the last fetch
//     that showed it (specs K1, K4).
//   - An unknown kid makes one fetch at once, then none for cooldown (specs K2, K3). A kid that was
//     looked for and is still absent is not looked for again for cooldown, doubling each time.
//   - After a failure the next try waits a jittered backoff that doubles from a second to cooldown.
//
// Times are durations since epoch, so that a jump of the wall clock moves nothing (specs D8).
type keySet struct {
	keyRules
	source  keySource
	timeout time.Duration // of one fetch
	now     func() time.Time
	log     *zap.Logger
	epoch   time.Time

	keys    atomic.Pointer[map[string]*publicKey]
	dueAt   atomic.Int64 // when the scheduled refresh is due; before the first success, the next try
	running sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	flight    *flight
	unknownAt time.Duration // the last fetch made for an unknown kid, never if negative
	absent    *lru.Cache[string, absence]
	failures  int // in a row
	report    fetchReport
}

// fetchReport is what status pages show of a key set.
type fetchReport struct {
	fetches, failed uint64
	lastSuccess     time.Time
	lastErr         error // nil if the last fetch succeeded
}

// absence remembers that a kid was looked for in vain.
type absence struct {
	until time.Duration
	times int
}

// flight is one fetch under way, shared by everybody who needs its result.
type flight struct {
	done    chan struct{}
	reason  reason
	started time.Duration
	cancel  context.CancelFunc
	err     error // valid once done is closed
}

// reason is why a flight was started.
type reason uint8

const (
	reasonNoKeys    reason = iota // there was no usable key at all
	reasonUnknown                 // a kid was unknown
	reasonScheduled               // the time had come
)

// keyRules is what keySets differ in.
type keyRules struct {
	allowed          algorithms // keys for no other algorithm are left out
	maxAge, cooldown time.Duration
}

func newKeySet(source keySource, rules keyRules, deps IssuerDeps) *keySet {
	absent, err := lru.New[string, absence](maxAbsentKids)
	if err != nil {
		panic(err) // only for a size below 1
	}
	s := &keySet{
		source: source, keyRules: rules,
		timeout: fetchTimeout, now: deps.Now, log: deps.Logger, epoch: deps.Now(), unknownAt: -1, absent: absent,
	}
	s.keys.Store(&map[string]*publicKey{})
	return s
}

func (s *keySet) clock() time.Duration { return s.now().Sub(s.epoch) }

// alive reports whether k may still be used at t.
func (k *publicKey) alive(t time.Duration) bool { return int64(t) < k.goodUntil.Load() }

// live returns the key kid if it may be used at t.
func (s *keySet) live(kid string, t time.Duration) *publicKey {
	if k := (*s.keys.Load())[kid]; k != nil && k.alive(t) {
		return k
	}
	return nil
}

// find returns the key kid, fetching if the rules above allow it. The error wraps ErrRejected if the
// issuer has no such key and ErrUnavailable if that cannot be told. A waiting caller leaves when its ctx
// ends; the fetch goes on for the others (specs C8).
func (s *keySet) find(ctx context.Context, kid string) (*publicKey, error) {
	if k := s.live(kid, s.clock()); k != nil {
		s.refreshIfDue(ctx)
		return k, nil
	}
	return s.await(ctx, kid, func() *publicKey { return s.live(kid, s.clock()) })
}

// findAny is find for a token without a kid: the key is any that fits, which is asked about each of them.
func (s *keySet) findAny(ctx context.Context, fits func(*publicKey) bool) (*publicKey, error) {
	var tried *map[string]*publicKey
	pick := func() *publicKey {
		keys, t := s.keys.Load(), s.clock()
		if keys == tried {
			return nil // signatures are costly, and await asks with the lock held
		}
		tried = keys
		for _, k := range *keys {
			if k.alive(t) && fits(k) {
				return k
			}
		}
		return nil
	}
	if k := pick(); k != nil {
		s.refreshIfDue(ctx)
		return k, nil
	}
	return s.await(ctx, "", pick)
}

// await fetches until pick finds a key, if the rules above allow a fetch for kid.
func (s *keySet) await(ctx context.Context, kid string, pick func() *publicKey) (*publicKey, error) {
	var f *flight
	// Twice, because a scheduled refresh may have begun before the key of this token was published.
	for range 2 {
		var k *publicKey
		var err error
		if k, f, err = s.join(ctx, kid, pick); k != nil || err != nil {
			return k, err
		}
		if err := f.wait(ctx); err != nil {
			return nil, err
		}
		if k := pick(); k != nil {
			return k, nil
		}
		if f.reason != reasonScheduled {
			break
		}
	}
	s.noteAbsent(kid, f)
	return nil, errNoSuchKey()
}

// wait waits for the fetch to land. The error wraps ErrUnavailable.
func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
	case <-ctx.Done():
		return fmt.Errorf("%w: waiting for the issuer's keys: %w", ErrUnavailable, context.Cause(ctx))
	}
	if f.err != nil {
		return keysUnavailable(f.err)
	}
	return nil
}

// refresh fetches now, whatever the schedule says, or waits for a fetch under way.
func (s *keySet) refresh(ctx context.Context) error {
	s.mu.Lock()
	f := s.flight
	switch {
	case f != nil:
	case s.closed:
		s.mu.Unlock()
		return errClosed()
	default:
		f = s.startLocked(ctx, s.clock(), reasonScheduled)
	}
	s.mu.Unlock()
	return f.wait(ctx)
}

func keysUnavailable(err error) error {
	return fmt.Errorf("%w: the issuer's keys cannot be fetched: %w", ErrUnavailable, err)
}

func errClosed() error { return fmt.Errorf("%w: the issuer has been shut down", ErrUnavailable) }

func errNoSuchKey() error { return fmt.Errorf("%w: the issuer has no key of this kid", ErrRejected) }

// join returns the flight to wait for, or the key if it has arrived meanwhile, or why there will be
// neither.
func (s *keySet) join(ctx context.Context, kid string, pick func() *publicKey) (*publicKey, *flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.clock()
	if k := pick(); k != nil {
		return k, nil, nil
	}
	due := int64(t) >= s.dueAt.Load()
	switch {
	case s.flight != nil:
		return nil, s.flight, nil
	case s.closed:
		return nil, nil, errClosed()
	case !s.usableLocked(t) && (due || s.failures == 0):
		return nil, s.startLocked(ctx, t, reasonNoKeys), nil
	case !s.usableLocked(t):
		return nil, nil, keysUnavailable(s.report.lastErr) // the backoff spaces out the tries
	case s.unknownAllowedLocked(kid, t):
		s.unknownAt = t
		return nil, s.startLocked(ctx, t, reasonUnknown), nil
	case due:
		return nil, s.startLocked(ctx, t, reasonScheduled), nil
	case s.report.lastErr != nil:
		return nil, nil, keysUnavailable(s.report.lastErr)
	}
	return nil, nil, errNoSuchKey()
}

// unknownAllowedLocked reports whether a fetch may be made for the unknown kid.
func (s *keySet) unknownAllowedLocked(kid string, t time.Duration) bool {
	if s.unknownAt >= 0 && t < s.unknownAt+s.cooldown {
		return false
	}
	a, known := s.absent.Get(kid)
	return !known || t >= a.until
}

func (s *keySet) usableLocked(t time.Duration) bool {
	for _, k := range *s.keys.Load() {
		if k.alive(t) {
			return true
		}
	}
	return false
}

// noteAbsent records that f, a successful fetch, did not bring kid.
func (s *keySet) noteAbsent(kid string, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.reason == reasonNoKeys {
		s.unknownAt = max(s.unknownAt, f.started) // it was made for this kid as much as for the others
	}
	t := s.clock()
	a, _ := s.absent.Peek(kid)
	if t < a.until {
		return // another waiter of the same fetch has noted it
	}
	pause := min(s.cooldown<<min(a.times, 16), max(maxAbsentMemory, s.cooldown))
	s.absent.Add(strings.Clone(kid), absence{until: t + pause, times: a.times + 1})
}

// refreshIfDue starts the scheduled refresh in the background if its time has come.
func (s *keySet) refreshIfDue(ctx context.Context) {
	if int64(s.clock()) < s.dueAt.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.clock(); s.flight == nil && !s.closed && int64(t) >= s.dueAt.Load() {
		s.startLocked(ctx, t, reasonScheduled)
	}
}

// refreshPause is how long after a success the next refresh is due: spread by a tenth, so that
// replicas started together do not fetch together.
func (s *keySet) refreshPause() time.Duration { return jitter(min(s.maxAge/4, maxRefresh)) }

// backoff is how long after the n-th failure in a row the next try may come.
func (s *keySet) backoff(n int) time.Duration {
	return jitter(min(firstBackoff<<min(n-1, 16), max(s.cooldown, firstBackoff)))
}

// jitter shortens d by up to a tenth.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/10+1) }

// close stops a fetch under way and waits for it. Keys at hand stay usable until they end, for the
// requests that outlive a reload; nothing is fetched any more.
func (s *keySet) close() {
	s.mu.Lock()
	s.closed = true
	if s.flight != nil {
		s.flight.cancel()
	}
	s.mu.Unlock()
	s.dueAt.Store(math.MaxInt64)
	s.running.Wait()
}
