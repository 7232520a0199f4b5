package admin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authgate/authgate/admin"
	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

const token = "token"

// rig is the handler over a store in memory.
type rig struct {
	t    testing.TB
	mem  *store.Memory
	logs *observer.ObservedLogs
	h    http.Handler
}

func newRig(t testing.TB, decl authmethods.Declared, change ...func(*admin.Deps)) *rig {
	t.Helper()
	return build(t, decl, authmethods.Deps{}, authn.ClientCertConfig{}, authn.ClientCertDeps{}, change...)
}

// newMappingRig is a rig that trusts ca, for its callers and for external services.
func newMappingRig(t testing.TB, ca *authntest.CA, cfg authn.ClientCertConfig, deps authn.ClientCertDeps) *rig {
	t.Helper()
	cfg.CAFile, cfg.AllowPrivateAddresses, deps.Now = ca.File(), true, ca.Clock.Now
	return build(t, authmethods.Declared{}, authmethods.Deps{
		Retrieve: authmethods.RetrieveConfig{AllowPrivateAddresses: true, Roots: ca.Pool()},
	}, cfg, deps)
}

func build(
	t testing.TB, decl authmethods.Declared, auth authmethods.Deps, cfg authn.ClientCertConfig, certs authn.ClientCertDeps, change ...func(*admin.Deps),
) *rig {
	t.Helper()
	mem := store.NewMemory()
	feed := store.NewFeed(mem, store.FeedConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = feed.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = mem.Close()
	})
	<-feed.Ready()
	core, logs := observer.New(zapcore.DebugLevel)
	auth.Now, auth.Logger, certs.Logger = time.Now, zap.New(core), zap.New(core)
	svc, err := authmethods.New(authmethods.NewRecords(mem, feed, 100), decl, auth)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	clients, err := authn.NewClientCerts(cfg, certs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(clients.Close)
	deps := admin.Deps{
		AuthMethods: svc, ClientCerts: clients, AdminKey: secret.New(token), Logger: zap.New(core), Now: time.Now,
		Ready: func(context.Context) error { return nil }, Audit: audit.New(mem, zap.New(core), time.Now),
		Version: admin.VersionInfo{Release: "v1.2.3", BuildTime: "2026-01-02T03:04:05Z"},
	}
	for _, f := range change {
		f(&deps)
	}
	h, err := admin.New(deps)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, mem: mem, logs: logs, h: h}
}

// fixture is upstream's (specs/auth-methods 6): service types s1 and s2, a method for a host of each.
func fixture(t testing.TB) *rig {
	t.Helper()
	r := newRig(t, authmethods.Declared{})
	r.must(201, "POST", "/v1/service-types",
		`{"name":"s1","hosts":["host1","host2","host3"],"auth_types":["x509","oidc"],"auth_method":"api-key","type":"ams"}`)
	r.must(201, "POST", "/v1/service-types",
		`{"name":"s2","hosts":["host3","host4"],"auth_types":["x509"],"auth_method":"headers","type":"web-api"}`)
	r.must(201, "POST", "/v1/service-types/s1/authm", `{"host":"host1","port":9000,"access_key":"access_key"}`)
	r.must(201, "POST", "/v1/service-types/s2/authm",
		`{"host":"host3","port":9000,"headers":{"x-api-key":"key-1","Accept":"application/json"}}`)
	return r
}

// do sends a request with the admin key.
func (r *rig) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return r.raw(method, path+sep+"key="+token, body, headers...)
}

// raw sends a request as it is.
func (r *rig) raw(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequest(method, "http://gate.example"+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.h.ServeHTTP(w, req)
	return w
}

// must sends a request that has to be answered with the status, and returns the object in the answer.
func (r *rig) must(status int, method, path, body string) map[string]any {
	r.t.Helper()
	w := r.do(method, path, body)
	if w.Code != status {
		r.t.Fatalf("%s %s: status %d, want %d; %s", method, path, w.Code, status, w.Body)
	}
	if w.Body.Len() == 0 {
		return nil
	}
	return object(r.t, w.Body.String())
}

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("answer is not JSON: %v in %q", err, text)
	}
	return m
}

// envelope is the bytes of an error answer.
func envelope(code, status, message string) string {
	return "{\n \"error\": {\n  \"message\": \"" + message + "\",\n  \"code\": " + code + ",\n  \"status\": \"" + status + "\"\n }\n}"
}
