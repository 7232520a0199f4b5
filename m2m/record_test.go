package m2m_test

import (
	"strings"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/m2m"
)

// TestBrokenRecord: one that cannot be read is of no use, and the rest works (specs D5). It says nothing of
// what is in it, and it can be replaced and removed.
func TestBrokenRecord(t *testing.T) {
	t.Parallel()
	const good = `{"v":1,"type":"GENERIC","expires":"5m","issuer":"https://idp.example","mappings":[{"key":"sub","expression":"a","role":"Admin"}]}`
	for name, data := range map[string]string{
		"no_JSON":            `LEAK`,
		"nothing":            ``,
		"version_unknown":    strings.Replace(good, `"v":1`, `"v":2`, 1),
		"version_missing":    strings.Replace(good, `"v":1,`, ``, 1),
		"version_in_capital": strings.Replace(good, `"v":1`, `"v":1,"V":2`, 1),
		"member_unknown":     strings.Replace(good, `"v":1`, `"v":1,"deny":"LEAK"`, 1),
		"member_twice":       strings.Replace(good, `"v":1`, `"v":1,"issuer":"LEAK"`, 1),
		"mapping_unknown":    strings.Replace(good, `"key"`, `"not":true,"key"`, 1),
		"type_unknown":       strings.Replace(good, `GENERIC`, `AWS`, 1),
		"match_unknown":      strings.Replace(good, `"role"`, `"match":"GLOB","role"`, 1),
		"preset_unknown":     strings.Replace(good, `"v":1`, `"v":1,"preset":"future"`, 1),
		"expression":         strings.Replace(good, `"a"`, `"("`, 1),
		"duration":           strings.Replace(good, `5m`, `5`, 1),
		"plain_http":         strings.Replace(good, `https:`, `http:`, 1),
		"too_deep":           strings.Replace(good, `"a"`, `[["a"]]`, 1),
	} {
		t.Run("D5_"+name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			other := r.create(generic(of("https://other.example"))).ID
			id := r.create(generic()).ID
			r.corrupt(id, data)
			for _, read := range []func() error{
				func() error { _, err := r.svc.Get(r.ctx, id); return err },
				func() error { _, err := r.svc.ByID(r.ctx, id); return err },
				func() error { _, err := r.svc.ByIssuer(r.ctx, issuer); return err },
			} {
				if err := read(); !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "LEAK") {
					t.Errorf("got %v", err)
				}
			}
			items, err := r.svc.List(r.ctx)
			if err != nil || len(items) != 2 || items[0].ID != other || items[1].ID != id || items[1].Err == nil {
				t.Errorf("got %v, %v", items, err)
			}
			if _, err := r.svc.ByIssuer(r.ctx, "https://other.example"); err != nil {
				t.Error(err)
			}
			_, err = r.svc.Create(r.ctx, generic(), unasked) // the issuer is still its own
			wantKind(t, err, fault.Exists)
			if _, err := r.svc.Put(r.ctx, id, generic(), unasked, nil); err != nil {
				t.Fatal(err)
			}
			r.get(id)
			r.corrupt(id, data)
			if err := r.svc.Delete(r.ctx, id, nil); err != nil {
				t.Fatal(err)
			}
			r.wantConfigs(other)
			r.create(generic())
		})
	}
	t.Run("good", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		id := r.create(generic()).ID
		r.corrupt(id, good)
		if got := r.get(id).Value; got.Mappings[0].MatchType != m2m.MatchSearch || got.Traits.Origin != m2m.OriginImperative {
			t.Errorf("got %+v", got)
		}
	})
}

// TestStoreDown: who cannot tell says so (specs D2), in no words made for clients.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.create(generic()).ID
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"list":      func() error { _, err := r.svc.List(r.ctx); return err },
		"get":       func() error { _, err := r.svc.Get(r.ctx, unknown); return err },
		"by_issuer": func() error { _, err := r.svc.ByIssuer(r.ctx, "https://other.example"); return err },
		"create":    func() error { _, err := r.svc.Create(r.ctx, generic(of("https://other.example")), unasked); return err },
		"put":       func() error { _, err := r.svc.Put(r.ctx, id, generic(), unasked, nil); return err },
		"delete":    func() error { return r.svc.Delete(r.ctx, id, nil) },
		"in_use":    func() error { _, err := r.rec.InUse(r.ctx, "Ghost"); return err },
	} {
		if err := call(); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: got %v (kind %v)", name, err, fault.KindOf(err))
		}
	}
}
