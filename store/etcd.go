package store

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// callTimeout bounds every call to etcd besides the caller's own context.
const callTimeout = 2 * time.Second

// etcdStore is a Store on a prefix of an etcd cluster.
type etcdStore struct {
	client  *clientv3.Client
	own     bool
	prefix  string
	timeout time.Duration
	base    context.Context // ends with Close; bounds every call
	cancel  context.CancelFunc

	mu      sync.Mutex     // orders Watch and Close
	running sync.WaitGroup // watches
	watches atomic.Uint64  // started so far
}

// NewEtcd returns a Store on the keys of client that begin with prefix, which must end in "/" (a prefix
// that does not is a programming error and panics). With own, Close closes the client too. Every call is
// bounded by two seconds.
func NewEtcd(client *clientv3.Client, prefix string, own bool) Store {
	if err := checkRoot(prefix); err != nil {
		panic("store: " + err.Error())
	}
	base, cancel := context.WithCancel(context.Background()) // ended by Close
	return &etcdStore{client: client, own: own, prefix: prefix, timeout: callTimeout, base: base, cancel: cancel}
}

// Get implements Store.
func (s *etcdStore) Get(ctx context.Context, key string) (KV, int64, error) {
	const op = "reading from etcd"
	if err := checkKey(key); err != nil {
		return KV{}, 0, invalid(op, err)
	}
	ctx, done := s.bound(ctx)
	defer done()
	resp, err := s.client.Get(ctx, s.prefix+key)
	if err != nil {
		return KV{}, 0, s.classify(op, err)
	}
	kv := KV{Key: key}
	if len(resp.Kvs) > 0 {
		kv.Value, kv.Revision = resp.Kvs[0].Value, resp.Kvs[0].ModRevision
	}
	return kv, resp.Header.Revision, nil
}

// List implements Store.
func (s *etcdStore) List(ctx context.Context, prefix string) ([]KV, int64, error) {
	const op = "listing from etcd"
	if err := checkPrefix(prefix); err != nil {
		return nil, 0, invalid(op, err)
	}
	ctx, done := s.bound(ctx)
	defer done()
	resp, err := s.client.Get(ctx, s.prefix+prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, 0, s.classify(op, err)
	}
	kvs := make([]KV, 0, len(resp.Kvs))
	for _, kv := range resp.Kvs {
		kvs = append(kvs, KV{Key: strings.TrimPrefix(string(kv.Key), s.prefix), Value: kv.Value, Revision: kv.ModRevision})
	}
	return kvs, resp.Header.Revision, nil
}

// Txn implements Store.
func (s *etcdStore) Txn(ctx context.Context, conds []Cond, ops []Op) (int64, error) {
	const op = "writing to etcd"
	if err := checkTxn(conds, ops); err != nil {
		return 0, invalid(op, err)
	}
	cmps := make([]clientv3.Cmp, 0, len(conds))
	for _, c := range conds {
		cmps = append(cmps, clientv3.Compare(clientv3.ModRevision(s.prefix+c.Key), "=", c.Revision))
	}
	changes := make([]clientv3.Op, 0, len(ops))
	for _, o := range ops {
		if o.Delete {
			changes = append(changes, clientv3.OpDelete(s.prefix+o.Key))
		} else {
			changes = append(changes, clientv3.OpPut(s.prefix+o.Key, string(o.Value)))
		}
	}
	ctx, done := s.bound(ctx)
	defer done()
	resp, err := s.client.Txn(ctx).If(cmps...).Then(changes...).Commit()
	if err != nil {
		return 0, s.classify(op, err)
	}
	if !resp.Succeeded {
		return resp.Header.Revision, conflictError(op)
	}
	return resp.Header.Revision, nil
}

// Close implements Store.
func (s *etcdStore) Close() error {
	s.mu.Lock()
	closed := s.base.Err() != nil
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
	if s.own && !closed {
		_ = s.client.Close() // it reports only that its own context has ended
	}
	return nil
}

// begin counts a watch, unless the store is closed.
func (s *etcdStore) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base.Err() != nil {
		return false
	}
	s.running.Add(1)
	return true
}

// bound gives a call its timeout and ends it with the store.
func (s *etcdStore) bound(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	stop := context.AfterFunc(s.base, cancel)
	return ctx, func() { stop(); cancel() }
}

var _ Store = (*etcdStore)(nil)
