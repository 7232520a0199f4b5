package seal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/seal"
)

type thing struct{ Name, Tag, Secret string }

func schema() store.Schema[*thing] {
	return store.Schema[*thing]{
		Name:   "things",
		Encode: func(v *thing) ([]byte, error) { return json.Marshal(v) },
		Decode: func(_ string, data []byte) (*thing, error) {
			v := new(thing)
			return v, json.Unmarshal(data, v)
		},
		Unique: map[string]func(*thing) []string{"name": func(v *thing) []string { return []string{v.Name} }},
		Lookup: map[string]func(*thing) []string{"tag": func(v *thing) []string { return []string{v.Tag} }},
	}
}

// things is a collection over s that its feed keeps true until the test ends.
func things(tb testing.TB, s store.Store) (*store.Collection[*thing], *store.Feed) {
	tb.Helper()
	feed := store.NewFeed(s, store.FeedConfig{})
	c := store.NewCollection(s, feed, schema())
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = feed.Run(ctx)
	}()
	tb.Cleanup(func() { cancel(); <-ended })
	<-feed.Ready()
	return c, feed
}

func create(tb testing.TB, c *store.Collection[*thing], n int) {
	tb.Helper()
	v := &thing{Name: fmt.Sprint("name-", n), Tag: "t", Secret: fmt.Sprint("the-secret-of-", n)}
	if _, err := c.Create(tb.Context(), fmt.Sprint(n), v); err != nil {
		tb.Fatal(err)
	}
}

// TestD5_BrokenEnvelopes: records that cannot be opened are of no use however they are found, hurt no
// other, and can be replaced and removed with all that pointed to them.
func TestD5_BrokenEnvelopes(t *testing.T) {
	t.Parallel()
	m, key := store.NewMemory(), newKey(t)
	c, feed := things(t, wrap(t, m, seal.Config{Keys: ring(t, key)}))
	for n := range 4 {
		create(t, c, n)
	}
	// Two records change places: both are unusable, not exchanged.
	one, two := string(get(t, m, "things/r/1")), string(get(t, m, "things/r/2"))
	put(t, m, "things/r/1", two)
	put(t, m, "things/r/2", one)
	if err := feed.Wait(t.Context(), m.Revision()); err != nil {
		t.Fatal(err)
	}
	broken := func(what string, item store.Item[*thing], err error) {
		t.Helper()
		if err != nil || item.Err == nil || item.Value != nil {
			t.Errorf("%s = %+v, %v; want a broken record", what, item, err)
		} else if strings.Contains(item.Err.Error(), "secret") {
			t.Errorf("%s tells of the record: %v", what, item.Err)
		}
	}
	for n := range 4 {
		id := fmt.Sprint(n)
		item, err := c.Get(t.Context(), id)
		named, namedErr := c.By(t.Context(), "name", "name-"+id)
		if n == 1 || n == 2 {
			broken("Get "+id, item, err)
			broken("By "+id, named, namedErr)
		} else if err != nil || item.Value.Secret != "the-secret-of-"+id || namedErr != nil || named.ID != id {
			t.Errorf("%s = %+v, %v; by name %+v, %v", id, item, err, named, namedErr)
		}
	}
	if items, err := c.List(t.Context()); err != nil || len(items) != 4 {
		t.Errorf("List = %v, %v", items, err)
	}
	if items, err := c.Find(t.Context(), "tag", "t"); err != nil || len(items) != 4 {
		t.Errorf("Find = %v, %v", items, err)
	}
	if err := c.Delete(t.Context(), "1", 0); err != nil {
		t.Errorf("removing a broken one: %v", err)
	}
	if _, err := c.By(t.Context(), "name", "name-1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("its name is still taken: %v", err)
	}
	mend := func(store.Item[*thing]) (*thing, error) { return &thing{Name: "mended", Tag: "t"}, nil }
	if _, err := c.Update(t.Context(), "2", mend); err != nil {
		t.Errorf("replacing a broken one: %v", err)
	}
	if item, err := c.By(t.Context(), "name", "mended"); err != nil || item.ID != "2" || item.Err != nil {
		t.Errorf("the replaced one = %+v, %v", item, err)
	}
	create(t, c, 1)
}

// An index lies in clear, so somebody who can write to the store can bend it. The records themselves say
// what they hold, and nobody gets one under a name it does not have.
func TestBentIndex(t *testing.T) {
	t.Parallel()
	m := store.NewMemory()
	c, feed := things(t, wrap(t, m, seal.Config{Keys: ring(t, newKey(t))}))
	create(t, c, 1)
	create(t, c, 2)
	put(t, m, "things/u/name/name-1", "2")
	put(t, m, "things/u/name/nobody", "2")
	put(t, m, "things/l/tag/other/2", "")
	if err := feed.Wait(t.Context(), m.Revision()); err != nil {
		t.Fatal(err)
	}
	if item, err := c.By(t.Context(), "name", "name-1"); err != nil || item.ID != "1" {
		t.Errorf("name-1 leads to %+v, %v", item, err)
	}
	if item, err := c.By(t.Context(), "name", "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody leads to %+v, %v", item, err)
	}
	if items, err := c.Find(t.Context(), "tag", "other"); err != nil || len(items) != 0 {
		t.Errorf("tag other leads to %+v, %v", items, err)
	}
}

// BenchmarkColdRead is the read of a record that is not in memory, without the network.
func BenchmarkColdRead(b *testing.B) {
	for name, config := range map[string]*seal.Config{
		"clear":  nil,
		"sealed": {Prefix: prefix, Keys: ring(b, newKey(b))},
	} {
		b.Run(name, func(b *testing.B) {
			var s store.Store = store.NewMemory()
			if config != nil {
				s = seal.Wrap(s, *config)
			}
			sc := schema()
			sc.Entries = 1 // nearly every read misses
			feed := store.NewFeed(s, store.FeedConfig{})
			c := store.NewCollection(s, feed, sc)
			const n = 1000
			for i := range n {
				create(b, c, i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := c.Get(b.Context(), fmt.Sprint(i%n)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	r := ring(b, newKey(b))
	value := sealed(b, r, strings.Repeat("x", 400), name)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open(value, name); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	r, text := ring(b, newKey(b)), []byte(strings.Repeat("x", 400))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Seal(text, name); err != nil {
			b.Fatal(err)
		}
	}
}
