package store

import (
	"hash/maphash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxShards parts the cache so that readers seldom meet at one lock.
const maxShards = 32

// minMissing is the least number of absent ones a shard remembers.
const minMissing = 16

// cacheKey names what is cached: a record by its id (no index), or the ids that hold a value in an
// index. Being a struct, it cannot be read in two ways (specs C3).
type cacheKey struct{ index, text string }

// entry is what one read of the store found. It is immutable.
type entry[T any] struct {
	at     int64 // the store's revision at the time of reading
	loaded int64 // Feed.clock before reading

	item Item[T]  // of a record; Revision 0: absent
	ids  []string // of an index; none: absent
}

func (e *entry[T]) absent() bool { return e.item.Revision == 0 && len(e.ids) == 0 }

// lru maps keys to entries; simplelru has no lock of its own and starts no goroutine.
type lru[T any] = simplelru.LRU[cacheKey, *entry[T]]

// shard is a part of a collection's cache with its own lock and its own revision floor.
type shard[T any] struct {
	mu      sync.Mutex
	floor   int64  // what was read below it may have changed since
	epoch   uint64 // counts resets: revisions of two epochs do not compare
	records *lru[T]
	index   *lru[T]
	missing *lru[T] // absent ones apart, so that guesses push out guesses only (specs C6)
	flights map[cacheKey]*flight[T]

	hits, misses, negative, stale uint64
}

func newShards[T any](entries int) []shard[T] {
	shards := make([]shard[T], min(maxShards, entries))
	size := (entries + len(shards) - 1) / len(shards)
	for i := range shards {
		s := &shards[i]
		s.records, s.index = newLRU[T](size), newLRU[T](size)
		s.missing = newLRU[T](max(minMissing, size/8))
		s.flights = make(map[cacheKey]*flight[T])
	}
	return shards
}

func newLRU[T any](size int) *lru[T] {
	l, err := simplelru.NewLRU[cacheKey, *entry[T]](size, nil)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return l
}

func (c *Collection[T]) shard(k cacheKey) *shard[T] {
	return &c.shards[maphash.String(c.seed, k.text)%uint64(len(c.shards))]
}

// The methods below want the lock held, except where they say otherwise.

func (s *shard[T]) present(k cacheKey) *lru[T] {
	if k.index == "" {
		return s.records
	}
	return s.index
}

func (s *shard[T]) get(k cacheKey) *entry[T] {
	if e, ok := s.present(k).Get(k); ok {
		return e
	}
	if e, ok := s.missing.Get(k); ok {
		return e
	}
	return nil
}

// add keeps e unless it may already be out of date: what was read below the floor may have been changed
// by an event that is gone by now, and what is kept may have been read later.
func (s *shard[T]) add(k cacheKey, e *entry[T], epoch uint64) {
	if epoch != s.epoch || e.at < s.floor {
		return
	}
	if old := s.get(k); old != nil && old.at > e.at {
		return
	}
	s.drop(k)
	if e.absent() {
		s.missing.Add(k, e)
	} else {
		s.present(k).Add(k, e)
	}
}

func (s *shard[T]) drop(k cacheKey) {
	s.present(k).Remove(k)
	s.missing.Remove(k)
}

// invalidate takes the lock. It is what an event at revision does to the key it is about.
func (s *shard[T]) invalidate(k cacheKey, revision int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.floor = max(s.floor, revision)
	s.drop(k)
	delete(s.flights, k) // who comes now must not join a load begun before
}

// reset takes the lock.
func (s *shard[T]) reset(revision int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.floor = revision // also downwards: a restored store counts anew
	s.epoch++
	s.records.Purge()
	s.index.Purge()
	s.missing.Purge()
	clear(s.flights)
}
