package caddymodule_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn/authntest"
)

// managementSites has the management API on a listener of its own, on one that it shares with proxied
// sites, and on a TLS listener where it asks for client certificates.
const managementSites = `
(api) {
	authgate
	reverse_proxy $API {
		transport authgate
	}
}
http://127.0.0.1:$ADMIN {
	authgate_admin
}
http://admin.test:$HTTP {
	authgate_admin
}
http://api.test:$HTTP {
	import api
}
http://anon.test:$HTTP {
	authgate {
		anonymous
	}
	reverse_proxy $API {
		transport authgate
	}
}
http://pass.test:$HTTP {
	authgate {
		anonymous
		pass_token
	}
	reverse_proxy $API {
		transport authgate
	}
}
http://errors.test:$HTTP {
	rewrite * /rewritten
	authgate
	respond "never"
	handle_errors {
		reverse_proxy $API
	}
}
https://api.tls.test:$TLS {
	tls $CERT $KEY
	import api
}
https://admin.tls.test:$TLS {
	tls $CERT $KEY {
		client_auth {
			mode require_and_verify
			trust_pool file $CA
		}
	}
	authgate_admin
}
`

// TestManagementPlane is about what proxied routes may have to do with the management API: nothing.
func TestManagementPlane(t *testing.T) {
	t.Parallel()
	r := &rig{recorder: newRecorder(preparedAnswers()), pki: newPKI(t), idp: authntest.New(t, authntest.WithAlg("ES256")), users: map[string]string{}}
	origin := r.listen(t, "tcp", "127.0.0.1:0")
	r.http, r.tls = loopback(freePort(t)), loopback(freePort(t))
	admin := loopback(freePort(t))
	values := map[string]string{
		"ADMIN": portOf(admin), "HTTP": portOf(r.http), "TLS": portOf(r.tls), "API": origin,
		"CERT": r.pki.certFile, "KEY": r.pki.keyFile, "CA": r.pki.caFile,
	}
	s := (&plant{idp: r.idp}).setup(site{}, "", "")
	s.Sites = fill(t, managementSites, values)
	r.gateway = start(t, s)
	r.users["user"] = r.idp.Token(t, nil)

	t.Run("key", func(t *testing.T) { testManagementKey(t, r) })
	t.Run("A10", func(t *testing.T) { testAdminRoute(t, r, admin) })
}

// testManagementKey is specs/auth-methods 5.3 item 6: an upstream that is handed the key could read every
// credential.
func testManagementKey(t *testing.T, r *rig) {
	encoded := strings.NewReplacer("a", "%61", "-", "%2D").Replace(adminKey)
	for name, q := range map[string]struct{ sent, want string }{
		"alone":            {"key=" + adminKey, "/x"},
		"every_occurrence": {"key=" + adminKey + "&a=%7E&key=" + encoded + "&k%65y=" + adminKey + ";key=" + adminKey + "&b", "/x?a=%7E&b"},
		"others_stay":      {"key=of-the-upstream&key=&Key=1&key", "/x?key=of-the-upstream&key=&Key=1&key"},
	} {
		t.Run("query_"+name, func(t *testing.T) {
			t.Parallel()
			for _, host := range []string{"api.test", "anon.test", "pass.test"} {
				c := call{Line: "GET /x?" + q.sent, Host: host}
				if host == "api.test" {
					c.Token = r.users["user"]
				}
				if w := r.call(t, c).passed(t); w.path() != q.want {
					t.Errorf("%s: forwarded %s, want %s", host, w.path(), q.want)
				}
			}
		})
	}
	t.Run("query_is_no_credential_here", func(t *testing.T) {
		t.Parallel()
		r.call(t, call{Line: "GET /x?key=" + adminKey}).refused(t, 401)
	})
	t.Run("bearer", func(t *testing.T) {
		t.Parallel()
		r.call(t, call{Token: adminKey}).refused(t, 401)
		r.call(t, call{Token: adminKey, Host: "anon.test"}).passed(t).sees(t, "Authorization", "")
		r.call(t, call{Token: "of-the-caller", Host: "pass.test"}).passed(t).sees(t, "Authorization", "Bearer of-the-caller")
		for _, line := range []string{"Bearer " + adminKey, "bearer\t" + adminKey, adminKey, "Bearer a, Bearer " + adminKey} {
			r.call(t, call{Head: []string{"Authorization: " + line}, Host: "pass.test"}).passed(t).sees(t, "Authorization", "")
		}
		if w := r.call(t, call{Line: "GET /x?access_token=" + adminKey + "&access_token=a", Host: "pass.test"}).passed(t); w.path() != "/x?access_token=a" {
			t.Errorf("forwarded %s", w.path())
		}
	})
	t.Run("error_route", func(t *testing.T) {
		t.Parallel()
		// Caddy gives error routes the request as it came, before any rewrite.
		out := r.call(t, call{Line: "GET /x?a=1&key=" + adminKey + "&access_token=t", Host: "errors.test"})
		if len(out.arrived) != 1 || out.arrived[0].path() != "/x?a=1" {
			t.Errorf("status %d, the error service got %v", out.status, out.arrived)
		}
	})
}

