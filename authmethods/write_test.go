package authmethods_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

// watchedStore counts what etcd would refuse and lets a test act just before a transaction.
type watchedStore struct {
	store.Store
	largest atomic.Int64
	before  atomic.Pointer[func(conds []store.Cond, ops []store.Op)]
	read    atomic.Pointer[func()] // called after the next Get
}

func (w *watchedStore) Get(ctx context.Context, key string) (store.KV, int64, error) {
	if f := w.read.Swap(nil); f != nil {
		defer (*f)()
	}
	return w.Store.Get(ctx, key)
}

func (w *watchedStore) Txn(ctx context.Context, conds []store.Cond, ops []store.Op) (int64, error) {
	w.largest.Store(max(w.largest.Load(), int64(len(conds)), int64(len(ops))))
	if f := w.before.Swap(nil); f != nil {
		(*f)(conds, ops)
	}
	return w.Store.Txn(ctx, conds, ops)
}

func newWatchedRig(t *testing.T) (*rig, *watchedStore) {
	t.Helper()
	mem := store.NewMemory()
	w := &watchedStore{Store: mem}
	rig := newRigOn(t, w, authmethods.Declared{})
	rig.mem = mem
	return rig, w
}

func names(n int) []string {
	hosts := make([]string, n)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("h%02d.corp", i)
	}
	return hosts
}

// TestDeleteServiceTypeCascades: nothing of a deleted service type remains, and no transaction is larger
// than etcd takes (128 operations), even for the largest service type.
func TestDeleteServiceTypeCascades(t *testing.T) {
	t.Parallel()
	rig, w := newWatchedRig(t)
	hosts := names(60)
	rig.serviceType("big", authmethods.KindAPIKey, hosts...)
	rig.serviceType("other", authmethods.KindAPIKey, hosts...)
	for _, host := range hosts {
		rig.apiKey("big", host, 443, key)
	}
	rig.apiKey("other", hosts[0], 443, key)
	rig.corrupt("auth-methods", rig.id("big", hosts[1]), "{") // D5: it must not stay behind either
	if _, err := rig.svc.DeleteServiceType(rig.ctx, "big", nil); err != nil {
		t.Fatal(err)
	}
	left, err := rig.svc.Methods(rig.ctx)
	if err != nil || len(left) != 1 || left[0].Err != nil || left[0].Value.Host != hosts[0] {
		t.Errorf("left: %v, %v", left, err)
	}
	other := names(60)
	for i := range other {
		other[i] = "x" + other[i]
	}
	update(rig, "other", authmethods.ServiceTypePatch{Hosts: &other}) // all hosts change at once
	if n := w.largest.Load(); n > 128 {
		t.Errorf("a transaction had %d operations", n)
	}
	_, err = rig.svc.ServiceType(rig.ctx, "big")
	wantKind(t, err, fault.NotFound)
}

