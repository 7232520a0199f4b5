package authmethods_test

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
)

const key = "s3cr3t-access-key"

// TestInject is the table of what arrives at an upstream, by what is stored and what the client sent.
func TestInject(t *testing.T) {
	t.Parallel()
	setUp := func(t *testing.T) *rig {
		r := newRig(t, authmethods.Declared{})
		r.serviceType("keyed", authmethods.KindAPIKey, "keyed.corp", "API.Upper.", "[::1]", "templ.corp", "path.corp")
		r.apiKey("keyed", "keyed.corp", 9000, key)
		r.apiKey("keyed", "API.Upper.", 443, key)
		r.apiKey("keyed", "[::1]", 9000, key)
		r.method("keyed", authmethods.Method{
			Host: "templ.corp", Port: 443, AccessKey: secret.New("AK 1&x=2"), Path: "/v1/{{identifier}}?a=b&k%65y={{access_key}}",
		})
		r.method("keyed", authmethods.Method{
			Host: "path.corp", Port: 443, AccessKey: secret.New(key), Path: "/v1/{{access_key}}?a=x{{access_key}}",
		})
		r.serviceType("headed", authmethods.KindHeaders, "headed.corp", "auth.corp", "literal.corp")
		r.headers("headed", "headed.corp", 443, map[string]string{"x-user_token": key, "Accept": "application/json"})
		r.headers("headed", "auth.corp", 443, map[string]string{"authorization": "Bearer " + key})
		r.headers("headed", "literal.corp", 443, map[string]string{"X-T": "{env.HOME} {{ .Env }} $HOME {http.request.header.X}"})
		return r
	}
	type header = map[string][]string
	tests := []struct {
		name   string
		target string
		sent   []string
		want   header
		query  string
		none   bool // nothing is attached
	}{
		{name: "api_key_in_default_header", target: "https://keyed.corp:9000/p", want: header{"X-Api-Key": {key}}},
		{name: "H1_client_value_replaced", target: "https://keyed.corp:9000/p", sent: []string{"X-Api-Key", "evil"},
			want: header{"X-Api-Key": {key}}},
		{name: "H4_twins_go", target: "https://keyed.corp:9000/p", want: header{"X-Api-Key": {key}, "X-Api": {"kept"}},
			sent: []string{"X_Api_Key", "1", "x-API_key", "2", "X.Api.Key", "3", "X-Api_Key", "4", "x-api-key", "5", "X-Api", "kept"}},
		{name: "H5_one_line_remains", target: "https://keyed.corp:9000/p", want: header{"X-Api-Key": {key}},
			sent: []string{"X-Api-Key", "a", "X-Api-Key", "b,c"}},
		{name: "H6_connection_cannot_name_it", target: "https://keyed.corp:9000/p",
			sent: []string{"Connection", "close, X-Api-Key", "Connection", "x_api.KEY"}, want: header{"X-Api-Key": {key}, "Connection": {"close"}}},
		{name: "H6_connection_of_nothing_else", target: "https://keyed.corp:9000/p",
			sent: []string{"connection", "x-api-key"}, want: header{"X-Api-Key": {key}}},
		{name: "P8_host_normalised", target: "https://api.UPPER/p", want: header{"X-Api-Key": {key}}},
		{name: "P8_implicit_port", target: "https://api.upper./p", want: header{"X-Api-Key": {key}}},
		{name: "ipv6", target: "https://[0:0::1]:9000/p", want: header{"X-Api-Key": {key}}},
		{name: "template_query", target: "https://templ.corp/p?a=%7e&key=evil&KEY=x&k%65y=evil",
			sent: []string{"X-Api-Key", "evil", "X_api_key", "evil"}, want: header{}, query: "a=%7e&key=AK+1%26x%3D2"},
		{name: "template_without_exact_parameter", target: "https://path.corp/p?a=1", want: header{"X-Api-Key": {key}}, query: "a=1"},
		{name: "headers_set", target: "https://headed.corp/p",
			sent: []string{"Accept", "text/html", "X-User-Token", "evil", "X.User.Token", "evil", "X-Other", "o"},
			want: header{"Accept": {"application/json"}, "X-User_token": {key}, "X-Other": {"o"}}},
		{name: "H14_callers_authorization_replaced", target: "https://auth.corp/p", sent: []string{"Authorization", "Basic abc"},
			want: header{"Authorization": {"Bearer " + key}}},
		{name: "H12_literals_never_expanded", target: "https://literal.corp/p",
			want: header{"X-T": {"{env.HOME} {{ .Env }} $HOME {http.request.header.X}"}}},
		{name: "other_port_is_no_match", target: "https://keyed.corp:9001/p", sent: []string{"X-Api-Key", "own"},
			want: header{"X-Api-Key": {"own"}}, none: true},
		{name: "unknown_host", target: "https://other.corp/p", want: header{}, none: true},
		{name: "subdomain_is_another_host", target: "https://x.keyed.corp:9000/p", want: header{}, none: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := setUp(t)
			r := outgoing(tt.target, tt.sent...)
			before := *r.URL
			got, err := rig.svc.Injector("", authmethods.InjectOptions{}).Inject(t.Context(), r, targetOf(t, r), nil)
			if err != nil {
				t.Fatalf("Inject: %v", err)
			}
			if got.Any() == tt.none {
				t.Errorf("Any() = %v", got.Any())
			}
			if !reflect.DeepEqual(r.Header, http.Header(tt.want)) {
				t.Errorf("headers %v, want %v", r.Header, tt.want)
			}
			if r.URL.RawQuery != tt.query {
				t.Errorf("query %q, want %q", r.URL.RawQuery, tt.query)
			}
			if r.URL.Path != before.Path || r.URL.Host != before.Host {
				t.Errorf("URL became %v", r.URL)
			}
		})
	}
}

