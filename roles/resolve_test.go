package roles_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/roles"
	"github.com/authgate/authgate/store"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	rig := newRig(t, roles.Role{Name: "Deployer", Permissions: roles.Permissions{"AuthMethods": roles.ReadAccess}})
	rig.create("Writer", roles.Permissions{"AuthMethods": roles.ReadWriteAccess, "Keys": roles.ReadAccess})
	rig.create("Auditor", roles.Permissions{"Audit": roles.ReadAccess})
	type p = roles.Permissions
	all, read := p{}, p{}
	for _, r := range roles.Resources() {
		all[r], read[r] = roles.ReadWriteAccess, roles.ReadAccess
	}
	for _, tt := range []struct {
		name  string
		names []string
		roles []string
		want  p
	}{
		{"nothing", nil, nil, p{}},
		{"Admin", []string{"Admin"}, []string{"Admin"}, all},
		{"Analyst", []string{"Analyst"}, []string{"Analyst"}, read},
		{"CI may nothing here", []string{"Continuous Integration"}, []string{"Continuous Integration"}, p{}},
		{"None is never effective", []string{"None"}, nil, p{}},
		{"None beside others", []string{"None", "Auditor", "None"}, []string{"Auditor"}, p{"Audit": roles.ReadAccess}},
		{"declared", []string{"Deployer"}, []string{"Deployer"}, p{"AuthMethods": roles.ReadAccess}},
		{"case counts", []string{"Continuous integration", "admin", "writer"}, nil, p{}},
		{"X3_unknown grants nothing", []string{"Gone", "Auditor"}, []string{"Auditor"}, p{"Audit": roles.ReadAccess}},
		{"no name at all", []string{"", strings.Repeat("x", 5000), "..", "a/b", "\xff"}, nil, p{}},
		{"twice is once", []string{"Auditor", "Auditor"}, []string{"Auditor"}, p{"Audit": roles.ReadAccess}},
		{"the most of each, in order", []string{"Writer", "Deployer", "Auditor"}, []string{"Writer", "Deployer", "Auditor"},
			p{"AuthMethods": roles.ReadWriteAccess, "Keys": roles.ReadAccess, "Audit": roles.ReadAccess}},
		{"Admin beside others", []string{"Auditor", "Admin"}, []string{"Auditor", "Admin"}, all},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := rig.svc.Resolve(t.Context(), tt.names)
			if err != nil || !slices.Equal(names(e.Roles), tt.roles) {
				t.Errorf("roles %v, %v, want %v", names(e.Roles), err, tt.roles)
			}
			if !maps.Equal(e.Permissions, tt.want) && len(e.Permissions)+len(tt.want) > 0 {
				t.Errorf("permissions %v, want %v", e.Permissions, tt.want)
			}
		})
	}
}

