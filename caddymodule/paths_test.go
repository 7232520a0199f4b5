package caddymodule_test

import (
	"net/http"
	"strings"
	"testing"
)

// testPaths is about paths that the gateway's rules and an upstream could read differently (specs E4, P1
// to P7, P11, P13). paths.test lets anybody into /public, callers into /private and Admins into /admin.
func testPaths(t *testing.T, r *rig) {
	for id, paths := range map[string][]string{
		"P1": {
			"/public/../admin", "/public/../admin/x", "/public/%2e%2e/admin", "/public/%2E%2e/admin", "/public/.%2e/admin", "/public/..%2fadmin",
			"/public/..%2Fadmin", "/public/%252e%252e/admin", "/public/..%252fadmin", "/public/..%5cadmin", "/public/x/../../admin", "/public/..",
			"/public/%2e/%2e%2e/admin", "/admin/../public/x", "/private/../admin", "/admin%2fx", "/public%2f..%2fadmin",
		},
		"P3": {"/admin;x=1/a", "/admin;x=1", "/public/..;/admin", "/public/..;x/admin", "/public/.;/x", "/admin;jsessionid=1", "/private%3bx", "/admin%3Bx=1/a"},
		"P4": {
			"/admin%00", "/admin%00/a", "/public/%00", "/admin%0d%0a", "/public/%0aadmin", "/public/%09", "/public/\\..\\admin", "/public/%5cadmin", "/admin%5c",
			"/public/%c0%af", "/public/%c0%ae%c0%ae/admin", "/public/%ff", "/public/%e0%80%af", "/public/%7f", "/public/\x80",
		},
		"P7": {"/public/secret%23/endpoint", "/public/#/../admin", "/public/%3f/../admin", "/public/x%3Fy", "/public/x#y"},
	} {
		for _, p := range paths {
			t.Run(id+"_"+strings.ReplaceAll(p, "/", "|"), func(t *testing.T) {
				t.Parallel()
				for _, user := range []string{"", "user", "admin"} {
					c := call{Line: "GET " + p, Host: "paths.test"}
					if user != "" {
						c.Token = r.users[user]
					}
					r.call(t, c).refused(t, 400, 403) // 403: no rule's matcher took it for its own
					c.Host = "anon.test"
					r.call(t, c).refused(t, 400)
				}
			})
		}
	}
	t.Run("P1_not_after_a_valid_head", func(t *testing.T) {
		t.Parallel()
		for _, line := range []string{"GET admin", "GET \\admin", "GET ../admin", "GET /public/%zz", "GET /public/%2", "GET /public/ admin"} {
			r.call(t, call{Line: line, Host: "anon.test"}).refused(t, 400)
		}
	})
	// Spellings that pass are judged like the plain one; P2 and P5 share one table, so that the
	// documented decision (Caddy's matchers fold case and clean the path) is one.
	for id, paths := range map[string][]string{
		"P2": {"/admin", "/admin/x", "//admin", "/./admin", "/admin/", "/admin//x", "///admin///x", "/admin/./x", "//./admin"},
		"P5": {"/Admin", "/ADMIN", "/aDmIn/x", "/%41dmin", "/%61dmin/x", "/admi%6e"},
	} {
		for _, p := range paths {
			t.Run(id+"_"+strings.ReplaceAll(p, "/", "|"), func(t *testing.T) {
				t.Parallel()
				r.call(t, call{Line: "GET " + p, Host: "paths.test"}).refused(t, 401)
				r.as(t, "user", call{Line: "GET " + p, Host: "paths.test"}).refused(t, 403)
				w := r.as(t, "admin", call{Line: "GET " + p, Host: "paths.test"}).passed(t)
				if w.path() != p {
					t.Errorf("forwarded %s, judged %s", w.path(), p)
				}
			})
		}
	}
	t.Run("P6_query_is_no_path", func(t *testing.T) {
		t.Parallel()
		for _, line := range []string{"GET /private?x=/public", "GET /private?/public/x", "GET /private?/../public", "GET /private?#/public/"} {
			r.call(t, call{Line: line, Host: "paths.test"}).refused(t, 400, 401)
		}
	})
	t.Run("P11_prefix_ends_on_a_segment", func(t *testing.T) {
		t.Parallel()
		// /administrator is not below /admin, and no rule covers it: not even an Admin gets through.
		for _, p := range []string{"/administrator", "/admin-backup/x", "/privates", "/publicity/x", "/public"} {
			r.as(t, "admin", call{Line: "GET " + p, Host: "paths.test"}).refused(t, 403)
		}
	})
	t.Run("P13_no_rule", func(t *testing.T) {
		t.Parallel()
		for _, user := range []string{"", "admin"} {
			c := call{Line: "GET /unruled", Host: "paths.test"}
			if user != "" {
				c.Token = r.users[user]
			}
			r.call(t, c).refused(t, 403)
		}
		r.call(t, call{Host: "transport-only.test"}).refused(t, 403)
		r.as(t, "admin", call{Host: "transport-only.test"}).refused(t, 403)
	})
	t.Run("P13_empty_path", func(t *testing.T) {
		t.Parallel()
		r.call(t, call{Line: "GET http://api.test", Host: "api.test"}).refused(t, 401)
		r.call(t, call{Line: "GET http://paths.test", Host: "paths.test"}).refused(t, 403)
	})
	t.Run("allow_encoded_paths", func(t *testing.T) {
		t.Parallel()
		for _, p := range []string{"/lenient/a%2fb", "/lenient/a;v=1", "/lenient/a%23"} {
			r.call(t, call{Line: "GET " + p, Host: "paths.test"}).refused(t, 401)
			if w := r.as(t, "user", call{Line: "GET " + p, Host: "paths.test"}).passed(t); w.path() != p {
				t.Errorf("forwarded %s, asked for %s", w.path(), p)
			}
		}
	})
	t.Run("public_passes", func(t *testing.T) {
		t.Parallel()
		for _, p := range []string{"/public/x", "/public/x.y", "/public/...", "/public/a..b", "/public/%C3%A9", "/public/a%20b", "/public/100%25", "/public/~a", "/public/a:b@c"} {
			if w := r.call(t, call{Line: "GET " + p + "?q=../x;y", Host: "paths.test"}).passed(t); w.path() != p+"?q=../x;y" {
				t.Errorf("forwarded %s, asked for %s", w.path(), p)
			}
		}
	})
	t.Run("P14_placeholder_index", func(t *testing.T) {
		t.Parallel()
		// What the client chooses never becomes a placeholder's name.
		w := r.as(t, "user", call{Line: "GET /{http.auth.user.groups.01}/{env.HOME}", Host: "plain.test"}).passed(t)
		if strings.Contains(w.path(), "home") || !strings.Contains(w.path(), "groups.01") {
			t.Errorf("forwarded %s", w.path())
		}
	})
}

