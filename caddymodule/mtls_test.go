package caddymodule_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// TestClientCertificates is `accept mtls` from outside: real handshakes, bindings made through the API.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	r := prepareCertRig(t)
	robot := r.clients.Issue(t, named("robot"))
	revoked := r.clients.Issue(t, named("robot"))
	r.clients.Revoke(revoked.Leaf.SerialNumber)
	r.gateway = start(t, r.setup(t, withCA))
	r.makeService(t)
	r.bind(t, "robot", robot)

	t.Run("the_bound_identity_passes", func(t *testing.T) {
		dn := authn.SubjectDN(robot.Leaf)
		w := r.as(t, "mtls.tls.test", robot, call{}).passed(t)
		w.sees(t, "X-Auth-Subject", dn)
		w.sees(t, "X-Auth-Method", "mtls")
		w.sees(t, "X-Auth-Issuer", robot.Leaf.Issuer.String())
		w.sees(t, "X-Api-Key", apiKey)
		w = r.as(t, "robot.tls.test", robot, call{}).passed(t)
		w.sees(t, "X-Who", dn+" mtls binding robot")
		w.sees(t, "X-Auth-Subject", "")
		if n := r.status(t).Requests["allowed"]; n != 2 {
			t.Errorf("allowed: %d requests counted, want 2", n)
		}
	})
	t.Run("a_subject_that_is_not_ASCII_is_escaped", func(t *testing.T) {
		greek := r.clients.Issue(t, authntest.CertSpec{Subject: pkix.Name{CommonName: "robot", Province: []string{"Attik\u00ed"}, Organization: []string{`a\b`}}})
		r.bind(t, "greek", greek)
		r.as(t, "mtls.tls.test", greek, call{}).passed(t).sees(t, "X-Auth-Subject", `CN=robot,O=a\\b,ST=Attik\C3\AD`)
	})
	t.Run("H10_certificates_in_headers", func(t *testing.T) {
		var spoofed []string
		names := []string{
			"Client-Cert", "X-Forwarded-Client-Cert", "X-SSL-Client-CN", "Ssl-Client-Cert", "X-Client-Cert", "X-Forwarded-Tls-Client-Cert",
			"X-Auth-Subject", "X-Auth-Method",
		}
		for _, name := range names {
			spoofed = append(spoofed, name+": CN=root,O=Acme")
		}
		r.send(t, "mtls.tls.test", call{Head: spoofed}).refused(t, 401)
		w := r.as(t, "mtls.tls.test", robot, call{Head: spoofed}).passed(t)
		for _, name := range names[:6] {
			w.sees(t, name, "")
		}
		if strings.Contains(w.String(), "root") {
			t.Errorf("the client's own header is at the upstream:\n%s", w)
		}
	})
	t.Run("M3", func(t *testing.T) { testBadCertificates(t, r, robot, revoked) })
	t.Run("J18", func(t *testing.T) { testTwoCredentials(t, r, robot) })
	t.Run("M4", func(t *testing.T) { testBoundTokens(t, r, robot) })
	t.Run("P9", func(t *testing.T) { testServerNames(t, r, robot) })
	t.Run("removed", func(t *testing.T) { testRemovedBindings(t, r) })
	r.neverLogs(t, r.users["user"], apiKey)
}

// send calls a site without a certificate.
func (r *certRig) send(t *testing.T, site string, c call) result {
	t.Helper()
	c.Host, c.TLS = site, r.pki.clientTLS(site)
	return c.send(t, r.tls, r.recorder)
}

