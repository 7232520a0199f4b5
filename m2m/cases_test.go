package m2m_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/m2m"
	"github.com/authgate/authgate/roles"
	"github.com/authgate/authgate/store"
)

// TestCases has the cases of specs/m2m section 7 about writing and reading configs, by their numbers. Those
// that are refusals by table 2.9 are in TestValidation.
func TestCases(t *testing.T) {
	t.Parallel()
	cases := map[string]func(t *testing.T, r *rig){
		"12_issuer_missing_in_a_record": func(t *testing.T, r *rig) {
			id := r.create(generic()).ID
			r.corrupt(id, `{"v":1,"type":"GITHUB_ACTIONS","expires":"5m","issuer":""}`)
			_, err := r.svc.Get(r.ctx, id)
			wantKind(t, err, fault.Unavailable)
		},
		"13_issuer_is_filled_in": func(t *testing.T, r *rig) {
			made := r.create(&m2m.Config{Type: m2m.TypeGitHubActions, TokenExpirationDuration: "5m"})
			if got := r.get(made.ID).Value.Issuer; got != "https://token.actions.githubusercontent.com" {
				t.Errorf("got %q", got)
			}
		},
		"14_issuer_spelt_out": func(_ *testing.T, r *rig) {
			r.create(generic(func(c *m2m.Config) { c.Type, c.Issuer = m2m.TypeGitHubActions, m2m.GitHubIssuer }))
		},
		"17_18_create_without_id": func(t *testing.T, r *rig) {
			item := r.create(generic())
			if item.ID != item.Value.ID || len(item.ID) != 36 || item.Revision == 0 {
				t.Errorf("got id %q (in it %q) at revision %d", item.ID, item.Value.ID, item.Revision)
			}
		},
		"19_create_with_id": func(t *testing.T, r *rig) {
			item := r.create(generic(func(c *m2m.Config) { c.ID = unknown }))
			if item.ID == unknown {
				t.Error("the client chose the id")
			}
		},
		"20_no_mappings": func(_ *testing.T, r *rig) {
			r.create(generic(mapping()))
			r.create(&m2m.Config{Type: m2m.TypeGitHubActions, TokenExpirationDuration: "5m"})
		},
		"21_get_what_was_created": func(t *testing.T, r *rig) {
			item := r.create(generic())
			if got := r.get(item.ID); fmt.Sprint(printed(got.Value)) != fmt.Sprint(printed(item.Value)) || got.Revision != item.Revision {
				t.Errorf("got %+v at %d, want %+v at %d", got.Value, got.Revision, item.Value, item.Revision)
			}
		},
		"22_get_unknown": func(t *testing.T, r *rig) {
			_, err := r.svc.Get(r.ctx, unknown)
			wantAbsent(t, err, unknown)
			_, err = r.svc.ByID(r.ctx, unknown)
			wantAbsent(t, err, unknown)
		},
		"23_list": func(t *testing.T, r *rig) {
			b, a := r.create(generic(of("https://b.example"))), r.create(generic(of("https://a.example")))
			items, err := r.svc.List(r.ctx)
			if err != nil || len(items) != 2 || items[0].ID != a.ID || items[1].ID != b.ID || items[0].Revision != a.Revision {
				t.Errorf("got %v, %v", items, err)
			}
		},
		"24_update": func(t *testing.T, r *rig) {
			id := r.create(generic()).ID
			item, err := r.svc.Put(r.ctx, id, generic(gives("Deployer", roles.Admin)), unasked, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := r.get(id)
			if got.Revision != item.Revision || len(got.Value.Mappings) != 2 || got.Value.Mappings[1].Role != roles.Admin {
				t.Errorf("got %+v", got.Value)
			}
			r.wantConfigs(id)
		},
		"25_put_creates": func(t *testing.T, r *rig) {
			item, err := r.svc.Put(r.ctx, unknown, generic(), unasked, nil)
			if err != nil || item.ID != unknown || r.get(unknown).Value.ID != unknown {
				t.Errorf("got %q, %v", item.ID, err)
			}
		},
		"26_delete": func(t *testing.T, r *rig) {
			id := r.create(generic()).ID
			if item, err := r.svc.ByIssuer(r.ctx, issuer); err != nil || item.ID != id {
				t.Fatalf("got %q, %v", item.ID, err)
			}
			if err := r.svc.Delete(r.ctx, id, nil); err != nil {
				t.Fatal(err)
			}
			_, err := r.svc.Get(r.ctx, id)
			wantAbsent(t, err, id)
			_, err = r.svc.ByIssuer(r.ctx, issuer)
			wantError(t, err, fault.Unauthenticated, m2m.CodeUnauthenticated, `issuer "https://idp.example" is not configured`)
		},
		"27_delete_unknown": func(t *testing.T, r *rig) {
			if err := r.svc.Delete(r.ctx, unknown, nil); err != nil {
				t.Error(err)
			}
		},
		"28_row14_role_unknown": func(t *testing.T, r *rig) {
			const want = `role "Ghost" does not exist: referenced object not found`
			for _, name := range []string{"Ghost", "", "continuous integration"} {
				_, err := r.svc.Create(r.ctx, generic(gives(roles.Admin, name)), unasked)
				wantError(t, err, fault.NotFound, m2m.CodeNotFound, strings.ReplaceAll(want, "Ghost", name))
			}
			id := r.create(generic()).ID
			_, err := r.svc.Put(r.ctx, id, generic(gives("Ghost")), unasked, nil)
			wantError(t, err, fault.NotFound, m2m.CodeNotFound, want)
			if got := r.get(id).Value.Mappings[0].Role; got != roles.Analyst {
				t.Errorf("the refused update is there: %q", got)
			}
			r.wantConfigs(id)
		},
		"29_role_in_use": func(t *testing.T, r *rig) {
			r.role("R", nil)
			id := r.create(generic(gives("R"))).ID
			err := r.roles.Delete(r.ctx, "R", nil)
			var used *roles.InUseError
			if !errors.As(err, &used) || used.By != fmt.Sprintf("auth machine to machine config %q", id) {
				t.Fatalf("got %v", err)
			}
			if err := r.svc.Delete(r.ctx, id, nil); err != nil {
				t.Fatal(err)
			}
			if err := r.roles.Delete(r.ctx, "R", nil); err != nil {
				t.Error(err)
			}
		},
		"30_31_row13_issuer_taken": func(t *testing.T, r *rig) {
			id := r.create(generic()).ID
			want := fmt.Sprintf(`issuer "https://idp.example" is used by auth machine to machine config %q: already exists`, id)
			_, err := r.svc.Create(r.ctx, generic(gives(roles.Admin)), unasked)
			wantError(t, err, fault.Exists, m2m.CodeAlreadyExists, want)
			_, err = r.svc.Put(r.ctx, unknown, generic(), unasked, nil)
			wantError(t, err, fault.Exists, m2m.CodeAlreadyExists, want)
			other := r.create(generic(of("https://other.example"))).ID
			_, err = r.svc.Put(r.ctx, other, generic(), unasked, nil)
			wantError(t, err, fault.Exists, m2m.CodeAlreadyExists, want)
			for iss, want := range map[string]string{issuer: id, "https://other.example": other} {
				if item, err := r.svc.ByIssuer(r.ctx, iss); err != nil || item.ID != want || item.Value.Mappings[0].Role != roles.Analyst {
					t.Errorf("%s: got %q, %v", iss, item.ID, err)
				}
			}
			r.wantConfigs(id, other)
		},
		"34_id_in_the_body": func(t *testing.T, r *rig) {
			item, err := r.svc.Put(r.ctx, unknown, generic(func(c *m2m.Config) { c.ID = "zzz" }), unasked, nil)
			if err != nil || item.ID != unknown || item.Value.ID != unknown {
				t.Errorf("got %q, %v", item.ID, err)
			}
		},
		"35_A5_id_malformed": func(t *testing.T, r *rig) {
			for _, id := range []string{
				"exchange", ".", "..", "a/b", unknown + "/", "urn:uuid:" + unknown, "[" + unknown + "]", "{" + unknown, unknown[1:], "{}",
				strings.ReplaceAll(unknown, "-", "_"), " " + unknown,
			} {
				_, err := r.svc.Get(r.ctx, id)
				wantAbsent(t, err, id)
				_, err = r.svc.Put(r.ctx, id, generic(), unasked, nil)
				wantAbsent(t, err, id)
				wantAbsent(t, r.svc.Delete(r.ctx, id, nil), id)
			}
			_, err := r.svc.Get(r.ctx, "")
			wantAbsent(t, err, "")
			_, err = r.svc.Get(r.ctx, strings.Repeat("\u00e4\n", 300))
			if wantKind(t, err, fault.NotFound); len(err.Error()) > 600 || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %d bytes: %q", len(err.Error()), err)
			}
			r.wantConfigs()
		},
		"id_spellings": func(t *testing.T, r *rig) {
			for _, id := range []string{unknown, strings.ToUpper(unknown), strings.ReplaceAll(unknown, "-", ""), "{" + unknown + "}"} {
				if item, err := r.svc.Put(r.ctx, id, generic(), unasked, nil); err != nil || item.ID != unknown {
					t.Fatalf("%s: got %q, %v", id, item.ID, err)
				}
				if item := r.get(id); item.ID != unknown || item.Value.ID != unknown {
					t.Errorf("%s: got %q", id, item.ID)
				}
				if err := r.svc.Delete(r.ctx, id, nil); err != nil {
					t.Error(err)
				}
				r.wantConfigs()
			}
		},
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, newRig(t))
		})
	}
}

