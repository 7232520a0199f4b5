package authmethods_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
)

func tokenFor(rig *rig, host string) (string, error) {
	token, err := rig.svc.TokenFor(rig.ctx, "ext", host, authmethods.CertIdentity{DN: dn, HasSAN: true})
	return string(token), err
}

// wantMapError fails the test unless err shows clients text and nothing else.
func wantMapError(t *testing.T, err error, text string) {
	t.Helper()
	var m *authmethods.MapError
	if fault.KindOf(err) != fault.Internal || !errors.As(err, &m) || m.Text != text {
		t.Fatalf("got %v (kind %v), want a MapError %q", err, fault.KindOf(err), text)
	}
}

// TestTokenForOrder: the checks come in upstream's order (specs/auth-methods 2.4).
func TestTokenForOrder(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	oidcOnly := []string{"oidc"}
	tests := []struct {
		name, service, host, dn string
		prepare                 func(*rig)
		kind                    fault.Kind
		text                    string
	}{
		{name: "C50_service_type", service: "no", host: "no", kind: fault.NotFound, text: "Service-type was not found"},
		{name: "C50_auth_type_before_host", host: "no", kind: fault.Invalid,
			text:    "Auth type: x509 is not yet supported.Supported:[oidc]",
			prepare: func(r *rig) { update(r, "ext", authmethods.ServiceTypePatch{AuthTypes: &oidcOnly}) }},
		{name: "C50_host_before_method", host: "no", kind: fault.NotFound, text: "Host was not found",
			prepare: func(r *rig) { r.deleteMethod("ext", e.host) }},
		{name: "C50_method_before_binding", dn: "no", kind: fault.NotFound, text: "Auth method was not found",
			prepare: func(r *rig) { r.deleteMethod("ext", e.host) }},
		{name: "method_of_another_kind", kind: fault.NotFound, text: "Auth method was not found", prepare: func(r *rig) {
			update(r, "ext", authmethods.ServiceTypePatch{AuthMethod: ptr(authmethods.KindHeaders)})
		}},
		{name: "C50_binding", dn: "CN=other", kind: fault.NotFound, text: "Binding was not found"},
		{name: "binding_without_subject", dn: "-", kind: fault.NotFound, text: "Binding was not found"},
		{name: "binding_of_oidc_only", kind: fault.NotFound, text: "Binding was not found", prepare: func(r *rig) {
			if _, err := r.svc.UpdateBinding(r.ctx, "b", authmethods.BindingPatch{AuthType: ptr("oidc")}, nil); err != nil {
				r.t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
			if tt.prepare != nil {
				tt.prepare(rig)
			}
			service, host, subject := "ext", e.host, dn
			if tt.service != "" {
				service = tt.service
			}
			if tt.host != "" {
				host = tt.host
			}
			if tt.dn != "" {
				subject = tt.dn
			}
			if subject == "-" {
				subject = ""
			}
			before := e.calls()
			_, err := rig.svc.TokenFor(rig.ctx, service, host, authmethods.CertIdentity{DN: subject})
			wantKind(t, err, tt.kind)
			wantText(t, err, tt.text)
			if e.calls() != before {
				t.Error("the external service was asked")
			}
		})
	}
}

// renewBinding makes what has been retrieved for the binding old.
func (r *rig) renewBinding() {
	r.t.Helper()
	if _, err := r.svc.UpdateBinding(r.ctx, "b", authmethods.BindingPatch{}, nil); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) deleteMethod(service, host string) {
	r.t.Helper()
	if _, err := r.svc.DeleteMethod(r.ctx, service, host, nil); err != nil {
		r.t.Fatal(err)
	}
}

// TestTokenForBrokenRecords: D5: what cannot be read is an error of its own, not an absence.
func TestTokenForBrokenRecords(t *testing.T) {
	t.Parallel()
	for collection, id := range map[string]func(*rig, *external) string{
		"auth-methods": func(r *rig, e *external) string { return r.id("ext", e.host) },
		"bindings":     func(r *rig, _ *external) string { b, _ := r.svc.Binding(r.ctx, "b"); return b.ID },
	} {
		t.Run("D5_"+collection, func(t *testing.T) {
			t.Parallel()
			e := newExternal(t)
			rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
			rig.corrupt(collection, id(rig, e), `{"v":1,"x":"`+storedSecret+`"}`)
			_, err := tokenFor(rig, e.host)
			wantKind(t, err, fault.Internal, storedSecret)
			var m *authmethods.MapError
			if errors.As(err, &m) || e.calls() != 0 {
				t.Errorf("error %v, %d calls", err, e.calls())
			}
		})
	}
}

// TestTokenForValue: whatever JSON value the field holds is handed on (specs/auth-methods 2.4 step 10).
func TestTokenForValue(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
	for name, value := range map[string]string{
		"C49_text": `"some-value"`, "null": `null`, "object": `{"a":[1, 2]}`, "number": `1e3`, "escapes": `"\u0041\n"`,
	} {
		e.answersWith(http.StatusOK, ` {"other":1,"token":`+value+`} `)
		rig.renewBinding()
		if got, err := tokenFor(rig, e.host); err != nil || got != value {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, value)
		}
	}
}

