package authmethods_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
)

func declaredMethod(service, host string, port int, key string) authmethods.DeclaredMethod {
	return authmethods.DeclaredMethod{
		ServiceType: service, Method: authmethods.Method{Host: host, Port: port, AccessKey: secret.New(key)},
	}
}

// declared is a service type ams for hosts with one method for the first of them.
func declared(hosts ...string) authmethods.Declared {
	return authmethods.Declared{
		ServiceTypes: []authmethods.ServiceType{serviceType("ams", authmethods.KindAPIKey, hosts...)},
		Methods:      []authmethods.DeclaredMethod{declaredMethod("ams", hosts[0], 443, "declared-key")},
	}
}

func TestDeclaredRefusals(t *testing.T) {
	t.Parallel()
	keyed := serviceType("ams", authmethods.KindAPIKey, "a.corp")
	tests := []struct {
		name string
		decl authmethods.Declared
		want string // the error's text begins so
	}{
		{"empty_hosts", authmethods.Declared{ServiceTypes: []authmethods.ServiceType{serviceType("ams", "api-key")}},
			"service_type ams: hosts: service-type object contains empty fields"},
		{"slash_in_name", authmethods.Declared{ServiceTypes: []authmethods.ServiceType{serviceType("a/b", "api-key", "h")}},
			"service_type a/b: name: Field: name contains invalid data."},
		{"unsupported_kind", authmethods.Declared{ServiceTypes: []authmethods.ServiceType{serviceType("ams", "basic", "h")}},
			"service_type ams: auth_method: auth_method: basic is not yet supported.Supported:[api-key headers]"},
		{"duplicate_name", authmethods.Declared{ServiceTypes: []authmethods.ServiceType{keyed, keyed}},
			"service_type ams: name: service-type object with name: ams already exists"},
		{"unknown_service_type", authmethods.Declared{Methods: []authmethods.DeclaredMethod{declaredMethod("ams", "a.corp", 1, key)}},
			"auth_method ams a.corp:1: service type ams is not declared"},
		{"unlisted_host", authmethods.Declared{ServiceTypes: []authmethods.ServiceType{keyed},
			Methods: []authmethods.DeclaredMethod{declaredMethod("ams", "b.corp", 1, key)}}, "auth_method ams b.corp:1: Host was not found"},
		{"bad_port", authmethods.Declared{ServiceTypes: []authmethods.ServiceType{keyed},
			Methods: []authmethods.DeclaredMethod{declaredMethod("ams", "a.corp", 70000, key)}}, "auth_method ams a.corp:70000: port: "},
		{"D6_no_secret", authmethods.Declared{ServiceTypes: []authmethods.ServiceType{keyed},
			Methods: []authmethods.DeclaredMethod{declaredMethod("ams", "a.corp", 1, "")}}, "auth_method ams a.corp:1: access_key: "},
		{"newline_in_secret", authmethods.Declared{ServiceTypes: []authmethods.ServiceType{keyed},
			Methods: []authmethods.DeclaredMethod{declaredMethod("ams", "a.corp", 1, key+"\n")}}, "auth_method ams a.corp:1: access_key: "},
		{"headers_for_api_key", authmethods.Declared{ServiceTypes: []authmethods.ServiceType{keyed},
			Methods: []authmethods.DeclaredMethod{{ServiceType: "ams", Method: authmethods.Method{
				Host: "a.corp", Port: 1, AccessKey: secret.New(key), Headers: secrets(map[string]string{"X-T": key})}}}},
			"auth_method ams a.corp:1: header: "},
		{"duplicate_target", authmethods.Declared{ServiceTypes: []authmethods.ServiceType{serviceType("ams", "api-key", "a.corp", "A.corp.")},
			Methods: []authmethods.DeclaredMethod{declaredMethod("ams", "a.corp", 1, key), declaredMethod("ams", "A.corp.", 2, key)}},
			"auth_method ams A.corp.:2: host: Auth method object with host: A.corp. already exists"},
		{"unknown_type_in_defaults", authmethods.Declared{Defaults: map[string]authmethods.Defaults{"soap": {}}}, "service_defaults soap: type: "},
		{"placement_nowhere", authmethods.Declared{Defaults: map[string]authmethods.Defaults{"ams": {Placement: "cookie x"}}},
			"service_defaults ams: placement: "},
		{"placement_at_hop_by_hop_header", authmethods.Declared{Defaults: map[string]authmethods.Defaults{"ams": {Placement: "header Proxy-X"}}},
			"service_defaults ams: placement: "},
		{"placement_without_name", authmethods.Declared{Defaults: map[string]authmethods.Defaults{"ams": {Placement: "query"}}},
			"service_defaults ams: placement: "},
		{"path_with_other_placeholder", authmethods.Declared{Defaults: map[string]authmethods.Defaults{"ams": {Path: "/{{env.X}}"}}},
			"service_defaults ams: path: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t, authmethods.Declared{})
			_, err := authmethods.New(rig.rec, tt.decl, authmethods.Deps{Now: time.Now})
			wantKind(t, err, fault.Invalid, key)
			if !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %q, want it to begin %q", err, tt.want)
			}
		})
	}
}

