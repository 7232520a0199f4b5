package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/authgate/authgate/internal/fault"
)

const (
	// writeAttempts bounds how often a change is tried against concurrent ones.
	writeAttempts = 32
	minRetry      = 4 * time.Millisecond
	maxRetry      = 250 * time.Millisecond
)

// Create stores a new record. If the id is taken the error is ErrExists, if one of its unique values is,
// a *UniqueError. The returned item holds what Decode makes of the stored bytes, as a read would.
func (c *Collection[T]) Create(ctx context.Context, id string, v T) (Item[T], error) {
	st, item, err := c.creation(id, v)
	if err != nil {
		return Item[T]{}, err
	}
	err = retry(ctx, func() (err error) {
		item.Revision, err = Commit(ctx, c.store, c.feed, &Tx{steps: []step{st}})
		return err
	})
	if err != nil {
		return Item[T]{}, err
	}
	return item, nil
}

// Update replaces a record with what change makes of it. It retries when others change the record
// meanwhile, so change may run several times, each time on the record as it is then; it must not modify
// the item's value, which is shared. Its error ends the update and is returned as it is. The item it gets
// may be one that cannot be decoded (Item.Err), which it may replace.
func (c *Collection[T]) Update(ctx context.Context, id string, change func(Item[T]) (T, error)) (Item[T], error) {
	var item Item[T]
	err := retry(ctx, func() error {
		old, err := c.fresh(ctx, id)
		if err != nil {
			return err
		}
		v, err := change(old)
		if err != nil {
			return final{err}
		}
		st, replaced, err := c.replacement(old, v)
		if err != nil {
			return err
		}
		item = replaced
		item.Revision, err = Commit(ctx, c.store, c.feed, &Tx{steps: []step{st}})
		return err
	})
	if err != nil {
		return Item[T]{}, err
	}
	return item, nil
}

// Delete removes a record. With a revision other than 0 it does so only if the record is still at that
// revision, else ErrConflict. A record that is not there is ErrNotFound.
func (c *Collection[T]) Delete(ctx context.Context, id string, revision int64) error {
	return retry(ctx, func() error {
		item, err := c.fresh(ctx, id)
		if err != nil {
			return err
		}
		if revision != 0 && item.Revision != revision {
			return final{conflictError("deleting record of " + c.schema.Name)}
		}
		tx := NewTx()
		c.DeleteIn(tx, item)
		_, err = Commit(ctx, c.store, c.feed, tx)
		return err
	})
}

// CreateIn adds the creation of a record to tx.
func (c *Collection[T]) CreateIn(tx *Tx, id string, v T) {
	st, _, err := c.creation(id, v)
	tx.add(st, err)
}

// UpdateIn adds to tx that the record, which must still be at item's revision, gets the value v. The item
// must come from this collection.
func (c *Collection[T]) UpdateIn(tx *Tx, item Item[T], v T) {
	st, _, err := c.replacement(item, v)
	tx.add(st, err)
}

// DeleteIn adds to tx that the record, which must still be at item's revision, is removed. The item must
// come from this collection.
func (c *Collection[T]) DeleteIn(tx *Tx, item Item[T]) {
	st := c.step(item.ID)
	st.revision, st.remove, st.release, st.sweep = item.Revision, true, item.entries, !item.indexed
	tx.add(st, c.checkItem(item))
}

// RequireIn adds to tx the condition that the record is still at item's revision.
func (c *Collection[T]) RequireIn(tx *Tx, item Item[T]) {
	st := c.step(item.ID)
	st.revision = item.Revision
	tx.add(st, c.checkItem(item))
}

func (c *Collection[T]) step(id string) step {
	return step{collection: c.schema.Name, root: c.root, id: id, key: c.recordKey(id)}
}

func (c *Collection[T]) checkItem(item Item[T]) error {
	if c.schema.Foreign != "" || item.Revision == 0 || !c.validID(item.ID) {
		return fault.New(fault.Internal, "changing "+c.schema.Name, "", "not a record of this collection")
	}
	return nil
}

func (c *Collection[T]) creation(id string, v T) (step, Item[T], error) {
	if c.schema.Foreign != "" {
		return step{}, Item[T]{}, fault.New(fault.Internal, "writing "+c.schema.Name, "", "collection is read-only")
	}
	if !c.validID(id) {
		return step{}, Item[T]{}, fault.New(fault.Invalid, "writing "+c.schema.Name, "id", "must have 1 to %d bytes", maxID)
	}
	st := c.step(id)
	item, err := c.encode(&st, v)
	st.acquire = item.entries
	return st, item, err
}

func (c *Collection[T]) replacement(old Item[T], v T) (step, Item[T], error) {
	if err := c.checkItem(old); err != nil {
		return step{}, Item[T]{}, err
	}
	st := c.step(old.ID)
	st.revision, st.sweep = old.Revision, !old.indexed
	item, err := c.encode(&st, v)
	for _, e := range item.entries {
		if slices.Contains(old.entries, e) {
			st.kept = append(st.kept, e)
		} else {
			st.acquire = append(st.acquire, e)
		}
	}
	for _, e := range old.entries {
		if !slices.Contains(item.entries, e) {
			st.release = append(st.release, e)
		}
	}
	return st, item, err
}

// encode fills in what is to be stored. It decodes it again at once: what could not be read back must not
// be written, and the indexes must be those of what readers will see.
func (c *Collection[T]) encode(st *step, v T) (Item[T], error) {
	op := "writing " + c.schema.Name
	data, err := c.schema.Encode(v)
	if err != nil {
		return Item[T]{}, fault.New(fault.Internal, op, "", "encoding: %w", err)
	}
	value, err := c.safeDecode(st.id, data)
	if err != nil {
		return Item[T]{}, fault.New(fault.Internal, op, "", "decoding what was encoded: %w", err)
	}
	entries, err := c.indexEntries(st.id, value)
	if err != nil {
		return Item[T]{}, err
	}
	if st.put, err = appendHeader(entries, data); err != nil {
		return Item[T]{}, fault.New(fault.Internal, op, "", "%w", err)
	}
	return Item[T]{ID: st.id, Value: value, entries: entries, indexed: true}, nil
}

// fresh reads a record past the cache.
func (c *Collection[T]) fresh(ctx context.Context, id string) (Item[T], error) {
	if !c.validID(id) {
		return Item[T]{}, c.absent
	}
	if err := c.feed.admit("reading " + c.schema.Name); err != nil {
		return Item[T]{}, err
	}
	kv, _, err := c.store.Get(ctx, c.recordKey(id))
	c.feed.report(ctx, err)
	if err != nil {
		return Item[T]{}, err
	}
	if kv.Revision == 0 {
		return Item[T]{}, c.absent
	}
	return c.decode(id, kv), nil
}

// final is an error that is not retried, whatever it wraps.
type final struct{ error }

// retry runs attempt again while it fails with ErrConflict, a bounded number of times.
func retry(ctx context.Context, attempt func() error) error {
	var err error
	for n := range writeAttempts {
		err = attempt()
		var f final
		if errors.As(err, &f) {
			return f.error
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		pause := time.NewTimer(backoff(n, minRetry, maxRetry))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return unavailable("retrying", context.Cause(ctx))
		}
	}
	return err
}