func testBadCertificates(t *testing.T, r *certRig, robot, revoked tls.Certificate) {
	now := time.Now()
	stranger := authntest.NewCA(t)
	spec := func(change func(*authntest.CertSpec)) authntest.CertSpec {
		s := named("robot")
		change(&s)
		return s
	}
	for _, tc := range []struct {
		name   string
		cert   tls.Certificate
		status int
	}{
		{"unbound", r.clients.Issue(t, named("stranger")), 401},
		{"other_spelling_of_the_name", r.clients.Issue(t, named("Robot")), 401},
		{"expired", r.clients.Issue(t, spec(func(s *authntest.CertSpec) { s.NotBefore, s.NotAfter = now.Add(-2*time.Hour), now.Add(-time.Hour) })), 401},
		{"not_yet_valid", r.clients.Issue(t, spec(func(s *authntest.CertSpec) { s.NotBefore = now.Add(time.Hour) })), 401},
		{"made_for_servers", r.clients.Issue(t, spec(func(s *authntest.CertSpec) { s.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), 401},
		{"an_authority_as_client", r.clients.Issue(t, spec(func(s *authntest.CertSpec) { s.IsCA = true })), 401},
		{"untrusted", stranger.Issue(t, named("robot")), 401},
		{"revoked", revoked, 401},
		{"no_revocation_list_named", r.clients.Issue(t, spec(func(s *authntest.CertSpec) { s.CRLPoints = []string{} })), 401},
		{"revocation_list_away", r.away.Issue(t, named("robot")), 503},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, site := range []string{"mtls.tls.test", "both.tls.test"} {
				out := r.as(t, site, tc.cert, call{})
				out.refused(t, tc.status)
				if challenged := out.header.Get("WWW-Authenticate") != ""; challenged != (site == "both.tls.test" && tc.status == 401) {
					t.Errorf("%s: WWW-Authenticate %q", site, out.header.Get("WWW-Authenticate"))
				}
				if tc.status == http.StatusServiceUnavailable && out.header.Get("Retry-After") == "" {
					t.Errorf("%s: no Retry-After", site)
				}
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		out := r.send(t, "mtls.tls.test", call{})
		out.refused(t, 401)
		if c := out.header.Get("WWW-Authenticate"); c != "" {
			t.Errorf("a route without bearer challenges: %q", c)
		}
		out = r.send(t, "both.tls.test", call{})
		out.refused(t, 401)
		if c := out.header.Get("WWW-Authenticate"); c != `Bearer realm="authgate"` {
			t.Errorf("challenge %q", c)
		}
		call{Host: "plain.test"}.send(t, r.http, r.recorder).refused(t, 401)
		call{Host: "plain.test", Token: r.users["user"]}.send(t, r.http, r.recorder).refused(t, 401)
	})
	t.Run("requirement_on_the_binding", func(t *testing.T) {
		other := r.clients.Issue(t, named("other"))
		r.bind(t, "other", other)
		r.as(t, "mtls.tls.test", other, call{}).passed(t)
		r.as(t, "robot.tls.test", other, call{}).refused(t, 403)
		r.as(t, "robot.tls.test", robot, call{}).passed(t)
	})
}

func testTwoCredentials(t *testing.T, r *certRig, robot tls.Certificate) {
	token := r.users["user"]
	for _, tc := range []struct {
		name, site string
		cert       bool
		head       string
		status     int
		method     string
	}{
		{"both_kinds_accepted", "both.tls.test", true, "Bearer " + token, 400, ""},
		{"both_kinds_accepted_and_a_bad_token", "both.tls.test", true, "Bearer x", 400, ""},
		{"both_kinds_accepted_and_basic", "both.tls.test", true, "Basic YTpi", 400, ""},
		{"token_alone", "both.tls.test", false, "Bearer " + token, 200, "jwt"},
		{"certificate_alone", "both.tls.test", true, "", 200, "mtls"},
		{"certificate_ignored", "bearer.tls.test", true, "Bearer " + token, 200, "jwt"},
		{"certificate_is_none", "bearer.tls.test", true, "", 401, ""},
		{"header_ignored", "mtls.tls.test", true, "Bearer " + token, 200, "mtls"},
		{"malformed_header_ignored", "mtls.tls.test", true, "Bearer a b", 200, "mtls"},
		{"token_is_none", "mtls.tls.test", false, "Bearer " + token, 401, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := call{}
			if tc.head != "" {
				c.Head = []string{"Authorization: " + tc.head}
			}
			out := r.send
			if tc.cert {
				out = func(t *testing.T, site string, c call) result { return r.as(t, site, robot, c) }
			}
			got := out(t, tc.site, c)
			if tc.status != http.StatusOK {
				got.refused(t, tc.status)
				return
			}
			w := got.passed(t)
			w.sees(t, "X-Auth-Method", tc.method)
			w.sees(t, "Authorization", "")
		})
	}
}

func testBoundTokens(t *testing.T, r *certRig, robot tls.Certificate) {
	other := r.clients.Issue(t, named("robot")) // of the same name, by the same authority
	sum := sha256.Sum256(robot.Leaf.Raw)
	bound := r.idp.Token(t, map[string]any{"cnf": map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}})
	dpop := r.idp.Token(t, map[string]any{"cnf": map[string]string{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})
	for range 2 { // cold, and with the token in the cache
		r.as(t, "bearer.tls.test", robot, call{Token: bound}).passed(t)
		r.as(t, "bearer.tls.test", other, call{Token: bound}).refused(t, 401)
		r.send(t, "bearer.tls.test", call{Token: bound}).refused(t, 401)
		r.as(t, "bearer.tls.test", robot, call{Token: dpop}).refused(t, 401)
	}
}

// testServerNames: which certificates are asked for depends on the name in the handshake, so that name has
// to be the one in the request. Caddy's own check is off on this listener.
func testServerNames(t *testing.T, r *certRig, robot tls.Certificate) {
	const site, wild = "mtls.tls.test", "any.tls.test"
	http1 := func(t *testing.T, secure *tls.Config, c call) result {
		t.Helper()
		c.TLS = secure
		return c.send(t, r.tls, r.recorder)
	}
	for _, other := range []string{"bearer.tls.test", "verified.tls.test", "both.tls.test", wild} {
		t.Run("M2_handshake_for_"+other, func(t *testing.T) {
			t.Parallel()
			secure := r.with(other, robot)
			http1(t, secure, call{Host: site}).refused(t, 421)
			http1(t, secure, call{Host: strings.ToUpper(site) + ":443"}).refused(t, 421)
			http1(t, secure, call{Line: "GET https://" + site + "/", Host: other}).refused(t, 421)
			http1(t, r.with(site, robot), call{Host: other}).refused(t, 401, 421) // and the other way round
		})
	}
	t.Run("M2_wildcard_site_asks_for_none", func(t *testing.T) {
		t.Parallel()
		r.as(t, wild, robot, call{}).refused(t, 401)
		r.as(t, "MTLS.tls.test", robot, call{}).passed(t) // the exact site, however it is spelled
	})
	t.Run("same_name_other_spelling", func(t *testing.T) {
		t.Parallel()
		for _, host := range []string{site + ":443", "MTLS.TLS.TEST", site + ":9999"} {
			http1(t, r.with(site, robot), call{Host: host}).passed(t)
		}
	})
	t.Run("no_name", func(t *testing.T) {
		t.Parallel()
		secure := r.with("127.0.0.1", robot) // an address is never sent as a name
		http1(t, secure, call{Host: site}).refused(t, 421)
		http1(t, secure, call{Host: r.tls}).passed(t).sees(t, "X-Auth-Method", "mtls")
		http1(t, r.with(site, robot), call{Host: r.tls}).refused(t, 421)
	})
	t.Run("token_needs_no_name", func(t *testing.T) {
		t.Parallel()
		http1(t, r.pki.clientTLS("bearer.tls.test"), call{Host: "both.tls.test", Token: r.users["user"]}).passed(t)
	})
	t.Run("http2_coalesced", func(t *testing.T) {
		t.Parallel()
		transport := &http.Transport{TLSClientConfig: r.with("both.tls.test", robot), ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Timeout: exchangeTime}
		for _, c := range []struct {
			host string
			want int
		}{{"both.tls.test", 200}, {site, 421}, {"both.tls.test", 200}} {
			if out := r.fetchAs(t, client, c.host); out.status != c.want || (c.want == 200) != (len(out.arrived) == 1) {
				t.Errorf("%s: status %d, %d at the upstream; want %d", c.host, out.status, len(out.arrived), c.want)
			}
		}
	})
	t.Run("http3", func(t *testing.T) {
		t.Parallel()
		client := r.overHTTP3(t, r.with(site, robot))
		r.fetchAs(t, client, site).passed(t)
		r.fetchAs(t, client, "both.tls.test").refused(t, 421)
	})
}

// fetchAs is fetch without a token.
func (r *certRig) fetchAs(t *testing.T, client *http.Client, host string) result {
	t.Helper()
	name := newCase()
	req, err := http.NewRequest(http.MethodGet, "https://"+r.tls+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	req.Header = http.Header{caseHeader: {name}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return result{status: resp.StatusCode, arrived: r.take(name)}
}

// testRemovedBindings: what is taken away counts from the next request on.
func testRemovedBindings(t *testing.T, r *certRig) {
	gone := r.clients.Issue(t, named("gone"))
	r.bind(t, "gone", gone)
	// On one connection, too.
	transport := &http.Transport{TLSClientConfig: r.with("mtls.tls.test", gone), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: exchangeTime}
	r.fetchAs(t, client, "mtls.tls.test").passed(t)
	must(t, http.StatusNoContent, api(t, r.admin, http.MethodDelete, "/v1/bindings/gone", ""))
	r.fetchAs(t, client, "mtls.tls.test").refused(t, 401)
	r.as(t, "mtls.tls.test", gone, call{}).refused(t, 401)

	r.bind(t, "gone", gone)
	r.fetchAs(t, client, "mtls.tls.test").passed(t)
	hosts := func(list string) {
		must(t, http.StatusOK, api(t, r.admin, http.MethodPut, typePath+"/stored", `{"hosts":`+list+`}`))
	}
	hosts(`["elsewhere.test"]`)
	r.fetchAs(t, client, "mtls.tls.test").refused(t, 401)
	hosts(`["127.0.0.1"]`)
	r.fetchAs(t, client, "mtls.tls.test").passed(t)
	must(t, http.StatusOK, api(t, r.admin, http.MethodPut, typePath+"/stored", `{"auth_types":["oidc"]}`))
	r.fetchAs(t, client, "mtls.tls.test").refused(t, 401)
	must(t, http.StatusOK, api(t, r.admin, http.MethodPut, typePath+"/stored", `{"auth_types":["x509","oidc"]}`))
}

// TestClientCertificatesWithoutCA: then only what the TLS listener has verified counts.
func TestClientCertificatesWithoutCA(t *testing.T) {
	t.Parallel()
	r := newCertRig(t, "x509 {\n\t\t\tallow_private_addresses\n\t\t}")
	robot := r.clients.Issue(t, named("robot"))
	r.bind(t, "robot", robot)
	r.as(t, "verified.tls.test", robot, call{}).passed(t)
	r.as(t, "mtls.tls.test", robot, call{}).refused(t, 401)
	// The verified connection is worth nothing for the other site.
	call{Host: "mtls.tls.test", TLS: r.with("verified.tls.test", robot)}.send(t, r.tls, r.recorder).refused(t, 421)

	t.Run("verify_certificate_off", func(t *testing.T) {
		if err := r.reload(r.setup(t, "x509 {\n\t\t\tverify_certificate off\n\t\t\tca $CLIENTCA\n\t\t}")); err != nil {
			t.Fatal(err)
		}
		old := named("robot")
		old.NotBefore, old.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		r.as(t, "mtls.tls.test", r.clients.Issue(t, old), call{}).passed(t)
		r.as(t, "mtls.tls.test", r.away.Issue(t, named("robot")), call{}).passed(t)
		r.as(t, "mtls.tls.test", authntest.NewCA(t).Issue(t, named("robot")), call{}).refused(t, 401)
		if list := r.status(t).Insecure; !slices.Contains(list, "x509: verify_certificate off") {
			t.Errorf("insecure: %q", list)
		}
	})
}
