package store

import (
	"context"
	"errors"
	"strings"
)

// loadTimeout bounds a shared load, which no caller's context ends.
const loadTimeout = callTimeout

var errFailing = errors.New("it failed a moment ago")

// flight is one load of the store shared by all who want the same key.
type flight[T any] struct {
	done  chan struct{}
	entry *entry[T] // valid once done is closed
	err   error
}

// read returns the entry for k: from memory while the feed is fresh, otherwise from the store, otherwise
// from memory if that was known to be true not too long ago.
func (c *Collection[T]) read(ctx context.Context, k cacheKey) (*entry[T], error) {
	s := c.shard(k)
	fresh := c.feed.fresh() // not under the lock, for the clock takes its time
	s.mu.Lock()
	if fresh {
		if e := s.get(k); e != nil {
			if e.absent() {
				s.negative++
			} else {
				s.hits++
			}
			s.mu.Unlock()
			return e, nil
		}
	}
	return c.load(ctx, s, k)
}

// reread reads the store itself, whatever is in memory.
func (c *Collection[T]) reread(ctx context.Context, k cacheKey) (*entry[T], error) {
	s := c.shard(k)
	s.mu.Lock()
	s.drop(k)
	delete(s.flights, k)
	return c.load(ctx, s, k)
}

// load reads the store, or what is in memory if that fails. It is called with s locked and unlocks it.
func (c *Collection[T]) load(ctx context.Context, s *shard[T], k cacheKey) (*entry[T], error) {
	s.misses++
	fl := s.flights[k]
	failing := c.feed.synced.Load() && c.feed.breaker.failing()
	if fl == nil && (!failing || c.feed.breaker.allow(c.feed.clock())) {
		fl = c.depart(ctx, s, k)
	}
	if failing {
		// Whoever can be served without the store does not wait for it, not even the one who asks it
		// whether it is back.
		if e := c.fallback(s, k); e != nil {
			s.mu.Unlock()
			return e, nil
		}
	}
	s.mu.Unlock()
	if fl == nil {
		return nil, unavailable("reading "+c.schema.Name, errFailing)
	}
	select {
	case <-fl.done:
	case <-ctx.Done():
		return nil, unavailable("reading "+c.schema.Name, context.Cause(ctx))
	}
	if fl.err == nil || !errors.Is(fl.err, ErrUnavailable) {
		return fl.entry, fl.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := c.fallback(s, k); e != nil {
		return e, nil
	}
	return nil, fl.err
}

// fallback returns what is in memory if it was known to be true less than MaxStale ago, else nil. It
// wants the shard locked.
func (c *Collection[T]) fallback(s *shard[T], k cacheKey) *entry[T] {
	if e := s.get(k); e != nil && c.feed.trusts(e.loaded) {
		s.stale++
		return e
	}
	return nil
}

// depart starts a load on a context of its own, so that the first caller's leaving does not fail the
// others (specs C8). The goroutine ends within loadTimeout, or when the store is closed. It wants the
// shard locked.
func (c *Collection[T]) depart(ctx context.Context, s *shard[T], k cacheKey) *flight[T] {
	fl := &flight[T]{done: make(chan struct{})}
	s.flights[k] = fl
	epoch := s.epoch
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	go func() {
		defer cancel()
		fl.entry, fl.err = c.fetch(ctx, k)
		c.feed.report(context.WithoutCancel(ctx), fl.err) // its end is the store's doing, not a caller's
		s.mu.Lock()
		if fl.err == nil {
			s.add(k, fl.entry, epoch)
		}
		if s.flights[k] == fl {
			delete(s.flights, k)
		}
		s.mu.Unlock()
		close(fl.done)
	}()
	return fl
}

// fetch reads what k names from the store.
func (c *Collection[T]) fetch(ctx context.Context, k cacheKey) (*entry[T], error) {
	e := &entry[T]{loaded: c.feed.clock()}
	if k.index == "" {
		kv, at, err := c.store.Get(ctx, c.recordKey(k.text))
		if err != nil {
			return nil, err
		}
		if e.at = at; kv.Revision != 0 {
			e.item = c.decode(k.text, kv)
		}
		return e, nil
	}
	if _, unique := c.schema.Unique[k.index]; unique {
		kv, at, err := c.store.Get(ctx, c.root+uniqueEntry(k.index, k.text))
		if err != nil {
			return nil, err
		}
		if e.at = at; kv.Revision != 0 {
			e.ids = []string{string(kv.Value)}
		}
		return e, nil
	}
	prefix := c.root + lookupPrefix(k.index, k.text)
	kvs, at, err := c.store.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	e.at = at
	for _, kv := range kvs {
		if id, err := unescape(strings.TrimPrefix(kv.Key, prefix)); err == nil {
			e.ids = append(e.ids, id)
		}
	}
	return e, nil
}

// admit keeps writes and lists from waiting for a store known to fail. Reads ask the breaker
// themselves.
func (f *Feed) admit(op string) error {
	if f.synced.Load() && !f.breaker.allow(f.clock()) {
		return unavailable(op, errFailing)
	}
	return nil
}

// report tells the breaker how a call to the store ended. That its caller left, or had little patience,
// proves nothing about the store.
func (f *Feed) report(ctx context.Context, err error) {
	switch {
	case err == nil || !errors.Is(err, ErrUnavailable):
		f.breaker.worked()
	case ctx.Err() == nil:
		f.breaker.failed(f.clock())
	}
}

// Stats are a collection's counters since it was made, and its sizes now.
type Stats struct {
	Hits         uint64 // served from memory
	NegativeHits uint64 // known from memory to be absent
	Misses       uint64 // looked up in the store, or in vain
	StaleServes  uint64 // served from memory because the store could not be read
	Records      int    // in memory
	IndexEntries int
	Absent       int // ids and values known to be absent
}

// Stats sums up the shards; it is not for the request path.
func (c *Collection[T]) Stats() Stats {
	var sum Stats
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		sum.Hits += s.hits
		sum.NegativeHits += s.negative
		sum.Misses += s.misses
		sum.StaleServes += s.stale
		sum.Records += s.records.Len()
		sum.IndexEntries += s.index.Len()
		sum.Absent += s.missing.Len()
		s.mu.Unlock()
	}
	return sum
}

// Name returns the collection's name, for metrics and logs.
func (c *Collection[T]) Name() string { return c.schema.Name }
