package caddymodule_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn/authntest"
)

// testHosts is about the Host a client names (specs P8, E6, P10).
func testHosts(t *testing.T, r *rig) {
	t.Run("P8_same_site", func(t *testing.T) {
		t.Parallel()
		for _, host := range []string{"API.TEST", "Api.Test", "api.test:443", "api.test:9999", "api.test:80"} {
			r.call(t, call{Host: host}).refused(t, 401)
			r.as(t, "user", call{Host: host}).passed(t).sees(t, "X-Api-Key", apiKey)
		}
	})
	t.Run("P8_no_site", func(t *testing.T) {
		t.Parallel()
		for _, host := range []string{
			"unknown.test", "api.test.", "xapi.test", "apiXtest", "api.test.evil", "127.0.0.1", "[::1]", "api", "*", "*.test", "api.test, plain.test",
			"evil@api.test", "api.test@evil", "api.test/x", "api.test?", "api.test#", "api.test%00", "-", "..", "api..test",
		} {
			r.as(t, "admin", call{Host: host}).refused(t, 400, 421)
		}
	})
	t.Run("P8_no_or_two_hosts", func(t *testing.T) {
		t.Parallel()
		// r.call would add the default host.
		call{Token: r.users["admin"]}.send(t, r.http, r.recorder).refused(t, 400, 421)
		call{Token: r.users["admin"], Head: []string{"Host:"}}.send(t, r.http, r.recorder).refused(t, 400, 421)
		r.as(t, "admin", call{Host: "api.test", Head: []string{"Host: plain.test"}}).refused(t, 400)
		r.as(t, "admin", call{Host: "api.test", Head: []string{"host: api.test"}}).refused(t, 400)
	})
	t.Run("P8_http10", func(t *testing.T) {
		t.Parallel()
		for _, head := range []string{"", "Host: unknown.test\r\n"} {
			exchange(t, r.http, nil, "GET / HTTP/1.0\r\n"+head+"Authorization: Bearer "+r.users["admin"]+"\r\n\r\n").refused(t, 400, 421)
		}
		exchange(t, r.http, nil, "GET / HTTP/1.0\r\nHost: api.test\r\n\r\n").refused(t, 401)
	})
	t.Run("P8_opaque_target", func(t *testing.T) {
		t.Parallel()
		// net/url keeps what stands behind the scheme as Opaque and leaves Path empty: no path matcher sees it,
		// and it would be forwarded as the request target.
		for _, target := range []string{"x:http://api.test/admin/secret", "http:admin/secret", "x:%2e%2e/admin;a=1", "x:*"} {
			for _, host := range []string{"api.test", "anon.test"} {
				r.as(t, "admin", call{Line: "GET " + target, Host: host}).refused(t, 400)
			}
		}
		r.as(t, "admin", call{Line: "GET *", Host: "api.test"}).refused(t, 400)
	})
	t.Run("P8_absolute_form", func(t *testing.T) {
		t.Parallel()
		// The request target wins over Host (RFC 9112 section 3.2.2), for the rule as for the upstream.
		r.call(t, call{Line: "GET http://roles.test/x", Host: "anon.test"}).refused(t, 401)
		r.as(t, "user", call{Line: "GET http://roles.test/x", Host: "anon.test"}).refused(t, 403)
		r.as(t, "admin", call{Line: "GET http://unknown.test/x", Host: "api.test"}).refused(t, 421)
		r.as(t, "admin", call{Line: "GET http://API.test:9999/x", Host: "unknown.test"}).passed(t).sees(t, "X-Forwarded-Host", "API.test:9999")
		r.call(t, call{Line: "GET http://anon.test@api.test/x", Host: "anon.test"}).refused(t, 400, 401)
		r.call(t, call{Line: "GET http://anon.test:80@api.test/x", Host: "anon.test"}).refused(t, 400, 401)
		r.call(t, call{Line: "GET //anon.test/x", Host: "api.test"}).refused(t, 401)
	})
	t.Run("P8_many_hosts", func(t *testing.T) {
		t.Parallel()
		for _, host := range []string{"h000.many.test", "h129.many.test", "H064.MANY.test", "h064.many.test:1", "H129.many.TEST:9999"} {
			r.call(t, call{Host: host}).refused(t, 401)
			r.as(t, "user", call{Host: host}).passed(t)
		}
		for _, host := range []string{"h130.many.test", "h064.many.test.", "many.test"} {
			r.as(t, "user", call{Host: host}).refused(t, 421)
		}
	})
}

