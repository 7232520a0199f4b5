package store

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/authgate/authgate/internal/fault"
)

// Tx collects changes of one or several collections that happen together or not at all. Fill it with the
// ...In methods of Collections and Commit it, once. It is not safe for concurrent use. etcd by default
// takes 128 changes in one transaction, and each record is one and one more for each of its index entries.
type Tx struct {
	steps []step
	err   error // the first thing that was wrong while filling it
}

// step is one record's part in a Tx. Entries are keys without the collection's root.
type step struct {
	collection string
	root, id   string
	key        string
	revision   int64 // the record must be at; 0: must not exist
	put        []byte
	remove     bool
	acquire    []string
	release    []string
	kept       []string // entries it neither acquires nor releases
	sweep      bool     // its entries are not known: whatever points to it is released
}

// NewTx returns an empty transaction.
func NewTx() *Tx { return &Tx{} }

func (tx *Tx) add(st step, err error) {
	if err != nil {
		if tx.err == nil {
			tx.err = err
		}
		return
	}
	tx.steps = append(tx.steps, st)
}

// Commit applies tx and returns the revision of the change, once this replica's caches know of it. If a
// record is not at the revision it was read at, the error is ErrConflict; if one to be created exists,
// ErrExists; if a unique value is taken, a *UniqueError. After ErrUnavailable the outcome is unknown.
func Commit(ctx context.Context, s Store, f *Feed, tx *Tx) (int64, error) {
	const op = "committing"
	if tx.err != nil {
		return 0, tx.err
	}
	if err := f.admit(op); err != nil {
		return 0, err
	}
	conds, ops, err := tx.assemble(ctx, s)
	if err != nil {
		return 0, err
	}
	revision, err := s.Txn(ctx, conds, ops)
	f.report(ctx, err)
	if errors.Is(err, ErrConflict) {
		return 0, tx.diagnose(ctx, s, conds)
	}
	if err != nil {
		return 0, err
	}
	keys := make([]string, 0, len(ops))
	for _, o := range ops {
		keys = append(keys, o.Key)
	}
	// An index entry that stays may still be news to this replica: it must find what it has written there.
	for _, st := range tx.steps {
		for _, e := range st.kept {
			keys = append(keys, st.root+e)
		}
	}
	f.wrote(ctx, keys, revision)
	return revision, nil
}

// assemble turns the steps into guards and changes. A unique value that one step releases may be acquired
// by another: the guard on the releasing record's revision covers it.
func (tx *Tx) assemble(ctx context.Context, s Store) ([]Cond, []Op, error) {
	var conds []Cond
	changes := make(map[string]Op)
	for _, st := range tx.steps {
		conds = append(conds, Cond{Key: st.key, Revision: st.revision})
		release := st.release
		if st.sweep {
			found, err := st.pointers(ctx, s)
			if err != nil {
				return nil, nil, err
			}
			release = found
		}
		for _, e := range release {
			changes[st.root+e] = Op{Key: st.root + e, Delete: true}
		}
	}
	for _, st := range tx.steps {
		for _, e := range st.acquire {
			key := st.root + e
			o, known := changes[key]
			unique := strings.HasPrefix(e, "u/")
			if known && !o.Delete && unique {
				return nil, nil, st.taken(e)
			}
			if !known && unique {
				conds = append(conds, Cond{Key: key})
			}
			o = Op{Key: key}
			if unique {
				o.Value = []byte(st.id)
			}
			changes[key] = o
		}
		switch {
		case st.remove:
			changes[st.key] = Op{Key: st.key, Delete: true}
		case st.put != nil:
			changes[st.key] = Op{Key: st.key, Value: st.put}
		}
	}
	ops := make([]Op, 0, len(changes))
	for _, o := range changes {
		ops = append(ops, o)
	}
	slices.SortFunc(ops, func(a, b Op) int { return strings.Compare(a.Key, b.Key) })
	return conds, ops, nil
}

// pointers finds the index entries of a record that cannot tell them itself.
func (st step) pointers(ctx context.Context, s Store) ([]string, error) {
	var found []string
	for _, kind := range []string{"u/", "l/"} {
		kvs, _, err := s.List(ctx, st.root+kind)
		if err != nil {
			return nil, err
		}
		for _, kv := range kvs {
			if kind == "u/" && string(kv.Value) == st.id || kind == "l/" && strings.HasSuffix(kv.Key, "/"+escape(st.id)) {
				found = append(found, strings.TrimPrefix(kv.Key, st.root))
			}
		}
	}
	return found, nil
}

// diagnose finds out why the guards did not hold.
func (tx *Tx) diagnose(ctx context.Context, s Store, conds []Cond) error {
	guarded := make(map[string]struct{}, len(conds))
	for _, c := range conds {
		guarded[c.Key] = struct{}{}
	}
	for _, st := range tx.steps {
		if st.revision == 0 {
			kv, _, err := s.Get(ctx, st.key)
			if err != nil {
				return err
			}
			if kv.Revision != 0 {
				return &fault.Error{Kind: fault.Exists, Op: "creating record of " + st.collection, Field: "id", Err: ErrExists}
			}
		}
		for _, e := range st.acquire {
			if _, ok := guarded[st.root+e]; !ok {
				continue
			}
			kv, _, err := s.Get(ctx, st.root+e)
			if err != nil {
				return err
			}
			if kv.Revision != 0 {
				return st.taken(e)
			}
		}
	}
	return conflictError("committing")
}

func (st step) taken(entry string) error {
	index, segment, _ := strings.Cut(strings.TrimPrefix(entry, "u/"), "/")
	value, _ := unescape(segment) // written by escape
	return &fault.Error{
		Kind: fault.Exists, Op: "writing record of " + st.collection, Field: index,
		Err: &UniqueError{Collection: st.collection, Index: index, Value: value},
	}
}
