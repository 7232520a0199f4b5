package authmethods_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// TestDeleteServiceTypeTakesBindings: more bindings than one transaction takes go with their service type,
// the broken ones too (D5), and no others.
func TestDeleteServiceTypeTakesBindings(t *testing.T) {
	t.Parallel()
	rig, w := newWatchedRig(t)
	hosts := names(60)
	big, other := rig.serviceType("big", authmethods.KindAPIKey, hosts...), rig.serviceType("other", authmethods.KindAPIKey, hosts...)
	for i, host := range hosts {
		b := rig.bind(binding(fmt.Sprintf("b%02d", i), big, host, dn))
		note := store.Op{Key: "bindings-without-san/r/" + b.ID, Value: []byte("{\"v\":1}\n{}")}
		if _, err := rig.mem.Txn(rig.ctx, nil, []store.Op{note}); err != nil {
			t.Fatal(err)
		}
		rig.apiKey("big", host, 443, key)
	}
	rig.bind(binding("stays", other, hosts[0], dn))
	broken, err := rig.svc.Binding(rig.ctx, "b07")
	if err != nil {
		t.Fatal(err)
	}
	rig.corrupt("bindings", broken.ID, "{")
	w.largest.Store(0)
	if _, err := rig.svc.DeleteServiceType(rig.ctx, "big", nil); err != nil {
		t.Fatal(err)
	}
	if n := w.largest.Load(); n > 128 {
		t.Errorf("a transaction had %d operations, etcd takes 128", n)
	}
	items, err := rig.svc.Bindings(rig.ctx)
	wantNames(t, bindingNames(t, items, err), "stays")
	kvs, _, err := rig.mem.List(rig.ctx, "bindings/")
	if err != nil || len(kvs) != 5 {
		t.Errorf("%d keys left, want one record and its four index entries; %v", len(kvs), err)
	}
	if kvs, _, err := rig.mem.List(rig.ctx, "bindings-without-san/"); err != nil || len(kvs) != 0 {
		t.Errorf("%d notes left, %v", len(kvs), err)
	}
}

// TestDeleteServiceTypeRacesBinding: a binding written between the look at what is below a service type
// and its deletion does not survive it.
func TestDeleteServiceTypeRacesBinding(t *testing.T) {
	t.Parallel()
	rig, w := newWatchedRig(t)
	st := rig.serviceType("s", authmethods.KindAPIKey, "h")
	create := func([]store.Cond, []store.Op) { rig.bind(binding("b", st, "h", dn)) }
	w.before.Store(&create)
	if _, err := rig.svc.DeleteServiceType(rig.ctx, "s", nil); err != nil {
		t.Fatal(err)
	}
	items, err := rig.svc.Bindings(rig.ctx)
	wantNames(t, bindingNames(t, items, err))
}

// TestDeleteServiceTypeStopsHalfway: what is left after a failure can be deleted by asking again.
func TestDeleteServiceTypeStopsHalfway(t *testing.T) {
	t.Parallel()
	rig, w := newWatchedRig(t)
	st := rig.serviceType("s", authmethods.KindAPIKey, "h")
	for i := range 30 {
		rig.bind(binding(fmt.Sprintf("b%02d", i), st, "h", fmt.Sprintf("CN=%d", i)))
	}
	ctx, cancel := context.WithCancel(rig.ctx)
	leave := func([]store.Cond, []store.Op) { w.before.Store(ptr(func([]store.Cond, []store.Op) { cancel() })) }
	w.before.Store(&leave)
	_, err := rig.svc.DeleteServiceType(ctx, "s", nil)
	wantKind(t, err, fault.Unavailable)
	items, err := rig.svc.Bindings(rig.ctx)
	if n := len(bindingNames(t, items, err)); n == 0 || n == 30 {
		t.Fatalf("%d bindings left: it did not stop halfway", n)
	}
	if _, err := rig.svc.DeleteServiceType(rig.ctx, "s", nil); err != nil {
		t.Fatal(err)
	}
	items, err = rig.svc.Bindings(rig.ctx)
	wantNames(t, bindingNames(t, items, err))
}
