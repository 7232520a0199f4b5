package roles_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/roles"
	"github.com/authgate/authgate/store"
)

// holder is what names roles, as an m2m config does.
type holder struct {
	Roles []string `json:"roles"`
}

// rig is one replica: a Service over a store, with its feed running, and a collection of holders.
type rig struct {
	t       testing.TB
	ctx     context.Context
	store   store.Store
	feed    *store.Feed
	rec     *roles.Records
	holders *store.Collection[*holder]
	svc     *roles.Service
	now     time.Time
	// asked, if set, is called whenever Delete has found no holder, before it learns of that.
	asked func(role string)
}

var created = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newRig(t testing.TB, declared ...roles.Role) *rig {
	t.Helper()
	mem := store.NewMemory()
	t.Cleanup(func() { _ = mem.Close() })
	return newRigOn(t, mem, declared...)
}

func newRigOn(t testing.TB, s store.Store, declared ...roles.Role) *rig {
	t.Helper()
	r := &rig{t: t, ctx: t.Context(), store: s, feed: store.NewFeed(s, store.FeedConfig{}), now: created}
	r.rec = roles.NewRecords(s, r.feed, 100)
	r.holders = store.NewCollection(s, r.feed, store.Schema[*holder]{
		Name:   "holders",
		Encode: func(h *holder) ([]byte, error) { return json.Marshal(h) },
		Decode: func(_ string, data []byte) (*holder, error) {
			h := new(holder)
			return h, json.Unmarshal(data, h)
		},
		Lookup: map[string]func(*holder) []string{"role": func(h *holder) []string { return h.Roles }},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.feed.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	<-r.feed.Ready()
	var err error
	if r.svc, err = roles.New(r.rec, declared, r.deps()); err != nil {
		t.Fatalf("New: %v", err)
	}
	return r
}

func (r *rig) deps() roles.Deps {
	return roles.Deps{Now: func() time.Time { return r.now }, InUse: func(ctx context.Context, role string) (string, error) {
		found, err := r.holders.Find(ctx, "role", role)
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return "holder " + found[0].ID, nil
		}
		if r.asked != nil {
			r.asked(role)
		}
		return "", nil
	}}
}

// hold writes a holder as RequireIn wants it done.
func (r *rig) hold(id string, names ...string) error {
	for {
		tx := store.NewTx()
		if _, err := r.svc.RequireIn(r.ctx, tx, names...); err != nil {
			return err
		}
		r.holders.CreateIn(tx, id, &holder{names})
		if _, err := store.Commit(r.ctx, r.store, r.feed, tx); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func (r *rig) mustHold(id string, names ...string) {
	r.t.Helper()
	if err := r.hold(id, names...); err != nil {
		r.t.Fatalf("writing holder %s of %q: %v", id, names, err)
	}
}

func (r *rig) release(id string) {
	r.t.Helper()
	if err := r.holders.Delete(r.ctx, id, 0); err != nil {
		r.t.Fatalf("deleting holder %s: %v", id, err)
	}
}

func (r *rig) create(name string, p roles.Permissions) store.Item[*roles.Role] {
	r.t.Helper()
	item, err := r.svc.Create(r.ctx, roles.Role{Name: name, Permissions: p})
	if err != nil {
		r.t.Fatalf("creating role %s: %v", name, err)
	}
	return item
}

func (r *rig) mustRole(name string) store.Item[*roles.Role] {
	r.t.Helper()
	item, err := r.svc.Role(r.ctx, name)
	if err != nil {
		r.t.Fatalf("Role(%q): %v", name, err)
	}
	return item
}

func (r *rig) resolve(names ...string) roles.Effective {
	r.t.Helper()
	e, err := r.svc.Resolve(r.ctx, names)
	if err != nil {
		r.t.Fatalf("Resolve(%q): %v", names, err)
	}
	return e
}

// corrupt replaces what the record of a role holds.
func (r *rig) corrupt(name, data string) {
	r.t.Helper()
	key := "roles/r/" + name
	kv, _, err := r.store.Get(r.ctx, key)
	if err != nil || kv.Revision == 0 {
		r.t.Fatalf("record %s: revision %d, %v", key, kv.Revision, err)
	}
	header, _, _ := bytes.Cut(kv.Value, []byte{'\n'})
	revision, err := r.store.Txn(r.ctx, nil, []store.Op{{Key: key, Value: append(append(bytes.Clone(header), '\n'), data...)}})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.feed.Wait(r.ctx, revision); err != nil {
		r.t.Fatal(err)
	}
}

func names(rs []*roles.Role) []string {
	out := []string{}
	for _, r := range rs {
		out = append(out, r.Name)
	}
	return out
}

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || !fault.Is(err, kind) {
		t.Fatalf("got error %v (kind %v), want kind %v", err, fault.KindOf(err), kind)
	}
}

func wantText(t testing.TB, err error, kind fault.Kind, text string) {
	t.Helper()
	wantKind(t, err, kind)
	if err.Error() != text {
		t.Errorf("got error %q, want %q", err, text)
	}
}

func wantUnknown(t testing.TB, err error, name string) {
	t.Helper()
	wantKind(t, err, fault.NotFound)
	var u *roles.UnknownError
	if !errors.As(err, &u) || u.Role != name {
		t.Fatalf("got error %v, want that %q is unknown", err, name)
	}
}

// reads counts what was asked of the store in memory.
func (r *rig) reads() int64 { return r.store.(*store.Memory).Reads() }
