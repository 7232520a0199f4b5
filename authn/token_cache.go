package authn

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
)

const maxShards = 64

// bytesPerToken is what a cached token may take on average: a cache of n tokens stays below n times this,
// with fewer tokens if they are larger. A token's claims may have up to 16 KiB, and whoever an open issuer
// gives tokens could otherwise fill the memory with them.
const bytesPerToken = 2 << 10

// TokenCache remembers verified tokens, by their SHA-256 and in shards with a lock each. Only verified
// tokens get in, so a flood of bad ones evicts nothing (specs C6). What a cached token is worth is
// judged at each hit: its expiry, its issuer and its key (specs C1, C4). It is safe for concurrent use,
// may be shared by several Issuers, and starts no goroutine. A nil TokenCache remembers nothing.
type TokenCache struct {
	shards []tokenShard
}

type tokenShard struct {
	tokens       *lru.Cache[tokenKey, cachedToken]
	adding       sync.Mutex // of put; get does without
	bytes        int        // what the tokens take; guarded by adding
	capacity     int        // tokens
	hits, misses atomic.Uint64
	_            [64]byte // keeps the counters of two shards off one cache line
}

type tokenKey [sha256.Size]byte

func keyOfToken(token string) tokenKey {
	var buf [2048]byte // a conversion to []byte would put every token on the heap once more
	if len(token) <= len(buf) {
		return sha256.Sum256(buf[:copy(buf[:], token)])
	}
	return sha256.Sum256([]byte(token))
}

// CacheStats counts what a TokenCache did.
type CacheStats struct {
	Entries      int
	Hits, Misses uint64
}

// NewTokenCache makes a cache for about the given number of tokens, or nil for zero and less.
func NewTokenCache(entries int) *TokenCache {
	if entries <= 0 {
		return nil
	}
	shards := 1
	for shards < maxShards && entries/shards >= 64 {
		shards *= 2
	}
	c := &TokenCache{shards: make([]tokenShard, shards)}
	capacity := (entries + shards - 1) / shards
	for n := range c.shards {
		tokens, err := lru.New[tokenKey, cachedToken](capacity)
		if err != nil {
			panic(err) // only for a size below 1
		}
		c.shards[n].tokens, c.shards[n].capacity = tokens, capacity
	}
	return c
}

// Stats sums up the shards.
func (c *TokenCache) Stats() CacheStats {
	var s CacheStats
	if c == nil {
		return s
	}
	for n := range c.shards {
		shard := &c.shards[n]
		s.Entries += shard.tokens.Len()
		s.Hits += shard.hits.Load()
		s.Misses += shard.misses.Load()
	}
	return s
}

func (c *TokenCache) shard(k tokenKey) *tokenShard { return &c.shards[int(k[0])&(len(c.shards)-1)] }

// get returns the token k if it is still good for one of the issuers that mine accepts.
func (c *TokenCache) get(k tokenKey, mine func(*Issuer) bool) (cachedToken, bool) {
	shard := c.shard(k)
	t, ok := shard.tokens.Get(k)
	if !ok || !mine(t.issuer) || !t.good(t.issuer.now()) {
		shard.misses.Add(1)
		return cachedToken{}, false
	}
	shard.hits.Add(1)
	return t, true
}

// put keeps t, and drops the tokens longest unused until all fit.
func (c *TokenCache) put(k tokenKey, t cachedToken) {
	shard := c.shard(k)
	shard.adding.Lock()
	defer shard.adding.Unlock()
	if old, ok := shard.tokens.Peek(k); ok {
		shard.bytes -= old.size()
	} else if shard.tokens.Len() == shard.capacity {
		shard.evict()
	}
	shard.tokens.Add(k, t)
	for shard.bytes += t.size(); shard.bytes > shard.capacity*bytesPerToken && shard.tokens.Len() > 1; {
		shard.evict()
	}
}

func (s *tokenShard) evict() {
	if _, t, ok := s.tokens.RemoveOldest(); ok {
		s.bytes -= t.size()
	}
}
