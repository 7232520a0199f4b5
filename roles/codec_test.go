package roles_test

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/roles"
	"github.com/authgate/authgate/store"
)

// The form of records is what other versions and replicas will read.
func TestRecordForm(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.create("R", roles.Permissions{"Keys": roles.ReadAccess, "Access": roles.ReadWriteAccess})
	if _, err := rig.svc.Update(t.Context(), "R", roles.Role{Description: "d", Permissions: roles.Permissions{"Keys": roles.ReadAccess}}, nil); err != nil {
		t.Fatal(err)
	}
	kv, _, err := rig.store.Get(t.Context(), "roles/r/R")
	if err != nil {
		t.Fatal(err)
	}
	_, data, _ := bytes.Cut(kv.Value, []byte{'\n'})
	want := `{"v":1,"description":"d","permissions":{"Keys":"READ_ACCESS"},"created_on":"2026-03-01T12:00:00Z","updated_on":"2026-03-01T12:00:00Z"}`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
	rig.corrupt("R", `{"v":2,"scopes":["a"]}`)
	if _, err := rig.svc.Role(t.Context(), "R"); err == nil || !strings.Contains(err.Error(), "record of an unknown version") {
		t.Errorf("a record of a later version: %v", err)
	}
}

// Whatever a record holds, it is a role within all limits or nothing.
func FuzzRecord(f *testing.F) {
	for _, seed := range []string{
		`{"v":1}`, `{"v":1,"permissions":{"Keys":"READ_ACCESS","Audit":"NO_ACCESS"}}`, `{"v":1,"deleting":true}`,
		`{"v":1,"deleting":true,"lost":true}`, `{"v":2}`, `{"v":1,"description":"a\u0000"}`, `{"v":1,"Permissions":{"Keys":"READ_WRITE_ACCESS"}}`,
		`{"v":1,"created_on":"2026-03-01T12:00:00Z"}`, `{"v":1}{}`, `null`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			rig := newRig(t)
			rig.create("R", nil)
			rig.corrupt("R", string(data))
			e, err := rig.svc.Resolve(t.Context(), []string{"R"})
			if err != nil {
				wantKind(t, err, fault.Unavailable)
				return
			}
			r := e.Roles[0]
			known, err := roles.New(rig.rec, []roles.Role{*r}, roles.Deps{Now: rig.deps().Now, InUse: rig.deps().InUse})
			if err != nil {
				t.Fatalf("%+v is not a role: %v", r, err)
			}
			if same, _ := known.Fixed("R"); !maps.Equal(same.Permissions, r.Permissions) || !e.Permissions.Covers(r.Permissions) {
				t.Errorf("%v and %v", same.Permissions, r.Permissions)
			}
			if err := rig.svc.Delete(t.Context(), "R", nil); err != nil {
				t.Errorf("Delete: %v", err)
			}
		})
	})
}

// No name that a role can have reads as another's, or as several.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"R", "Continuous Integration", "a/b", "a,b", "..", " a", "a\u200b", "\xff", strings.Repeat("x", 200)} {
		f.Add(seed)
	}
	mem := store.NewMemory()
	rec := roles.NewRecords(mem, store.NewFeed(mem, store.FeedConfig{}), 1)
	inUse := func(context.Context, string) (string, error) { return "", nil }
	f.Fuzz(func(t *testing.T, name string) {
		s, err := roles.New(rec, []roles.Role{{Name: name}}, roles.Deps{Now: (&rig{}).deps().Now, InUse: inUse})
		if err != nil {
			wantKind(t, err, fault.Invalid)
			return
		}
		if r, ok := s.Fixed(name); !ok || r.Name != name || len(name) > 512 || strings.ContainsAny(name, ",/\n\r") ||
			strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl) {
			t.Errorf("%q is a name", name)
		}
	})
}