// TestExampleConfiguration runs the Caddyfile.example that users start from, with its own ports replaced.
func TestExampleConfiguration(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	idp := authntest.New(t)
	origin := newRecorder(preparedAnswers())
	gate, admin := loopback(freePort(t)), loopback(freePort(t))
	api := origin.listen(t, "tcp", "127.0.0.1:0")
	for _, swap := range []struct{ old, new string }{
		{`admin localhost:2019`, ``},
		{`:8080`, ":" + portOf(gate)}, {`:9180`, ":" + portOf(admin)}, {`127.0.0.1:9000`, api},
		{`{env.AUTHGATE_ADMIN_KEY}`, adminKey},
		{`https://token.actions.githubusercontent.com`, idp.URL + "\n\t\t\tallow_private_addresses"},
		{`store embedded`, ``},
	} {
		if !strings.Contains(string(text), swap.old) {
			t.Errorf("the example has no %q any more", swap.old)
		}
		text = []byte(strings.ReplaceAll(string(text), swap.old, swap.new))
	}
	// The harness writes the global block itself, so the example's moves into it.
	parts := regexp.MustCompile(`(?ms)^\{\n(.*?)^\}\n(.*)`).FindStringSubmatch(string(text))
	if parts == nil {
		t.Fatalf("no global block in:\n%s", text)
	}
	g := start(t, setup{Global: parts[1], Sites: parts[2]})
	if w := g.status(t).Warnings; len(w) > 0 {
		t.Errorf("the example is warned of: %q", w)
	}
	token := idp.Token(t, map[string]any{"repository": "acme/app"})
	stranger := idp.Token(t, map[string]any{"repository": "acme/other"})

	call{Host: gate, Token: token}.send(t, gate, origin).passed(t)
	call{Host: gate, Token: stranger}.send(t, gate, origin).refused(t, 403)
	call{Host: gate}.send(t, gate, origin).refused(t, 401)
	t.Run("key_in_the_query_stays_out_of_the_access_log", func(t *testing.T) {
		if out := (call{Line: "GET /v1/authm?key=" + adminKey, Host: admin}).send(t, admin, nil); out.status != http.StatusOK {
			t.Errorf("status %d: %s", out.status, out.body)
		}
		eventually(t, exchangeTime, "the access log has the request", func() bool { return g.logged(t, `"uri":"/v1/authm?key=REDACTED"`) > 0 })
		if n := g.logged(t, adminKey); n > 0 {
			t.Errorf("the admin key is %d times in the log", n)
		}
	})
	t.Run("P8_catch_all", func(t *testing.T) {
		for _, address := range []string{gate, admin} {
			for _, c := range []call{
				{Host: "API.CORP"}, {Host: "api.corp."}, {Host: "api.corp:443"}, {Host: "api.corp:9999"}, {Host: "example.com"}, {},
				{Line: "GET http://api.corp/", Host: "localhost"}, {Line: "GET http://api.corp/", Host: gate}, {Head: []string{"Host:"}},
				{Host: "localhost", Head: []string{"Host: localhost"}}, {Host: "localhost."}, {Host: "127.0.0.1."}, {Host: "127.1"}, {Host: "[::1]:80"},
				{Line: "GET /healthz", Host: "evil.example"}, {Line: "GET /v1/authm?key=" + adminKey, Host: "evil.example"},
			} {
				c.Token = token
				c.send(t, address, origin).refused(t, 400, 421)
			}
		}
		for _, c := range []call{{Host: "LOCALHOST"}, {Host: "localhost:1"}, {Host: "127.0.0.1:9999"}, {Line: "GET http://LocalHost/x", Host: "evil.example"}} {
			c.Token = stranger
			c.send(t, gate, origin).refused(t, 403)
			c.Token = token
			c.send(t, gate, origin).passed(t)
		}
	})
	t.Run("A10_admin_route_only_on_its_listener", func(t *testing.T) {
		for _, c := range []call{
			{Line: "GET /v1/authm?key=" + adminKey, Host: gate}, {Line: "GET /v1/authm?key=" + adminKey, Host: admin},
			{Line: "GET http://" + admin + "/v1/authm", Host: admin}, {Line: "GET /authgate/status", Host: gate}, {Line: "GET /config/", Host: gate},
		} {
			out := c.send(t, gate, origin)
			out.refused(t, 401, 421)
		}
		if out := (call{Line: "GET /v1/authm", Host: admin, Token: adminKey}).send(t, admin, nil); out.status != http.StatusOK {
			t.Errorf("the admin route itself: %d %s", out.status, out.body)
		}
	})
}

// adminKey is the management key of every gateway that has one.
const adminKey = "an-admin-key-of-the-tests-5c9d7e"

func portOf(address string) string { return address[strings.LastIndex(address, ":")+1:] }

// api calls a gateway's management API with the admin key.
func api(t testing.TB, address, method, path, body string) result {
	t.Helper()
	return call{
		Line: method + " " + path, Host: address, Token: adminKey,
		Head: []string{"Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body))}, Body: body,
	}.send(t, address, nil)
}
