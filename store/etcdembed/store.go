package etcdembed

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// callLimit bounds a call, waiting for the server to become ready included.
const callLimit = 2 * time.Second

// Store returns a Store on the keys that begin with prefix, which must end in "/". It may be used at once:
// a call waits for the server within its own two seconds. Closing it does not close the server.
func (s *Server) Store(prefix string) store.Store {
	return &lateStore{server: s, prefix: prefix, closed: make(chan struct{})}
}

// lateStore is a store whose server may not be ready yet.
type lateStore struct {
	server *Server
	prefix string
	closed chan struct{}

	mu    sync.Mutex
	inner store.Store // set by the first call that found the server ready
	ended bool
}

// await returns the real store once the server is ready.
func (l *lateStore) await(ctx context.Context) (store.Store, error) {
	select {
	case <-l.server.failed: // even if it was ready before
		return nil, l.lost()
	default:
	}
	l.mu.Lock()
	inner := l.inner
	l.mu.Unlock()
	if inner != nil {
		return inner, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	select {
	case <-l.closed:
		return nil, unavailable(store.ErrClosed)
	case <-l.server.failed:
		return nil, l.lost()
	case <-l.server.ready:
	case <-ctx.Done():
		return nil, unavailable(context.Cause(ctx))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, unavailable(store.ErrClosed)
	}
	if l.inner == nil {
		l.inner = store.NewEtcd(l.server.client, l.prefix, false)
	}
	return l.inner, nil
}

func (l *lateStore) lost() error {
	err := l.server.Err()
	if errors.Is(err, errClosed) {
		err = store.ErrClosed
	}
	return unavailable(err)
}

// Get implements store.Store.
func (l *lateStore) Get(ctx context.Context, key string) (store.KV, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	inner, err := l.await(ctx)
	if err != nil {
		return store.KV{}, 0, err
	}
	return inner.Get(ctx, key)
}

// List implements store.Store.
func (l *lateStore) List(ctx context.Context, prefix string) ([]store.KV, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	inner, err := l.await(ctx)
	if err != nil {
		return nil, 0, err
	}
	return inner.List(ctx, prefix)
}

// Txn implements store.Store.
func (l *lateStore) Txn(ctx context.Context, conds []store.Cond, ops []store.Op) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	inner, err := l.await(ctx)
	if err != nil {
		return 0, err
	}
	return inner.Txn(ctx, conds, ops)
}

// Watch implements store.Store.
func (l *lateStore) Watch(ctx context.Context, prefix string, revision int64) (*store.Watch, error) {
	inner, err := l.await(ctx)
	if err != nil {
		return nil, err
	}
	return inner.Watch(ctx, prefix, revision)
}

// Close implements store.Store.
func (l *lateStore) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil
	}
	l.ended = true
	close(l.closed)
	if l.inner != nil {
		return l.inner.Close()
	}
	return nil
}

func unavailable(cause error) error {
	return fault.New(fault.Unavailable, "reaching the embedded store", "", "%w: %w", store.ErrUnavailable, cause)
}

var _ store.Store = (*lateStore)(nil)