// testMethods is about request methods (specs P12, H18).
func testMethods(t *testing.T, r *rig) {
	for _, m := range []string{"GeT", "get", "FOO", "TRACE", "TRACK", "PRI", "GET\x00", "M-SEARCH"} {
		t.Run("P12_"+m, func(t *testing.T) {
			t.Parallel()
			for _, host := range []string{"plain.test", "anon.test"} {
				out := r.as(t, "admin", call{Line: m + " /x", Host: host})
				out.refused(t, http.StatusMethodNotAllowed, http.StatusBadRequest)
				if out.status == http.StatusMethodNotAllowed && !strings.Contains(out.header.Get("Allow"), "GET, HEAD, POST") {
					t.Errorf("Allow: %q", out.header.Get("Allow"))
				}
			}
		})
	}
	t.Run("P12_override_is_ignored", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
			w := r.as(t, "user", call{Line: "POST /x", Host: "plain.test", Head: []string{name + ": DELETE", "Content-Length: 0"}}).passed(t)
			w.sees(t, name, "")
			if !strings.HasPrefix(w.line, "POST ") {
				t.Errorf("request line at the upstream: %s", w.line)
			}
		}
	})
	t.Run("P12_override_does_not_open_a_method_rule", func(t *testing.T) {
		t.Parallel()
		r.call(t, call{Line: "GET /x", Host: "options.test", Head: []string{"X-HTTP-Method-Override: OPTIONS"}}).refused(t, 401)
	})
	t.Run("known_methods_pass", func(t *testing.T) {
		t.Parallel()
		for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
			r.as(t, "user", call{Line: m + " /x", Host: "plain.test", Head: []string{"Content-Length: 0"}}).passed(t)
		}
	})
}
