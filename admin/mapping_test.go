package admin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authgate/authgate/admin"
	"github.com/authgate/authgate/admin/admintest"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// serveTLS is serve over TLS, asking for client certificates.
func (r *rig) serveTLS(t testing.TB, ca *authntest.CA) admintest.Target {
	t.Helper()
	server := httptest.NewUnstartedServer(r.h)
	cert := ca.Issue(t, authntest.CertSpec{
		Subject: pkix.Name{CommonName: "gate"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return admintest.Target{
		Address: server.Listener.Addr().String(), Key: token, State: r.state, CA: ca,
		TLS: &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12},
	}
}

// silent fails the test if anything was logged of the texts.
func (r *rig) silent(t testing.TB, secrets ...string) {
	t.Helper()
	for _, entry := range r.logs.All() {
		text := fmt.Sprint(entry.Message, entry.ContextMap())
		for _, hidden := range secrets {
			if strings.Contains(text, hidden) {
				t.Errorf("log line holds %q: %s", hidden, text)
			}
		}
	}
}

func mappingSuite(cfg authn.ClientCertConfig, check func(testing.TB, admintest.Exchange)) admintest.Suite {
	return admintest.Suite{
		Open: func(t testing.TB) admintest.Target {
			ca := authntest.NewCA(t)
			r := newMappingRig(t, ca, cfg, authn.ClientCertDeps{})
			t.Cleanup(func() { r.silent(t, admintest.MappingSecrets()...) })
			return r.serveTLS(t, ca)
		},
		Check: check,
	}
}

func TestConformanceMapping(t *testing.T) {
	t.Parallel()
	check := documented(t)
	mappingSuite(authn.ClientCertConfig{}, check).RunMapping(t)
	mappingSuite(authn.ClientCertConfig{SkipChecks: true}, check).RunUncheckedMapping(t)
}

func TestConformanceRedacted(t *testing.T) {
	t.Parallel()
	admintest.Suite{
		Open: func(t testing.TB) admintest.Target {
			return newRig(t, authmethods.Declared{}, func(d *admin.Deps) { d.RedactSecrets = true }).serve(t)
		},
		Check: documented(t),
	}.RunRedacted(t)
}

// nowhere is a mapping of a service type that does not exist.
const nowhere = "/v1/service-types/s/hosts/h:authx509"

// present sends a request as if it had come over TLS with a certificate.
func (r *rig) present(cert tls.Certificate, remote, path string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, "https://gate.example"+path, nil)
	req.RemoteAddr = remote
	req.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: "gate.example", PeerCertificates: []*x509.Certificate{cert.Leaf}}
	w := httptest.NewRecorder()
	r.h.ServeHTTP(w, req)
	return w
}

// TestOtherServer is P9: a certificate presented to one site opens no mapping of another, whatever the
// listener thought of it, and is not even looked at.
func TestOtherServer(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	r := newMappingRig(t, ca, authn.ClientCertConfig{}, authn.ClientCertDeps{})
	cert := ca.Issue(t, authntest.CertSpec{Subject: pkix.Name{CommonName: "named"}})
	for host, want := range map[string]int{"gate.example": 404, "GATE.example:443": 404, "other.example": 421, "gate.example.": 421, "127.0.0.1": 421} {
		req := httptest.NewRequest(http.MethodGet, "https://"+host+"/v1/services/s/hosts/h:authx509", nil)
		req.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: "gate.example", PeerCertificates: []*x509.Certificate{cert.Leaf}}
		w := httptest.NewRecorder()
		r.h.ServeHTTP(w, req)
		if w.Code != want {
			t.Errorf("%s: %d %s, want %d", host, w.Code, w.Body, want)
		}
	}
}

