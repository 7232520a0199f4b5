package authmethods_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/fault"
)

const mappedSecret = "m4pped-t0ken-0f-the-user"

func mtlsCaller(subject string) *authn.Principal {
	return &authn.Principal{ID: subject, Kind: "binding", Method: "mtls"}
}

func jwtCaller(issuer, subject string) *authn.Principal {
	return &authn.Principal{ID: subject, Kind: authn.KindIssuer, Method: authn.MethodJWT, Issuer: issuer}
}

// injectMapped sends a request of p towards e through the map mode of svc.
func injectMapped(t testing.TB, svc *authmethods.Service, e *external, p *authn.Principal, headers ...string) (*http.Request, authmethods.Injected, error) {
	t.Helper()
	r := outgoing("https://ignored.corp/p?a=1", headers...)
	got, err := svc.Injector("", authmethods.InjectOptions{Map: true}).
		Inject(t.Context(), r, authmethods.Target{Scheme: "https", Host: e.host, Port: e.port}, p)
	return r, got, err
}

// TestMapAttaches: the caller's own token goes where the type's keys go, and the stored credential nowhere.
func TestMapAttaches(t *testing.T) {
	t.Parallel()
	placed := func(p string) authmethods.Declared {
		return authmethods.Declared{Defaults: map[string]authmethods.Defaults{"custom": {Placement: p}}}
	}
	tests := []struct {
		name    string
		decl    authmethods.Declared
		method  authmethods.Method
		client  string // query of the request; "a=1" by default
		headers []string
		want    http.Header
		query   string
	}{
		{name: "default", want: http.Header{"X-Api-Key": {mappedSecret}}},
		{name: "H1_H4_client_twins", headers: []string{"X-Api-Key", "evil", "X_Api_Key", "evil", "X.api-Key", "evil"},
			want: http.Header{"X-Api-Key": {mappedSecret}}},
		{name: "H6_connection", headers: []string{"Connection", "close, X-Api-Key", "X-Other", "1"},
			want: http.Header{"X-Api-Key": {mappedSecret}, "Connection": {"close"}, "X-Other": {"1"}}},
		{name: "placement_header", decl: placed("header X-Token"), headers: []string{"X_token", "evil", "X-Api-Key", "evil"},
			want: http.Header{"X-Token": {mappedSecret}}},
		{name: "placement_query", decl: placed("query k"), headers: []string{"X-Api-Key", "evil"}, want: http.Header{}, query: "a=1&k=" + mappedSecret},
		{name: "template_is_for_the_retrieval", method: authmethods.Method{Path: tokenPath + "?key={{access_key}}"},
			want: http.Header{"X-Api-Key": {mappedSecret}}},
		{name: "H5_template_parameter_of_the_client", method: authmethods.Method{Path: tokenPath + "?key={{access_key}}"},
			client: "key=evil&a=1&KEY=evil;%6bey=evil&keys=2&key", query: "a=1&keys=2", want: http.Header{"X-Api-Key": {mappedSecret}}},
		{name: "H5_template_parameter_alone", method: authmethods.Method{Path: tokenPath + "?key={{access_key}}"},
			client: "key=evil", query: "-", want: http.Header{"X-Api-Key": {mappedSecret}}},
		{name: "H5_template_of_the_type", decl: authmethods.Declared{Defaults: map[string]authmethods.Defaults{
			"custom": {Path: tokenPath + "?key={{access_key}}", Placement: "query k"},
		}}, method: authmethods.Method{Path: "-"}, client: "key=evil&k=evil&b=2", want: http.Header{}, query: "b=2&k=" + mappedSecret},
		{name: "parameters_of_nobody_stay", client: "key=own", query: "key=own", want: http.Header{"X-Api-Key": {mappedSecret}}},
		{name: "headers_kind_has_no_parameter", decl: authmethods.Declared{Defaults: map[string]authmethods.Defaults{
			"custom": {Path: tokenPath + "?key={{access_key}}"},
		}}, method: authmethods.Method{Headers: secrets(map[string]string{"X-Stored": storedSecret})}, client: "key=own", query: "key=own",
			want: http.Header{"X-Api-Key": {mappedSecret}}},
		{name: "headers_kind", headers: []string{"X-Stored", "evil", "Accept", "text/html"},
			method: authmethods.Method{Headers: secrets(map[string]string{"X-Stored": storedSecret, "Accept": "application/json"})},
			want:   http.Header{"X-Api-Key": {mappedSecret}, "Accept": {"text/html"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newExternal(t)
			e.answersWith(http.StatusOK, `{"token":"`+mappedSecret+`"}`)
			switch tt.method.Path {
			case "":
				tt.method.Path = tokenPath
			case "-":
				tt.method.Path = ""
			}
			tt.method.RetrievalField = "token"
			rig := mapRig(t, e, tt.decl, tt.method)
			if tt.client == "" {
				tt.client = "a=1"
			}
			r := outgoing("https://ignored.corp/p?"+tt.client, tt.headers...)
			got, err := rig.svc.Injector("", authmethods.InjectOptions{Map: true}).
				Inject(t.Context(), r, authmethods.Target{Scheme: "https", Host: e.host, Port: e.port}, mtlsCaller(dn))
			if err != nil || !got.Any() {
				t.Fatalf("attached %v, %v", got.Any(), err)
			}
			if fmt.Sprint(r.Header) != fmt.Sprint(tt.want) {
				t.Errorf("headers %v, want %v", r.Header, tt.want)
			}
			switch tt.query {
			case "":
				tt.query = "a=1"
			case "-":
				tt.query = ""
			}
			if r.URL.RawQuery != tt.query {
				t.Errorf("query %s, want %s", r.URL.RawQuery, tt.query)
			}
			for _, secret := range []string{mappedSecret, storedSecret} {
				t.Run("H16_scrub", func(t *testing.T) {
					h := http.Header{"X-Echo": {"you sent " + secret}, "Date": {"now"}}
					if n := got.Scrub(h); n != 1 || len(h) != 1 {
						t.Errorf("scrubbed %d, left %v", n, h)
					}
				})
				t.Run("H17_redact", func(t *testing.T) {
					wantHidden(t, got.Redact(errors.New("bad "+secret)), secret)
				})
			}
			if harmless := errors.New("harmless"); got.Redact(harmless) != harmless {
				t.Error("a harmless error is redacted")
			}
		})
	}
}

// TestMapRefuses: nobody gets through on the stored credential, and errors tell no secret.
func TestMapRefuses(t *testing.T) {
	t.Parallel()
	const issuer = "https://idp.test"
	oidcBinding := func(identifier string) func(*rig) {
		return func(r *rig) {
			p := authmethods.BindingPatch{AuthType: ptr("oidc"), AuthIdentifier: &identifier}
			if _, err := r.svc.UpdateBinding(r.ctx, "b", p, nil); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	x509Only := []string{"x509"}
	oidcOnly := []string{"oidc"}
	tests := []struct {
		name    string
		caller  *authn.Principal
		prepare func(*rig)
		answer  string
		ok      bool
		kind    fault.Kind
	}{
		{name: "x509", caller: mtlsCaller(dn), ok: true},
		{name: "oidc", caller: jwtCaller(issuer, "sub"), prepare: oidcBinding(issuer + " sub"), ok: true},
		{name: "anonymous", kind: fault.Forbidden},
		{name: "no_subject", caller: mtlsCaller(""), kind: fault.Forbidden},
		{name: "unbound", caller: mtlsCaller("CN=other"), kind: fault.Forbidden},
		{name: "subject_of_a_token_is_no_DN", caller: jwtCaller(issuer, dn), kind: fault.Forbidden},
		{name: "DN_is_no_subject_of_a_token", caller: mtlsCaller(issuer + " sub"), prepare: oidcBinding(issuer + " sub"), kind: fault.Forbidden},
		{name: "J11_another_issuer", caller: jwtCaller("https://evil.test", "sub"), prepare: oidcBinding(issuer + " sub"), kind: fault.Forbidden},
		{name: "C3_issuer_with_space", caller: jwtCaller(issuer+" a", "b"), prepare: oidcBinding(issuer + " a b"), kind: fault.Forbidden},
		{name: "no_issuer", caller: jwtCaller("", "sub"), prepare: oidcBinding(" sub"), kind: fault.Forbidden},
		{name: "another_way_to_authenticate", caller: &authn.Principal{ID: dn, Method: "basic", Issuer: issuer}, kind: fault.Forbidden},
		{name: "C10_auth_type_removed", caller: mtlsCaller(dn), kind: fault.Forbidden, prepare: func(r *rig) {
			update(r, "ext", authmethods.ServiceTypePatch{AuthTypes: &oidcOnly})
		}},
		{name: "C10_oidc_removed", caller: jwtCaller(issuer, "sub"), kind: fault.Forbidden, prepare: func(r *rig) {
			oidcBinding(issuer + " sub")(r)
			update(r, "ext", authmethods.ServiceTypePatch{AuthTypes: &x509Only})
		}},
		{name: "C10_host_removed", caller: mtlsCaller(dn), kind: fault.Unavailable, prepare: func(r *rig) {
			update(r, "ext", authmethods.ServiceTypePatch{Hosts: &[]string{"other"}})
		}},
		{name: "C10_binding_deleted", caller: mtlsCaller(dn), kind: fault.Forbidden, prepare: func(r *rig) {
			if _, err := r.svc.DeleteBinding(r.ctx, "b", nil); err != nil {
				r.t.Fatal(err)
			}
		}},
		{name: "D5_broken_binding", caller: mtlsCaller(dn), kind: fault.Unavailable, prepare: func(r *rig) {
			b, _ := r.svc.Binding(r.ctx, "b")
			r.corrupt("bindings", b.ID, "{")
		}},
		{name: "D2_store_down", caller: mtlsCaller("CN=never asked"), kind: fault.Unavailable, prepare: func(r *rig) {
			r.mem.FailReads(errStub)
		}},
		{name: "token_null", caller: mtlsCaller(dn), answer: `null`, kind: fault.Unavailable},
		{name: "token_number", caller: mtlsCaller(dn), answer: `12345678`, kind: fault.Unavailable},
		{name: "token_object", caller: mtlsCaller(dn), answer: `{"a":"` + mappedSecret + `"}`, kind: fault.Unavailable},
		{name: "token_empty", caller: mtlsCaller(dn), answer: `""`, kind: fault.Unavailable},
		{name: "H11_token_CRLF", caller: mtlsCaller(dn), answer: `"` + mappedSecret + `\r\nX-Admin: 1"`, kind: fault.Unavailable},
		{name: "H11_token_NUL", caller: mtlsCaller(dn), answer: `"` + mappedSecret + `\u0000"`, kind: fault.Unavailable},
		{name: "H11_token_not_ascii", caller: mtlsCaller(dn), answer: `"` + mappedSecret + `é"`, kind: fault.Unavailable},
		{name: "H13_token_long", caller: mtlsCaller(dn), answer: `"` + strings.Repeat("t", 17<<10) + `"`, kind: fault.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newExternal(t)
			if tt.answer == "" {
				tt.answer = `"` + mappedSecret + `"`
			}
			e.answersWith(http.StatusOK, `{"token":`+tt.answer+`}`)
			rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
			if tt.prepare != nil {
				tt.prepare(rig)
			}
			r, got, err := injectMapped(t, rig.svc, e, tt.caller, "X-Api-Key", "own")
			if tt.ok {
				if err != nil || r.Header.Get("X-Api-Key") != mappedSecret {
					t.Fatalf("X-Api-Key %q, %v", r.Header.Get("X-Api-Key"), err)
				}
				return
			}
			wantKind(t, err, tt.kind)
			wantHidden(t, err, mappedSecret, storedSecret, "un1que-user-key")
			if got.Any() || r.Header.Get("X-Api-Key") != "own" {
				t.Errorf("attached: %v, X-Api-Key: %q", got.Any(), r.Header.Get("X-Api-Key"))
			}
		})
	}
}

// TestMapLeavesOtherHostsAlone: where no service type has a credential there is nothing to map.
func TestMapLeavesOtherHostsAlone(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
	r := outgoing("https://other.corp/")
	got, err := rig.svc.Injector("", authmethods.InjectOptions{Map: true}).Inject(t.Context(), r, targetOf(t, r), nil)
	if err != nil || got.Any() || len(r.Header) != 0 || e.calls() != 0 {
		t.Errorf("attached %v, %v, headers %v", got.Any(), err, r.Header)
	}
	t.Run("H14_never_unencrypted", func(t *testing.T) {
		rig.serviceType("plain", authmethods.KindAPIKey, "plain.corp")
		rig.apiKey("plain", "plain.corp", 80, key)
		_, err := rig.svc.Injector("", authmethods.InjectOptions{Map: true}).
			Inject(t.Context(), r, authmethods.Target{Scheme: "http", Host: "plain.corp"}, mtlsCaller(dn))
		wantKind(t, err, fault.Unavailable)
	})
}