// TestInjectFailsClosed holds that a credential which is meant to be there and cannot be attached stops
// the request, and that the request is left as it was.
func TestInjectFailsClosed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(*rig)
		service string
		target  string
		kind    fault.Kind
	}{
		{name: "two_candidates", kind: fault.Conflict, prepare: func(r *rig) {
			r.serviceType("two", authmethods.KindAPIKey, "a.corp")
			r.apiKey("two", "a.corp", 443, "other-secret-key")
		}},
		{name: "two_spellings_in_one_service_type", service: "one", kind: fault.Conflict, prepare: func(r *rig) {
			hosts := []string{"a.corp", "A.corp"}
			update(r, "one", authmethods.ServiceTypePatch{Hosts: &hosts})
			r.apiKey("one", "A.corp", 443, "other-secret-key")
		}},
		{name: "named_service_type_unknown", service: "nobody", kind: fault.Unavailable},
		{name: "named_without_method_for_host", service: "one", target: "https://b.corp/", kind: fault.Unavailable},
		{name: "named_without_method_for_port", service: "one", target: "https://a.corp:8443/", kind: fault.Unavailable},
		{name: "named_is_another", service: "two", kind: fault.Unavailable, prepare: func(r *rig) {
			r.serviceType("two", authmethods.KindAPIKey, "a.corp")
		}},
		{name: "host_no_longer_listed", kind: fault.Unavailable, prepare: func(r *rig) {
			hosts := []string{"b.corp"}
			update(r, "one", authmethods.ServiceTypePatch{Hosts: &hosts})
		}},
		{name: "kind_switched", kind: fault.Unavailable, prepare: func(r *rig) {
			kind := authmethods.KindHeaders
			update(r, "one", authmethods.ServiceTypePatch{AuthMethod: &kind})
		}},
		{name: "host_listed_without_any_method", target: "https://bare.corp/", kind: fault.Unavailable, prepare: func(r *rig) {
			r.serviceType("bare", authmethods.KindAPIKey, "bare.corp")
		}},
		{name: "D5_broken_method", kind: fault.Unavailable, prepare: func(r *rig) { r.corrupt("auth-methods", r.id("one", "a.corp"), "{") }},
		{name: "D5_broken_method_beside_a_good_one", kind: fault.Unavailable, prepare: func(r *rig) {
			r.serviceType("two", authmethods.KindAPIKey, "a.corp")
			r.apiKey("two", "a.corp", 443, "other-secret-key")
			r.corrupt("auth-methods", r.id("two", "a.corp"), "{")
		}},
		{name: "D5_unknown_version", kind: fault.Unavailable, prepare: func(r *rig) {
			r.corrupt("auth-methods", r.id("one", "a.corp"), `{"v":2,"access_key":"`+key+`"}`)
		}},
		{name: "D6_secret_missing", kind: fault.Unavailable, prepare: func(r *rig) {
			m, _ := r.svc.Method(r.ctx, "one", "a.corp")
			r.corrupt("auth-methods", m.ID, `{"v":1,"service_uuid":"`+m.Value.ServiceUUID+
				`","host":"a.corp","port":443,"type":"api-key","created_on":"2020-01-01T00:00:00Z"}`)
		}},
		{name: "D5_broken_service_type", kind: fault.Unavailable, prepare: func(r *rig) {
			st, _ := r.svc.ServiceType(r.ctx, "one")
			r.corrupt("service-types", st.ID, "[]")
		}},
		{name: "D5_broken_service_type_named", service: "one", kind: fault.Unavailable, prepare: func(r *rig) {
			st, _ := r.svc.ServiceType(r.ctx, "one")
			r.corrupt("service-types", st.ID, "[]")
		}},
		{name: "D5_broken_service_type_lists_host", target: "https://bare.corp/", kind: fault.Unavailable, prepare: func(r *rig) {
			st := r.serviceType("bare", authmethods.KindAPIKey, "bare.corp")
			r.corrupt("service-types", st.UUID, "null")
		}},
		{name: "plain_http", target: "http://a.corp:443/", kind: fault.Unavailable},
		{name: "unknown_scheme", target: "h2c://a.corp:443/", kind: fault.Unavailable},
		{name: "store_down", kind: fault.Unavailable, target: "https://never-asked.corp/", prepare: func(r *rig) {
			r.mem.FailReads(errors.New("down"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t, authmethods.Declared{})
			rig.serviceType("one", authmethods.KindAPIKey, "a.corp")
			rig.apiKey("one", "a.corp", 443, key)
			if tt.prepare != nil {
				tt.prepare(rig)
			}
			if tt.target == "" {
				tt.target = "https://a.corp/"
			}
			r := outgoing(tt.target, "X-Api-Key", "own")
			got, err := rig.svc.Injector(tt.service, authmethods.InjectOptions{}).Inject(t.Context(), r, targetOf(t, r), nil)
			wantKind(t, err, tt.kind, key, "other-secret-key")
			if got.Any() || r.Header.Get("X-Api-Key") != "own" {
				t.Errorf("attached: %v, X-Api-Key: %q", got.Any(), r.Header.Get("X-Api-Key"))
			}
		})
	}
}

