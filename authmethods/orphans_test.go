package authmethods_test

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

// cutAfter makes the store readable no more once the next transaction is done.
func (w *watchedStore) cutAfter(rig *rig, first func()) {
	cut := func([]store.Cond, []store.Op) {
		first()
		rig.mem.FailReads(errStub)
	}
	w.before.Store(&cut)
}

// TestDeleteBindingIsOneStep: a deletion that has happened is not answered as one that failed, and the note
// on the binding goes in the same transaction.
func TestDeleteBindingIsOneStep(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig, w := newWatchedRig(t)
	rig.svc = rig.configureWith(authmethods.Declared{}, e.deps())
	st := rig.serviceType("ext", authmethods.KindAPIKey, e.host)
	rig.method("ext", authmethods.Method{
		Host: e.host, Port: e.port, Path: tokenPath, RetrievalField: "token", AccessKey: secret.New(storedSecret),
	})
	rig.bind(binding("b", st, e.host, dn))
	if _, err := rig.svc.TokenFor(rig.ctx, "ext", e.host, authmethods.CertIdentity{DN: dn}); err != nil {
		t.Fatal(err)
	}
	if kvs, _, err := rig.mem.List(rig.ctx, "bindings-without-san/"); err != nil || len(kvs) != 1 {
		t.Fatalf("%d notes, %v", len(kvs), err)
	}
	w.cutAfter(rig, func() {})
	item, err := rig.svc.DeleteBinding(rig.ctx, "b", nil)
	if err != nil || item.Revision == 0 {
		t.Errorf("a deletion that happened: revision %d, %v", item.Revision, err)
	}
	rig.mem.FailReads(nil)
	for _, collection := range []string{"bindings/", "bindings-without-san/"} {
		if kvs, _, err := rig.mem.List(rig.ctx, collection); err != nil || len(kvs) != 0 {
			t.Errorf("%d keys left in %s, %v", len(kvs), collection, err)
		}
	}
}

// TestDeleteServiceTypeLeavesOrphans: the service type is gone and the sweep after it fails: that is a
// success, what is left has no effect on a service type of the same name, and goes with the next one.
func TestDeleteServiceTypeLeavesOrphans(t *testing.T) {
	t.Parallel()
	rig, w := newWatchedRig(t)
	core, logs := observer.New(zap.WarnLevel)
	rig.svc = rig.configureWith(authmethods.Declared{}, authmethods.Deps{Now: time.Now, Logger: zap.New(core)})
	st := rig.serviceType("s", authmethods.KindAPIKey, "h")
	w.cutAfter(rig, func() {
		rig.apiKey("s", "h", 443, key)
		rig.bind(binding("b", st, "h", dn))
	})
	item, err := rig.svc.DeleteServiceType(rig.ctx, "s", nil)
	rig.mem.FailReads(nil)
	if err != nil || item.ID != st.UUID || item.Revision == 0 {
		t.Fatalf("a deletion that happened: %+v, %v", item, err)
	}
	if logs.Len() != 1 || logs.All()[0].ContextMap()["service_type"] != "s" {
		t.Errorf("logged %v", logs.All())
	}
	rig = newRigOn(t, w, authmethods.Declared{}) // another replica, to which the store has not just failed
	rig.mem = w.Store.(*store.Memory)
	again := rig.serviceType("s", authmethods.KindAPIKey, "h")
	if again.UUID == st.UUID {
		t.Fatal("an id came back")
	}
	methods, err := rig.svc.Methods(rig.ctx)
	if err != nil || len(methods) != 1 {
		t.Fatalf("%d methods shown, %v", len(methods), err)
	}
	_, err = rig.svc.Method(rig.ctx, "s", "h")
	wantKind(t, err, fault.NotFound)
	r := outgoing("https://h/")
	got, err := rig.svc.Injector("", authmethods.InjectOptions{}).Inject(rig.ctx, r, targetOf(t, r), nil)
	if err == nil || got.Any() || len(r.Header) != 0 {
		t.Errorf("attached: %v, %v, %v", got.Any(), err, r.Header)
	}
	if _, err := rig.svc.DeleteServiceType(rig.ctx, "s", nil); err != nil {
		t.Fatal(err)
	}
	for _, collection := range []string{"service-types/", "auth-methods/", "bindings/"} {
		if kvs, _, err := rig.mem.List(rig.ctx, collection); err != nil || len(kvs) != 0 {
			t.Errorf("%d keys left in %s, %v", len(kvs), collection, err)
		}
	}
}

// TestSweepSparesDeclared: what is stored below a declared service type stays when a service type goes,
// also while the file does not declare it.
func TestSweepSparesDeclared(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	declaring := rig.configure(authmethods.Declared{ServiceTypes: []authmethods.ServiceType{serviceType("d", authmethods.KindAPIKey, "h")}})
	if _, err := declaring.CreateMethod(rig.ctx, "d", authmethods.Method{Host: "h", Port: 443, AccessKey: secret.New(key)}); err != nil {
		t.Fatal(err)
	}
	rig.serviceType("s", authmethods.KindAPIKey, "h")
	if _, err := rig.svc.DeleteServiceType(rig.ctx, "s", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := declaring.Method(rig.ctx, "d", "h"); err != nil {
		t.Error(err)
	}
}
