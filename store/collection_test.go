package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

func TestCollectionRoundTrip(t *testing.T) {
	t.Parallel()
	r := open(t, memory(t))
	created := r.mustCreate(t, "x", &thing{Name: "n", Tags: []string{"t", "u"}, N: 1})
	if created.ID != "x" || created.Value.N != 1 || created.Revision == 0 || created.Err != nil {
		t.Errorf("Create = %+v", created)
	}
	got := r.mustGet(t, "x")
	if got.Revision != created.Revision || got.Value.N != 1 {
		t.Errorf("Get = %+v, want %+v", got, created)
	}
	if again := r.mustGet(t, "x"); again.Value != got.Value {
		t.Error("a second Get decodes the record again")
	}
	updated, err := r.things.Update(t.Context(), "x", func(i store.Item[*thing]) (*thing, error) {
		return &thing{Name: "m", Tags: []string{"u", "v"}, N: i.Value.N + 1}, nil
	})
	if err != nil || updated.Value.N != 2 || updated.Revision <= created.Revision {
		t.Errorf("Update = %+v, %v", updated, err)
	}
	if _, err := r.things.By(t.Context(), "name", "n"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the old name: %v, want it free", err)
	}
	if item, err := r.things.By(t.Context(), "name", "m"); err != nil || item.ID != "x" {
		t.Errorf("the new name: %+v, %v", item, err)
	}
	for tag, want := range map[string]int{"t": 0, "u": 1, "v": 1} {
		if items, err := r.things.Find(t.Context(), "tag", tag); err != nil || len(items) != want || items == nil {
			t.Errorf("Find(%q) = %v, %v; want %d", tag, items, err, want)
		}
	}
	if err := r.things.Delete(t.Context(), "x", updated.Revision); err != nil {
		t.Errorf("Delete: %v", err)
	}
	_, err = r.things.Get(t.Context(), "x")
	if !errors.Is(err, store.ErrNotFound) || !fault.Is(err, fault.NotFound) {
		t.Errorf("Get of a deleted record: %v", err)
	}
	if items, err := r.things.List(t.Context()); err != nil || items == nil || len(items) != 0 {
		t.Errorf("List = %v, %v; want an empty list", items, err)
	}
}

// Nothing of a record stays behind when it is deleted.
func TestDeleteLeavesNothing(t *testing.T) {
	t.Parallel()
	m := memory(t)
	r := open(t, m)
	r.mustCreate(t, "x", &thing{Name: "n", Tags: []string{"t", "u"}})
	if err := r.things.Delete(t.Context(), "x", 0); err != nil {
		t.Fatal(err)
	}
	if kvs, _, _ := m.List(t.Context(), ""); len(kvs) != 0 {
		t.Errorf("left in the store: %v", kvs)
	}
}

func TestRevisionsGuardChanges(t *testing.T) {
	t.Parallel()
	r := open(t, memory(t))
	old := r.mustCreate(t, "x", &thing{N: 1})
	if _, err := r.things.Update(t.Context(), "x", func(store.Item[*thing]) (*thing, error) { return &thing{N: 2}, nil }); err != nil {
		t.Fatal(err)
	}
	err := r.things.Delete(t.Context(), "x", old.Revision)
	if !errors.Is(err, store.ErrConflict) || !fault.Is(err, fault.Conflict) {
		t.Errorf("Delete at an old revision: %v", err)
	}
	for _, change := range []func(*store.Tx){
		func(tx *store.Tx) { r.things.DeleteIn(tx, old) },
		func(tx *store.Tx) { r.things.UpdateIn(tx, old, &thing{}) },
		func(tx *store.Tx) { r.things.RequireIn(tx, old); r.things.CreateIn(tx, "y", &thing{}) },
	} {
		tx := store.NewTx()
		change(tx)
		if _, err := r.commit(t, tx); !errors.Is(err, store.ErrConflict) {
			t.Errorf("a transaction on an old revision: %v", err)
		}
	}
	if n := r.mustGet(t, "x").Value.N; n != 2 {
		t.Errorf("version %d, want 2", n)
	}
	for what, err := range map[string]error{
		"Delete":                 r.things.Delete(t.Context(), "none", 0),
		"Delete with a revision": r.things.Delete(t.Context(), "none", 7),
		"Update": func() error {
			_, err := r.things.Update(t.Context(), "none", func(store.Item[*thing]) (*thing, error) { return nil, nil })
			return err
		}(),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of an absent record: %v", what, err)
		}
	}
}

func (r *replica) commit(t *testing.T, tx *store.Tx) (int64, error) {
	t.Helper()
	return store.Commit(t.Context(), r.s, r.feed, tx)
}

