package seal

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
)

// maxUnreadable bounds how many unreadable values are remembered and logged, one by one.
const maxUnreadable = 100

// Unreadable is a stored value that cannot be opened.
type Unreadable struct {
	Key    string // without the store's prefix
	Reason error
}

// unreadable remembers which values could not be opened when they were last read.
type unreadable struct {
	size atomic.Int64 // of known; read without the lock on every good read
	mu   sync.Mutex
	// known has a value for each key.
	known map[string]error
}

func (u *unreadable) add(key string, reason error, logger *zap.Logger) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, again := u.known[key]; again || len(u.known) >= maxUnreadable {
		return
	}
	if u.known == nil {
		u.known = make(map[string]error)
	}
	u.known[key] = reason
	u.size.Store(int64(len(u.known)))
	logger.Error("a stored value cannot be used", zap.String("key", key), zap.Error(reason))
}

func (u *unreadable) remove(key string) {
	if u.size.Load() == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.known, key)
	u.size.Store(int64(len(u.known)))
}

func (u *unreadable) keys() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Sorted(maps.Keys(u.known))
}

// Unreadable returns the values that could not be opened when they were last read and still cannot, at
// most a hundred. It reads them again, since others may have replaced or removed them.
func (s *Store) Unreadable(ctx context.Context) []Unreadable {
	var found []Unreadable
	for _, key := range s.bad.keys() {
		kv, _, err := s.inner.Get(ctx, key)
		if err != nil {
			continue // whether it is better now cannot be told
		}
		if kv.Revision == 0 {
			s.bad.remove(key)
			continue
		}
		if _, err := s.try(s.ring(), kv); err != nil {
			found = append(found, Unreadable{Key: key, Reason: err})
		} else {
			s.bad.remove(key)
		}
	}
	slices.SortFunc(found, func(a, b Unreadable) int { return strings.Compare(a.Key, b.Key) })
	return found
}