// TestDeleteServiceTypeRacesCreation: a method written between the look at what is below a service type
// and its deletion does not survive it.
func TestDeleteServiceTypeRacesCreation(t *testing.T) {
	t.Parallel()
	rig, w := newWatchedRig(t)
	rig.serviceType("s", authmethods.KindAPIKey, "h")
	create := func([]store.Cond, []store.Op) { rig.apiKey("s", "h", 443, key) }
	w.before.Store(&create)
	if _, err := rig.svc.DeleteServiceType(rig.ctx, "s", nil); err != nil {
		t.Fatal(err)
	}
	if left, err := rig.svc.Methods(rig.ctx); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestCreateMethodRacesDeletion: the service type goes between its check and the method's transaction.
func TestCreateMethodRacesDeletion(t *testing.T) {
	t.Parallel()
	rig, w := newWatchedRig(t)
	rig.serviceType("s", authmethods.KindAPIKey, "h")
	remove := func([]store.Cond, []store.Op) {
		if _, err := rig.svc.DeleteServiceType(rig.ctx, "s", nil); err != nil {
			t.Error(err)
		}
	}
	w.before.Store(&remove)
	_, err := rig.svc.CreateMethod(rig.ctx, "s", authmethods.Method{Host: "h", Port: 443, AccessKey: secret.New(key)})
	wantKind(t, err, fault.NotFound)
	wantText(t, err, "Service-type was not found")
	if left, err := rig.svc.Methods(rig.ctx); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestCreateMethodRacesHostRemoval: a concurrent change of the service type is judged, not overwritten.
func TestCreateMethodRacesHostRemoval(t *testing.T) {
	t.Parallel()
	rig, w := newWatchedRig(t)
	rig.serviceType("s", authmethods.KindAPIKey, "h")
	hosts := []string{"other"}
	remove := func([]store.Cond, []store.Op) { update(rig, "s", authmethods.ServiceTypePatch{Hosts: &hosts}) }
	w.before.Store(&remove)
	_, err := rig.svc.CreateMethod(rig.ctx, "s", authmethods.Method{Host: "h", Port: 443, AccessKey: secret.New(key)})
	wantText(t, err, "Host was not found")
}

// TestParallelCreates: of twenty equal creations one succeeds, the others are told that it exists.
func TestParallelCreates(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	rig.serviceType("s", authmethods.KindAPIKey, "h")
	creations := map[string]func() error{
		"service_type": func() error {
			_, err := rig.svc.CreateServiceType(rig.ctx, serviceType("n", authmethods.KindAPIKey, "x"))
			return err
		},
		"method": func() error {
			_, err := rig.svc.CreateMethod(rig.ctx, "s", authmethods.Method{Host: "h", Port: 443, AccessKey: secret.New(key)})
			return err
		},
	}
	for name, create := range creations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var done sync.WaitGroup
			var created, existing atomic.Int32
			for range 20 {
				done.Go(func() {
					switch err := create(); {
					case err == nil:
						created.Add(1)
					case fault.Is(err, fault.Exists):
						existing.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			done.Wait()
			if created.Load() != 1 || existing.Load() != 19 {
				t.Errorf("%d created, %d exist", created.Load(), existing.Load())
			}
		})
	}
}

func TestUpdateMethodMoves(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	rig.serviceType("one", authmethods.KindAPIKey, "a", "b")
	two := rig.serviceType("two", authmethods.KindAPIKey, "b", "c")
	headed := rig.serviceType("headed", authmethods.KindHeaders, "a", "b")
	was := rig.apiKey("one", "a", 1, key)
	rig.apiKey("one", "b", 1, key)
	rig.headers("headed", "b", 1, map[string]string{"X-T": key})
	text := func(s string) *string { return &s }
	move := func(p authmethods.MethodPatch) error {
		_, err := rig.svc.UpdateMethod(rig.ctx, "one", "a", p, nil)
		return err
	}
	wantText(t, move(authmethods.MethodPatch{ServiceUUID: text("nobody")}), "Service-type was not found")
	wantText(t, move(authmethods.MethodPatch{ServiceUUID: text(two.UUID)}), "Host was not found")
	wantText(t, move(authmethods.MethodPatch{Host: text("b")}), "Auth method object with host: b already exists")
	wantText(t, move(authmethods.MethodPatch{ServiceUUID: text(headed.UUID), Host: text("b")}), "Auth method object with host: b already exists")
	wantText(t, move(authmethods.MethodPatch{ServiceUUID: text(headed.UUID)}),
		"Field: service_uuid contains invalid data. The service type's auth_method is headers, not api-key")
	if err := move(authmethods.MethodPatch{ServiceUUID: text(two.UUID), Host: text("c")}); err != nil {
		t.Fatal(err)
	}
	_, err := rig.svc.Method(rig.ctx, "one", "a")
	wantText(t, err, "Auth method was not found")
	if moved, err := rig.svc.Method(rig.ctx, "two", "c"); err != nil || moved.ID != was.UUID || !moved.Value.CreatedOn.Equal(was.CreatedOn) {
		t.Errorf("moved: %+v, %v", moved.Value, err)
	}
}

// TestKindSwitch: methods of the former kind are out of reach and come back; one that blocks its host
// can be deleted all the same.
func TestKindSwitch(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	rig.serviceType("s", authmethods.KindAPIKey, "a", "b")
	rig.apiKey("s", "a", 1, key)
	rig.apiKey("s", "b", 1, key)
	kind := authmethods.KindHeaders
	update(rig, "s", authmethods.ServiceTypePatch{AuthMethod: &kind})
	_, err := rig.svc.Method(rig.ctx, "s", "a")
	wantText(t, err, "Auth method was not found")
	_, err = rig.svc.UpdateMethod(rig.ctx, "s", "a", authmethods.MethodPatch{}, nil)
	wantText(t, err, "Auth method was not found")
	if all, err := rig.svc.Methods(rig.ctx); err != nil || len(all) != 2 {
		t.Errorf("methods: %v, %v", all, err)
	}
	if _, err := rig.svc.DeleteMethod(rig.ctx, "s", "a", nil); err != nil {
		t.Fatal(err)
	}
	rig.headers("s", "a", 1, map[string]string{"X-T": key})
	kind = authmethods.KindAPIKey
	update(rig, "s", authmethods.ServiceTypePatch{AuthMethod: &kind})
	if _, err := rig.svc.Method(rig.ctx, "s", "b"); err != nil {
		t.Errorf("after switching back: %v", err)
	}
}

// TestBrokenRecords: what cannot be read is an internal error where it is asked for, is listed with its
// error, and can be deleted.
func TestBrokenRecords(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	st := rig.serviceType("s", authmethods.KindAPIKey, "a")
	m := rig.apiKey("s", "a", 1, key)
	rig.corrupt("auth-methods", m.UUID, `{"v":1,"access_key":"`+key+`"}`)
	_, err := rig.svc.Method(rig.ctx, "s", "a")
	wantKind(t, err, fault.Internal, key)
	if all, err := rig.svc.Methods(rig.ctx); err != nil || len(all) != 1 || all[0].Err == nil {
		t.Errorf("methods: %v, %v", all, err)
	}
	if _, err := rig.svc.DeleteMethod(rig.ctx, "s", "a", nil); err != nil {
		t.Fatal(err)
	}
	rig.corrupt("service-types", st.UUID, `{"v":9}`)
	_, err = rig.svc.ServiceType(rig.ctx, "s")
	wantKind(t, err, fault.Internal)
	_, err = rig.svc.UpdateServiceType(rig.ctx, "s", authmethods.ServiceTypePatch{}, nil)
	wantKind(t, err, fault.Internal)
	if all, err := rig.svc.ServiceTypes(rig.ctx); err != nil || len(all) != 1 || all[0].Err == nil {
		t.Errorf("service types: %v, %v", all, err)
	}
	if _, err := rig.svc.DeleteServiceType(rig.ctx, "s", nil); err != nil {
		t.Fatal(err)
	}
	rig.serviceType("s", authmethods.KindAPIKey, "a")
}

// TestStoreDown: D2: every call says so, with a kind that is neither the client's fault nor an absence.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	rig.serviceType("s", authmethods.KindAPIKey, "a")
	down := errors.New("down")
	rig.mem.FailReads(down)
	rig.mem.FailWrites(down)
	calls := map[string]func() error{
		"list types": func() error { _, err := rig.svc.ServiceTypes(rig.ctx); return err },
		"type":       func() error { _, err := rig.svc.ServiceType(rig.ctx, "unseen"); return err },
		"create type": func() error {
			_, err := rig.svc.CreateServiceType(rig.ctx, serviceType("n", "api-key", "h"))
			return err
		},
		"update type": func() error {
			_, err := rig.svc.UpdateServiceType(rig.ctx, "s", authmethods.ServiceTypePatch{}, nil)
			return err
		},
		"delete type":  func() error { _, err := rig.svc.DeleteServiceType(rig.ctx, "s", nil); return err },
		"list methods": func() error { _, err := rig.svc.Methods(rig.ctx); return err },
		"method":       func() error { _, err := rig.svc.Method(rig.ctx, "s", "a"); return err },
		"create method": func() error {
			_, err := rig.svc.CreateMethod(rig.ctx, "s", authmethods.Method{Host: "a", Port: 1, AccessKey: secret.New(key)})
			return err
		},
		"delete method": func() error { _, err := rig.svc.DeleteMethod(rig.ctx, "s", "a", nil); return err },
		"shadowed": func() error {
			_, err := rig.configure(declared("a")).Shadowed(rig.ctx)
			return err
		},
	}
	for name, call := range calls {
		if err := call(); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v (kind %v)", name, err, fault.KindOf(err))
		}
	}
}
