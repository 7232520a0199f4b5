package authmethods_test

import (
	"strings"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// changes are all the changes that take a store.Match, each of an object that is there.
func changes(rig *rig) map[string]struct {
	revision func() int64
	do       func(store.Match) (int64, error)
} {
	type change = struct {
		revision func() int64
		do       func(store.Match) (int64, error)
	}
	ofType := func() int64 { item, _ := rig.svc.ServiceType(rig.ctx, "s1"); return item.Revision }
	ofMethod := func() int64 { item, _ := rig.svc.Method(rig.ctx, "s1", "host1"); return item.Revision }
	ofBinding := func() int64 { item, _ := rig.svc.Binding(rig.ctx, "b1"); return item.Revision }
	return map[string]change{
		"update_service_type": {ofType, func(m store.Match) (int64, error) {
			item, err := rig.svc.UpdateServiceType(rig.ctx, "s1", authmethods.ServiceTypePatch{}, m)
			return item.Revision, err
		}},
		"delete_service_type": {ofType, func(m store.Match) (int64, error) {
			item, err := rig.svc.DeleteServiceType(rig.ctx, "s1", m)
			return item.Revision, err
		}},
		"update_method": {ofMethod, func(m store.Match) (int64, error) {
			item, err := rig.svc.UpdateMethod(rig.ctx, "s1", "host1", authmethods.MethodPatch{}, m)
			return item.Revision, err
		}},
		"delete_method": {ofMethod, func(m store.Match) (int64, error) {
			item, err := rig.svc.DeleteMethod(rig.ctx, "s1", "host1", m)
			return item.Revision, err
		}},
		"update_binding": {ofBinding, func(m store.Match) (int64, error) {
			item, err := rig.svc.UpdateBinding(rig.ctx, "b1", authmethods.BindingPatch{}, m)
			return item.Revision, err
		}},
		"delete_binding": {ofBinding, func(m store.Match) (int64, error) {
			item, err := rig.svc.DeleteBinding(rig.ctx, "b1", m)
			return item.Revision, err
		}},
	}
}

// matchRig is a rig with one object of each kind.
func matchRig(t *testing.T) (*rig, *watchedStore) {
	t.Helper()
	rig, w := newWatchedRig(t)
	st := rig.serviceType("s1", authmethods.KindAPIKey, "host1")
	rig.apiKey("s1", "host1", 443, key)
	rig.bind(binding("b1", st, "host1", dn))
	return rig, w
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	for name := range changes(nil) {
		t.Run("A6_stale_"+name, func(t *testing.T) {
			t.Parallel()
			rig, _ := matchRig(t)
			c := changes(rig)[name]
			at := c.revision()
			for _, m := range []store.Match{{at - 1, at + 1}, {}} {
				_, err := c.do(m)
				wantKind(t, err, fault.Precondition)
				if c.revision() != at {
					t.Fatal("changed all the same")
				}
			}
			if revision, err := c.do(store.Match{at - 1, at}); err != nil || revision <= at {
				t.Fatalf("revision %d, %v", revision, err)
			}
		})
		// The object changes between the check and the transaction, and is still where it was.
		t.Run("A6_race_"+name, func(t *testing.T) {
			t.Parallel()
			rig, w := matchRig(t)
			c := changes(rig)[name]
			at := c.revision()
			touch := func([]store.Cond, []store.Op) {
				for _, err := range []error{
					second(rig.svc.UpdateServiceType(rig.ctx, "s1", authmethods.ServiceTypePatch{}, nil)),
					second(rig.svc.UpdateMethod(rig.ctx, "s1", "host1", authmethods.MethodPatch{}, nil)),
					second(rig.svc.UpdateBinding(rig.ctx, "b1", authmethods.BindingPatch{}, nil)),
				} {
					if err != nil {
						t.Error(err)
					}
				}
			}
			w.before.Store(&touch)
			_, err := c.do(store.Match{at})
			wantKind(t, err, fault.Precondition)
			if now := c.revision(); now <= at {
				t.Errorf("revision %d after %d", now, at)
			}
		})
	}
	t.Run("declared_is_read_only_first", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t, declared("a.corp"))
		_, err := rig.svc.UpdateServiceType(rig.ctx, "ams", authmethods.ServiceTypePatch{}, store.Match{1})
		wantKind(t, err, fault.Conflict)
		_, err = rig.svc.DeleteMethod(rig.ctx, "ams", "a.corp", store.Match{1})
		wantKind(t, err, fault.Conflict)
	})
	t.Run("missing_first", func(t *testing.T) {
		t.Parallel()
		rig, _ := matchRig(t)
		_, err := rig.svc.DeleteBinding(rig.ctx, "none", store.Match{1})
		wantKind(t, err, fault.NotFound)
	})
}

func second[T any](_ T, err error) error { return err }

// TestIfMatchNewerThanTheCache: a client may name a revision it got from another replica, which this one
// has not heard of yet. That is no reason to refuse it.
func TestIfMatchNewerThanTheCache(t *testing.T) {
	t.Parallel()
	for name := range changes(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig, w := matchRig(t)
			c := changes(rig)[name]
			seen := c.revision() // it is in the cache now
			rig.mem.HoldEvents(true)
			newest := rig.touch(name)
			if c.revision() != seen {
				t.Fatal("the cache is not behind")
			}
			release := func() { rig.mem.HoldEvents(false) }
			w.read.Store(&release)
			if revision, err := c.do(store.Match{newest}); err != nil || revision <= newest {
				t.Errorf("revision %d, %v", revision, err)
			}
		})
	}
}

// touch writes the object of a change once more, past this replica, and returns its revision.
func (r *rig) touch(change string) int64 {
	r.t.Helper()
	collection := map[string]string{"type": "service-types", "method": "auth-methods", "binding": "bindings"}[change[strings.LastIndexByte(change, '_')+1:]]
	kvs, _, err := r.mem.List(r.ctx, collection+"/r/")
	if err != nil || len(kvs) != 1 {
		r.t.Fatalf("%d records, %v", len(kvs), err)
	}
	revision, err := r.mem.Txn(r.ctx, nil, []store.Op{{Key: kvs[0].Key, Value: kvs[0].Value}})
	if err != nil {
		r.t.Fatal(err)
	}
	return revision
}
