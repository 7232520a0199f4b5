package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// part is a record that belongs to a thing.
type part struct {
	Thing string `json:"thing"`
	Slot  string `json:"slot"`
}

func parts(r *replica) *store.Collection[part] {
	return store.NewCollection(r.s, r.feed, store.Schema[part]{
		Name:   "parts",
		Encode: func(v part) ([]byte, error) { return json.Marshal(v) },
		Decode: func(_ string, data []byte) (v part, err error) { return v, json.Unmarshal(data, &v) },
		Unique: map[string]func(part) []string{"slot": func(v part) []string { return []string{v.Thing + "|" + v.Slot} }},
		Lookup: map[string]func(part) []string{"thing": func(v part) []string { return []string{v.Thing} }},
	})
}

// A cascade removes a record and all that belongs to it, or nothing.
func TestCascade(t *testing.T) {
	t.Parallel()
	m := memory(t)
	r := open(t, m)
	ps := parts(r)
	whole := r.mustCreate(t, "x", &thing{Name: "n"})
	for i := range 10 {
		if _, err := ps.Create(t.Context(), fmt.Sprint("p-", i), part{"x", fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	items, err := ps.Find(t.Context(), "thing", "x")
	if err != nil || len(items) != 10 {
		t.Fatalf("Find = %d, %v", len(items), err)
	}
	tx := store.NewTx()
	r.things.DeleteIn(tx, whole)
	for _, i := range items {
		ps.DeleteIn(tx, i)
	}
	revision, err := r.commit(t, tx)
	if err != nil || revision <= whole.Revision {
		t.Fatalf("Commit = %d, %v", revision, err)
	}
	if items, err := ps.Find(t.Context(), "thing", "x"); err != nil || len(items) != 0 {
		t.Errorf("Find after the cascade = %v, %v", items, err)
	}
	if kvs, _, _ := m.List(t.Context(), ""); len(kvs) != 0 {
		t.Errorf("left in the store: %v", kvs)
	}
}

// A part is created only if its whole is still what it was when it was read: one of a deletion and a
// creation at the same time must fail, so no part is left without its whole.
func TestRequireAgainstDeletion(t *testing.T) {
	t.Parallel()
	m := memory(t)
	a, b := open(t, m), open(t, m)
	ps := parts(b)
	for i := range 50 {
		id := fmt.Sprint("x-", i)
		a.mustCreate(t, id, &thing{})
		var created, deleted error
		var wg sync.WaitGroup
		wg.Go(func() {
			item, err := a.things.Get(t.Context(), id)
			if err != nil {
				t.Error(err)
				return
			}
			tx := store.NewTx()
			a.things.DeleteIn(tx, item)
			// The schema's invariant: a whole without parts. A part would change the required record.
			_, deleted = store.Commit(t.Context(), m, a.feed, tx)
		})
		wg.Go(func() {
			item, err := b.things.Get(t.Context(), id)
			if errors.Is(err, store.ErrNotFound) {
				created = err
				return
			}
			tx := store.NewTx()
			b.things.RequireIn(tx, item)
			ps.CreateIn(tx, "p-"+id, part{id, "1"})
			_, created = store.Commit(t.Context(), m, b.feed, tx)
		})
		wg.Wait()
		if deleted != nil {
			t.Fatalf("Delete: %v", deleted)
		}
		_, err := a.things.Get(t.Context(), id)
		if !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("the whole is still there: %v", err)
		}
		if created != nil && !errors.Is(created, store.ErrConflict) && !errors.Is(created, store.ErrNotFound) {
			t.Errorf("Create: %v", created)
		}
	}
}

// One transaction may give a unique value from one record to another, in whatever order it is filled.
func TestUniqueValueChangesHands(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"release first", "acquire first"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			r := open(t, memory(t))
			x := r.mustCreate(t, "x", &thing{Name: "n"})
			tx := store.NewTx()
			if order == "release first" {
				r.things.DeleteIn(tx, x)
			}
			r.things.CreateIn(tx, "y", &thing{Name: "n"})
			if order == "acquire first" {
				r.things.DeleteIn(tx, x)
			}
			if _, err := r.commit(t, tx); err != nil {
				t.Fatalf("Commit: %v", err)
			}
			if item, err := r.things.By(t.Context(), "name", "n"); err != nil || item.ID != "y" {
				t.Errorf("By = %+v, %v; want y", item, err)
			}
			var unique *store.UniqueError
			if _, err := r.things.Create(t.Context(), "z", &thing{Name: "n"}); !errors.As(err, &unique) {
				t.Errorf("a third: %v, want the value taken", err)
			}
		})
	}
}

func TestTxErrors(t *testing.T) {
	t.Parallel()
	m := memory(t)
	r := open(t, m)
	x := r.mustCreate(t, "x", &thing{Name: "n"})
	var unique *store.UniqueError
	for name, tt := range map[string]struct {
		fill func(*store.Tx)
		ok   func(error) bool
	}{
		"id taken": {
			func(tx *store.Tx) { r.things.CreateIn(tx, "x", &thing{}) },
			func(err error) bool { return errors.Is(err, store.ErrExists) && !errors.As(err, &unique) },
		},
		"value taken": {
			func(tx *store.Tx) { r.things.CreateIn(tx, "y", &thing{Name: "n"}) },
			func(err error) bool { return errors.As(err, &unique) },
		},
		"value taken within": {
			func(tx *store.Tx) {
				r.things.CreateIn(tx, "y", &thing{Name: "m"})
				r.things.CreateIn(tx, "z", &thing{Name: "m"})
			},
			func(err error) bool { return errors.As(err, &unique) },
		},
		"no id": {
			func(tx *store.Tx) { r.things.CreateIn(tx, "", &thing{}) },
			func(err error) bool { return fault.Is(err, fault.Invalid) },
		},
		"an item nobody read": {
			func(tx *store.Tx) { r.things.DeleteIn(tx, store.Item[*thing]{ID: "x"}) },
			func(err error) bool { return fault.Is(err, fault.Internal) },
		},
		"one bad of two": {
			func(tx *store.Tx) { r.things.DeleteIn(tx, x); r.things.CreateIn(tx, "", &thing{}) },
			func(err error) bool { return fault.Is(err, fault.Invalid) },
		},
	} {
		tx := store.NewTx()
		tt.fill(tx)
		if _, err := r.commit(t, tx); !tt.ok(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := r.mustGet(t, "x"); got.Revision != x.Revision {
		t.Errorf("a failed transaction has changed the record: %+v", got)
	}
	if kvs, _, _ := m.List(t.Context(), ""); len(kvs) != 2 {
		t.Errorf("in the store: %v, want one record and its name", kvs)
	}
	if _, err := store.Commit(context.Background(), m, r.feed, store.NewTx()); err != nil {
		t.Errorf("an empty transaction: %v", err)
	}
}
