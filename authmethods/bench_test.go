package authmethods_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/secret"
)

func benchService(tb testing.TB) *authmethods.Service {
	rig := newRig(tb, authmethods.Declared{})
	rig.serviceType("one", authmethods.KindAPIKey, "a.corp", "q.corp")
	rig.apiKey("one", "a.corp", 443, key)
	rig.method("one", authmethods.Method{Host: "q.corp", Port: 443, AccessKey: secret.New(key), Path: "/?key={{access_key}}"})
	return rig.svc
}

// benchRequest has the headers of an ordinary browser's request behind a proxy.
func benchRequest() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://a.corp/v1/items?a=1&b=2", nil)
	for _, name := range []string{"Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Type", "Cookie",
		"User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id", "Traceparent"} {
		r.Header[name] = []string{"some value"}
	}
	return r
}

func BenchmarkInject(b *testing.B) {
	svc := benchService(b)
	at := authmethods.Target{Scheme: "https", Host: "a.corp", Port: 443}
	for name, bench := range map[string]struct {
		service string
		at      authmethods.Target
	}{
		"any_service_type":   {"", at},
		"named_service_type": {"one", at},
		"query":              {"", authmethods.Target{Scheme: "https", Host: "q.corp", Port: 443}},
		"unknown_host":       {"", authmethods.Target{Scheme: "https", Host: "other.corp", Port: 443}},
	} {
		b.Run(name, func(b *testing.B) {
			injector := svc.Injector(bench.service, authmethods.InjectOptions{})
			r := benchRequest()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := injector.Inject(b.Context(), r, bench.at, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestInjectAllocations holds the budget of the request path: the header's slice, the index key and
// what the index read needs.
func TestInjectAllocations(t *testing.T) {
	svc := benchService(t)
	at := authmethods.Target{Scheme: "https", Host: "a.corp", Port: 443}
	for _, service := range []string{"", "one"} {
		injector := svc.Injector(service, authmethods.InjectOptions{})
		r := benchRequest()
		n := testing.AllocsPerRun(200, func() {
			if _, err := injector.Inject(t.Context(), r, at, nil); err != nil {
				t.Fatal(err)
			}
		})
		if n > 5 {
			t.Errorf("service type %q: %v allocations, at most 5 wanted", service, n)
		}
	}
}

// BenchmarkInjectMapped is map mode with the token in the cache.
func BenchmarkInjectMapped(b *testing.B) {
	e := newExternal(b)
	rig := mapRig(b, e, authmethods.Declared{}, tokenMethod())
	e.answersWith(http.StatusOK, `{"token":"t0ken"}`)
	injector := rig.svc.Injector("ext", authmethods.InjectOptions{Map: true})
	at := authmethods.Target{Scheme: "https", Host: e.host, Port: e.port}
	p := mtlsCaller(dn)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := benchRequest()
		for pb.Next() {
			if _, err := injector.Inject(b.Context(), r, at, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCertAuthenticator is a certificate that was checked before, its binding in the cache.
func BenchmarkCertAuthenticator(b *testing.B) {
	c := newCertRig(b, authn.ClientCertConfig{})
	cred, _ := presented(b, c.ca, authntest.CertSpec{DNSNames: []string{"a.test"}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.auth.Authenticate(b.Context(), cred); err != nil {
			b.Fatal(err)
		}
	}
}
