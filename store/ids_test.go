package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// C3, A5: ids and values that look like each other's keys, climb out of their place or are not text at all
// stay apart, and where they belong.
func TestC3_HostileIDsAndValues(t *testing.T) {
	t.Parallel()
	m := memory(t)
	r := open(t, m)
	texts := []string{
		"a", "a/b", "a%2Fb", "a:b", "b", "..", ".", "../a", "../../other/r/a", "r/a", "/", "//", "%", "%%", "%2F", "\x00", "a\x00",
		" ", "a ", "ä", "A", "a\n", "u/name/a", "{env.SECRET}", strings.Repeat("x", 512),
	}
	for i, text := range texts {
		r.mustCreate(t, text, &thing{Name: text, Tags: []string{text, "all"}, N: i})
	}
	for range 2 {
		for i, text := range texts {
			if got := r.mustGet(t, text); got.Value.N != i || got.ID != text {
				t.Errorf("Get(%q) = %+v, want record %d", text, got, i)
			}
			if got, err := r.things.By(t.Context(), "name", text); err != nil || got.Value.N != i {
				t.Errorf("By(%q) = %+v, %v; want record %d", text, got, err, i)
			}
			if got, err := r.things.Find(t.Context(), "tag", text); err != nil || len(got) != 1 || got[0].Value.N != i {
				t.Errorf("Find(%q) = %+v, %v; want record %d alone", text, got, err, i)
			}
		}
	}
	all, err := r.things.Find(t.Context(), "tag", "all")
	if err != nil || len(all) != len(texts) {
		t.Errorf("Find of the common tag: %d, %v; want %d", len(all), err, len(texts))
	}
	listed, err := r.things.List(t.Context())
	got := idsOf(listed)
	slices.Sort(got)
	want := slices.Sorted(slices.Values(texts))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("List has %q, %v; want %q", got, err, want)
	}
	kvs, _, _ := m.List(t.Context(), "")
	if inside, _, _ := m.List(t.Context(), "things/"); len(inside) != len(kvs) {
		t.Errorf("%d of %d keys are outside the collection", len(kvs)-len(inside), len(kvs))
	}
	for _, text := range texts {
		if err := r.things.Delete(t.Context(), text, 0); err != nil {
			t.Errorf("Delete(%q): %v", text, err)
		}
	}
	if kvs, _, _ := m.List(t.Context(), ""); len(kvs) != 0 {
		t.Errorf("left: %v", kvs)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	m := memory(t)
	r := open(t, m)
	long := strings.Repeat("x", 513)
	for _, id := range []string{"", long} {
		if _, err := r.things.Create(t.Context(), id, &thing{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("Create with an id of %d bytes: %v", len(id), err)
		}
		reads := m.Reads()
		if _, err := r.things.Get(t.Context(), id); !errors.Is(err, store.ErrNotFound) || m.Reads() != reads {
			t.Errorf("Get of an id of %d bytes: %v after %d reads, want none", len(id), err, m.Reads()-reads)
		}
		if err := r.things.Delete(t.Context(), id, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Delete of an id of %d bytes: %v", len(id), err)
		}
	}
	value := strings.Repeat("x", 1025)
	for field, v := range map[string]*thing{"name": {Name: value}, "tag": {Tags: []string{value}}} {
		_, err := r.things.Create(t.Context(), "x", v)
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Invalid || e.Field != field || strings.Contains(err.Error(), "xx") {
			t.Errorf("Create with a %s of %d bytes: %v", field, len(value), err)
		}
	}
	reads := m.Reads()
	if items, err := r.things.Find(t.Context(), "tag", value); err != nil || len(items) != 0 || items == nil {
		t.Errorf("Find = %v, %v", items, err)
	}
	if _, err := r.things.By(t.Context(), "name", value); !errors.Is(err, store.ErrNotFound) || m.Reads() != reads {
		t.Errorf("By: %v", err)
	}
}

// A foreign collection reads what another program writes, coherently, and writes nothing itself.
func TestForeignCollection(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		put := func(key, value string) {
			if _, err := p.m.Txn(p.Context(), nil, []store.Op{{Key: key, Value: []byte(value)}}); err != nil {
				p.Fatal(err)
			}
		}
		tokens := store.NewCollection(p.m, p.b.feed, store.Schema[string]{
			Name: "access-tokens", Foreign: "k8s/oauth/tokens/",
			Decode: func(_ string, data []byte) (string, error) { return string(data), nil },
		})
		put("k8s/oauth/tokens/sha256~a", "1")
		put("k8s/oauth/tokens/ns/b", "2")
		put("k8s/oauth/tokens-2/c", "3")
		want := func(id, value string) {
			p.Helper()
			pass(1)
			if item, err := tokens.Get(p.Context(), id); err != nil || item.Value != value || item.ID != id {
				p.Errorf("Get(%q) = %+v, %v; want %q", id, item, err, value)
			}
		}
		want("sha256~a", "1")
		want("sha256~a", "1")
		put("k8s/oauth/tokens/sha256~a", "4")
		want("sha256~a", "4")
		for _, id := range []string{"ns/b", "../tokens-2/c", "..", "", "a b", "x\x00"} {
			if _, err := tokens.Get(p.Context(), id); !errors.Is(err, store.ErrNotFound) {
				p.Errorf("Get(%q): %v, want it absent", id, err)
			}
		}
		if items, err := tokens.List(p.Context()); err != nil || len(items) != 1 {
			p.Errorf("List = %v, %v; want one", items, err)
		}
		if _, err := tokens.Create(p.Context(), "x", ""); !fault.Is(err, fault.Internal) {
			p.Errorf("Create: %v", err)
		}
		if err := tokens.Delete(p.Context(), "sha256~a", 0); !fault.Is(err, fault.Internal) {
			p.Errorf("Delete: %v", err)
		}
	})
}

func TestMalformedSchemasPanic(t *testing.T) {
	t.Parallel()
	m := memory(t)
	f := store.NewFeed(m, store.FeedConfig{})
	for name, spoil := range map[string]func(*store.Schema[*thing]){
		"no name":          func(s *store.Schema[*thing]) { s.Name = "" },
		"path as a name":   func(s *store.Schema[*thing]) { s.Name = "a/b" },
		"capital":          func(s *store.Schema[*thing]) { s.Name = "Things" },
		"no Encode":        func(s *store.Schema[*thing]) { s.Encode = nil },
		"no Decode":        func(s *store.Schema[*thing]) { s.Decode = nil },
		"index twice":      func(s *store.Schema[*thing]) { s.Lookup["name"] = s.Lookup["tag"] },
		"path as an index": func(s *store.Schema[*thing]) { s.Unique["a/b"] = s.Unique["name"] },
		"foreign, indexed": func(s *store.Schema[*thing]) { s.Foreign = "k8s/" },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: NewCollection accepts it", name)
				}
			}()
			schema := thingSchema()
			spoil(&schema)
			store.NewCollection(m, f, schema)
		}()
	}
	r := open(t, m)
	for what, call := range map[string]func(){
		"By":   func() { _, _ = r.things.By(t.Context(), "tag", "t") },
		"Find": func() { _, _ = r.things.Find(t.Context(), fmt.Sprint("no", "ne"), "t") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s accepts an index the schema does not have", what)
				}
			}()
			call()
		}()
	}
}
