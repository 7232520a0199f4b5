package m2m_test

import (
	"strings"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/m2m"
	"github.com/authgate/authgate/roles"
)

func declared(change ...func(*m2m.Config)) m2m.Declared {
	c := generic(change...)
	c.Audience = "https://gate.example"
	return m2m.Declared{Config: *c}
}

// Test80_DeclaredIsReadOnly: declared configs are changed in the file, and by nobody else.
func Test80_DeclaredIsReadOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, declared(of("https://b.example"), gives("Deployer")))
	stored := r.create(generic(of("https://a.example"))).ID
	items, err := r.svc.List(r.ctx)
	if err != nil || len(items) != 2 || items[0].ID != stored {
		t.Fatalf("got %v, %v", items, err)
	}
	c := items[1].Value
	if c.Traits != (m2m.Traits{MutabilityMode: m2m.MutabilityAllow, Visibility: m2m.VisibilityVisible, Origin: m2m.OriginDeclarative}) ||
		items[1].Revision != 0 || items[1].ID != c.ID {
		t.Errorf("got %+v at revision %d", c, items[1].Revision)
	}
	const want = `not authorized: machine to machine auth config "https://b.example"'s origin is DECLARATIVE, cannot be modified or deleted with the current permission`
	for _, id := range []string{c.ID, strings.ToUpper(c.ID)} {
		if got := r.get(id).Value; got != c {
			t.Errorf("got %+v", got)
		}
		_, err = r.svc.Put(r.ctx, id, generic(), unasked, nil)
		wantError(t, err, fault.Forbidden, m2m.CodePermissionDenied, want)
		wantError(t, r.svc.Delete(r.ctx, id, nil), fault.Forbidden, m2m.CodePermissionDenied, want)
	}
	for _, iss := range []string{"https://b.example", "https://B.example/"} {
		_, err = r.svc.Create(r.ctx, generic(of(iss)), unasked)
		wantKind(t, err, fault.Exists)
		_, err = r.svc.Put(r.ctx, stored, generic(of(iss)), unasked, nil)
		wantKind(t, err, fault.Exists)
	}
	if item, err := r.svc.ByIssuer(r.ctx, "https://b.example"); err != nil || item.Value != c {
		t.Errorf("got %v, %v", item.Value, err)
	}
	_, err = r.svc.ByIssuer(r.ctx, "https://b.example/")
	wantKind(t, err, fault.Unauthenticated)
	if got := c.Match(claims{"sub": {"user-1"}}); len(got) != 1 || got[0] != "Deployer" {
		t.Errorf("got %q", got)
	}
}

// Test82_DeclaredID: tokens name the id, on every replica and after every reload.
func Test82_DeclaredID(t *testing.T) {
	t.Parallel()
	id := func(change ...func(*m2m.Config)) string {
		r := newRig(t, declared(change...))
		items, err := r.svc.List(r.ctx)
		if err != nil || len(items) != 1 {
			t.Fatalf("got %v, %v", items, err)
		}
		return items[0].ID
	}
	one := id()
	if one != id(gives("Deployer"), func(c *m2m.Config) { c.ID, c.TokenExpirationDuration = unknown, "1h" }) {
		t.Error("the id depends on more than the issuer")
	}
	if one == id(of(issuer+"/")) || one[14] != '5' {
		t.Errorf("got %s", one)
	}
}

// TestDeclared: what is refused in the API is refused in the file, and more.
func TestDeclared(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.role("Stored", nil)
	for _, tt := range []struct {
		name     string
		declared []m2m.Declared
		want     string
	}{
		{"80_role_missing", []m2m.Declared{declared(gives("Deployer", "Ghost", roles.Admin))}, "m2m generic https://idp.example: missing roles [Ghost]: "},
		{"80_role_of_the_API", []m2m.Declared{declared(gives("Stored"))}, "m2m generic https://idp.example: missing roles [Stored]: "},
		{"81_type", []m2m.Declared{declared(func(c *m2m.Config) { c.Type = "true" })}, `m2m true https://idp.example: invalid arguments: type "true" is unknown`},
		{"expression", []m2m.Declared{declared(mapping(m2m.Mapping{ValueExpression: "("}))}, "m2m generic https://idp.example: invalid arguments: invalid regular expression"},
		{"duration", []m2m.Declared{declared(func(c *m2m.Config) { c.TokenExpirationDuration = "1s" })}, "m2m generic https://idp.example: invalid arguments: invalid token expiration"},
		{"K6_address", []m2m.Declared{declared(of("https://10.0.0.1"))}, "m2m generic https://10.0.0.1: creating token exchanger"},
		{"X9_twice", []m2m.Declared{declared(), declared(of("https://IDP.example/"))}, "m2m generic https://IDP.example/: the issuer is declared twice"},
		{"audience_missing", []m2m.Declared{{Config: *generic()}}, "m2m generic https://idp.example: no audience"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			svc, err := r.tryConfigure(m2m.Deps{}, tt.declared...)
			if svc != nil || !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q...", err, tt.want)
			}
		})
	}
	github := m2m.Declared{Config: m2m.Config{Type: m2m.TypeGitHubActions, TokenExpirationDuration: "5m"}, InsecureAnyAudience: true}
	svc := r.configure(m2m.Deps{}, github, declared(func(c *m2m.Config) { c.Audience, c.Audiences = "", []string{"a"} }))
	if _, err := svc.ByIssuer(r.ctx, m2m.GitHubIssuer); err != nil {
		t.Error(err)
	}
	if _, err := m2m.New(r.rec, nil, m2m.Deps{}); err == nil {
		t.Error("a Service without clock and roles")
	}
}

// TestShadowed: a stored config is as if it were not there while one of the same issuer is declared.
func TestShadowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.role("R", nil)
	id := r.create(generic(of("https://Idp.example/"), gives("R"))).ID
	other := r.create(generic(of("https://other.example"))).ID
	before := r.svc
	r.svc = r.configure(m2m.Deps{}, declared())
	items, err := r.svc.List(r.ctx)
	if err != nil || len(items) != 2 || items[0].Value.Issuer != issuer || items[1].ID != other {
		t.Fatalf("got %v, %v", items, err)
	}
	_, err = r.svc.Get(r.ctx, id)
	wantAbsent(t, err, id)
	_, err = r.svc.ByID(r.ctx, id)
	wantAbsent(t, err, id)
	_, err = r.svc.ByIssuer(r.ctx, "https://Idp.example/")
	wantKind(t, err, fault.Unauthenticated)
	if ids, err := r.svc.Shadowed(r.ctx); err != nil || len(ids) != 1 || ids[0] != id {
		t.Errorf("got %q, %v", ids, err)
	}
	wantKind(t, r.roles.Delete(r.ctx, "R", nil), fault.Conflict) // it may come back
	if item, err := before.Get(r.ctx, id); err != nil || item.ID != id {
		t.Errorf("got %v", err)
	}
	if err := r.svc.Delete(r.ctx, id, nil); err != nil {
		t.Error(err)
	}
	if ids, err := r.svc.Shadowed(r.ctx); err != nil || len(ids) != 0 {
		t.Errorf("got %q, %v", ids, err)
	}
}
