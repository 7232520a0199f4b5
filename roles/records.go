package roles

import (
	"context"
	"errors"

	"github.com/authgate/authgate/store"
)

// Records are the stored roles of one store. They are made once per store and shared by all configurations
// over it, so that caches stay warm across reloads.
type Records struct {
	store store.Store
	feed  *store.Feed
	roles *store.Collection[*Role] // by name
}

// NewRecords returns the Records in s, kept true by f, caching up to entries roles.
func NewRecords(s store.Store, f *store.Feed, entries int) *Records {
	return &Records{store: s, feed: f, roles: store.NewCollection(s, f, store.Schema[*Role]{
		Name: "roles", Encode: encodeRole, Decode: decodeRole, Entries: entries,
	})}
}

// Stats returns the counters of each collection's cache, by the collection's name.
func (r *Records) Stats() map[string]store.Stats {
	return map[string]store.Stats{r.roles.Name(): r.roles.Stats()}
}

// catchUp returns once the caches know all that was written, by any replica, before it was called. It serves
// to tell a client who has just deleted what refers to a role elsewhere that it is free.
func (r *Records) catchUp(ctx context.Context) error {
	_, revision, err := r.store.Get(ctx, r.roles.Name()) // nothing has this key: only the revision is wanted
	if err != nil {
		return err
	}
	return r.feed.Wait(ctx, revision)
}

var errLost = errors.New("what the role allowed is not known any more: it could not be read when its deletion was begun")

// settled gives a lost role the Err of one that cannot be read.
func settled(item store.Item[*Role]) store.Item[*Role] {
	if item.Err == nil && item.Value.lost {
		item.Value, item.Err = nil, errLost
	}
	return item
}