// A role's permissions are those of now, and none when it is gone.
func TestX3_RemovedRoleGrantsNothing(t *testing.T) {
	t.Parallel()
	one := newRig(t)
	two := newRigOn(t, one.store)
	see := func(want bool) {
		t.Helper()
		_, revision, err := one.store.Get(t.Context(), "roles")
		if err == nil {
			err = two.feed.Wait(t.Context(), revision)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range []*rig{one, two} {
			if got := r.resolve("R").Permissions.Allows("Keys", roles.ReadWriteAccess); got != want {
				t.Errorf("replica %d allows it: %t, want %t", i, got, want)
			}
		}
	}
	change := func(access roles.Access) {
		t.Helper()
		v := roles.Role{Permissions: roles.Permissions{"Keys": access}}
		if _, err := one.svc.Update(t.Context(), "R", v, nil); err != nil {
			t.Fatal(err)
		}
	}
	see(false)
	one.create("R", roles.Permissions{"Keys": roles.ReadWriteAccess})
	see(true)
	change(roles.ReadAccess)
	see(false)
	change(roles.ReadWriteAccess)
	see(true)
	if err := one.svc.Delete(t.Context(), "R", nil); err != nil {
		t.Fatal(err)
	}
	see(false)
}

// D5: a role that cannot be read makes whoever has it one of whom nothing can be told: neither what the role
// allows nor what the others do is handed out. Those without it are not touched.
func TestD5_UnreadableRoleIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{
		"not JSON":         `{`,
		"other version":    `{"v":2,"permissions":{}}`,
		"no version":       `{"permissions":{}}`,
		"two versions":     `{"v":1,"V":2}`,
		"unknown member":   `{"v":1,"restricted_to":"10.0.0.0/8"}`,
		"unknown resource": `{"v":1,"permissions":{"Image":"READ_ACCESS"}}`,
		"unknown access":   `{"v":1,"permissions":{"Keys":"FULL"}}`,
		"twice":            `{"v":1,"permissions":{"Keys":"READ_ACCESS","Keys":"READ_WRITE_ACCESS"}}`,
		"wrong form":       `{"v":1,"permissions":["Keys"]}`,
		"no description":   `{"v":1,"description":"\u0000"}`,
		"empty":            ``,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			item := rig.create("R", roles.Permissions{"Keys": roles.ReadAccess})
			rig.create("S", roles.Permissions{"Audit": roles.ReadAccess})
			rig.corrupt("R", record)
			e, err := rig.svc.Resolve(t.Context(), []string{"Admin", "R", "S"})
			wantKind(t, err, fault.Unavailable)
			if len(e.Roles)+len(e.Permissions) != 0 {
				t.Errorf("beside the error: %v", e)
			}
			if e := rig.resolve("Admin", "S"); len(e.Roles) != 2 {
				t.Errorf("the others: %v", names(e.Roles))
			}
			_, err = rig.svc.Role(t.Context(), "R")
			wantKind(t, err, fault.Unavailable)
			wantKind(t, rig.svc.Grantable(t.Context(), rig.resolve("Admin").Permissions, []string{"R"}), fault.Unavailable)
			wantKind(t, rig.hold("h", "R"), fault.Unavailable)
			all, err := rig.svc.Roles(t.Context())
			if err != nil || len(all) != 6 || all[4].ID != "R" || all[4].Err == nil || all[5].Value.Name != "S" {
				t.Errorf("list: %+v, %v", all, err)
			}
			_, err = rig.svc.Update(t.Context(), "R", roles.Role{}, store.Match{item.Revision})
			wantKind(t, err, fault.Precondition)
			if _, err := rig.svc.Update(t.Context(), "R", roles.Role{Description: "new"}, nil); err != nil {
				t.Errorf("replacing it: %v", err)
			}
			if e := rig.resolve("R"); len(e.Roles) != 1 || len(e.Permissions) != 0 {
				t.Errorf("replaced: %+v", e)
			}
		})
	}
}

func TestD5_StoreThatCannotTellIsUnavailable(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	mem := rig.store.(*store.Memory)
	mem.FailReads(errors.New("down"))
	mem.FailWrites(errors.New("down"))
	_, err := rig.svc.Resolve(t.Context(), []string{"R"})
	wantKind(t, err, fault.Unavailable)
	if e := rig.resolve("Admin", "None"); len(e.Roles) != 1 {
		t.Errorf("built-in roles need no store: %v", names(e.Roles))
	}
	_, err = rig.svc.Role(t.Context(), "R")
	wantKind(t, err, fault.Unavailable)
	_, err = rig.svc.Roles(t.Context())
	wantKind(t, err, fault.Unavailable)
	_, err = rig.svc.Create(t.Context(), roles.Role{Name: "R"})
	wantKind(t, err, fault.Unavailable)
	_, err = rig.svc.Update(t.Context(), "R", roles.Role{}, nil)
	wantKind(t, err, fault.Unavailable)
	wantKind(t, rig.svc.Delete(t.Context(), "R", nil), fault.Unavailable)
	wantKind(t, rig.hold("h", "R"), fault.Unavailable)
}

// What Resolve hands out together leaves the roles it was made of as they were.
func TestResolveChangesNoRole(t *testing.T) {
	t.Parallel()
	rig := newRig(t, roles.Role{Name: "D", Permissions: roles.Permissions{"Keys": roles.ReadAccess}})
	resources := roles.Resources()
	var all []string
	for i, resource := range resources {
		rig.create(resource, roles.Permissions{resource: roles.ReadAccess, resources[(i+1)%len(resources)]: roles.ReadWriteAccess})
		all = append(all, resource)
	}
	for i := range all {
		list := append(append(slices.Clone(all[i:]), "D", "Analyst", "Admin"), all[:i]...)
		for n := range list {
			var want roles.Permissions
			for _, name := range list[:n+1] {
				want = want.Union(rig.mustRole(name).Value.Permissions)
			}
			if got := rig.resolve(list[:n+1]...).Permissions; !maps.Equal(got, want) {
				t.Fatalf("%q: %v, want %v", list[:n+1], got, want)
			}
		}
	}
	for _, name := range append(all, "D") {
		if p := rig.mustRole(name).Value.Permissions; len(p) > 2 || p[resources[0]] == roles.ReadAccess && name != resources[0] {
			t.Errorf("%s has become %v", name, p)
		}
	}
	if p := rig.mustRole("Analyst").Value.Permissions; p.Allows("Keys", roles.ReadWriteAccess) {
		t.Errorf("Analyst has become %v", p)
	}
}