// TestProbe has row 12 of table 2.9 and cases 32 and 33, with a real issuer.
func TestProbe(t *testing.T) {
	t.Parallel()
	idp := authntest.New(t, authntest.WithTLS())
	deps := m2m.Deps{AllowPrivateAddresses: true, CAFile: idp.CAFile(t)}
	r := newRig(t)
	r.svc = r.configure(deps)
	id := unknown
	put := func(iss string, o m2m.WriteOptions) error {
		_, err := r.svc.Put(r.ctx, id, generic(of(iss)), o, nil)
		return err
	}
	text := func(iss, cause string) string {
		return fmt.Sprintf("creating token exchanger for config %s: creating OIDC provider for issuer %q: %s", id, iss, cause)
	}

	idp.SetFault(authntest.Fault{Status: 404, Body: "NoSuchBucket"})
	wantInvalid(t, put(idp.URL, asked), text(idp.URL, "404 Not Found: NoSuchBucket"))
	r.wantConfigs()
	idp.SetFault(authntest.Fault{Status: 502})
	wantError(t, put(idp.URL, asked), fault.Unavailable, m2m.CodeUnavailable, text(idp.URL, "502 Bad Gateway: "))
	r.wantConfigs()
	idp.SetFault(authntest.Fault{})
	wantInvalid(t, put(idp.URL+"/", asked), text(idp.URL+"/", fmt.Sprintf(
		"oidc: issuer URL provided to client (%q) did not match the issuer URL returned by provider (%q)", idp.URL+"/", idp.URL)))
	r.wantConfigs()

	if err := put(idp.URL, asked); err != nil {
		t.Fatal(err)
	}
	r.wantConfigs(id)

	// The old config stays what it was, and stays in use.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	closed := "https://" + l.Addr().String()
	err = put(closed, asked)
	wantError(t, err, fault.Unavailable, m2m.CodeUnavailable, text(closed, fmt.Sprintf(
		`Get "%s/.well-known/openid-configuration": dial tcp %s: connect: connection refused`, closed, l.Addr())))
	if !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("%v does not wrap the outage", err)
	}
	if item, err := r.svc.ByIssuer(r.ctx, idp.URL); err != nil || item.ID != id {
		t.Errorf("got %q, %v", item.ID, err)
	}
	_, err = r.svc.ByIssuer(r.ctx, closed)
	wantKind(t, err, fault.Unauthenticated)

	if err := put(closed, unasked); err != nil {
		t.Errorf("not to be asked: %v", err)
	}

	// Nobody is called for a write that would be refused anyway.
	before := idp.Discoveries()
	for name, v := range map[string]*m2m.Config{
		"role_unknown": generic(of(idp.URL), gives("Ghost")), "issuer_taken": generic(of(closed)), "expression": generic(of(idp.URL), mapping(m2m.Mapping{ValueExpression: "("})),
	} {
		if _, err := r.svc.Create(r.ctx, v, asked); err == nil || fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := r.svc.Create(r.ctx, generic(of(idp.URL)), m2m.WriteOptions{Validate: true}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("got %v", err)
	}
	if _, err := r.svc.Put(r.ctx, id, generic(of(idp.URL)), asked, store.Match{1}); !fault.Is(err, fault.Precondition) {
		t.Errorf("got %v", err)
	}
	if n := idp.Discoveries() - before; n != 0 {
		t.Errorf("%d requests to the issuer", n)
	}
}

