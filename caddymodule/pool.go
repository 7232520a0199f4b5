package caddymodule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/seal"
)

// The two things that outlive a configuration: a reload takes them over, so caches stay warm, the store
// keeps its connection and its one watch, and the old configuration's last requests still find them
// (design.md, flow d). Values are released in Cleanup only.
var (
	backends = caddy.NewUsagePool() // key: resolved store, encryption and cache settings -> *backend
	issuers  = caddy.NewUsagePool() // key: fingerprint of an issuer's settings -> pooledIssuer
)

// StoreDriver is what a guest module of the namespace authgate.stores provides.
type StoreDriver interface {
	// Key tells stores apart: two configurations with equal keys share one store. It may hold secrets;
	// only its hash is kept.
	Key() string
	// KeyPrefix begins all of the store's keys. Encrypted values are bound to it.
	KeyPrefix() string
	// Open returns without waiting for the network. A store that also has a method Start() error takes up
	// files, locks and goroutines there only, since a configuration may be provisioned just to be validated.
	Open(logger *zap.Logger) (store.Store, error)
}

// backend is a store with its watch and everything that is read through it.
type backend struct {
	store   store.Store
	sealed  *seal.Store // the same store; nil if it holds everything in clear
	feed    *store.Feed
	records *authmethods.Records
	tokens  *authn.TokenCache
	counts  counters
	users   atomic.Int64 // requests under way that may read it

	mu     sync.Mutex
	cancel context.CancelFunc // nil until started
	done   sync.WaitGroup
}

func backendKey(driver, key string, e encryption, c Cache) string {
	raw, err := json.Marshal([]any{driver, key, e.ids(), e.plaintext, c})
	if err != nil {
		panic(err) // strings and numbers only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func openBackend(driver StoreDriver, e encryption, cache Cache, logger *zap.Logger) (*backend, error) {
	s, err := driver.Open(logger)
	if err != nil {
		return nil, err
	}
	sealed, err := e.wrap(s, driver, logger)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if sealed != nil {
		s = sealed
	}
	b := &backend{store: s, sealed: sealed, tokens: authn.NewTokenCache(cache.Entries)}
	b.feed = store.NewFeed(s, store.FeedConfig{Logger: logger, MaxStale: time.Duration(cache.MaxStale)})
	b.records = authmethods.NewRecords(s, b.feed, cache.Entries)
	return b, nil
}

// start opens what the store opens late, and begins the watch. Only the first call does anything.
func (b *backend) start() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cancel != nil {
		return nil
	}
	if late, ok := b.store.(interface{ Start() error }); ok {
		if err := late.Start(); err != nil {
			return err
		}
	}
	// The watch belongs to no single configuration: it ends when the last one is cleaned up.
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.done.Go(func() { _ = b.feed.Run(ctx) })
	return nil
}

// A reload that changes the store's settings cleans up while the old configuration's last requests still run.
const (
	drainLeast = 250 * time.Millisecond // for those that no handler of ours has seen yet
	drainMost  = 2 * time.Second        // a websocket must not hold up the reload; its decision has been made
)

// drain waits until no request uses the store, within the limits above.
func (b *backend) drain() {
	began := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for now := range tick.C {
		if waited := now.Sub(began); waited >= drainMost || waited >= drainLeast && b.users.Load() == 0 {
			return
		}
	}
}

// Destruct implements caddy.Destructor: it waits for the requests under way, ends the watch, waits for it,
// and closes the store.
func (b *backend) Destruct() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cancel != nil {
		b.drain()
	}
	if b.cancel != nil {
		b.cancel()
		b.done.Wait()
	}
	return b.store.Close()
}

type pooledIssuer struct{ *authn.Issuer }

// Destruct implements caddy.Destructor.
func (p pooledIssuer) Destruct() error {
	p.Issuer.Close()
	return nil
}

// lease is one configuration's hold on pooled values; release gives each back once, so it is safe half-way.
type lease struct {
	pool *caddy.UsagePool
	keys []any
}

func (l *lease) take(key any, open func() (caddy.Destructor, error)) (any, error) {
	v, _, err := l.pool.LoadOrNew(key, open)
	if err != nil {
		return nil, err
	}
	l.keys = append(l.keys, key)
	return v, nil
}

func (l *lease) release() error {
	var first error
	for _, key := range l.keys {
		if _, err := l.pool.Delete(key); err != nil && first == nil {
			first = fmt.Errorf("releasing: %w", err)
		}
	}
	l.keys = nil
	return first
}

// counters are the totals behind the metrics; they live as long as the store does, since Caddy makes a
// new registry for every configuration.
type counters struct {
	allowed, anonymous, unauthenticated, denied, malformed, unavailable atomic.Uint64
	attached, passed, unbound, failed, scrubbed                         atomic.Uint64
}
