package authmethods

import (
	"context"
	"errors"

	"github.com/authgate/authgate/store"
)

// checkMatch refuses a change to item, which is the resource called name, that match does not allow. The item may come
// from a cache that has not heard of a change yet while the client has, so only the store's own word
// refuses; if that differs the error is ErrConflict and the change worth another attempt. The change
// itself must be guarded by item's revision.
func checkMatch[T any](
	ctx context.Context, c *store.Collection[T], item store.Item[T], match store.Match, resource, name string,
) error {
	if match.Allows(item.Revision) {
		return nil
	}
	now, err := current(ctx, c, item.ID)
	switch {
	case err != nil:
		return err
	case now.Revision != item.Revision:
		return store.ErrConflict
	}
	return stale(resource, name)
}

var errOnlyRead = errors.New("nothing to change")

// current reads a record past the cache.
func current[T any](ctx context.Context, c *store.Collection[T], id string) (store.Item[T], error) {
	var item store.Item[T]
	_, err := c.Update(ctx, id, func(found store.Item[T]) (T, error) {
		item = found
		return found.Value, errOnlyRead
	})
	if errors.Is(err, errOnlyRead) {
		return item, nil
	}
	return item, err
}
