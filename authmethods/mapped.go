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
	mappedEntries = 8192 // in all shards
)

// mapKey names what a token was retrieved with. A changed binding or auth method is another key, so a
// change takes effect at once. A struct, not joined texts (specs C3).
type mapKey struct {
	binding         string
	bindingRevision int64
	method          string
	methodRevision  int64
}

// mappedToken is a token retrieved for one binding. It is immutable.
type mappedToken struct {
	token secret.String
	leaks []string // the forms in which it must not come back
}

// mappedTokens remembers retrieved tokens for a short time, in shards with a lock each, and retrieves one
// only once for all who want it at a time (specs C7). It is safe for concurrent use.
type mappedTokens struct {
	now    func() time.Time
	seed   maphash.Seed
	shards [mappedShards]mapShard
}

type mapShard struct {
	mu      sync.Mutex
	entries *lru.LRU[mapKey, mapEntry]
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
		entries, err := lru.NewLRU[mapKey, mapEntry](mappedEntries/mappedShards, nil)
		if err != nil {
			panic(err) // only for a size below 1
		}
		c.shards[i].entries, c.shards[i].flights = entries, map[mapKey]*mapFlight{}
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

// get returns the token of k, which load retrieves if it is not at hand. Load runs on a context that the
// first caller's leaving does not end (C8), and must end by itself.
func (c *mappedTokens) get(
	ctx context.Context, k mapKey, load func(context.Context) (*mappedToken, error),
) (*mappedToken, error) {
	s := c.shard(k)
	s.mu.Lock()
	if e, ok := s.find(k, c.now); ok {
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
		e := mapEntry{f.token, f.err, began.Add(mappedLife)}
		if f.err != nil {
			e.until = c.now().Add(mapFailedLife)
		}
		s.mu.Lock()
		delete(s.flights, k)
		s.entries.Add(k, e)
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

// close ends what is under way and waits for it.
func (c *mappedTokens) close() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.closed = true
		for _, f := range s.flights {
			f.cancel()
		}
		s.mu.Unlock()
	}
	for i := range c.shards {
		c.shards[i].running.Wait()
	}
}

// newMappedToken reads a retrieved value as a token that can be sent in a header or query.
func newMappedToken(value json.RawMessage) (*mappedToken, error) {
	var token *string
	if err := json.Unmarshal(value, &token); err != nil || token == nil || *token == "" {
		return nil, errors.New("what the external service answered with is not a text")
	}
	if reason := headerValueFault(*token); reason != "" {
		return nil, errors.New("the token from the external service cannot be sent")
	}
	return &mappedToken{token: secret.New(*token), leaks: formsOf(*token)}, nil
}
