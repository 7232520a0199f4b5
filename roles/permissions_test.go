package roles_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/roles"
)

func TestAccessNames(t *testing.T) {
	t.Parallel()
	for access, name := range map[roles.Access]string{
		roles.NoAccess: "NO_ACCESS", roles.ReadAccess: "READ_ACCESS", roles.ReadWriteAccess: "READ_WRITE_ACCESS",
	} {
		text, err := json.Marshal(map[string]roles.Access{"x": access})
		if err != nil || string(text) != `{"x":"`+name+`"}` || access.String() != name {
			t.Errorf("%s is written as %s, %v", name, text, err)
		}
		var back map[string]roles.Access
		if err := json.Unmarshal(text, &back); err != nil || back["x"] != access {
			t.Errorf("%s is read as %v, %v", name, back["x"], err)
		}
	}
	for _, bad := range []string{"", "read", "READ", "read_access", "WRITE_ACCESS", " READ_ACCESS", "1"} {
		_, err := roles.ParseAccess(bad)
		wantKind(t, err, fault.Invalid)
		if !strings.Contains(err.Error(), "NO_ACCESS, READ_ACCESS, READ_WRITE_ACCESS") {
			t.Errorf("the error does not name what is known: %v", err)
		}
	}
	if got := roles.Access(200).String(); got != "NO_ACCESS" {
		t.Errorf("no level at all is named %s", got)
	}
}

func TestAllows(t *testing.T) {
	t.Parallel()
	p := roles.Permissions{"Access": roles.ReadAccess, "Keys": roles.ReadWriteAccess, "Audit": roles.NoAccess, "Tokens": 200}
	for _, tt := range []struct {
		resource string
		want     roles.Access
		allowed  bool
	}{
		{"Access", roles.ReadAccess, true},
		{"Access", roles.ReadWriteAccess, false},
		{"Keys", roles.ReadAccess, true},
		{"Keys", roles.ReadWriteAccess, true},
		{"Keys", 200, false},
		{"Audit", roles.ReadAccess, false},
		{"Tokens", roles.ReadAccess, false}, // what is no level gives nothing
		{"Clients", roles.ReadAccess, false},
		{"keys", roles.ReadAccess, false},
		{"", roles.ReadAccess, false},
		{"Keys", roles.NoAccess, false}, // a guard that forgot what it guards with is shut
		{"Clients", roles.NoAccess, false},
	} {
		if got := p.Allows(tt.resource, tt.want); got != tt.allowed {
			t.Errorf("Allows(%q, %v) = %t", tt.resource, tt.want, got)
		}
	}
	if roles.Permissions(nil).Allows("Access", roles.ReadAccess) {
		t.Error("nil allows something")
	}
}

func TestCoversAndUnion(t *testing.T) {
	t.Parallel()
	type p = roles.Permissions
	const r, w = roles.ReadAccess, roles.ReadWriteAccess
	for _, tt := range []struct {
		a, b               p
		aCoversB, bCoversA bool
		union              p
	}{
		{a: nil, b: nil, aCoversB: true, bCoversA: true, union: p{}},
		{a: p{"Keys": w}, b: nil, aCoversB: true, union: p{"Keys": w}},
		{a: p{"Keys": w}, b: p{"Keys": r}, aCoversB: true, union: p{"Keys": w}},
		{a: p{"Keys": r}, b: p{"Keys": w}, bCoversA: true, union: p{"Keys": w}},
		{a: p{"Keys": r}, b: p{"Audit": r}, union: p{"Keys": r, "Audit": r}},
		{a: p{"Keys": w, "Audit": r}, b: p{"Keys": r, "Audit": w}, union: p{"Keys": w, "Audit": w}},
		{a: p{"Keys": r}, b: p{"Keys": r, "Audit": roles.NoAccess}, aCoversB: true, bCoversA: true, union: p{"Keys": r}},
	} {
		a, b := maps.Clone(tt.a), maps.Clone(tt.b)
		if got := tt.a.Covers(tt.b); got != tt.aCoversB {
			t.Errorf("%v covers %v: %t", tt.a, tt.b, got)
		}
		if got := tt.b.Covers(tt.a); got != tt.bCoversA {
			t.Errorf("%v covers %v: %t", tt.b, tt.a, got)
		}
		for _, union := range []p{tt.a.Union(tt.b), tt.b.Union(tt.a)} {
			if !union.Covers(tt.union) || !tt.union.Covers(union) {
				t.Errorf("union of %v and %v = %v, want %v", a, b, union, tt.union)
			}
		}
		if !maps.Equal(a, tt.a) || !maps.Equal(b, tt.b) {
			t.Errorf("union has changed what it was made of: %v, %v", tt.a, tt.b)
		}
	}
}

func TestParsePermissions(t *testing.T) {
	t.Parallel()
	got, err := roles.ParsePermissions(map[string]string{"Access": "READ_ACCESS", "Keys": "NO_ACCESS", "Audit": "READ_WRITE_ACCESS"})
	if err != nil || !maps.Equal(got, roles.Permissions{"Access": roles.ReadAccess, "Audit": roles.ReadWriteAccess}) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := roles.ParsePermissions(nil); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	_, err = roles.ParsePermissions(map[string]string{"Image": "READ_ACCESS"})
	wantText(t, err, fault.Invalid, `permissions: resource "Image" is unknown, those known are: Access, Audit, AuthMethods, Clients, Keys, OAuth, Tokens`)
	_, err = roles.ParsePermissions(map[string]string{"Image": "NO_ACCESS"})
	wantKind(t, err, fault.Invalid)
	_, err = roles.ParsePermissions(map[string]string{"Access": "WRITE"})
	wantKind(t, err, fault.Invalid)
	for _, text := range []string{`"Access"`, `"WRITE"`, "NO_ACCESS, READ_ACCESS, READ_WRITE_ACCESS"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q lacks %s", err, text)
		}
	}
	if !slices.IsSorted(roles.Resources()) || len(roles.Resources()) != 7 {
		t.Errorf("resources: %v", roles.Resources())
	}
}
