package authmethods

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/authgate/authgate/internal/secret"
)

const (
	mappedLife    = 30 * time.Second // how long a retrieved token is used
	mapFailedLife = time.Second      // how long a failed retrieval is not repeated
	mappedShards  = 16
	mappedEntries = 8192     // in all shards
	mappedBytes   = 32 << 20 // likewise, of what the tokens hold
	maxMapped     = 16 << 10 // bytes of a value that is kept; a larger one would push out many others
)

// mapKey names what a token was retrieved with. A changed binding or auth method is another key, so a
// change takes effect at once. A struct, not joined texts (specs C3).
type mapKey struct {
	binding         string
	bindingRevision int64
	method          string
	methodRevision  int64
}

// mappedToken is what was retrieved for one binding. It is immutable.
type mappedToken struct {
	value json.RawMessage // as the external service gave it; nil if it was too large to be kept
	token secret.String   // the text in value
	leaks []string        // the forms in which token must not come back
	unfit error           // why there is no token that could be sent
}

// size returns about how much memory t holds.
func (t *mappedToken) size() int {
	if t == nil {
		return 0
	}
	n := len(t.value) + len(t.token.Reveal())
	for _, leak := range t.leaks {
		n += len(leak)
	}
	return n
}

// mappedTokens remembers for a short time what external services gave, in shards with a lock each, and
// asks only once for all who want it at a time (specs C7): neither a caller nor a broken service makes the
// gateway send its credential as often as it likes. It is safe for concurrent use.
type mappedTokens struct {
	now    func() time.Time
	seed   maphash.Seed
	shards [mappedShards]mapShard
}

type mapShard struct {
	mu      sync.Mutex
	entries *lru.LRU[mapKey, mapEntry]
	bytes   int // what the entries hold
	flights map[mapKey]*mapFlight
	running sync.WaitGroup
	closed  bool
}

type mapEntry struct {
	token *mappedToken
	err   error
	until time.Time
}

type mapFlight struct {
	done   chan struct{}
	cancel context.CancelFunc
	token  *mappedToken // valid once done is closed
	err    error
}

func newMappedTokens(now func() time.Time) *mappedTokens {
	c := &mappedTokens{now: now, seed: maphash.MakeSeed()}
	for i := range c.shards {
		s := &c.shards[i]
		entries, err := lru.NewLRU(mappedEntries/mappedShards, func(_ mapKey, e mapEntry) { s.bytes -= e.token.size() })
		if err != nil {
			panic(err) // only for a size below 1
		}
		s.entries, s.flights = entries, map[mapKey]*mapFlight{}
	}
	return c
}

func (c *mappedTokens) shard(k mapKey) *mapShard {
	return &c.shards[maphash.String(c.seed, k.binding)%mappedShards]
}

// known returns what is remembered of k, which may be that its retrieval failed a moment ago.
func (c *mappedTokens) known(k mapKey) (t *mappedToken, known bool, err error) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.find(k, c.now)
	return e.token, ok, e.err
}

// find wants s locked.
func (s *mapShard) find(k mapKey, now func() time.Time) (mapEntry, bool) {
	e, ok := s.entries.Get(k)
	if ok && !now().Before(e.until) {
		s.entries.Remove(k)
		return mapEntry{}, false
	}
	return e, ok
}

// keep wants s locked. What is too large to be kept is asked for again, unless it is of no use to map
// mode: that much is remembered as a failure is.
func (s *mapShard) keep(k mapKey, e mapEntry, failedUntil time.Time) {
	switch {
	case e.err != nil:
		e.until = failedUntil
	case len(e.token.value) <= maxMapped:
	case e.token.unfit != nil:
		e.token, e.until = &mappedToken{unfit: e.token.unfit}, failedUntil
	default:
		return
	}
	s.entries.Remove(k) // Add alone would not tell of the one it replaces
	s.entries.Add(k, e)
	for s.bytes += e.token.size(); s.bytes > mappedBytes/mappedShards; {
		s.entries.RemoveOldest()
	}
}

// get returns the token of k, which load retrieves if it is not at hand, with its value if that is
// wanted. Load runs on a context that the first caller's leaving does not end (C8), and must end by itself.
func (c *mappedTokens) get(
	ctx context.Context, k mapKey, withValue bool, load func(context.Context) (*mappedToken, error),
) (*mappedToken, error) {
	s := c.shard(k)
	s.mu.Lock()
	if e, ok := s.find(k, c.now); ok && (e.err != nil || e.token.value != nil || !withValue) {
		s.mu.Unlock()
		return e.token, e.err
	}
	if s.closed {
		s.mu.Unlock()
		return load(ctx)
	}
	f := s.flights[k]
	if f == nil {
		f = c.depart(ctx, s, k, load)
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// depart starts a load. It wants s locked.
func (c *mappedTokens) depart(
	ctx context.Context, s *mapShard, k mapKey, load func(context.Context) (*mappedToken, error),
) *mapFlight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &mapFlight{done: make(chan struct{}), cancel: cancel}
	s.flights[k] = f
	s.running.Go(func() {
		defer cancel()
		began := c.now()
		f.token, f.err = safeLoad(ctx, load)
		s.mu.Lock()
		delete(s.flights, k)
		s.keep(k, mapEntry{f.token, f.err, began.Add(mappedLife)}, c.now().Add(mapFailedLife))
		s.mu.Unlock()
		close(f.done)
	})
	return f
}

// safeLoad keeps a panic over a stranger's answer from taking the process down.
func safeLoad(ctx context.Context, load func(context.Context) (*mappedToken, error)) (t *mappedToken, err error) {
	defer func() {
		if recover() != nil {
			t, err = nil, errors.New("retrieving the token panicked")
		}
	}()
	return load(ctx)
}

// closeGrace is how long close lets run what requests of a configuration that a reload has replaced wait for.
const closeGrace = 2 * time.Second

// close begins nothing any more, waits for what is under way, and ends what takes longer than closeGrace.
func (c *mappedTokens) close() {
	for i := range c.shards {
		c.shards[i].mu.Lock()
		c.shards[i].closed = true
		c.shards[i].mu.Unlock()
	}
	late := time.AfterFunc(closeGrace, func() {
		for i := range c.shards {
			s := &c.shards[i]
			s.mu.Lock()
			for _, f := range s.flights {
				f.cancel()
			}
			s.mu.Unlock()
		}
	})
	defer late.Stop()
	for i := range c.shards {
		c.shards[i].running.Wait()
	}
}

// newMappedToken reads a retrieved value as a token that can be sent in a header or query, if it is one.
func newMappedToken(value json.RawMessage) *mappedToken {
	t := &mappedToken{value: value}
	var token *string
	if err := json.Unmarshal(value, &token); err != nil || token == nil || *token == "" {
		t.unfit = errors.New("what the external service answered with is not a text")
	} else if reason := headerValueFault(*token); reason != "" {
		t.unfit = errors.New("the token from the external service cannot be sent")
	} else {
		t.token, t.leaks = secret.New(*token), formsOf(*token)
	}
	return t
}
