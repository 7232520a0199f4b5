package roles_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/roles"
	"github.com/authgate/authgate/store"
)

// wantInUse fails the test unless err says that a holder refers to the role.
func wantInUse(t *testing.T, err error, role, by string) {
	t.Helper()
	wantText(t, err, fault.Conflict, `role "`+role+`" is referenced by another object: `+by)
	var u *roles.InUseError
	if !errors.As(err, &u) || u.Role != role || u.By != by {
		t.Errorf("%#v", u)
	}
}

// Cases 28 and 29 of specs/m2m.md section 7.
func TestRoleInUse(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	wantUnknown(t, rig.hold("h", "Admin", "R"), "R")
	item := rig.create("R", nil)
	rig.mustHold("h", "Admin", "R", "R")
	wantInUse(t, rig.svc.Delete(t.Context(), "R", nil), "R", "holder h")
	wantInUse(t, rig.svc.Delete(t.Context(), "R", store.Match{item.Revision}), "R", "holder h")
	if got := rig.mustRole("R").Revision; got != item.Revision {
		t.Error("a deletion that was refused has changed the role")
	}
	// A6
	wantKind(t, rig.svc.Delete(t.Context(), "R", store.Match{item.Revision + 1}), fault.Precondition)
	rig.release("h")
	wantKind(t, rig.svc.Delete(t.Context(), "R", store.Match{item.Revision + 1}), fault.Precondition)
	wantKind(t, rig.svc.Delete(t.Context(), "R", store.Match{}), fault.Precondition)
	if err := rig.svc.Delete(t.Context(), "R", store.Match{item.Revision}); err != nil {
		t.Errorf("after the holder is gone: %v", err)
	}
	_, err := rig.svc.Role(t.Context(), "R")
	wantUnknown(t, err, "R")
	wantUnknown(t, rig.hold("h2", "R"), "R")
}

// during runs what happens in the n-th pause of Delete between finding no holder and acting on it: the first
// is before the mark, the second behind it.
func (r *rig) during(n int, do func()) {
	r.asked = func(string) {
		if n--; n == 0 {
			do()
		}
	}
}

