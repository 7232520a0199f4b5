package seal

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// Config says how a Store encrypts.
type Config struct {
	// Prefix is the inner store's own: an envelope is bound to the full key. Required.
	Prefix string
	// Keys are known from the beginning, or Load returns them when the store is started: exactly one of
	// the two.
	Keys *Keyring
	Load func() (*Keyring, error)
	// Plaintext makes values that are not encrypted readable (insecure_plaintext_secrets): whoever can
	// write to the store can then plant records.
	Plaintext bool
	// Logger gets values that cannot be opened. Nil: none.
	Logger *zap.Logger
}

// Store is a store.Store that encrypts every value except index entries, which hold ids. It hands a value
// it cannot open on as one no collection can decode, so that this record, and nothing else, is of no use
// (specs D5). It is safe for concurrent use.
type Store struct {
	inner store.Store
	cfg   Config

	keys   *Keyring      // valid once loaded is closed
	loaded chan struct{} // closed when keys is known
	start  sync.Mutex

	bad     unreadable
	rewrite sync.Mutex
}

// startLimit is how long a call waits for Start.
const startLimit = 2 * time.Second

// unusable is what a value that cannot be opened is replaced with.
const unusable = "authgate-seal:unusable"

// Wrap returns a Store around inner, which belongs to it from now on. A Config without a prefix or keys is
// a programming error and panics.
func Wrap(inner store.Store, cfg Config) *Store {
	if cfg.Prefix == "" || (cfg.Keys == nil) == (cfg.Load == nil) {
		panic("seal: a store needs a prefix, and either keys or a way to load them")
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	s := &Store{inner: inner, cfg: cfg, keys: cfg.Keys, loaded: make(chan struct{})}
	if s.keys != nil {
		close(s.loaded)
	}
	return s
}

// Start loads the keys, if that was left for now, and starts the inner store if that has to be started.
func (s *Store) Start() error {
	if err := s.load(); err != nil {
		return err
	}
	if late, ok := s.inner.(interface{ Start() error }); ok {
		return late.Start()
	}
	return nil
}

func (s *Store) load() error {
	s.start.Lock()
	defer s.start.Unlock()
	if s.ring() != nil {
		return nil
	}
	keys, err := s.cfg.Load()
	if err != nil {
		return err
	}
	s.keys = keys
	close(s.loaded)
	return nil
}

// ring returns the keys, nil before they are known.
func (s *Store) ring() *Keyring {
	select {
	case <-s.loaded:
		return s.keys
	default:
		return nil
	}
}

// await returns the keys. Requests may come before Start, so it waits for it a little.
func (s *Store) await(ctx context.Context) (*Keyring, error) {
	if keys := s.ring(); keys != nil {
		return keys, nil
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	select {
	case <-s.loaded:
		return s.keys, nil
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "using the encrypted store", "", "%w: it is not running: %w", store.ErrUnavailable, context.Cause(ctx))
	}
}

// KeyIDs returns the ids of the keys, the one that seals first; nil before they are known.
func (s *Store) KeyIDs() []string {
	if keys := s.ring(); keys != nil {
		return keys.IDs()
	}
	return nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (store.KV, int64, error) {
	keys, err := s.await(ctx)
	if err != nil {
		return store.KV{}, 0, err
	}
	kv, revision, err := s.inner.Get(ctx, key)
	if err == nil && kv.Revision != 0 {
		kv.Value = s.open(keys, kv)
	}
	return kv, revision, err
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string) ([]store.KV, int64, error) {
	keys, err := s.await(ctx)
	if err != nil {
		return nil, 0, err
	}
	kvs, revision, err := s.inner.List(ctx, prefix)
	for i := range kvs {
		kvs[i].Value = s.open(keys, kvs[i])
	}
	return kvs, revision, err
}

// Txn implements store.Store.
func (s *Store) Txn(ctx context.Context, conds []store.Cond, ops []store.Op) (int64, error) {
	keys, err := s.await(ctx)
	if err != nil {
		return 0, err
	}
	sealed := make([]store.Op, len(ops))
	for i, op := range ops {
		if !op.Delete && !inClear(op.Key, op.Value) {
			if op.Value, err = keys.Seal(op.Value, s.cfg.Prefix+op.Key); err != nil {
				return 0, &fault.Error{Kind: fault.Internal, Op: "writing to the encrypted store", Err: err}
			}
		}
		sealed[i] = op
	}
	return s.inner.Txn(ctx, conds, sealed)
}

// Watch implements store.Store, but for the values of its events, which are as they are stored: a Feed
// has no use for them.
func (s *Store) Watch(ctx context.Context, prefix string, revision int64) (*store.Watch, error) {
	return s.inner.Watch(ctx, prefix, revision)
}

// Close implements store.Store.
func (s *Store) Close() error { return s.inner.Close() }

// open returns a stored value as readers may see it.
func (s *Store) open(keys *Keyring, kv store.KV) []byte {
	plain, err := s.try(keys, kv)
	if err != nil {
		s.bad.add(kv.Key, err, s.cfg.Logger)
		return []byte(unusable)
	}
	s.bad.remove(kv.Key)
	return plain
}

// try opens a stored value. A value in clear is refused while there are keys: whoever can write to the
// store could have put it there, and every credential and permission with it.
func (s *Store) try(keys *Keyring, kv store.KV) ([]byte, error) {
	if inClear(kv.Key, kv.Value) {
		return kv.Value, nil
	}
	if _, ok := Sealed(kv.Value); !ok && s.cfg.Plaintext {
		return kv.Value, nil
	}
	return keys.Open(kv.Value, s.cfg.Prefix+kv.Key)
}

// inClear reports whether a value is stored as it is: index entries, whose values are ids, and no value.
func inClear(key string, value []byte) bool {
	if len(value) == 0 {
		return true
	}
	_, rest, _ := strings.Cut(key, "/")
	return strings.HasPrefix(rest, "u/") || strings.HasPrefix(rest, "l/")
}

var _ store.Store = (*Store)(nil)