// TestTokenForNotesMissingSAN: one note for a binding and one line in all replicas' logs together, which
// names the binding and not the subject. The note goes with the binding.
func TestTokenForNotesMissingSAN(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
	core, logs := observer.New(zap.DebugLevel)
	deps := e.deps()
	deps.Logger = zap.New(core)
	replicas := []*authmethods.Service{rig.configureWith(authmethods.Declared{}, deps), rig.configureWith(authmethods.Declared{}, deps)}
	asked := 0
	ask := func(hasSAN bool) {
		t.Helper()
		asked++
		if _, err := replicas[asked%2].TokenFor(rig.ctx, "ext", e.host, authmethods.CertIdentity{DN: dn, HasSAN: hasSAN}); err != nil {
			t.Fatal(err)
		}
	}
	notes := func() (n int, revision int64) {
		t.Helper()
		kvs, _, err := rig.mem.List(rig.ctx, "bindings-without-san/")
		if err != nil {
			t.Fatal(err)
		}
		for _, kv := range kvs {
			revision = kv.Revision
		}
		return len(kvs), revision
	}
	ask(true)
	if n, _ := notes(); n != 0 || logs.Len() != 0 {
		t.Fatalf("%d notes on a certificate that has a name, logged %v", n, logs.All())
	}
	ask(false)
	n, first := notes()
	if n != 1 {
		t.Fatalf("%d notes", n)
	}
	ask(false)
	if n, again := notes(); n != 1 || again != first {
		t.Fatalf("%d notes, written at %d and %d", n, first, again)
	}
	lines := logs.All()
	if len(lines) != 1 || lines[0].Level != zap.InfoLevel || fmt.Sprint(lines[0].ContextMap()) != "map[binding:b]" {
		t.Errorf("logged %v", lines)
	}
	if _, err := rig.svc.DeleteBinding(rig.ctx, "b", nil); err != nil {
		t.Fatal(err)
	}
	if n, _ := notes(); n != 0 {
		t.Errorf("%d notes without a binding", n)
	}
}

// TestTokenForNoteFails: the token does not depend on the note, whose failure is logged.
func TestTokenForNoteFails(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
	core, logs := observer.New(zap.DebugLevel)
	deps := e.deps()
	deps.Logger = zap.New(core)
	svc := rig.configureWith(authmethods.Declared{}, deps)
	rig.mem.FailWrites(errStub)
	if _, err := svc.TokenFor(rig.ctx, "ext", e.host, authmethods.CertIdentity{DN: dn}); err != nil {
		t.Error(err)
	}
	if logs.Len() != 1 || logs.All()[0].Level != zap.WarnLevel {
		t.Errorf("logged %v", logs.All())
	}
}

// TestTokenForUsesDefaults: the record's path and field come before the type's (C35).
func TestTokenForUsesDefaults(t *testing.T) {
	t.Parallel()
	with := func(d authmethods.Defaults) authmethods.Declared {
		return authmethods.Declared{Defaults: map[string]authmethods.Defaults{"custom": d}}
	}
	tests := []struct {
		name     string
		defaults authmethods.Defaults
		method   authmethods.Method
		path     string
		token    string
		text     string
	}{
		{name: "of_the_type", defaults: authmethods.Defaults{Path: "/t/{{identifier}}", RetrievalField: "token"},
			path: "/t/un1que-user-key", token: `"by type"`},
		{name: "C35_of_the_record", defaults: authmethods.Defaults{Path: "/t/{{identifier}}", RetrievalField: "token"},
			method: authmethods.Method{Path: "/r/{{identifier}}?x=1", RetrievalField: "some_token"}, path: "/r/un1que-user-key?x=1", token: `"by record"`},
		{name: "C35_field_only", defaults: authmethods.Defaults{Path: "/t/{{identifier}}", RetrievalField: "token"},
			method: authmethods.Method{RetrievalField: "some_token"}, path: "/t/un1que-user-key", token: `"by record"`},
		{name: "no_path", defaults: authmethods.Defaults{RetrievalField: "token"}, text: "Backend error"},
		{name: "no_field", defaults: authmethods.Defaults{Path: "/t"}, text: "Backend error"},
		{name: "nothing", text: "Backend error"},
		{name: "headers_have_no_key", defaults: authmethods.Defaults{Path: "/t/{{access_key}}", RetrievalField: "token"},
			method: authmethods.Method{Headers: map[string]secret.String{"X-T": secret.New("t")}}, text: "Backend error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newExternal(t)
			e.answersWith(http.StatusOK, `{"token":"by type","some_token":"by record"}`)
			rig := mapRig(t, e, with(tt.defaults), tt.method)
			token, err := tokenFor(rig, e.host)
			if tt.text != "" {
				wantMapError(t, err, tt.text)
				return
			}
			if err != nil || token != tt.token || e.last(t).RequestURI != tt.path {
				t.Fatalf("got %s, %v from %s, want %s from %s", token, err, e.last(t).RequestURI, tt.token, tt.path)
			}
		})
	}
}