// A holder may be written at any moment of a deletion: before the mark it is found, behind it it ends the
// deletion. It is written by another replica, which this one has to hear of.
func TestHolderDuringDeletion(t *testing.T) {
	t.Parallel()
	for pause, name := range []string{1: "before the mark", 2: "behind the mark"} {
		if name == "" {
			continue
		}
		for _, conditional := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				one := newRig(t)
				two := newRigOn(t, one.store)
				var match store.Match
				if item := one.create("R", roles.Permissions{"Keys": roles.ReadAccess}); conditional {
					match = store.Match{item.Revision}
				}
				one.during(pause, func() { two.mustHold("h", "R") })
				wantInUse(t, one.svc.Delete(t.Context(), "R", match), "R", "holder h")
				if r := two.mustRole("R").Value; !r.Permissions.Allows("Keys", roles.ReadAccess) || !r.UpdatedOn.IsZero() {
					t.Errorf("the role is not what it was: %+v", r)
				}
				two.release("h")
				one.asked = nil
				if err := one.svc.Delete(t.Context(), "R", nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// A holder whose transaction was made before the mark is refused behind it, and then finds the role gone.
func TestDeletionDuringHolder(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]bool{"and it succeeds": true, "and it stops behind the mark": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := newRig(t)
			two := newRigOn(t, one.store)
			one.create("R", nil)
			tx := store.NewTx()
			if _, err := two.svc.RequireIn(t.Context(), tx, "R"); err != nil {
				t.Fatal(err)
			}
			two.holders.CreateIn(tx, "h", &holder{[]string{"R"}})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if !finish {
				one.during(2, cancel)
			}
			if err := one.svc.Delete(ctx, "R", nil); (err == nil) != finish {
				t.Fatalf("Delete: %v", err)
			}
			if _, err := store.Commit(t.Context(), two.store, two.feed, tx); !errors.Is(err, store.ErrConflict) {
				t.Errorf("Commit: %v, want a conflict", err)
			}
			if finish {
				wantUnknown(t, two.hold("h", "R"), "R")
				return
			}
			// What a deletion that never ended has left behind is an ordinary role.
			if e := two.resolve("R"); !slices.Equal(names(e.Roles), []string{"R"}) {
				t.Errorf("roles %v", names(e.Roles))
			}
			two.mustHold("h", "R")
			wantInUse(t, two.svc.Delete(t.Context(), "R", nil), "R", "holder h")
			revision := two.mustRole("R").Revision
			two.mustHold("h2", "R")
			if two.mustRole("R").Revision != revision {
				t.Error("the mark is still there: holders contend for the role")
			}
			two.release("h")
			two.release("h2")
			if err := two.svc.Delete(t.Context(), "R", nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// An update behind the mark makes the role one that is not to be deleted at the revision the client knew, and
// one that may well be if it named none.
func TestUpdateDuringDeletion(t *testing.T) {
	t.Parallel()
	for _, conditional := range []bool{false, true} {
		one := newRig(t)
		two := newRigOn(t, one.store)
		var match store.Match
		if item := one.create("R", nil); conditional {
			match = store.Match{item.Revision}
		}
		one.during(2, func() {
			if _, err := two.svc.Update(t.Context(), "R", roles.Role{Description: "new"}, nil); err != nil {
				t.Error(err)
			}
		})
		err := one.svc.Delete(t.Context(), "R", match)
		if conditional {
			wantKind(t, err, fault.Precondition)
			if got := two.mustRole("R").Value.Description; got != "new" {
				t.Errorf("the role is %q", got)
			}
			continue
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// Of two deletions one does it.
func TestDeletionDuringDeletion(t *testing.T) {
	t.Parallel()
	for pause := 1; pause <= 2; pause++ {
		one := newRig(t)
		two := newRigOn(t, one.store)
		one.create("R", nil)
		one.during(pause, func() {
			if err := two.svc.Delete(t.Context(), "R", nil); err != nil {
				t.Error(err)
			}
		})
		wantUnknown(t, one.svc.Delete(t.Context(), "R", nil), "R")
	}
}

// D5: a role that cannot be read can be deleted, and is never read as one without permissions on the way.
func TestD5_UnreadableRoleCanBeDeleted(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.create("R", nil)
	rig.mustHold("h", "R")
	rig.corrupt("R", `{"v":2}`)
	wantInUse(t, rig.svc.Delete(t.Context(), "R", nil), "R", "holder h")
	rig.release("h")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rig.during(2, cancel)
	if err := rig.svc.Delete(ctx, "R", nil); err == nil {
		t.Fatal("it was deleted")
	}
	_, err := rig.svc.Resolve(t.Context(), []string{"R"})
	wantKind(t, err, fault.Unavailable)
	wantKind(t, rig.hold("h", "R"), fault.Unavailable)
	if items, err := rig.svc.Roles(t.Context()); err != nil || items[4].Err == nil || items[4].Value != nil {
		t.Errorf("list: %+v, %v", items, err)
	}
	if err := rig.svc.Delete(t.Context(), "R", nil); err != nil {
		t.Errorf("Delete: %v", err)
	}
	_, err = rig.svc.Role(t.Context(), "R")
	wantUnknown(t, err, "R")
}

// Whoever cannot say whether a role is in use has not said that it is not.
func TestInUseThatCannotTell(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.create("R", nil)
	for name, tt := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"outage":            {store.ErrUnavailable, fault.Unavailable},
		"absent, but what?": {store.ErrNotFound, fault.Unavailable},
		"conflict":          {store.ErrConflict, fault.Unavailable},
		"for a client":      {fault.New(fault.Invalid, "", "", "no"), fault.Internal},
	} {
		deps := rig.deps()
		deps.InUse = func(context.Context, string) (string, error) { return "", tt.err }
		svc, err := roles.New(rig.rec, nil, deps)
		if err != nil {
			t.Fatal(err)
		}
		if err := svc.Delete(t.Context(), "R", nil); fault.KindOf(err) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	rig.mustRole("R")
}

// A replica whose watch brings nothing cannot tell whether somebody has just begun to refer to the role: what
// it has in memory says nobody does.
func TestReplicaThatHearsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one := newRig(t)
		two := newRigOn(t, one.store)
		one.create("R", nil)
		if by, err := one.deps().InUse(t.Context(), "R"); by != "" || err != nil {
			t.Fatal(by, err)
		}
		one.during(1, func() {
			one.store.(*store.Memory).HoldEvents(true)
			two.mustHold("h", "R")
		})
		wantKind(t, one.svc.Delete(t.Context(), "R", nil), fault.Unavailable)
		wantFound(t, one.store, "R", true)
		wantKind(t, one.svc.Delete(t.Context(), "R", nil), fault.Unavailable)
		one.store.(*store.Memory).HoldEvents(false)
		wantInUse(t, one.svc.Delete(t.Context(), "R", nil), "R", "holder h")
	})
}