func TestDeclaredObjectsAreReadOnly(t *testing.T) {
	t.Parallel()
	rig := newRig(t, declared("a.corp", "b.corp"))
	name, typeText, methodText := "other",
		"service-type object ams is declared in the Caddyfile and cannot be changed here",
		"Auth method object ams a.corp is declared in the Caddyfile and cannot be changed here"
	_, err := rig.svc.UpdateServiceType(rig.ctx, "ams", authmethods.ServiceTypePatch{Name: &name}, nil)
	wantKind(t, err, fault.Conflict)
	wantText(t, err, typeText)
	_, err = rig.svc.DeleteServiceType(rig.ctx, "ams", nil)
	wantKind(t, err, fault.Conflict)
	wantText(t, err, typeText)
	_, err = rig.svc.UpdateMethod(rig.ctx, "ams", "a.corp", authmethods.MethodPatch{}, nil)
	wantKind(t, err, fault.Conflict)
	wantText(t, err, methodText)
	_, err = rig.svc.DeleteMethod(rig.ctx, "ams", "a.corp", nil)
	wantKind(t, err, fault.Conflict)
	wantText(t, err, methodText)
	_, err = rig.svc.CreateServiceType(rig.ctx, serviceType("ams", authmethods.KindAPIKey, "c.corp"))
	wantKind(t, err, fault.Exists)
	_, err = rig.svc.CreateMethod(rig.ctx, "ams", authmethods.Method{Host: "a.corp", Port: 1, AccessKey: secret.New("x")})
	wantKind(t, err, fault.Exists)
	rig.serviceType("stored", authmethods.KindAPIKey, "c.corp")
	rename := "ams"
	_, err = rig.svc.UpdateServiceType(rig.ctx, "stored", authmethods.ServiceTypePatch{Name: &rename}, nil)
	wantKind(t, err, fault.Exists)

	// A declared service type may have stored methods for its other hosts, and keeps them.
	rig.apiKey("ams", "b.corp", 443, "stored-key")
	again := rig.configure(declared("a.corp", "b.corp"))
	item, err := again.Method(rig.ctx, "ams", "b.corp")
	if err != nil || item.Value.Origin != "" {
		t.Errorf("after a reload: %+v, %v", item.Value, err)
	}
	list, err := again.Methods(rig.ctx)
	if err != nil || len(list) != 2 || list[0].Value.Origin != authmethods.OriginCaddyfile {
		t.Errorf("methods after a reload: %v, %v", list, err)
	}
}

// TestDeclaredShadowsStored: a declared service type hides the stored one of the same name with all its
// methods; the hidden ones come back when it goes.
func TestDeclaredShadowsStored(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	stored := rig.serviceType("ams", authmethods.KindAPIKey, "a.corp", "hidden.corp")
	rig.apiKey("ams", "a.corp", 443, "stored-key")
	rig.apiKey("ams", "hidden.corp", 443, "stored-key")
	svc := rig.configure(declared("a.corp"))

	names, err := svc.Shadowed(rig.ctx)
	if err != nil || !slices.Equal(names, []string{"ams"}) {
		t.Errorf("Shadowed = %v, %v", names, err)
	}
	if names, err := rig.svc.Shadowed(rig.ctx); err != nil || len(names) != 0 {
		t.Errorf("Shadowed without declarations = %v, %v", names, err)
	}
	items, err := svc.ServiceTypes(rig.ctx)
	if err != nil || len(items) != 1 || items[0].ID == stored.UUID {
		t.Errorf("ServiceTypes = %v, %v", items, err)
	}
	injector := svc.Injector("", authmethods.InjectOptions{})
	r := outgoing("https://a.corp/")
	if _, err := injector.Inject(t.Context(), r, targetOf(t, r), nil); err != nil || r.Header.Get("X-Api-Key") != "declared-key" {
		t.Errorf("got %q, %v", r.Header.Get("X-Api-Key"), err)
	}
	r = outgoing("https://hidden.corp/")
	_, err = injector.Inject(t.Context(), r, targetOf(t, r), nil)
	wantKind(t, err, fault.Unavailable)
	if item, err := rig.svc.Method(rig.ctx, "ams", "hidden.corp"); err != nil || item.Value.ServiceUUID != stored.UUID {
		t.Errorf("without the declaration: %v, %v", item, err)
	}
}

