package store

import (
	"context"
	"errors"
	"hash/maphash"
	"regexp"
	"slices"
	"strings"

	"github.com/authgate/authgate/internal/fault"
)

const (
	// maxID and maxValue bound ids and indexed values, in bytes. Longer ones are found nowhere.
	maxID    = 512
	maxValue = 1024
	// defaultEntries is how many records a collection keeps in memory if its schema does not say.
	defaultEntries = 100_000
)

// Item is one record. Revision is the revision of its last change. Err is set, and Value the zero
// value, if the stored record cannot be decoded: it exists but is of no use (specs D5), and whoever
// decides on it must fail closed.
type Item[T any] struct {
	ID       string
	Value    T
	Revision int64
	Err      error

	entries []string // keys of its index entries, without the collection's name
	indexed bool     // entries is known
}

// Schema describes the records of a collection.
type Schema[T any] struct {
	// Name is the collection's place in the store: lower case letters, digits and dashes.
	Name string
	// Encode makes the bytes to be stored. Decode is its inverse and may do all the work that reads
	// should not repeat (compile, parse): its result is cached, shared by all readers and must never be
	// changed. Neither may panic; if Decode does, the record is one that cannot be decoded.
	Encode func(T) ([]byte, error)
	Decode func(id string, data []byte) (T, error)
	// Unique names indexes and says which values a record holds there that no other record may hold.
	Unique map[string]func(T) []string
	// Lookup names indexes and says which values a record holds there that others may hold too.
	Lookup map[string]func(T) []string
	// Entries is how many records are kept in memory, and as many index entries. Absent records have a
	// memory of an eighth of that of their own, so that guessing ids cannot push out real records
	// (specs C6). Zero: 100000.
	Entries int
	// Foreign is set for records another program writes (k8s.io/apiserver): the key they lie under, with
	// a "/" at its end. A record's key is Foreign followed by its id, its value is what Decode gets. Such
	// a collection has no indexes and cannot be written. Name then only names it.
	Foreign string
}

// Collection is a set of typed records in a Store, cached as decoded values and kept true by a Feed; see
// the package comment for what that promises. It is safe for concurrent use.
type Collection[T any] struct {
	store  Store
	feed   *Feed
	schema Schema[T]
	root   string // its keys begin with this
	seed   maphash.Seed
	shards []shard[T]

	absent error // what reading an absent record returns
}

var namePattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// NewCollection returns the collection that sc describes and has f keep it true, for as long as f lives.
// A malformed schema is a programming error and panics.
func NewCollection[T any](s Store, f *Feed, sc Schema[T]) *Collection[T] {
	if sc.Entries <= 0 {
		sc.Entries = defaultEntries
	}
	c := &Collection[T]{store: s, feed: f, schema: sc, root: sc.Name + "/", seed: maphash.MakeSeed()}
	c.mustCheck()
	if sc.Foreign != "" {
		c.root = sc.Foreign
	}
	c.absent = notFoundError("reading " + sc.Name)
	c.shards = newShards[T](sc.Entries)
	f.register(c)
	return c
}

func (c *Collection[T]) mustCheck() {
	sc := c.schema
	if !namePattern.MatchString(sc.Name) || sc.Decode == nil {
		panic("store: schema of collection " + sc.Name + " lacks a proper name or Decode")
	}
	if sc.Foreign != "" {
		if sc.Encode != nil || len(sc.Unique)+len(sc.Lookup) > 0 || checkPrefix(sc.Foreign) != nil {
			panic("store: schema of foreign collection " + sc.Name + " is malformed")
		}
		return
	}
	if sc.Encode == nil {
		panic("store: schema of collection " + sc.Name + " lacks Encode")
	}
	for name := range sc.Unique {
		if _, both := sc.Lookup[name]; both || !namePattern.MatchString(name) {
			panic("store: index " + name + " of collection " + sc.Name + " is malformed")
		}
	}
	for name := range sc.Lookup {
		if !namePattern.MatchString(name) {
			panic("store: index " + name + " of collection " + sc.Name + " is malformed")
		}
	}
}

// Get returns a record. An absent one is ErrNotFound, a store that cannot tell ErrUnavailable. A record
// that cannot be decoded is no error: see Item.Err.
func (c *Collection[T]) Get(ctx context.Context, id string) (Item[T], error) {
	if !c.validID(id) {
		return Item[T]{}, c.absent
	}
	e, err := c.read(ctx, cacheKey{text: id})
	if err != nil {
		return Item[T]{}, err
	}
	if e.absent() {
		return Item[T]{}, c.absent
	}
	return e.item, nil
}

