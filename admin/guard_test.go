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

// TestA2_NoKeyConfigured: without a configured key nobody passes, whatever is sent.
func TestA2_NoKeyConfigured(t *testing.T) {
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
}

// routes are all routes that need a credential.
var routes = []struct{ method, path string }{
	{"POST", "/v1/service-types"}, {"GET", "/v1/service-types"},
	{"GET", "/v1/service-types/s1"}, {"PUT", "/v1/service-types/s1"}, {"DELETE", "/v1/service-types/s1"},
	{"POST", "/v1/service-types/s1/authm"}, {"PUT", "/v1/service-types/s1/authm"},
	{"GET", "/v1/service-types/s1/hosts/host1/authm"}, {"PUT", "/v1/service-types/s1/hosts/host1/authm"},
	{"DELETE", "/v1/service-types/s1/hosts/host1/authm"},
	{"GET", "/v1/authm"}, {"HEAD", "/v1/authm"},
	{"GET", "/v1/bindings"}, {"POST", "/v1/bindings/b2"}, {"GET", "/v1/bindings/b1"}, {"PUT", "/v1/bindings/b1"}, {"DELETE", "/v1/bindings/b1"},
	{"GET", "/v1/service-types/s1/hosts/host1/bindings"}, {"GET", "/v1/audit"},
}

// TestD2_StoreDown: 503 in the API's envelope, at once, without internals.
func TestD2_StoreDown(t *testing.T) {
	t.Parallel()
	r := fixture(t)
	r.bind("b1")
	down := errors.New("dial tcp 10.1.2.3:2379: no route")
	r.mem.FailReads(down)
	r.mem.FailWrites(down)
	bodies := map[string]string{
		"/v1/service-types":          `{"name":"n","hosts":["h"],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`,
		"/v1/service-types/s1/authm": `{"host":"host2","port":1,"access_key":"k"}`,
		"/v1/bindings/b2":            `{"service_uuid":"x","host":"host1","auth_identifier":"dn","unique_key":"k","auth_type":"x509"}`,
	}
	for _, route := range routes {
		w := r.do(route.method, route.path, bodies[route.path])
		if w.Code == 200 && route.method == "GET" && strings.Contains(route.path, "1") {
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