// TestMissingSAN is C49: a certificate without subject alternative name is recorded, once per binding.
func TestMissingSAN(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	r := newMappingRig(t, ca, authn.ClientCertConfig{}, authn.ClientCertDeps{})
	external := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"token":"x"}`)) }))
	external.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{ca.Issue(t, authntest.CertSpec{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})}}
	external.StartTLS()
	t.Cleanup(external.Close)
	_, port, _ := strings.Cut(external.Listener.Addr().String(), ":")
	uuid := r.must(201, "POST", "/v1/service-types", `{"name":"s","hosts":["127.0.0.1"],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`)["uuid"]
	r.must(201, "POST", "/v1/services/s/authm", `{"host":"127.0.0.1","port":`+port+`,"access_key":"k"}`)
	for _, name := range []string{"named", "nameless"} {
		r.must(201, "POST", "/v1/bindings/"+name,
			fmt.Sprintf(`{"service_uuid":%q,"host":"127.0.0.1","auth_identifier":"CN=%s","unique_key":"k","auth_type":"x509"}`, uuid, name))
	}
	for _, tt := range []struct {
		spec authntest.CertSpec
		want int // records
	}{
		{authntest.CertSpec{Subject: pkix.Name{CommonName: "named"}, DNSNames: []string{"a.example"}}, 0},
		{authntest.CertSpec{Subject: pkix.Name{CommonName: "named"}, EmailAddresses: []string{"a@example"}}, 0},
		{authntest.CertSpec{Subject: pkix.Name{CommonName: "nameless"}}, 1},
		{authntest.CertSpec{Subject: pkix.Name{CommonName: "nameless"}}, 1},
	} {
		if w := r.present(ca.Issue(t, tt.spec), "192.0.2.1:1", "/v1/services/s/hosts/127.0.0.1:authx509"); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if kvs, _, err := r.mem.List(t.Context(), "bindings-without-san/r/"); err != nil || len(kvs) != tt.want {
			t.Errorf("%v: %d records, want %d; %v", tt.spec.Subject, len(kvs), tt.want, err)
		}
	}
}

// TestHostVerification is C51 for client_cert_host_verification: the texts and statuses of 2.6.
func TestHostVerification(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	names := map[string][]string{"192.0.2.1": {"right.example."}, "192.0.2.2": {"wrong.example."}}
	r := newMappingRig(t, ca, authn.ClientCertConfig{VerifyHost: true}, authn.ClientCertDeps{
		LookupAddr: func(_ context.Context, addr string) ([]string, error) {
			if found, ok := names[addr]; ok {
				return found, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: addr, Server: "10.9.8.7:53", IsNotFound: true}
		},
	})
	named := ca.Issue(t, authntest.CertSpec{DNSNames: []string{"right.example"}})
	nameless := ca.Issue(t, authntest.CertSpec{Subject: pkix.Name{CommonName: "right.example"}})
	for _, tt := range []struct {
		name   string
		cert   tls.Certificate
		remote string
		status int
		text   string
	}{
		{"C51_match", named, "192.0.2.1:1", 404, "Service-type was not found"},
		{"C51_mismatch", named, "192.0.2.2:1", 403, "x509: certificate is valid for right.example, not wrong.example"},
		{"C51_common_name_only", nameless, "192.0.2.1:1", 403, "x509: certificate relies on legacy Common Name field, use SANs instead"},
		{"C51_no_name", named, "192.0.2.3:1", 400, "lookup 192.0.2.3: no such host"},
		{"C51_bad_address", named, "nowhere", 403, "address nowhere: missing port in address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := r.present(tt.cert, tt.remote, nowhere)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), `"message": "`+tt.text+`"`) {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tt.status, tt.text)
			}
			if tt.status == 403 && !strings.Contains(w.Body.String(), `"status": "ACCESS_FORBIDDEN"`) {
				t.Errorf("body %s", w.Body)
			}
		})
	}
}

// TestCertificateLines: each refused certificate leaves a line, with its subject only if somebody trusted
// has vouched for it.
func TestCertificateLines(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	r := newMappingRig(t, ca, authn.ClientCertConfig{}, authn.ClientCertDeps{})
	subject := pkix.Name{CommonName: "mallory"}
	revoked := ca.Issue(t, authntest.CertSpec{Subject: subject})
	ca.Revoke(revoked.Leaf.SerialNumber)
	for _, tt := range []struct {
		name            string
		cert            tls.Certificate
		message, reason string
		subject         string
	}{
		{"untrusted", authntest.NewCA(t).Issue(t, authntest.CertSpec{Subject: subject}), "client certificate refused", "untrusted", ""},
		{"revoked", revoked, "client certificate refused", "revoked", "CN=mallory"},
		{"server", ca.Issue(t, authntest.CertSpec{Subject: subject, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}), "client certificate refused", "usage", ""},
		{"no_service", ca.Issue(t, authntest.CertSpec{Subject: subject}), "client certificate got no token", "", "CN=mallory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.logs.TakeAll()
			r.present(tt.cert, "192.0.2.7:4", nowhere)
			lines := r.logs.FilterMessage(tt.message).All()
			if len(lines) != 1 {
				t.Fatalf("%d lines in %v", len(lines), r.logs.All())
			}
			m := lines[0].ContextMap()
			if reason, _ := m["reason"].(string); reason != tt.reason || m["subject"] != tt.subject || m["remote"] != "192.0.2.7" {
				t.Errorf("line %v", m)
			}
			if tt.subject == "" {
				r.silent(t, "mallory")
			}
		})
	}
}
