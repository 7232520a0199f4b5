package store

import (
	"context"
	"maps"
	"slices"

	"github.com/authgate/authgate/internal/fault"
)

// lookupAttempts is how often an index read is repeated when records change under it.
const lookupAttempts = 3

func uniqueEntry(index, value string) string { return "u/" + index + "/" + escape(value) }

func lookupPrefix(index, value string) string { return "l/" + index + "/" + escape(value) + "/" }

func lookupEntry(index, value, id string) string { return lookupPrefix(index, value) + escape(id) }

// By returns the record that holds value in a unique index, ErrNotFound if none does. A record that
// cannot be decoded is found by the values it held when it was written. Naming an index the schema does
// not have is a programming error and panics.
func (c *Collection[T]) By(ctx context.Context, index, value string) (Item[T], error) {
	if _, ok := c.schema.Unique[index]; !ok {
		panic("store: " + c.schema.Name + " has no unique index " + index)
	}
	items, err := c.find(ctx, index, value)
	if err != nil {
		return Item[T]{}, err
	}
	if len(items) == 0 {
		return Item[T]{}, c.absent
	}
	return items[0], nil
}

// Find returns the records that hold value in a lookup index, in the order of their escaped ids. They are
// those that held it at one revision, which is not before the one applied when Find began; each is as it
// was then or later, and still holds it. Naming an index the schema does not have is a programming error
// and panics.
func (c *Collection[T]) Find(ctx context.Context, index, value string) ([]Item[T], error) {
	if _, ok := c.schema.Lookup[index]; !ok {
		panic("store: " + c.schema.Name + " has no lookup index " + index)
	}
	return c.find(ctx, index, value)
}

// find reads the ids of an index entry and then the records. Both are cached apart, so the records may be
// of another revision than the entry. Only if every record still holds the value is the result one that
// existed: a record that has lost it may have lost it to one the entry does not name yet.
func (c *Collection[T]) find(ctx context.Context, index, value string) ([]Item[T], error) {
	if len(value) > maxValue {
		return []Item[T]{}, nil
	}
	k := cacheKey{index: index, text: value}
	get := c.read
	for range lookupAttempts {
		e, err := get(ctx, k)
		if err != nil {
			return nil, err
		}
		items, ok, err := c.resolve(ctx, e.ids, k, get)
		if ok || err != nil {
			return items, err
		}
		get = c.reread
	}
	// The records change faster than they can be read one by one.
	all, _, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(i Item[T]) bool { return !i.holds(index, value) }), nil
}

func (c *Collection[T]) resolve(
	ctx context.Context, ids []string, k cacheKey, get func(context.Context, cacheKey) (*entry[T], error),
) (items []Item[T], ok bool, err error) {
	items = make([]Item[T], 0, len(ids))
	for _, id := range ids {
		e, err := get(ctx, cacheKey{text: id})
		if err != nil {
			return nil, false, err
		}
		// A record with a broken header does not know what it holds; its entry does.
		broken := e.item.Err != nil && !e.item.indexed
		if !broken && !e.item.holds(k.index, k.text) {
			return nil, false, nil
		}
		items = append(items, e.item)
	}
	return items, true, nil
}

// indexEntries returns the keys of the entries of a record with the given value, sorted.
func (c *Collection[T]) indexEntries(id string, value T) ([]string, error) {
	entries := make(map[string]struct{})
	collect := func(indexes map[string]func(T) []string, key func(index, value string) string) error {
		for index, values := range indexes {
			for _, v := range values(value) {
				if len(v) > maxValue {
					return fault.New(fault.Invalid, "writing "+c.schema.Name, index, "longer than %d bytes", maxValue)
				}
				entries[key(index, v)] = struct{}{}
			}
		}
		return nil
	}
	if err := collect(c.schema.Unique, uniqueEntry); err != nil {
		return nil, err
	}
	lookup := func(index, value string) string { return lookupEntry(index, value, id) }
	if err := collect(c.schema.Lookup, lookup); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(entries)), nil
}
