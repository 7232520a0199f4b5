package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/authgate/authgate/store"
)

// thing is the record of these tests.
type thing struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
	N    int      `json:"n"`
}

var errBroken = errors.New("broken record")

func thingSchema() store.Schema[*thing] {
	return store.Schema[*thing]{
		Name:   "things",
		Encode: func(v *thing) ([]byte, error) { return json.Marshal(v) },
		Decode: func(_ string, data []byte) (*thing, error) {
			v := new(thing)
			if err := json.Unmarshal(data, v); err != nil {
				return nil, errBroken
			}
			return v, nil
		},
		Unique: map[string]func(*thing) []string{"name": func(v *thing) []string {
			if v.Name == "" {
				return nil
			}
			return []string{v.Name}
		}},
		Lookup: map[string]func(*thing) []string{"tag": func(v *thing) []string { return v.Tags }},
	}
}

// replica is one process's view of a store: a running feed and a collection.
type replica struct {
	s      store.Store
	feed   *store.Feed
	things *store.Collection[*thing]
	stop   func()
}

// newReplica starts a feed; stop ends it and waits.
func newReplica(ctx context.Context, s store.Store, cfg store.FeedConfig, schema store.Schema[*thing]) *replica {
	ctx, cancel := context.WithCancel(ctx)
	r := &replica{s: s, feed: store.NewFeed(s, cfg)}
	r.things = store.NewCollection(s, r.feed, schema)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.feed.Run(ctx)
	}()
	r.stop = func() { cancel(); <-ended }
	return r
}

// open returns a replica that is in sync with s.
func open(t *testing.T, s store.Store) *replica {
	t.Helper()
	r := newReplica(t.Context(), s, store.FeedConfig{}, thingSchema())
	t.Cleanup(r.stop)
	select {
	case <-r.feed.Ready():
	case <-time.After(10 * time.Second):
		t.Fatal("the feed does not sync")
	}
	return r
}

func memory(t *testing.T) *store.Memory {
	t.Helper()
	m := store.NewMemory()
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func (r *replica) mustCreate(t *testing.T, id string, v *thing) store.Item[*thing] {
	t.Helper()
	item, err := r.things.Create(t.Context(), id, v)
	if err != nil {
		t.Fatalf("Create(%q): %v", id, err)
	}
	return item
}

func (r *replica) mustGet(t *testing.T, id string) store.Item[*thing] {
	t.Helper()
	item, err := r.things.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("Get(%q): %v", id, err)
	}
	return item
}

func (v *thing) String() string { return fmt.Sprintf("%+v", *v) }
