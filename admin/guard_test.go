package admin_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/authgate/authgate/admin"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

// routes are all routes that need a credential (specs A3).
var routes = []struct{ method, path string }{
	{"POST", "/v1/service-types"}, {"GET", "/v1/service-types"},
	{"GET", "/v1/service-types/s1"}, {"PUT", "/v1/service-types/s1"}, {"DELETE", "/v1/service-types/s1"},
	{"POST", "/v1/service-types/s1/authm"}, {"PUT", "/v1/service-types/s1/authm"},
	{"GET", "/v1/service-types/s1/hosts/host1/authm"}, {"PUT", "/v1/service-types/s1/hosts/host1/authm"},
	{"DELETE", "/v1/service-types/s1/hosts/host1/authm"},
	{"GET", "/v1/authm"}, {"HEAD", "/v1/authm"},
}

func TestEveryRouteNeedsTheKey(t *testing.T) {
	t.Parallel()
	r := fixture(t)
	before := r.mem.Revision()
	for _, route := range routes {
		for _, prefix := range []string{"/v1/service-types", "/v1/services"} {
			path := strings.Replace(route.path, "/v1/service-types", prefix, 1)
			w := r.raw(route.method, path, "{")
			if w.Code != 401 || w.Body.String() != envelope("401", "UNAUTHORIZED", "Wrong Credentials") {
				t.Errorf("A3 %s %s: %d %s", route.method, path, w.Code, w.Body)
			}
			if w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: no challenge", route.method, path)
			}
		}
	}
	if r.mem.Revision() != before {
		t.Error("the store changed")
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	const bearer = "Bearer " + token
	tests := []struct {
		name, query string
		headers     []string
		status      int
	}{
		{"query", "key=token", nil, 200},
		{"first_query_value_counts", "key=token&key=bad", nil, 200},
		{"first_query_value_counts_reverse", "key=bad&key=token", nil, 401},
		{"query_name_is_case_sensitive", "KEY=token", nil, 401},
		{"query_encoded", "k%65y=tok%65n", nil, 200},
		{"query_empty", "key=", nil, 401},
		{"query_prefix", "key=toke", nil, 401},
		{"query_longer", "key=tokenx", nil, 401},
		{"bearer", "", []string{"Authorization", bearer}, 200},
		{"J19_bearer_lower_case", "", []string{"Authorization", "bearer token"}, 200},
		{"J19_bearer_double_space", "", []string{"Authorization", "Bearer  token"}, 401},
		{"J19_bearer_tab", "", []string{"Authorization", "Bearer\ttoken"}, 401},
		{"J19_bearer_comma", "", []string{"Authorization", "Bearer token,"}, 401},
		{"bearer_wrong", "", []string{"Authorization", "Bearer nekot"}, 401},
		{"bearer_empty", "", []string{"Authorization", "Bearer "}, 401},
		{"basic", "", []string{"Authorization", "Basic dG9rZW46"}, 401},
		{"api_key_header_is_no_credential", "", []string{"X-Api-Key", token}, 401},
		{"J18_same_twice", "key=token", []string{"Authorization", bearer}, 200},
		{"J18_two_that_differ", "key=token", []string{"Authorization", "Bearer other"}, 400},
		{"J18_two_that_differ_reverse", "key=other", []string{"Authorization", bearer}, 400},
		{"J18_two_authorization_lines", "", []string{"Authorization", bearer, "Authorization", bearer}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if w := fixture(t).raw("GET", "/v1/authm?"+tt.query, "", tt.headers...); w.Code != tt.status {
				t.Errorf("status %d, want %d; %s", w.Code, tt.status, w.Body)
			}
		})
	}
	t.Run("A2_no_key_configured", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, authmethods.Declared{}, func(d *admin.Deps) { d.AdminKey = secret.String{} })
		for _, path := range []string{"/v1/authm?key=", "/v1/authm", "/v1/authm?key=token"} {
			if w := r.raw("GET", path, ""); w.Code != 401 {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
		if w := r.raw("GET", "/v1/authm", "", "Authorization", "Bearer "); w.Code != 401 {
			t.Errorf("empty bearer: %d", w.Code)
		}
	})
}

// TestCrossSite is A1: a browser that another site sends cannot write, even with the key.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		method  string
		headers []string
		status  int
	}{
		{"A1_cross_site", "DELETE", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"A1_same_site_sibling", "DELETE", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"A1_foreign_origin", "DELETE", []string{"Origin", "https://evil.example"}, 403},
		{"A1_null_origin", "DELETE", []string{"Origin", "null"}, 403},
		{"A1_text_plain_form", "PUT", []string{"Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"}, 403},
		{"own_site", "DELETE", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://gate.example"}, 204},
		{"own_origin", "DELETE", []string{"Origin", "http://gate.example"}, 204},
		{"no_browser", "DELETE", nil, 204},
		{"upstreams_script_content_type", "PUT", []string{"Content-Type", "application/javascript"}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := fixture(t)
			w := r.do(tt.method, "/v1/service-types/s1", "{}", tt.headers...)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d; %s", w.Code, tt.status, w.Body)
			}
			if tt.status == 403 && !strings.Contains(w.Body.String(), `"status": "ACCESS_FORBIDDEN"`) {
				t.Errorf("body %s", w.Body)
			}
		})
	}
}

// TestStoreDown is D2 at the API: 503 in the API's envelope, at once, without internals.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	r := fixture(t)
	down := errors.New("dial tcp 10.1.2.3:2379: no route")
	r.mem.FailReads(down)
	r.mem.FailWrites(down)
	bodies := map[string]string{
		"/v1/service-types":          `{"name":"n","hosts":["h"],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`,
		"/v1/service-types/s1/authm": `{"host":"host2","port":1,"access_key":"k"}`,
	}
	for _, route := range routes {
		w := r.do(route.method, route.path, bodies[route.path])
		if w.Code == 200 && route.method == "GET" && strings.Contains(route.path, "s1") {
			continue // from memory
		}
		want := envelope("503", "SERVICE UNAVAILABLE", "The store cannot be reached now. Try again later")
		if route.method == "PUT" && w.Code == 400 {
			continue // the empty body is judged first
		}
		if w.Code != 503 || w.Body.String() != want || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %s", route.method, route.path, w.Code, w.Body)
		}
	}
	r.wantNoSecrets()
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	unready := map[string]func(context.Context) error{
		"fails": func(context.Context) error { return store.ErrUnavailable }, "nobody_can_tell": nil,
	}
	for name, ready := range unready {
		r := newRig(t, authmethods.Declared{}, func(d *admin.Deps) { d.Ready = ready })
		w := r.raw("GET", "/readyz", "")
		if w.Code != 503 || w.Body.String() != envelope("503", "SERVICE UNAVAILABLE", "Not ready") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w := r.raw(http.MethodHead, "/healthz", ""); w.Code != 200 {
			t.Errorf("healthz: %d", w.Code)
		}
	}
}
