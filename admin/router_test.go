package admin_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin"
	"github.com/authgate/authgate/authmethods"
)

// TestUnknownRoutes: what is no route is a 404 in JSON before any credential is looked at, and no path
// is redirected: the Location would repeat the key.
func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	r := fixture(t)
	missing := envelope("404", "NOT FOUND", "Not found")
	for _, path := range []string{
		"/", "/v1", "/v1/", "/v2/authm", "/v1/authm/", "/v1/service-types/", "/v1/service-types/s1/", "/v1/service-types/s1/authm/x",
		"/v1/service-types/s1/hosts", "/v1/service-types/s1/hosts/host1", "/V1/authm", "//v1/authm", "/v1//authm", "/./v1/authm",
		"/x/../v1/authm", "/x/%2e%2e/v1/authm", "/v1/service-types/a%2Fb", "/v1/service-types/a%2fb/hosts/host1/authm", "/v1%2fauthm",
		"/v1/service-types/s1/hosts/host1:authx509", "/healthz/", "/v1/bindings", "/v1/service-types/..", "/v1/service-types/.",
	} {
		w := r.raw("GET", path, "")
		if w.Code != 404 || w.Body.String() != missing || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d %s %s", path, w.Code, w.Body, w.Header())
		}
	}
	// A name that only looks like one is looked up as it is.
	for _, path := range []string{"/v1/service-types/%00", "/v1/service-types/s1%20", "/v1/service-types/%252e", "/v1/service-types/%5c..%5cs1"} {
		if w := r.do("GET", path, ""); w.Code != 404 || w.Body.String() != notFound("Service-type") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestWrongMethods(t *testing.T) {
	t.Parallel()
	r := fixture(t)
	tests := []struct{ method, path, allow string }{
		{"PATCH", "/v1/service-types/s1", "DELETE, GET, HEAD, PUT"},
		{"POST", "/v1/authm", "GET, HEAD"},
		{"PUT", "/v1/service-types", "GET, HEAD, POST"},
		{"GET", "/v1/service-types/s1/authm", "POST, PUT"},
		{"OPTIONS", "/v1/authm", "GET, HEAD"},
		{"TRACE", "/healthz", "GET, HEAD"},
		{"get", "/v1/authm", "GET, HEAD"}, // P12: methods are case-sensitive
		{"POST", "/readyz", "GET, HEAD"},
	}
	for _, tt := range tests {
		w := r.raw(tt.method, tt.path, "", "X-HTTP-Method-Override", "GET")
		if w.Code != 405 || w.Header().Get("Allow") != tt.allow || w.Body.String() != envelope("405", "METHOD NOT ALLOWED", "Method not allowed") {
			t.Errorf("%s %s: %d, Allow %q, %s", tt.method, tt.path, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
}

// TestOddTargets: request targets that are no paths.
func TestOddTargets(t *testing.T) {
	t.Parallel()
	r := fixture(t)
	for _, tt := range []struct{ method, target, path string }{
		{"OPTIONS", "*", "*"}, {"CONNECT", "/v1/authm", "/v1/authm"}, {"GET", "/", ""},
	} {
		req := httptest.NewRequest(tt.method, "/v1/authm", nil)
		req.RequestURI, req.URL.Path = tt.target, tt.path
		w := httptest.NewRecorder()
		r.h.ServeHTTP(w, req)
		if w.Code != 404 {
			t.Errorf("%s %s: %d", tt.method, tt.target, w.Code)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, deps := range map[string]admin.Deps{
		"no_logger":       {},
		"unknown_api":     {Logger: zap.NewNop(), APIs: []string{"bindings"}},
		"no_auth_methods": {Logger: zap.NewNop(), Ready: func(context.Context) error { return nil }},
	} {
		if _, err := admin.New(deps); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	r := newRig(t, authmethods.Declared{}, func(d *admin.Deps) { d.APIs = []string{admin.APIAuthMethods} })
	r.must(200, "GET", "/v1/authm", "")
}
