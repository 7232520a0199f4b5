package embedded

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/etcdembed"
)

// lateStore is a store whose server runs from Start to Close. Calls that come before Start wait for it:
// Caddy starts its apps in no fixed order, so requests may come first. After it they wait, as the inner
// store does, until the server is ready.
type lateStore struct {
	dir     string
	log     *zap.Logger
	inner   atomic.Pointer[store.Store]
	started chan struct{}
}

// startLimit is how long a call waits for Start.
const startLimit = 2 * time.Second

// Start starts the server, or takes the running one of another configuration. It does not wait for it to
// be ready; a directory in use elsewhere is an error at once.
func (l *lateStore) Start() error {
	v, _, err := servers.LoadOrNew(l.dir, func() (caddy.Destructor, error) {
		server, err := etcdembed.Start(etcdembed.Config{Dir: l.dir, Logger: l.log})
		if err != nil {
			return nil, err
		}
		return runningServer{server}, nil
	})
	if err != nil {
		return err
	}
	inner := v.(runningServer).Store(store.DefaultPrefix)
	l.inner.Store(&inner)
	close(l.started)
	return nil
}

// Close gives the server back to the pool.
func (l *lateStore) Close() error {
	inner := l.inner.Swap(nil)
	if inner == nil {
		return nil
	}
	err := (*inner).Close()
	_, poolErr := servers.Delete(l.dir)
	return errors.Join(err, poolErr)
}

func (l *lateStore) running(ctx context.Context) (store.Store, error) {
	if inner := l.inner.Load(); inner != nil {
		return *inner, nil
	}
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case <-l.started:
	case <-limit.C:
	case <-ctx.Done():
	}
	if inner := l.inner.Load(); inner != nil {
		return *inner, nil
	}
	return nil, fault.New(fault.Unavailable, "using the embedded store", "", "%w: it is not running", store.ErrUnavailable)
}

// Get implements store.Store.
func (l *lateStore) Get(ctx context.Context, key string) (store.KV, int64, error) {
	s, err := l.running(ctx)
	if err != nil {
		return store.KV{}, 0, err
	}
	return s.Get(ctx, key)
}

// List implements store.Store.
func (l *lateStore) List(ctx context.Context, prefix string) ([]store.KV, int64, error) {
	s, err := l.running(ctx)
	if err != nil {
		return nil, 0, err
	}
	return s.List(ctx, prefix)
}

// Txn implements store.Store.
func (l *lateStore) Txn(ctx context.Context, conds []store.Cond, ops []store.Op) (int64, error) {
	s, err := l.running(ctx)
	if err != nil {
		return 0, err
	}
	return s.Txn(ctx, conds, ops)
}

// Watch implements store.Store.
func (l *lateStore) Watch(ctx context.Context, prefix string, revision int64) (*store.Watch, error) {
	s, err := l.running(ctx)
	if err != nil {
		return nil, err
	}
	return s.Watch(ctx, prefix, revision)
}

var _ store.Store = (*lateStore)(nil)
