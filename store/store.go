package store

import (
	"context"
	"errors"
)

// The failures every Store reports, for errors.Is. Their fault kinds are NotFound, Conflict,
// Unavailable and Gone.
var (
	ErrNotFound    = errors.New("record not found")
	ErrConflict    = errors.New("record changed by somebody else")
	ErrExists      = errors.New("record already exists")
	ErrUnavailable = errors.New("store unavailable")
	ErrCompacted   = errors.New("revision compacted")
	ErrClosed      = errors.New("store closed")
)

// KV is one record. Revision is the revision of its last change.
type KV struct {
	Key      string
	Value    []byte
	Revision int64
}

// Cond is a guard of a transaction: the record's revision of last change must equal Revision.
// Revision 0 means the record must not exist.
type Cond struct {
	Key      string
	Revision int64
}

// Op is one change of a transaction: a put, or with Delete a removal (of a missing record too).
type Op struct {
	Key    string
	Value  []byte
	Delete bool
}

// Event is one change seen by a watch. Value is nil for a deletion.
type Event struct {
	Key      string
	Value    []byte
	Revision int64
	Deleted  bool
}

// Batch is what a watch delivers: the events of one or more whole revisions in order, or none for a
// progress report. Revision is the revision up to which the watch has now seen everything. Err ends the
// watch; it wraps ErrCompacted when the wanted revision is no longer there.
type Batch struct {
	Events   []Event
	Revision int64
	Err      error
}

// Watch is a running watch. Batches is closed when the watch ends, with or without a last Batch that
// carries Err: a reader must treat both alike (etcd #17611: a watch can die silently). Progress asks
// for a progress report to arrive on Batches; an error means the watch is of no more use. etcd gives no
// report while the watch is behind, nor while the store has not reached the revision the watch begins at:
// who wants one asks again. A Watch ends with the context it was started with.
type Watch struct {
	Batches  <-chan Batch
	Progress func() error
}

// Store is a key-value store with one revision counter, linearizable reads and atomic transactions, as
// etcd gives them. Keys are relative to the store's own prefix. All methods are safe for concurrent
// use. Any failure that leaves the outcome unknown or the store unreachable wraps ErrUnavailable.
type Store interface {
	// Get reads one record and the store's revision at the time of reading. A missing record is no
	// error: its KV has Revision 0.
	Get(ctx context.Context, key string) (kv KV, revision int64, err error)
	// List reads all records whose key begins with prefix, in key order, at one revision.
	List(ctx context.Context, prefix string) (kvs []KV, revision int64, err error)
	// Txn applies all ops if all conds hold, else nothing and ErrConflict. It returns the revision of
	// the change; on ErrConflict the revision at which the conds did not hold.
	Txn(ctx context.Context, conds []Cond, ops []Op) (revision int64, err error)
	// Watch reports every change under prefix from revision on (inclusive).
	Watch(ctx context.Context, prefix string, revision int64) (*Watch, error)
	// Close ends all watches and refuses further use with ErrClosed. It is idempotent.
	Close() error
}