// TestIssuerChange: upstream cannot change the issuer of a live config.
func TestIssuerChange(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, two *rig) {
		id := one.create(generic()).ID
		item, err := two.svc.Put(two.ctx, id, generic(of("https://new.example")), unasked, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.feed.Wait(one.ctx, item.Revision); err != nil {
			t.Fatal(err)
		}
		for _, r := range []*rig{one, two} {
			if found, err := r.svc.ByIssuer(r.ctx, "https://new.example"); err != nil || found.ID != id {
				t.Errorf("got %q, %v", found.ID, err)
			}
			_, err = r.svc.ByIssuer(r.ctx, issuer)
			wantKind(t, err, fault.Unauthenticated)
		}
		one.create(generic()) // the old issuer is free again
	})
}

// TestIssuersThatLookAlike: specs X9. A token is found by its issuer byte for byte.
func TestIssuersThatLookAlike(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.create(generic(of("https://idp.example/Tenant"))).ID
	for _, iss := range []string{
		"https://idp.example/Tenant", "https://idp.example/Tenant/", "https://idp.example/tenant", "https://IDP.example/Tenant", "HTTPS://IDP.EXAMPLE/TENANT/",
	} {
		_, err := r.svc.Create(r.ctx, generic(of(iss)), unasked)
		wantError(t, err, fault.Exists, m2m.CodeAlreadyExists, fmt.Sprintf("issuer %q is used by auth machine to machine config %q: already exists", iss, id))
		if iss == "https://idp.example/Tenant" {
			continue
		}
		_, err = r.svc.ByIssuer(r.ctx, iss)
		wantKind(t, err, fault.Unauthenticated)
	}
	r.create(generic(of("https://idp.example/Tenant//")))
	for _, iss := range []string{"", "/", strings.Repeat("x", 20_000), "\xff\n"} {
		_, err := r.svc.ByIssuer(r.ctx, iss)
		if wantKind(t, err, fault.Unauthenticated); len(err.Error()) > 1000 {
			t.Errorf("got %d bytes", len(err.Error()))
		}
	}
	// A config may be moved to another spelling of its own issuer.
	if _, err := r.svc.Put(r.ctx, id, generic(of("https://idp.example/tenant/")), unasked, nil); err != nil {
		t.Error(err)
	}
	if _, err := r.svc.ByIssuer(r.ctx, "https://idp.example/tenant/"); err != nil {
		t.Error(err)
	}
}

// TestMatch: a change is made at the revisions the client names, or not at all.
func TestMatchRevision(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	put := func(m store.Match) error {
		_, err := r.svc.Put(r.ctx, unknown, generic(), unasked, m)
		return err
	}
	refuse := func(err error) {
		t.Helper()
		wantError(t, err, fault.Precondition, m2m.CodeFailedPrecondition,
			`auth machine to machine config with id "`+unknown+`" has changed: it is not at a revision If-Match names`)
	}
	refuse(put(store.Match{}))
	refuse(put(store.Match{7}))
	refuse(r.svc.Delete(r.ctx, unknown, store.Match{7}))
	if err := put(store.Match{0}); err != nil { // only if there is none
		t.Fatal(err)
	}
	refuse(put(store.Match{0}))
	old := r.get(unknown).Revision
	if err := put(store.Match{old}); err != nil {
		t.Fatal(err)
	}
	refuse(put(store.Match{old}))
	refuse(r.svc.Delete(r.ctx, unknown, store.Match{old}))
	if err := r.svc.Delete(r.ctx, unknown, store.Match{old, r.get(unknown).Revision}); err != nil {
		t.Error(err)
	}
	r.wantConfigs()
}
