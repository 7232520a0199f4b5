package audit

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
)

// pruneOps is how many entries one transaction deletes: an etcd allows 128 changes.
const pruneOps = 100

// prune deletes the oldest entries of a class beyond its bound, as far as it gets until ctx ends. Several
// at a time do no harm: none ever chooses an entry that is among the newest.
func (l *Log) prune(ctx context.Context, c class) {
	kvs, _, err := l.store.List(ctx, c.prefix())
	if err != nil {
		l.log.Warn("audit entries are not pruned", zap.Error(err))
		return
	}
	excess := kvs[:max(len(kvs)-c.bound(), 0)] // List gives them in key order, which is that of time
	for chunk := range slices.Chunk(excess, pruneOps) {
		ops := make([]store.Op, 0, len(chunk))
		for _, kv := range chunk {
			ops = append(ops, store.Op{Key: kv.Key, Delete: true})
		}
		if _, err := l.store.Txn(ctx, nil, ops); err != nil {
			l.log.Warn("audit entries are not pruned", zap.Error(err))
			return
		}
	}
}