func update(r *rig, name string, p authmethods.ServiceTypePatch) {
	r.t.Helper()
	if _, err := r.svc.UpdateServiceType(r.ctx, name, p, nil); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) id(service, host string) string {
	r.t.Helper()
	item, err := r.svc.Method(r.ctx, service, host)
	if err != nil {
		r.t.Fatal(err)
	}
	return item.ID
}

func TestInjectChoosesTheNamedServiceType(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	rig.serviceType("one", authmethods.KindAPIKey, "a.corp")
	rig.serviceType("two", authmethods.KindAPIKey, "a.corp")
	rig.serviceType("idle", authmethods.KindAPIKey, "a.corp")
	rig.apiKey("one", "a.corp", 443, "key-of-one")
	rig.apiKey("two", "a.corp", 443, "key-of-two")
	for _, name := range []string{"one", "two"} {
		r := outgoing("https://a.corp/")
		if _, err := rig.svc.Injector(name, authmethods.InjectOptions{}).Inject(t.Context(), r, targetOf(t, r), nil); err != nil {
			t.Fatal(err)
		}
		if got := r.Header.Get("X-Api-Key"); got != "key-of-"+name {
			t.Errorf("%s got %q", name, got)
		}
	}
	t.Run("D5_neighbours_broken_record_does_not_matter", func(t *testing.T) {
		rig.corrupt("auth-methods", rig.id("two", "a.corp"), "{")
		r := outgoing("https://a.corp/")
		if _, err := rig.svc.Injector("one", authmethods.InjectOptions{}).Inject(t.Context(), r, targetOf(t, r), nil); err != nil {
			t.Fatal(err)
		}
	})
}

