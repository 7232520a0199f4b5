package token

import (
	"context"
	"errors"

	"github.com/authgate/authgate/store"
)

// recordID is the one record's id: all keys are changed together, by compare-and-swap.
const recordID = "current"

// Records are the signing keys of one store. They are made once per store and shared by all
// configurations over it.
type Records struct{ sets *store.Collection[*keySet] }

// NewRecords returns the Records in s, kept true by f.
func NewRecords(s store.Store, f *store.Feed) *Records {
	return &Records{store.NewCollection(s, f, store.Schema[*keySet]{
		Name: "signing-keys", Encode: encodeKeySet, Decode: decodeKeySet, Entries: 1,
	})}
}

// Stats returns the counters of the collection's cache, by its name.
func (r *Records) Stats() map[string]store.Stats {
	return map[string]store.Stats{r.sets.Name(): r.sets.Stats()}
}

// stored is what a read found. Revision 0 and an empty set: no key has been made yet.
type stored struct {
	set      *keySet
	revision int64
}

// read returns the key set as a Collection knows it: from memory as long as that may be trusted, else from
// the store, else it is an error that wraps ErrUnavailable.
func (r *Records) read(ctx context.Context) (stored, error) {
	item, err := r.sets.Get(ctx, recordID)
	return found("reading signing keys", item, err)
}

// readPast reads the store itself: an update that changes nothing.
func (r *Records) readPast(ctx context.Context) (stored, error) {
	var item store.Item[*keySet]
	_, err := r.sets.Update(ctx, recordID, func(current store.Item[*keySet]) (*keySet, error) {
		item = current
		return nil, errUnchanged
	})
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	return found("reading signing keys", item, err)
}

// errUnchanged ends an update that has nothing to change.
var errUnchanged = errors.New("nothing to change")

// found judges what a read returned. A record that cannot be decoded is no absent one: it would be a reason
// to make new keys, and so to refuse all tokens.
func found(op string, item store.Item[*keySet], err error) (stored, error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return stored{set: newKeySet(nil)}, nil
	case err == nil && item.Err != nil:
		err = item.Err
	}
	if err != nil {
		return stored{}, unavailable(op, err)
	}
	return stored{item.Value, item.Revision}, nil
}

// change replaces the key set by what f makes of it, an empty one if there is none yet. f may run several
// times; it must not return an empty set. Its error is returned as it is.
func (r *Records) change(ctx context.Context, op string, f func(*keySet) (*keySet, error)) (stored, error) {
	var own error
	for range 8 {
		own = nil
		item, err := r.sets.Update(ctx, recordID, func(current store.Item[*keySet]) (*keySet, error) {
			now, err := found(op, current, nil)
			if err != nil {
				own = err
				return nil, err
			}
			next, err := f(now.set)
			own = err
			return next, err
		})
		if own == nil && errors.Is(err, store.ErrNotFound) {
			first, fErr := f(newKeySet(nil))
			if fErr != nil {
				return stored{}, fErr
			}
			if item, err = r.sets.Create(ctx, recordID, first); errors.Is(err, store.ErrExists) {
				continue // another replica made the first one
			}
		}
		switch {
		case own != nil:
			return stored{}, own
		case err != nil:
			return stored{}, unavailable(op, err)
		}
		return stored{item.Value, item.Revision}, nil
	}
	return stored{}, unavailable(op, errors.New("it keeps being changed by others"))
}
