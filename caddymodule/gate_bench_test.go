package caddymodule

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

// memoryStore is the fake as a guest module's driver.
type memoryStore struct{}

func (memoryStore) Key() string                           { return "memory" }
func (memoryStore) KeyPrefix() string                     { return store.DefaultPrefix }
func (memoryStore) Open(*zap.Logger) (store.Store, error) { return store.NewMemory(), nil }

// benchApp is a provisioned app over the memory store, with one issuer and one stored credential.
func benchApp(tb testing.TB, idp *authntest.IdP) *App {
	tb.Helper()
	b, err := openBackend(memoryStore{}, encryption{plaintext: true}, Cache{Entries: 1000}, zap.NewNop())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Destruct() })
	if err := b.start(); err != nil {
		tb.Fatal(err)
	}
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
	authorization := []string{"Bearer " + token}
	plain := http.Header{"Accept": {"*/*"}, "User-Agent": {"bench"}, "X-Request-Id": {"1"}}
	for name, url := range map[string]string{"no_query": "/reports/today", "query": "/reports/today?from=2026-01-01&to=2026-02-01&page=3"} {
		b.Run(name, func(b *testing.B) {
			base := httptest.NewRequest(http.MethodGet, url, nil)
			base = base.WithContext(context.WithValue(base.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
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
		})
	}
}

// BenchmarkTransport is what the transport adds to a round trip that itself costs nothing.
func BenchmarkTransport(b *testing.B) {
	idp := authntest.New(b)
	a := benchApp(b, idp)
	rt := new(http.Transport)
	rt.RegisterProtocol("http", roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("X-Api-Key") == "" {
			b.Error("no credential attached")
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}, Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1}, nil
	}))
	t := &Transport{
		HTTPTransport: &reverseproxy.HTTPTransport{Transport: rt}, log: zap.NewNop(), counts: &a.backend.counts, warned: new(seldom),
		injector: a.service.Injector("", authmethods.InjectOptions{}),
	}
	vars := map[string]any{decisionVar: &decision{}}
	ctx := context.WithValue(b.Context(), caddyhttp.VarsCtxKey, vars)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error { return nil }})
	req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9000/reports/today", nil).WithContext(ctx)
	req.Header = http.Header{"Accept": {"*/*"}, "User-Agent": {"bench"}, "X-Request-Id": {"1"}, "X-Auth-Subject": {"a"}}
	b.ReportAllocs()
	for b.Loop() {
		resp, err := t.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(err)
		}
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