// Of many who create records with one unique value at one time, on two replicas, exactly one succeeds, and
// the others learn which value it was.
func TestUniqueUnderContention(t *testing.T) {
	t.Parallel()
	m := memory(t)
	replicas := []*replica{open(t, m), open(t, m)}
	const writers = 20
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			_, errs[i] = replicas[i%2].things.Create(t.Context(), fmt.Sprint("id-", i), &thing{Name: "one", N: i})
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		var unique *store.UniqueError
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("writers %d and %d both succeed", winner, i)
		case !errors.As(err, &unique) || *unique != store.UniqueError{Collection: "things", Index: "name", Value: "one"},
			!errors.Is(err, store.ErrExists), !fault.Is(err, fault.Exists):
			t.Errorf("writer %d: %v", i, err)
		case strings.Contains(err.Error(), "one"):
			t.Errorf("the error's text tells the value: %v", err)
		}
	}
	for _, r := range replicas {
		if item, err := r.things.By(t.Context(), "name", "one"); err != nil || item.Value.N != winner {
			t.Errorf("By = %+v, %v; want the record of writer %d", item, err, winner)
		}
		if items, err := r.things.List(t.Context()); err != nil || len(items) != 1 {
			t.Errorf("List = %v, %v; want one record", items, err)
		}
	}
}

func TestUniqueOnUpdate(t *testing.T) {
	t.Parallel()
	r := open(t, memory(t))
	r.mustCreate(t, "x", &thing{Name: "a"})
	y := r.mustCreate(t, "y", &thing{Name: "b"})
	rename := func(id, name string) error {
		_, err := r.things.Update(t.Context(), id, func(store.Item[*thing]) (*thing, error) { return &thing{Name: name}, nil })
		return err
	}
	var unique *store.UniqueError
	if err := rename("y", "a"); !errors.As(err, &unique) {
		t.Errorf("taking another's name: %v", err)
	}
	if got := r.mustGet(t, "y"); got.Revision != y.Revision || got.Value.Name != "b" {
		t.Errorf("the record has changed all the same: %+v", got)
	}
	if err := rename("x", "a"); err != nil {
		t.Errorf("keeping its own name: %v", err)
	}
	if err := errors.Join(rename("x", "c"), rename("y", "a")); err != nil {
		t.Errorf("taking a name that has become free: %v", err)
	}
	if _, err := r.things.Create(t.Context(), "x", &thing{}); !errors.Is(err, store.ErrExists) || errors.As(err, &unique) && unique.Index == "id" {
		t.Errorf("creating a record that exists: %v", err)
	}
}

// Changes of one record from all sides are all made, one after the other.
func TestUpdateUnderContention(t *testing.T) {
	t.Parallel()
	m := memory(t)
	replicas := []*replica{open(t, m), open(t, m)}
	replicas[0].mustCreate(t, "x", &thing{})
	const writers = 16
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			_, err := replicas[i%2].things.Update(t.Context(), "x", func(old store.Item[*thing]) (*thing, error) {
				return &thing{N: old.Value.N + 1}, nil
			})
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for i, r := range replicas {
		if n := r.mustGet(t, "x").Value.N; n != writers {
			t.Errorf("replica %d counts %d, want %d", i, n, writers)
		}
	}
}

func TestUpdateReturnsItsCallersError(t *testing.T) {
	t.Parallel()
	r := open(t, memory(t))
	r.mustCreate(t, "x", &thing{})
	for _, want := range []error{errBroken, store.ErrConflict} {
		calls := 0
		_, err := r.things.Update(t.Context(), "x", func(store.Item[*thing]) (*thing, error) {
			calls++
			return nil, want
		})
		if err != want || calls != 1 { // itself, not wrapped
			t.Errorf("got %v after %d calls, want %v itself", err, calls, want)
		}
	}
}

// A writer reads its own write at once, also when its feed is slow.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{Name: "a", Tags: []string{"t"}, N: 1})
		p.wantN(p.a, "x", 1)
		p.m.HoldEvents(true)
		p.set(p.a, "x", &thing{Name: "b", Tags: []string{"u"}, N: 2})
		p.wantN(p.a, "x", 2)
		items, err := p.a.things.Find(p.Context(), "tag", "u")
		if err != nil || !slices.Equal(idsOf(items), []string{"x"}) {
			p.Errorf("Find = %v, %v", items, err)
		}
		if item, err := p.a.things.By(p.Context(), "name", "b"); err != nil || item.ID != "x" {
			p.Errorf("By = %v, %v", item, err)
		}
		if err := p.a.things.Delete(p.Context(), "x", 0); err != nil {
			p.Error(err)
		}
		if _, err := p.a.things.Get(p.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
			p.Errorf("Get of what was deleted: %v", err)
		}
		p.m.HoldEvents(false)
	})
}

// A caller who leaves while the write waits for the feed has written all the same.
func TestWriteIsDoneThoughTheCallerLeft(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.m.HoldEvents(true)
		ctx, cancel := context.WithCancel(p.Context())
		written := make(chan error)
		go func() {
			_, err := p.a.things.Create(ctx, "x", &thing{})
			written <- err
		}()
		pass(1)
		cancel()
		if err := <-written; err != nil {
			p.Errorf("Create: %v", err)
		}
		p.m.HoldEvents(false)
	})
}
