package m2m_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/m2m"
	"github.com/authgate/authgate/roles"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/etcdembed"
)

// rig is one replica: a Service over a store, with its feed running.
type rig struct {
	t     testing.TB
	ctx   context.Context
	store store.Store
	feed  *store.Feed
	rec   *m2m.Records
	roles *roles.Service
	svc   *m2m.Service
}

// unasked stores configs without asking their issuers, and lets them give any role.
var unasked = m2m.WriteOptions{AnyRole: true}

// asked is unasked but asks.
var asked = m2m.WriteOptions{AnyRole: true, Validate: true}

func newRig(t testing.TB, declared ...m2m.Declared) *rig {
	t.Helper()
	mem := store.NewMemory()
	t.Cleanup(func() { _ = mem.Close() })
	r := newRigOn(t, mem)
	r.svc = r.configure(m2m.Deps{}, declared...)
	return r
}

func newRigOn(t testing.TB, s store.Store) *rig {
	t.Helper()
	r := &rig{t: t, ctx: t.Context(), store: s, feed: store.NewFeed(s, store.FeedConfig{})}
	r.rec = m2m.NewRecords(s, r.feed, 100)
	recRoles := roles.NewRecords(s, r.feed, 100)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.feed.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	<-r.feed.Ready()
	var err error
	r.roles, err = roles.New(recRoles, []roles.Role{{Name: "Deployer"}}, roles.Deps{Now: time.Now, InUse: r.rec.InUse})
	if err != nil {
		t.Fatal(err)
	}
	r.svc = r.configure(m2m.Deps{})
	return r
}

// configure is another configuration over the same records.
func (r *rig) configure(deps m2m.Deps, declared ...m2m.Declared) *m2m.Service {
	r.t.Helper()
	svc, err := r.tryConfigure(deps, declared...)
	if err != nil {
		r.t.Fatalf("New: %v", err)
	}
	return svc
}

func (r *rig) tryConfigure(deps m2m.Deps, declared ...m2m.Declared) (*m2m.Service, error) {
	deps.Now, deps.Roles = time.Now, r.roles
	return m2m.New(r.rec, declared, deps)
}

// onBoth runs test with two replicas of a store in memory, and of an etcd.
func onBoth(t *testing.T, test func(t *testing.T, one, two *rig)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		mem := store.NewMemory()
		t.Cleanup(func() { _ = mem.Close() })
		test(t, newRigOn(t, mem), newRigOn(t, mem))
	})
	t.Run("etcd", func(t *testing.T) {
		t.Parallel()
		server, err := etcdembed.Start(etcdembed.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
		open := func() *rig {
			s := server.Store("/authgate/")
			t.Cleanup(func() { _ = s.Close() })
			return newRigOn(t, s)
		}
		test(t, open(), open())
	})
}

const (
	issuer  = "https://idp.example"
	unknown = "80c053c2-24a7-4b97-bd69-85b3a511241e" // a UUID of no config
)

// generic is a valid config.
func generic(change ...func(*m2m.Config)) *m2m.Config {
	c := &m2m.Config{
		Type: m2m.TypeGeneric, TokenExpirationDuration: "5m", Issuer: issuer,
		Mappings: []m2m.Mapping{{Key: "sub", ValueExpression: "^user-1$", Role: roles.Analyst}},
	}
	for _, f := range change {
		f(c)
	}
	return c
}

func of(iss string) func(*m2m.Config) { return func(c *m2m.Config) { c.Issuer = iss } }

func gives(names ...string) func(*m2m.Config) {
	return func(c *m2m.Config) {
		c.Mappings = nil
		for _, name := range names {
			c.Mappings = append(c.Mappings, m2m.Mapping{Key: "sub", ValueExpression: "^user-1$", Role: name})
		}
	}
}

func mapping(mappings ...m2m.Mapping) func(*m2m.Config) {
	return func(c *m2m.Config) { c.Mappings = mappings }
}

func (r *rig) create(v *m2m.Config) store.Item[*m2m.Config] {
	r.t.Helper()
	item, err := r.svc.Create(r.ctx, v, unasked)
	if err != nil {
		r.t.Fatalf("Create(%q): %v", v.Issuer, err)
	}
	return item
}

func (r *rig) get(id string) store.Item[*m2m.Config] {
	r.t.Helper()
	item, err := r.svc.Get(r.ctx, id)
	if err != nil {
		r.t.Fatalf("Get(%q): %v", id, err)
	}
	return item
}

func (r *rig) role(name string, p roles.Permissions) {
	r.t.Helper()
	if _, err := r.roles.Create(r.ctx, roles.Role{Name: name, Permissions: p}); err != nil {
		r.t.Fatalf("creating role %q: %v", name, err)
	}
}

// wantConfigs fails the test unless these are all configs, by id and in any order.
func (r *rig) wantConfigs(ids ...string) {
	r.t.Helper()
	items, err := r.svc.List(r.ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	found := map[string]bool{}
	for _, item := range items {
		found[item.ID] = true
	}
	for _, id := range ids {
		if !found[id] {
			r.t.Errorf("config %s is not listed", id)
		}
	}
	if len(items) != len(ids) {
		r.t.Errorf("got %d configs, want %d", len(items), len(ids))
	}
}

// corrupt replaces what the record of a config holds.
func (r *rig) corrupt(id, data string) { r.t.Helper(); r.overwrite("m2m-configs/r/"+id, data) }

// mark leaves a role as one whose deletion was begun and not finished.
func (r *rig) mark(role string) {
	r.t.Helper()
	r.overwrite("roles/r/"+role, `{"v":1,"deleting":true}`)
}

func (r *rig) overwrite(key, data string) {
	r.t.Helper()
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

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || !fault.Is(err, kind) {
		t.Fatalf("got error %v (kind %v), want kind %v", err, fault.KindOf(err), kind)
	}
}

// wantError fails the test unless a client would get this code and text.
func wantError(t testing.TB, err error, kind fault.Kind, code int, text string) {
	t.Helper()
	wantKind(t, err, kind)
	var told *m2m.Error
	if !errors.As(err, &told) || told.Code != code || told.Message != text || err.Error() != text {
		t.Fatalf("got error %v\nwant %d %s", err, code, text)
	}
}

func wantInvalid(t testing.TB, err error, text string) {
	t.Helper()
	wantError(t, err, fault.Invalid, m2m.CodeInvalidArgument, text)
}

func wantAbsent(t testing.TB, err error, id string) {
	t.Helper()
	wantError(t, err, fault.NotFound, m2m.CodeNotFound, `auth machine to machine config with id "`+id+`"`)
}