func TestInjectPlainHTTP(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	rig.serviceType("one", authmethods.KindAPIKey, "a.corp", "127.0.0.1", "localhost", "::1")
	for _, host := range []string{"a.corp", "127.0.0.1", "localhost", "::1"} {
		rig.apiKey("one", host, 8080, key)
	}
	tests := []struct {
		name, target string
		allow        bool
	}{
		{"loopback", "http://127.0.0.1:8080/", false},
		{"loopback_name", "http://localhost:8080/", false},
		{"loopback_ipv6", "http://[::1]:8080/", false},
		{"allowed", "http://a.corp:8080/", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := outgoing(tt.target)
			got, err := rig.svc.Injector("", authmethods.InjectOptions{AllowPlainHTTP: tt.allow}).Inject(t.Context(), r, targetOf(t, r), nil)
			if err != nil || !got.Any() {
				t.Errorf("attached %v, error %v", got.Any(), err)
			}
		})
	}
}

// TestInjectGuardsTrailers: the server fills a request's trailers after the body, past every check of
// headers (specs E2).
func TestInjectGuardsTrailers(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	rig.serviceType("one", authmethods.KindAPIKey, "a.corp")
	rig.apiKey("one", "a.corp", 443, key)
	t.Run("H7_trailer", func(t *testing.T) {
		r := outgoing("https://a.corp/")
		r.Trailer = http.Header{"X-Api-Key": {"evil"}, "X-Sum": nil}
		fill := func() {
			r.Trailer["X_api_key"], r.Trailer["X-Api-Key"], r.Trailer["X-Sum"] = []string{"evil"}, []string{"evil"}, []string{"1"}
		}
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader("body"), onEOF(fill)))
		if _, err := rig.svc.Injector("", authmethods.InjectOptions{}).Inject(t.Context(), r, targetOf(t, r), nil); err != nil {
			t.Fatal(err)
		}
		if len(r.Trailer) != 1 {
			t.Errorf("trailers declared: %v, want X-Sum only", r.Trailer)
		}
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != "body" {
			t.Fatalf("body %q, %v", body, err)
		}
		if len(r.Trailer) != 1 || r.Trailer.Get("X-Sum") != "1" {
			t.Errorf("trailers after the body: %v, want X-Sum only", r.Trailer)
		}
	})
}

// onEOF is an empty reader that calls f when it is read.
type onEOF func()

func (f onEOF) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// TestInjectFollowsWrites: rotation takes effect with the next request (specs/auth-methods 5.3.7, C9).
func TestInjectFollowsWrites(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	inject := func() (string, error) {
		r := outgoing("https://a.corp/")
		_, err := rig.svc.Injector("", authmethods.InjectOptions{}).Inject(t.Context(), r, targetOf(t, r), nil)
		return r.Header.Get("X-Api-Key"), err
	}
	want := func(wantKey string, wantErr bool) {
		t.Helper()
		if got, err := inject(); got != wantKey || (err != nil) != wantErr {
			t.Fatalf("got %q, %v; want %q, error %v", got, err, wantKey, wantErr)
		}
	}
	want("", false)
	rig.serviceType("one", authmethods.KindAPIKey, "a.corp")
	want("", true) // the host is listed and has no credential
	rig.apiKey("one", "a.corp", 443, "key-1")
	want("key-1", false)
	rotated := secret.New("key-2")
	if _, err := rig.svc.UpdateMethod(rig.ctx, "one", "a.corp", authmethods.MethodPatch{AccessKey: &rotated}, nil); err != nil {
		t.Fatal(err)
	}
	want("key-2", false)
	if _, err := rig.svc.DeleteMethod(rig.ctx, "one", "a.corp", nil); err != nil {
		t.Fatal(err)
	}
	want("", true)
	if _, err := rig.svc.DeleteServiceType(rig.ctx, "one", nil); err != nil {
		t.Fatal(err)
	}
	want("", false)
}
