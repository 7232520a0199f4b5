package seal

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// ErrRunning says that a rewrite is running already.
var ErrRunning = errors.New("a rewrite is running")

const (
	// rewriteOps and rewriteBytes bound one transaction of a rewrite: etcd's own limits are 128 changes and
	// 1.5 MiB.
	rewriteOps   = 64
	rewriteBytes = 512 << 10
	// rewriteAttempts is how often one value is tried against others who change it.
	rewriteAttempts = 16
)

// Progress counts the values of the store that are, or ought to be, encrypted.
type Progress struct {
	Total      int `json:"total"`
	Current    int `json:"current"`    // sealed by the first key already, by us or others; or gone meanwhile
	Rewritten  int `json:"rewritten"`  // sealed by it now; in a dry run: to be sealed
	Unreadable int `json:"unreadable"` // cannot be opened: left as they are
}

// Rewrite seals every value anew that is not sealed by the first key, also those in clear if these may be
// read. A value that somebody else changes meanwhile is read again, so nothing is ever put back. It can be
// interrupted at any time and begun again: what was done is then current. report is told of every step; with dry, it only counts. A
// second call while one runs is ErrRunning.
func (s *Store) Rewrite(ctx context.Context, dry bool, report func(Progress)) (Progress, error) {
	var p Progress
	if !s.rewrite.TryLock() {
		return p, &fault.Error{Kind: fault.Conflict, Op: "rewriting", Err: ErrRunning}
	}
	defer s.rewrite.Unlock()
	keys, err := s.await(ctx)
	if err != nil {
		return p, err
	}
	kvs, _, err := s.inner.List(ctx, "")
	if err != nil {
		return p, err
	}
	w := rewriter{s: s, keys: keys, dry: dry, Progress: &p}
	todo := kvs[:0]
	for _, kv := range kvs {
		if inClear(kv.Key, kv.Value) {
			continue
		}
		p.Total++
		// A value that only claims to be sealed by the first key is found out by opening it.
		if _, err := s.try(keys, kv); err != nil {
			s.cfg.Logger.Warn("a stored value cannot be rewritten", zap.String("key", kv.Key), zap.Error(err))
			p.Unreadable++
			continue
		}
		if id, _ := Sealed(kv.Value); id == keys.keys[0].id {
			p.Current++
			continue
		}
		todo = append(todo, kv)
	}
	report(p)
	for len(todo) > 0 {
		n, size := 0, 0
		for n < len(todo) && n < rewriteOps && (n == 0 || size+len(todo[n].Value) < rewriteBytes) {
			size += len(todo[n].Value)
			n++
		}
		if err := w.batch(ctx, todo[:n]); err != nil {
			return p, fmt.Errorf("rewriting stopped: %w", err)
		}
		todo = todo[n:]
		report(p)
	}
	return p, nil
}

type rewriter struct {
	*Progress

	s    *Store
	keys *Keyring
	dry  bool
}

// batch rewrites all of kvs, or if one of them has changed meanwhile, each by itself.
func (w *rewriter) batch(ctx context.Context, kvs []store.KV) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if w.dry {
		w.Rewritten += len(kvs)
		return nil
	}
	err := w.put(ctx, kvs)
	switch {
	case err == nil:
		w.Rewritten += len(kvs)
		return nil
	case !errors.Is(err, store.ErrConflict):
		return err
	}
	for _, kv := range kvs {
		if err := w.one(ctx, kv); err != nil {
			return err
		}
	}
	return nil
}

// one rewrites a value that others may be changing, perhaps with another key than ours.
func (w *rewriter) one(ctx context.Context, kv store.KV) error {
	for range rewriteAttempts {
		err := w.put(ctx, []store.KV{kv})
		if err == nil {
			w.Rewritten++
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if kv, _, err = w.s.inner.Get(ctx, kv.Key); err != nil {
			return err
		}
		if id, _ := Sealed(kv.Value); kv.Revision == 0 || id == w.keys.keys[0].id {
			w.Current++
			return nil
		}
	}
	return fmt.Errorf("%s: %w again and again", kv.Key, store.ErrConflict)
}

func (w *rewriter) put(ctx context.Context, kvs []store.KV) error {
	conds := make([]store.Cond, 0, len(kvs))
	ops := make([]store.Op, 0, len(kvs))
	for _, kv := range kvs {
		plain, err := w.s.try(w.keys, kv)
		if err != nil {
			return err
		}
		sealed, err := w.keys.Seal(plain, w.s.cfg.Prefix+kv.Key)
		if err != nil {
			return err
		}
		conds = append(conds, store.Cond{Key: kv.Key, Revision: kv.Revision})
		ops = append(ops, store.Op{Key: kv.Key, Value: sealed})
	}
	_, err := w.s.inner.Txn(ctx, conds, ops)
	return err
}
