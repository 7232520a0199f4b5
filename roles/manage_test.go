package roles_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/roles"
	"github.com/authgate/authgate/store"
)

func TestCreateAndRead(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	given := roles.Permissions{"Keys": roles.ReadAccess, "Audit": roles.NoAccess}
	item, err := rig.svc.Create(t.Context(), roles.Role{
		Name: "Deployer", Description: "of\nthe app", Permissions: given,
		Origin: roles.OriginDefault, CreatedOn: time.Now(), UpdatedOn: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	given["Keys"] = roles.ReadWriteAccess // what the caller keeps is the caller's
	for what, got := range map[string]store.Item[*roles.Role]{"created": item, "read": rig.mustRole("Deployer")} {
		r := got.Value
		if got.ID != "Deployer" || got.Revision == 0 || got.Revision != item.Revision || r.Name != "Deployer" ||
			r.Description != "of\nthe app" || r.Origin != roles.OriginImperative || !r.CreatedOn.Equal(created) || !r.UpdatedOn.IsZero() {
			t.Errorf("%s: %+v %+v", what, got, r)
		}
		if !maps.Equal(r.Permissions, roles.Permissions{"Keys": roles.ReadAccess}) {
			t.Errorf("%s: permissions %v", what, r.Permissions)
		}
	}
	_, err = rig.svc.Create(t.Context(), roles.Role{Name: "Deployer"})
	wantText(t, err, fault.Exists, `name: role "Deployer" already exists`)
	rig.create("deployer", nil) // names are case-sensitive
	_, err = rig.svc.Role(t.Context(), "DEPLOYER")
	wantUnknown(t, err, "DEPLOYER")
}

func TestValidation(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.create("R", nil)
	for name, tt := range map[string]struct {
		role  roles.Role
		field string
	}{
		"no name":                  {roles.Role{}, "name"},
		"A5_long name":             {roles.Role{Name: strings.Repeat("ü", 129)}, "name"},
		"A5_slash":                 {roles.Role{Name: "a/b"}, "name"},
		"A5_dot":                   {roles.Role{Name: "."}, "name"},
		"A5_dots":                  {roles.Role{Name: ".."}, "name"},
		"A5_NUL":                   {roles.Role{Name: "a\x00"}, "name"},
		"newline":                  {roles.Role{Name: "a\nb"}, "name"},
		"not UTF-8":                {roles.Role{Name: "a\xff"}, "name"},
		"leading space":            {roles.Role{Name: " Admin"}, "name"},
		"trailing space":           {roles.Role{Name: "Admin "}, "name"},
		"only a space":             {roles.Role{Name: " "}, "name"},
		"no-break space":           {roles.Role{Name: "Continuous\u00a0Integration"}, "name"},
		"zero width":               {roles.Role{Name: "Admin\u200b"}, "name"},
		"right to left":            {roles.Role{Name: "\u202eAdmin"}, "name"},
		"X3_two names in a list":   {roles.Role{Name: "x,Admin"}, "name"},
		"unknown resource":         {roles.Role{Name: "N", Permissions: roles.Permissions{"Image": roles.ReadAccess}}, "permissions"},
		"unknown resource, none":   {roles.Role{Name: "N", Permissions: roles.Permissions{"access": roles.NoAccess}}, "permissions"},
		"unknown access":           {roles.Role{Name: "N", Permissions: roles.Permissions{"Keys": 3}}, "permissions"},
		"long description":         {roles.Role{Name: "N", Description: strings.Repeat("x", 1025)}, "description"},
		"escapes in a description": {roles.Role{Name: "N", Description: "\x1b[2J"}, "description"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := rig.svc.Create(t.Context(), tt.role)
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Field != tt.field {
				t.Errorf("Create: %v, want %s refused", err, tt.field)
			}
			_, err = roles.New(rig.rec, []roles.Role{tt.role}, rig.deps())
			if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Field != tt.field || f.Op != "role "+tt.role.Name {
				t.Errorf("New: %v, want %s refused", err, tt.field)
			}
			if tt.field != "name" {
				tt.role.Name = ""
				_, err = rig.svc.Update(t.Context(), "R", tt.role, nil)
				if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Field != tt.field {
					t.Errorf("Update: %v, want %s refused", err, tt.field)
				}
			}
		})
	}
}

// The longest names, and those with characters that mean something elsewhere, are one role each.
func TestNamesDoNotMeet(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	all := []string{
		strings.Repeat("\U0001F511", 128), "a%2Fb", "a%2fb", "100%", "...", ".a", "%", "a\\b", "a;b", "Zürich", "a  b", "*", "{role}", `"quoted"`,
	}
	for _, name := range all {
		rig.create(name, nil)
	}
	for _, name := range all {
		if r := rig.mustRole(name).Value; r.Name != name {
			t.Errorf("%q is %q", name, r.Name)
		}
	}
	items, err := rig.svc.Roles(t.Context())
	if err != nil || len(items) != 4+len(all) {
		t.Errorf("%d listed, %v", len(items), err)
	}
	for _, name := range all {
		if err := rig.svc.Delete(t.Context(), name, nil); err != nil {
			t.Errorf("deleting %q: %v", name, err)
		}
	}
}

func TestListOrder(t *testing.T) {
	t.Parallel()
	rig := newRig(t, roles.Role{Name: "Zed"}, roles.Role{Name: "Deployer", Description: "d", CreatedOn: time.Now(), Origin: "x"})
	for _, name := range []string{"b", "a b", "B", "Ä"} {
		rig.create(name, nil)
	}
	items, err := rig.svc.Roles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range items {
		if i.ID != i.Value.Name || (i.Revision == 0) != (i.Value.Origin != roles.OriginImperative) {
			t.Errorf("%+v %+v", i, i.Value)
		}
		got = append(got, i.ID+" "+i.Value.Origin)
	}
	want := []string{
		"Admin DEFAULT", "Analyst DEFAULT", "Continuous Integration DEFAULT", "None DEFAULT",
		"Zed DECLARATIVE", "Deployer DECLARATIVE", "B IMPERATIVE", "a b IMPERATIVE", "b IMPERATIVE", "Ä IMPERATIVE",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	item := rig.create("R", roles.Permissions{"Keys": roles.ReadAccess, "Audit": roles.ReadAccess})
	rig.now = created.Add(time.Hour)
	v := roles.Role{Description: "d", Permissions: roles.Permissions{"Keys": roles.ReadWriteAccess}}
	_, err := rig.svc.Update(t.Context(), "R", v, store.Match{item.Revision - 1, item.Revision + 1})
	wantText(t, err, fault.Precondition, `role "R" has changed: it is not at a revision If-Match names`)
	updated, err := rig.svc.Update(t.Context(), "R", v, store.Match{item.Revision})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []store.Item[*roles.Role]{updated, rig.mustRole("R")} {
		r := i.Value
		if i.Revision <= item.Revision || i.Revision != updated.Revision || r.Description != "d" ||
			!maps.Equal(r.Permissions, v.Permissions) || !r.CreatedOn.Equal(created) || !r.UpdatedOn.Equal(rig.now) {
			t.Errorf("%+v %+v", i, r)
		}
	}
	// A6
	_, err = rig.svc.Update(t.Context(), "R", v, store.Match{item.Revision})
	wantKind(t, err, fault.Precondition)
	_, err = rig.svc.Update(t.Context(), "R", v, store.Match{})
	wantKind(t, err, fault.Precondition)
	_, err = rig.svc.Update(t.Context(), "R", roles.Role{Name: "S"}, nil)
	wantText(t, err, fault.Invalid, `name: role "R" cannot be renamed`)
	_, err = rig.svc.Update(t.Context(), "R", roles.Role{Name: "R"}, nil)
	if err != nil {
		t.Error(err)
	}
	_, err = rig.svc.Update(t.Context(), "Gone", v, nil)
	wantUnknown(t, err, "Gone")
	wantUnknown(t, rig.svc.Delete(t.Context(), "Gone", nil), "Gone")
}

// Built-in and declared roles cannot be made, changed or removed through the API, not even where the store has
// one of that name from before it was declared; that one is hidden.
func TestFixedRolesAreReadOnly(t *testing.T) {
	t.Parallel()
	before := newRig(t)
	before.create("Deployer", roles.Permissions{"Access": roles.ReadWriteAccess})
	rig := newRigOn(t, before.store, roles.Role{Name: "Deployer", Permissions: roles.Permissions{"Keys": roles.ReadAccess}})
	for name, origin := range map[string]string{
		"Admin": "DEFAULT", "Analyst": "DEFAULT", "Continuous Integration": "DEFAULT", "None": "DEFAULT", "Deployer": "DECLARATIVE",
	} {
		_, err := rig.svc.Create(t.Context(), roles.Role{Name: name})
		wantText(t, err, fault.Exists, `name: role "`+name+`" already exists, its origin is `+origin)
		want := `not authorized: role "` + name + `"'s origin is ` + origin + `, cannot be modified or deleted with the current permission`
		_, err = rig.svc.Update(t.Context(), name, roles.Role{}, nil)
		wantText(t, err, fault.Forbidden, want)
		err = rig.svc.Delete(t.Context(), name, nil)
		wantText(t, err, fault.Forbidden, want)
		var r *roles.ReadOnlyError
		if !errors.As(err, &r) || r.Role != name || r.Origin != origin {
			t.Errorf("%#v", r)
		}
		if f, ok := rig.svc.Fixed(name); !ok || f != rig.mustRole(name).Value || f.Origin != origin {
			t.Errorf("Fixed(%q) = %+v, %t", name, f, ok)
		}
	}
	if e := rig.resolve("Deployer"); e.Permissions.Allows("Access", roles.ReadAccess) || !e.Permissions.Allows("Keys", roles.ReadAccess) {
		t.Errorf("the stored role is not hidden: %v", e.Permissions)
	}
	items, err := rig.svc.Roles(t.Context())
	if err != nil || len(items) != 5 {
		t.Errorf("%d roles, %v", len(items), err)
	}
	hidden, err := rig.svc.Shadowed(t.Context())
	if err != nil || !slices.Equal(hidden, []string{"Deployer"}) {
		t.Errorf("Shadowed = %q, %v", hidden, err)
	}
	if _, ok := before.svc.Fixed("Deployer"); ok {
		t.Error("a stored role is fixed")
	}
}

func TestDeclaredNamesAreTaken(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	for _, tt := range []struct {
		declared []roles.Role
		text     string
	}{
		{[]roles.Role{{Name: "Admin"}}, `role Admin: name: role "Admin" already exists, its origin is DEFAULT`},
		{[]roles.Role{{Name: "None"}}, `role None: name: role "None" already exists, its origin is DEFAULT`},
		{[]roles.Role{{Name: "R"}, {Name: "R"}}, `role R: name: role "R" already exists, its origin is DECLARATIVE`},
	} {
		_, err := roles.New(rig.rec, tt.declared, rig.deps())
		wantText(t, err, fault.Invalid, tt.text)
	}
	for _, deps := range []roles.Deps{{}, {Now: time.Now}, {InUse: rig.deps().InUse}} {
		if _, err := roles.New(rig.rec, nil, deps); err == nil {
			t.Errorf("New accepts %+v", deps)
		}
	}
}

func TestEscalationGuard(t *testing.T) {
	t.Parallel()
	rig := newRig(t, roles.Role{Name: "Deployer", Permissions: roles.Permissions{"Keys": roles.ReadAccess}})
	rig.create("Manager", roles.Permissions{"Access": roles.ReadWriteAccess})
	rig.create("Both", roles.Permissions{"Access": roles.ReadWriteAccess, "Keys": roles.ReadWriteAccess, "Audit": roles.ReadAccess})
	for _, tt := range []struct {
		holder, names []string
		refused       string
	}{
		{[]string{"Admin"}, []string{"Admin", "Analyst", "Manager", "Both", "None"}, ""},
		{[]string{"Manager"}, []string{"Manager", "None", "Continuous Integration"}, ""},
		{[]string{"Manager"}, []string{"Manager", "Deployer", "Admin"}, `not authorized: role "Deployer" grants "READ_ACCESS" for "Keys", which the caller does not hold`},
		{[]string{"Manager"}, []string{"Admin"}, `not authorized: role "Admin" grants "READ_WRITE_ACCESS" for "Audit", which the caller does not hold`},
		{[]string{"Manager", "Deployer"}, []string{"Both"}, `not authorized: role "Both" grants "READ_ACCESS" for "Audit", which the caller does not hold`},
		{[]string{"Manager", "Analyst"}, []string{"Both"}, `not authorized: role "Both" grants "READ_WRITE_ACCESS" for "Keys", which the caller does not hold`},
		{[]string{"Manager", "Deployer"}, []string{"Deployer"}, ""},
		{nil, []string{"None"}, ""},
		{nil, []string{"Deployer"}, `not authorized: role "Deployer" grants "READ_ACCESS" for "Keys", which the caller does not hold`},
	} {
		holder := rig.resolve(tt.holder...).Permissions
		err := rig.svc.Grantable(t.Context(), holder, tt.names)
		if tt.refused == "" {
			if err != nil {
				t.Errorf("%q may not grant %q: %v", tt.holder, tt.names, err)
			}
			continue
		}
		wantText(t, err, fault.Forbidden, tt.refused)
		var e *roles.ExceedsError
		if !errors.As(err, &e) || !slices.Contains(tt.names, e.Role) || holder.Allows(e.Resource, e.Access) {
			t.Errorf("%#v", e)
		}
		granted, err := rig.svc.RequireIn(t.Context(), store.NewTx(), tt.names...)
		if err != nil {
			t.Fatal(err)
		}
		wantText(t, holder.MayGrant(granted), fault.Forbidden, tt.refused)
	}
	wantUnknown(t, rig.svc.Grantable(t.Context(), nil, []string{"None", "Gone"}), "Gone")
}