// List returns all records at one revision, in the order of their keys. It reads the store every time.
func (c *Collection[T]) List(ctx context.Context) ([]Item[T], error) {
	items, _, err := c.list(ctx)
	return items, err
}

func (c *Collection[T]) list(ctx context.Context) ([]Item[T], int64, error) {
	if err := c.feed.admit("listing " + c.schema.Name); err != nil {
		return nil, 0, err
	}
	kvs, revision, err := c.store.List(ctx, c.recordPrefix())
	c.feed.report(ctx, err)
	if err != nil {
		return nil, 0, err
	}
	items := make([]Item[T], 0, len(kvs))
	for _, kv := range kvs {
		if id, ok := c.idOf(kv.Key); ok {
			items = append(items, c.decode(id, kv))
		}
	}
	return items, revision, nil
}

// prefix, apply and reset make a Collection a member of its Feed.
func (c *Collection[T]) prefix() string { return c.root }

func (c *Collection[T]) apply(key string, revision int64) {
	if k, ok := c.parseKey(key); ok {
		c.shard(k).invalidate(k, revision)
	}
}

func (c *Collection[T]) reset(revision int64) {
	for i := range c.shards {
		c.shards[i].reset(revision)
	}
}

// Keys.

func (c *Collection[T]) recordPrefix() string {
	if c.schema.Foreign != "" {
		return c.root
	}
	return c.root + "r/"
}

func (c *Collection[T]) recordKey(id string) string {
	if c.schema.Foreign != "" {
		return c.root + id
	}
	return c.root + "r/" + escape(id)
}

func (c *Collection[T]) validID(id string) bool {
	if c.schema.Foreign != "" {
		return len(id) <= maxID && checkKey(id) == nil && strings.IndexByte(id, '/') < 0
	}
	return id != "" && len(id) <= maxID
}

// idOf returns the id of a record's key.
func (c *Collection[T]) idOf(key string) (string, bool) {
	k, ok := c.parseKey(key)
	return k.text, ok && k.index == ""
}

// parseKey finds what is cached of the given key. Keys the collection would not have written are not its
// own.
func (c *Collection[T]) parseKey(key string) (cacheKey, bool) {
	rest, ok := strings.CutPrefix(key, c.root)
	if !ok {
		return cacheKey{}, false
	}
	if c.schema.Foreign != "" {
		return cacheKey{text: rest}, c.validID(rest)
	}
	parts := strings.Split(rest, "/")
	switch {
	case len(parts) == 2 && parts[0] == "r":
		id, err := unescape(parts[1])
		return cacheKey{text: id}, err == nil
	case len(parts) == 3 && parts[0] == "u", len(parts) == 4 && parts[0] == "l":
		value, err := unescape(parts[2])
		return cacheKey{index: parts[1], text: value}, err == nil
	}
	return cacheKey{}, false
}

// decode makes an Item of a stored record. It never fails: see Item.Err.
func (c *Collection[T]) decode(id string, kv KV) Item[T] {
	item := Item[T]{ID: id, Revision: kv.Revision}
	data := kv.Value
	if c.schema.Foreign == "" {
		h, rest, err := parseHeader(kv.Value)
		if err != nil {
			item.Err = fault.New(fault.Internal, "decoding record of "+c.schema.Name, "", "%w", err)
			return item
		}
		item.entries, item.indexed, data = h.Entries, true, rest
	}
	value, err := c.safeDecode(id, data)
	if err != nil {
		item.Err = fault.New(fault.Internal, "decoding record of "+c.schema.Name, "", "%w", err)
		return item
	}
	item.Value = value
	return item
}

var errDecodePanic = errors.New("decoding panicked")

// safeDecode keeps one broken record from taking the process down: it runs on a goroutine of its own,
// where nothing else would catch a panic.
func (c *Collection[T]) safeDecode(id string, data []byte) (value T, err error) {
	defer func() {
		if recover() != nil { // its text may hold what the record holds
			var zero T
			value, err = zero, errDecodePanic
		}
	}()
	return c.schema.Decode(id, data)
}

// holds reports whether the record had value in index when it was written.
func (i Item[T]) holds(index, value string) bool {
	value = escape(value)
	return slices.ContainsFunc(i.entries, func(entry string) bool {
		rest, ok := strings.CutPrefix(entry[min(len(entry), 2):], index)
		if !ok || len(rest) < 1+len(value) || rest[0] != '/' || rest[1:1+len(value)] != value {
			return false
		}
		rest = rest[1+len(value):]
		return rest == "" || rest[0] == '/'
	})
}