func TestDeclaredUUIDsAreStable(t *testing.T) {
	t.Parallel()
	one, two := newRig(t, declared("a.corp")), newRig(t, declared("a.corp", "b.corp"))
	for _, get := range []func(*rig) string{
		func(r *rig) string { i, _ := r.svc.ServiceType(r.ctx, "ams"); return i.ID },
		func(r *rig) string { return r.id("ams", "a.corp") },
	} {
		if a, b := get(one), get(two); a == "" || a != b {
			t.Errorf("uuids %q and %q", a, b)
		}
	}
}

func TestPlacements(t *testing.T) {
	t.Parallel()
	with := func(d authmethods.Defaults, path string) authmethods.Declared {
		decl := declared("a.corp")
		decl.ServiceTypes[0].Type = "ams"
		decl.Methods[0].Method.Path = path
		decl.Defaults = map[string]authmethods.Defaults{"ams": d}
		return decl
	}
	const client = "https://a.corp/?a=1&k=evil&key=evil"
	tests := []struct {
		name          string
		decl          authmethods.Declared
		header, query string
		managed       []string
	}{
		{"default", with(authmethods.Defaults{}, ""), "X-Api-Key", "a=1&k=evil&key=evil", []string{"x-api-key"}},
		{"header_of_type", with(authmethods.Defaults{Placement: "header X-Token"}, ""), "X-Token", "a=1&k=evil&key=evil", []string{"x-api-key", "x-token"}},
		{"query_of_type", with(authmethods.Defaults{Placement: "query k"}, ""), "", "a=1&key=evil&k=declared-key", []string{"x-api-key"}},
		{"template_of_type_beats_placement", with(authmethods.Defaults{Placement: "query k", Path: "/?key={{access_key}}"}, ""),
			"", "a=1&k=evil&key=declared-key", []string{"x-api-key"}},
		{"template_of_record_beats_both", with(authmethods.Defaults{Placement: "header X-Token", Path: "/?key={{access_key}}"}, "/?k={{access_key}}"),
			"", "a=1&key=evil&k=declared-key", []string{"x-api-key", "x-token"}},
		{"path_of_record_replaces_template_of_type", with(authmethods.Defaults{Path: "/?key={{access_key}}"}, "/own"),
			"X-Api-Key", "a=1&k=evil&key=evil", []string{"x-api-key"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t, tt.decl)
			r := outgoing(client, "X-Api-Key", "evil", "X_Token", "evil", "X-Token", "evil")
			if _, err := rig.svc.Injector("ams", authmethods.InjectOptions{}).Inject(t.Context(), r, targetOf(t, r), nil); err != nil {
				t.Fatal(err)
			}
			if r.URL.RawQuery != tt.query {
				t.Errorf("query %q, want %q", r.URL.RawQuery, tt.query)
			}
			for name, values := range r.Header {
				if len(values) != 1 || (values[0] == "declared-key") != (name == tt.header) || name == "X-Api-Key" && values[0] == "evil" {
					t.Errorf("header %s: %v", name, values)
				}
			}
			if got := rig.svc.ManagedHeaders(); !slices.Equal(got, tt.managed) {
				t.Errorf("ManagedHeaders = %v, want %v", got, tt.managed)
			}
		})
	}
}

// TestNamedDeclaredNeedsNoStore: a route that names a declared service type works without the store.
func TestNamedDeclaredNeedsNoStore(t *testing.T) {
	t.Parallel()
	rig := newRig(t, declared("a.corp"))
	rig.mem.FailReads(errStub)
	r := outgoing("https://a.corp/")
	if _, err := rig.svc.Injector("ams", authmethods.InjectOptions{}).Inject(t.Context(), r, targetOf(t, r), nil); err != nil {
		t.Error(err)
	}
}

// TestManagedHeaders: what every client sends for its own reasons must not be taken from it on routes
// that have nothing to do with the method which sets it.
func TestManagedHeaders(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{
		ServiceTypes: []authmethods.ServiceType{serviceType("s", authmethods.KindHeaders, "a.corp")},
		Methods: []authmethods.DeclaredMethod{{ServiceType: "s", Method: authmethods.Method{Host: "a.corp", Port: 1, Headers: secrets(
			map[string]string{"Authorization": "Bearer " + key, "Cookie": "k=" + key, "Accept": "a/b", "X_Team.Token": key})}}},
	})
	if got, want := rig.svc.ManagedHeaders(), []string{"x-api-key", "x-team-token"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
