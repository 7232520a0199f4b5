package admin_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin"
	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/store"
)

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
	log := audit.New(store.NewMemory(), zap.NewNop(), time.Now)
	for name, deps := range map[string]admin.Deps{
		"no_logger":       {Audit: log},
		"no_audit":        {Logger: zap.NewNop()},
		"unknown_api":     {Logger: zap.NewNop(), Audit: log, APIs: []string{"bindings"}},
		"no_auth_methods": {Logger: zap.NewNop(), Audit: log, Ready: func(context.Context) error { return nil }},
		"no_client_certs": {Logger: zap.NewNop(), Audit: log, AuthMethods: new(authmethods.Service)},
	} {
		if _, err := admin.New(deps); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	r := newRig(t, authmethods.Declared{}, func(d *admin.Deps) { d.APIs = []string{admin.APIAuthMethods} })
	r.must(200, "GET", "/v1/authm", "")
}