// testAdminRoute tries to reach the management API of another site through proxied ones. All requests
// carry the key, so that whatever gets there answers 200.
func testAdminRoute(t *testing.T, r *rig, admin string) {
	const answer = `"auth_methods"`
	for address, host := range map[string]string{admin: admin, r.http: "admin.test"} {
		if out := (call{Line: "GET /v1/authm?key=" + adminKey, Host: host}).send(t, address, nil); !strings.Contains(out.body, answer) {
			t.Fatalf("the route itself: %d %s", out.status, out.body)
		}
	}
	nothing := func(t *testing.T, what string, out result) {
		t.Helper()
		if strings.Contains(out.body, answer) {
			t.Errorf("%s: status %d: %s", what, out.status, out.body)
		}
		for _, w := range out.arrived {
			if w.at == admin {
				t.Errorf("%s: the admin listener was called", what)
			}
		}
	}
	const query = "/v1/authm?key=" + adminKey
	t.Run("own_listener", func(t *testing.T) {
		t.Parallel()
		for _, c := range []call{
			{Host: admin}, {Host: "127.0.0.1"}, {Host: "localhost:" + portOf(admin)}, {Host: "api.test", Head: []string{"X-Forwarded-Host: " + admin}},
			{Line: "GET http://" + admin + query, Host: "api.test"}, {Line: "GET //" + admin + query, Host: "api.test"},
			{Line: "GET http://" + admin + query, Host: admin}, {Line: "CONNECT " + admin, Host: admin}, {Host: "api.test@" + admin}, {Host: admin + "@api.test"},
			{Line: "GET /authgate/status", Host: "api.test"},
		} {
			if c.Line == "" {
				c.Line = "GET " + query
			}
			for _, token := range []string{"", r.users["user"], adminKey} {
				c.Token = token
				nothing(t, c.Line+" "+c.Host, c.send(t, r.http, r.recorder))
			}
		}
	})
	t.Run("shared_listener", func(t *testing.T) {
		t.Parallel()
		for _, c := range []call{
			{Host: "api.test"}, {Host: "api.test", Head: []string{"X-Forwarded-Host: admin.test", "Forwarded: host=admin.test"}},
			{Host: "api.test", Head: []string{"Host: admin.test"}}, {Host: "api.test, admin.test"}, {Host: "admin.test."}, {Host: "admin.test@api.test"},
			{Host: "xadmin.test"}, {Host: "admin.test.api.test"}, {Host: "admin.test%00"}, {Host: "admin"},
			{Line: "GET http://api.test" + query, Host: "admin.test"}, {Line: "GET http://admin.test@api.test" + query, Host: "api.test"},
			{Line: "GET //admin.test" + query, Host: "api.test"}, {Line: "GET /admin.test/.." + query, Host: "api.test"},
			{Line: "GET /..;/v1/authm?key=" + adminKey, Host: "api.test"}, {Line: "GET /%2e%2e" + query, Host: "api.test"},
			{Line: "GET x:http://admin.test" + query, Host: "api.test"}, {Line: "OPTIONS *", Host: "api.test"},
		} {
			if c.Line == "" {
				c.Line = "GET " + query
			}
			for _, token := range []string{"", r.users["user"], adminKey} {
				c.Token = token
				nothing(t, c.Line+" "+c.Host, c.send(t, r.http, r.recorder))
			}
		}
	})
	t.Run("shared_tls_listener", func(t *testing.T) {
		t.Parallel()
		// The handshake for the open site shows no client certificate, which the admin site demands.
		const open, closed = "api.tls.test", "admin.tls.test"
		c := call{Line: "GET " + query, Host: closed, TLS: r.pki.clientTLS(open, "http/1.1")}
		c.send(t, r.tls, r.recorder).refused(t, 421)
		c.Line, c.Host = "GET https://"+closed+query, open
		c.send(t, r.tls, r.recorder).refused(t, 421)
		for _, authority := range []string{closed, strings.ToUpper(closed), closed + ":443", closed + ":" + portOf(r.tls)} {
			h := h2call{fields: [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", query}, {":authority", authority}}}
			h.send(t, r, open).refused(t, 421)
		}
		h := h2call{fields: [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", query}, {":authority", open}, {"host", closed}}}
		nothing(t, "h2 host", h.send(t, r, open))
		three := r.overHTTP3(t, r.pki.clientTLS(open))
		req, err := http.NewRequest(http.MethodGet, "https://"+r.tls+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = closed
		resp, err := three.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("HTTP/3: status %d", resp.StatusCode)
		}
	})
}

// TestAccessLogWarning: Caddy writes the request into its access log as it came, and only the log's own
// format can leave the key out. Whoever has not configured that is told, with the block to add.
func TestAccessLogWarning(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	s := p.setup(at, "", "")
	plain := s
	plain.Sites = strings.Replace(s.Sites, "{\n\tauthgate_admin", "{\n\tlog\n\tauthgate_admin", 1)
	g := start(t, plain)
	warned := func() string {
		for _, w := range g.status(t).Warnings {
			if strings.Contains(w, "?key=") {
				return w
			}
		}
		return ""
	}
	text := warned()
	_, block, ok := strings.Cut(text, "\n")
	if !ok || g.logged(t, "an access log writes the key") != 1 {
		t.Fatalf("status warns %q; in the log %d times", text, g.logged(t, "an access log writes the key"))
	}
	must(t, http.StatusOK, call{Line: "GET /v1/authm?key=" + adminKey, Host: at.admin}.send(t, at.admin, nil))
	eventually(t, exchangeTime, "the key is in the access log, so the warning is right", func() bool { return g.logged(t, adminKey) > 0 })

	// The block that the warning names is the fix.
	filtered := setup{Global: s.Global + "\n" + block, Sites: strings.Replace(s.Sites, "{\n\tauthgate_admin", "{\n"+block+"\n\tauthgate_admin", 1)}
	if err := g.reload(filtered); err != nil {
		t.Fatal(err)
	}
	if w := warned(); w != "" {
		t.Errorf("still warns: %s", w)
	}
	before := g.logged(t, adminKey)
	must(t, http.StatusOK, call{Line: "GET /v1/authm?x=y&key=" + adminKey, Host: at.admin}.sendAfterReload(t, at.admin, nil))
	eventually(t, exchangeTime, "the request is in the log", func() bool { return g.logged(t, "key=REDACTED&x=y") > 0 })
	if n := g.logged(t, adminKey); n != before {
		t.Errorf("the key is in the log %d times more", n-before)
	}
	for name, quiet := range map[string]setup{
		"no_log":       s,
		"default_log":  {Global: s.Global + logFilter, Sites: plain.Sites},
		"other_server": {Global: s.Global, Sites: strings.Replace(s.Sites, "{\n\tauthgate {", "{\n\tlog\n\tauthgate {", 1)},
	} {
		if err := g.reload(quiet); err != nil {
			t.Fatal(err)
		}
		if w := warned(); w != "" {
			t.Errorf("%s: warns: %s", name, w)
		}
	}
}
