package caddymodule

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

// memoryStore is the fake as a guest module's driver.
type memoryStore struct{}

func (memoryStore) Key() string                           { return "memory" }
func (memoryStore) Open(*zap.Logger) (store.Store, error) { return store.NewMemory(), nil }

// benchApp is a provisioned app over the memory store, with one issuer and one stored credential.
func benchApp(tb testing.TB, idp *authntest.IdP) *App {
	tb.Helper()
	b, err := openBackend(memoryStore{}, Cache{Entries: 1000}, zap.NewNop())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Destruct() })
	a := &App{
		log: zap.NewNop(), backend: b, bypassed: newBypassWatch(),
		Issuers: []*Issuer{{Name: "bench", URL: idp.URL, Audiences: []string{"bench"}, AllowPrivateAddresses: true}},
	}
	if err := a.openIssuers(caddy.NewReplacer()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = a.Cleanup() })
	if a.service, err = authmethods.New(b.records, authmethods.Declared{}, authmethods.Deps{Now: time.Now}); err != nil {
		tb.Fatal(err)
	}
	if _, err := a.service.CreateServiceType(tb.Context(), authmethods.ServiceType{
		Name: "bench", Type: "custom", AuthMethod: "api-key", AuthTypes: []string{"oidc"}, Hosts: []string{"127.0.0.1"},
	}); err != nil {
		tb.Fatal(err)
	}
	if _, err := a.service.CreateMethod(tb.Context(), "bench", authmethods.Method{
		Host: "127.0.0.1", Port: 9000, AccessKey: secret.New("the-stored-access-key"),
	}); err != nil {
		tb.Fatal(err)
	}
	return a
}

// BenchmarkDecide is the gateway's own share of a warm request: strip, checks, authentication from the
// cache, require, identity headers, and attaching the stored credential.
func BenchmarkDecide(b *testing.B) {
	idp := authntest.New(b)
	a := benchApp(b, idp)
	gate, err := a.newGate(&Handler{Require: []Requirement{{Claim: "repository", Values: []string{"acme/app"}}}})
	if err != nil {
		b.Fatal(err)
	}
	gate.log = zap.NewNop()
	token := idp.Token(b, map[string]any{"aud": "bench", "repository": "acme/app", "ref": "refs/heads/main", "actor": "alice"})
	injector := a.service.Injector("", authmethods.InjectOptions{})
	target := authmethods.Target{Scheme: "http", Host: "127.0.0.1", Port: 9000}
	base := httptest.NewRequest(http.MethodGet, "/reports/today", nil)
	base = base.WithContext(context.WithValue(base.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
	authorization := []string{"Bearer " + token}
	plain := http.Header{"Accept": {"*/*"}, "User-Agent": {"bench"}, "X-Request-Id": {"1"}}
	b.ReportAllocs()
	for b.Loop() {
		r := *base
		r.Header = maps.Clone(plain)
		r.Header["Authorization"] = authorization
		d, refused := gate.admit(&r)
		if refused != nil {
			b.Fatal(refused.text, refused.cause)
		}
		got, err := injector.Inject(r.Context(), &r, target, d.principal)
		if err != nil || !got.Any() {
			b.Fatal(err)
		}
	}
}
