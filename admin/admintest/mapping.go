package admintest

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authgate/authgate/authn/authntest"
)

// The credentials the cases about the mapping store; no answer but that of the API's owner and no log may
// show them.
const (
	mappingKey    = "mapping-credential-7d31"
	mappingHeader = "mapping-header-value-52aa"
)

// MappingSecrets are the texts that nothing of the target may log.
func MappingSecrets() []string {
	return []string{mappingKey, mappingHeader, "token-of-the-external-service"}
}

// external is a service that gives out tokens.
type external struct {
	port int

	mu    sync.Mutex
	saw   []string // "path x-api-key" of each request
	reply func(w http.ResponseWriter)
}

// newExternal starts a service whose certificate ca vouches for.
func newExternal(t testing.TB, ca *authntest.CA) *external {
	e := &external{}
	e.answer(200, `{"token":"some-value"}`)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.saw = append(e.saw, r.URL.RequestURI()+" "+r.Header.Get("X-Api-Key"))
		e.reply(w)
	}))
	cert := ca.Issue(t, authntest.CertSpec{
		Subject: pkix.Name{CommonName: "external"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err == nil {
		e.port, err = strconv.Atoi(port)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *external) answer(status int, body string, headers ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reply = func(w http.ResponseWriter) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// taken returns what was asked since the last call.
func (e *external) taken() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	saw := e.saw
	e.saw = nil
	return saw
}

const (
	mapped      = "/v1/service-types/s_auth_cert/hosts/127.0.0.1:authx509"
	mappingName = "user-1"
	mappingDN   = "CN=mapped client,O=Test & Söhne"
)

func mappingSubject() pkix.Name {
	return pkix.Name{CommonName: "mapped client", Organization: []string{"Test & Söhne"}}
}

// mappingFixture stores a service type with an external service, and a binding for one certificate.
func (h *harness) mappingFixture(e *external) {
	h.Helper()
	uuid := h.must(201, "POST", "/v1/service-types", `{"name":"s_auth_cert","hosts":["127.0.0.1","no.binding","no.method","a:b","::1","[::1]",":","x:authx509"],`+
		`"auth_types":["x509"],"auth_method":"headers","type":"ams"}`)["uuid"].(string)
	method := `{"host":%q,"port":%d,"headers":{"x-api-key":%q}}`
	h.must(201, "POST", "/v1/service-types/s_auth_cert/authm", fmt.Sprintf(method, "127.0.0.1", e.port, mappingHeader))
	h.must(201, "POST", "/v1/service-types/s_auth_cert/authm", fmt.Sprintf(method, "no.binding", e.port, mappingHeader))
	h.must(201, "POST", "/v1/service-types", `{"name":"oidc_only","hosts":["127.0.0.1"],"auth_types":["oidc"],"auth_method":"api-key","type":"ams"}`)
	h.must(201, "POST", "/v1/bindings/"+mappingName, bindingBody(uuid, "127.0.0.1", mappingDN, "unique/key 1"))
}

// as sends a GET with a client certificate and without the key.
func (h *harness) as(cert *tls.Certificate, path string) answer {
	h.Helper()
	secure := h.Target.TLS.Clone()
	if cert != nil {
		secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return h.from(secure, "GET", path, "")
}

// certificates are what callers present.
func certificates(t testing.TB, ca *authntest.CA) (good tls.Certificate, bad map[string]tls.Certificate) {
	now := ca.Clock.Now()
	make := func(change func(*authntest.CertSpec)) tls.Certificate {
		spec := authntest.CertSpec{Subject: mappingSubject()}
		change(&spec)
		return ca.Issue(t, spec)
	}
	bad = map[string]tls.Certificate{
		"expired": make(func(s *authntest.CertSpec) { s.NotBefore, s.NotAfter = now.Add(-30*time.Minute), now.Add(-time.Minute) }),
		"early":   make(func(s *authntest.CertSpec) { s.NotBefore, s.NotAfter = now.Add(time.Hour), now.Add(2*time.Hour) }),
		"no_crl":  make(func(s *authntest.CertSpec) { s.CRLPoints = []string{} }),
		"revoked": make(func(*authntest.CertSpec) {}),
	}
	ca.Revoke(bad["revoked"].Leaf.SerialNumber)
	return make(func(s *authntest.CertSpec) { s.DNSNames = []string{"client.example"} }), bad
}

// testMapping is C49 to C52 over TLS.
func testMapping(h *harness) {
	h.open()
	ca := h.CA
	good, bad := certificates(h.T, ca)
	e := newExternal(h.T, ca)
	h.mappingFixture(e)
	before := h.state()
	renew := func(h *harness) { // what was retrieved for a binding counts for a while, until the binding changes
		h.Helper()
		if h.state() != before {
			h.Error("the objects changed")
		}
		h.must(200, "PUT", "/v1/bindings/"+mappingName, "{}")
		before = h.state()
	}
	token := "{\n \"token\": \"some-value\"\n}"

	for _, path := range []string{mapped, strings.Replace(mapped, "service-types", "services", 1), mapped + "?key=wrong"} {
		h.sub("C49"+path, func(h *harness) {
			renew(h)
			e.taken()
			got := h.as(&good, path)
			h.wants("answer", got, 200, token)
			h.wantHeaders(got)
			h.wants("again", h.as(&good, path), 200, token)
			if saw, want := e.taken(), []string{"/v1/users:byUUID/unique%2Fkey%201 " + mappingHeader}; !slices.Equal(saw, want) {
				h.Errorf("the external service saw %q, want %q", saw, want)
			}
		})
	}
	wrong := func(kind string) answer { c := bad[kind]; return h.as(&c, mapped) }
	forbidden := func(text string) string { return envelope(403, "ACCESS_FORBIDDEN", text) }
	stranger := authntest.NewCA(h.T, authntest.CAClock(ca.Clock)).Issue(h.T, authntest.CertSpec{Subject: mappingSubject()})
	unbound := ca.Issue(h.T, authntest.CertSpec{Subject: pkix.Name{CommonName: "somebody else"}})
	refused := []struct {
		name string
		got  func() answer
		code int
		want string
	}{
		{"C50_oidc_only", func() answer { return h.as(&good, "/v1/services/oidc_only/hosts/127.0.0.1:authx509") }, 422, unsupported("Auth type: x509|[oidc]")},
		{"C50_oidc_only_before_host", func() answer { return h.as(&good, "/v1/services/oidc_only/hosts/x:authx509") }, 422, unsupported("Auth type: x509|[oidc]")},
		{"C50_service_type", func() answer { return h.as(&good, "/v1/services/unknown/hosts/127.0.0.1:authx509") }, 404, notFound("Service-type")},
		{"C50_host", func() answer { return h.as(&good, strings.Replace(mapped, "127.0.0.1", "unknown", 1)) }, 404, notFound("Host")},
		{"C50_method", func() answer { return h.as(&good, strings.Replace(mapped, "127.0.0.1", "no.method", 1)) }, 404, notFound("Auth method")},
		{"C50_binding", func() answer { return h.as(&good, strings.Replace(mapped, "127.0.0.1", "no.binding", 1)) }, 404, notFound("Binding")},
		{"C50_somebody_else", func() answer { return h.as(&unbound, mapped) }, 404, notFound("Binding")},
		{"C51_expired", func() answer { return wrong("expired") }, 403, forbidden("Your certificate has expired")},
		{"C51_not_active", func() answer { return wrong("early") }, 403, forbidden("Your certificate is not active yet")},
		{"C51_no_crl_point", func() answer { return wrong("no_crl") }, 403, forbidden("Your certificate is invalid. No CRLDistributionPoints found on the certificate")},
		{"C51_revoked", func() answer { return wrong("revoked") }, 403, forbidden("Your certificate has been revoked")},
		{"M3_untrusted", func() answer { return h.as(&stranger, mapped) }, 403, forbidden("Your certificate is not signed by a trusted authority")},
		{"M3_untrusted_learns_nothing", func() answer { return h.as(&stranger, "/v1/services/unknown/hosts/x:authx509") }, 403, forbidden("Your certificate is not signed by a trusted authority")},
		{"no_certificate", func() answer { return h.as(nil, mapped) }, 400, envelope(400, "BAD REQUEST", "No certificate provided")},
		{"the_key_is_no_certificate", func() answer { return h.do("GET", mapped, "") }, 400, envelope(400, "BAD REQUEST", "No certificate provided")},
		{"no_certificate_before_anything", func() answer { return h.as(nil, "/v1/services/unknown/hosts/x:authx509") }, 400, envelope(400, "BAD REQUEST", "No certificate provided")},
		{"without_the_suffix", func() answer { return h.as(&good, strings.TrimSuffix(mapped, ":authx509")) }, 404, noRoute()},
	}
	for _, tt := range refused {
		h.sub(tt.name, func(h *harness) {
			e.taken()
			got := tt.got()
			h.wants("answer", got, tt.code, tt.want)
			h.wantHeaders(got)
			if saw := e.taken(); len(saw) > 0 {
				h.Errorf("the external service saw %q", saw)
			}
		})
	}
	h.sub("hosts_with_colons", func(h *harness) {
		for _, host := range []string{"a:b", "::1", "[::1]", ":", "x:authx509", "%3A%3a1", "a%3Ab"} { // all known, none has a method
			h.wants(host, h.as(&good, strings.Replace(mapped, "127.0.0.1", host, 1)), 404, notFound("Auth method"))
		}
		for _, host := range []string{"a", "b", "x", "", "::1:", "%253A"} {
			h.wants(host, h.as(&good, strings.Replace(mapped, "127.0.0.1", host, 1)), 404, notFound("Host"))
		}
		h.wants("encoded suffix", h.as(&good, strings.Replace(mapped, ":authx509", "%3aauthx509", 1)), 200, token)
	})
	h.sub("answers", func(h *harness) { testExternal(h, e, &good, renew) })
	h.sub("crl_unavailable", func(h *harness) {
		fresh := authntest.NewCA(h.T, authntest.CAClock(ca.Clock))
		cert := ca.Issue(h.T, authntest.CertSpec{Subject: mappingSubject(), CRLPoints: []string{fresh.CRLURL + "/nowhere"}})
		fresh.SetCRLFault(authntest.CRLFault{Status: 404})
		got := h.as(&cert, mapped)
		h.wants("answer", got, 500, envelope(500, "INTERNAL SERVER ERROR", "Internal Error: Could not access CRL"))
	})
	if h.state() != before {
		h.Error("the objects changed")
	}
}

// testExternal: what the external service answers, and what becomes of it. After renew it is asked again.
func testExternal(h *harness, e *external, cert *tls.Certificate, renew func(*harness)) {
	internal := func(text string) string {
		return envelope(500, "INTERNAL SERVER ERROR", "Internal Error: "+text)
	}
	const missing = "The specified retrieval field: `token` was not found in the response body of the service type"
	for _, tt := range []struct {
		name   string
		status int
		body   string
		code   int
		want   string
	}{
		{"C52_field_absent", 200, `{"other":"token-of-the-external-service"}`, 500, internal(missing)},
		{"object", 200, `{"token":{"a":[1,2],"b":null}}`, 200, "{\n \"token\": {\n  \"a\": [\n   1,\n   2\n  ],\n  \"b\": null\n }\n}"},
		{"null", 200, `{"token":null}`, 200, "{\n \"token\": null\n}"},
		{"number_as_it_is", 200, `{"token":12345678901234567890}`, 200, "{\n \"token\": 12345678901234567890\n}"},
		{"markup", 200, `{"token":"<&>"}`, 200, "{\n \"token\": \"\\u003c\\u0026\\u003e\"\n}"},
		{"error_body_stays_inside", 500, `{"token":"token-of-the-external-service","url":"/v1/users:byUUID/x"}`, 500,
			internal("the external service answered with status 500")},
		{"redirects_are_not_followed", 302, "", 500, internal("the external service answered with status 302")},
	} {
		h.sub(tt.name, func(h *harness) {
			renew(h)
			e.taken()
			e.answer(tt.status, tt.body, "Location", fmt.Sprintf("https://127.0.0.1:%d/elsewhere", e.port), "Content-Type", "application/json")
			defer e.answer(200, `{"token":"some-value"}`)
			got := h.as(cert, mapped)
			h.wants("answer", got, tt.code, tt.want)
			if got.header.Get("Cache-Control") != "no-store" {
				h.Errorf("header %v", got.header)
			}
			if saw := e.taken(); len(saw) != 1 {
				h.Errorf("the external service saw %q", saw)
			}
		})
	}
	for name, body := range map[string]string{"not_JSON": "token-of-the-external-service", "array": `["token-of-the-external-service"]`, "empty": ""} {
		h.sub(name, func(h *harness) {
			renew(h)
			e.answer(200, body)
			defer e.answer(200, `{"token":"some-value"}`)
			got := h.as(cert, mapped)
			if got.status != 500 || !strings.Contains(got.body, `"message": "Internal Error: `) || strings.Contains(got.body, "token-of") {
				h.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

// testUncheckedMapping is C51 with verify_certificate off: trust counts, all else does not.
func testUncheckedMapping(h *harness) {
	h.open()
	_, bad := certificates(h.T, h.CA)
	e := newExternal(h.T, h.CA)
	h.mappingFixture(e)
	for kind, cert := range bad {
		h.sub("C51_"+kind, func(h *harness) {
			h.wants("answer", h.as(&cert, mapped), 200, "{\n \"token\": \"some-value\"\n}")
		})
	}
	h.sub("M3_untrusted", func(h *harness) {
		stranger := authntest.NewCA(h.T).Issue(h.T, authntest.CertSpec{Subject: mappingSubject()})
		h.wants("answer", h.as(&stranger, mapped), 403, envelope(403, "ACCESS_FORBIDDEN", "Your certificate is not signed by a trusted authority"))
	})
}
