package caddymodule_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// testRoutes is about how the gateway's modules stand in a configuration (specs R).
func testRoutes(t *testing.T, r *rig) {
	t.Run("R_rewrites_before", func(t *testing.T) {
		t.Parallel()
		for line, want := range map[string]string{
			"GET /strip/x?a=1":  "/x?a=1",
			"GET /prefix/x?a=1": "/x?a=1",
			"GET /fixed/x":      "/clean",
		} {
			r.call(t, call{Line: line, Host: "rewrite.test"}).refused(t, 401)
			if w := r.as(t, "user", call{Line: line, Host: "rewrite.test"}).passed(t); w.path() != want {
				t.Errorf("%s: forwarded %s, want %s", line, w.path(), want)
			}
		}
	})
	t.Run("R_rewrite_hides_no_doubtful_path", func(t *testing.T) {
		t.Parallel()
		for _, p := range []string{"/fixed/..;/admin", "/fixed/%2e%2e/x", "/fixed/a%2fb", "/strip/..%2fadmin", "/strip/a;b", "/prefix/..%5cadmin", "/prefix/%00"} {
			r.as(t, "admin", call{Line: "GET " + p, Host: "rewrite.test"}).refused(t, 400, 404)
		}
	})
	t.Run("R_rewrite_after_does_not_change_the_credential", func(t *testing.T) {
		t.Parallel()
		w := r.as(t, "user", call{Line: "GET /after/x", Host: "rewrite.test"}).passed(t)
		w.sees(t, "X-Api-Key", apiKey)
		if w.path() != "/moved" || w.at != r.origins["api"] {
			t.Errorf("%s at %s", w.path(), w.at)
		}
		w.sees(t, "Host", r.origins["second"])
	})
	t.Run("R_host_header_does_not_change_the_credential", func(t *testing.T) {
		t.Parallel()
		// Each upstream gets its own, whatever address of another one the client names.
		for _, host := range []string{"second", "svc", "plain"} {
			w := r.as(t, "user", call{Line: "GET http://api.test/", Host: r.origins[host]}).passed(t)
			w.sees(t, "X-Api-Key", apiKey)
		}
	})
	t.Run("R_sites_do_not_share_rules", func(t *testing.T) {
		t.Parallel()
		// The same issuer and the same upstream in several sites, each with rules of its own.
		for range 2 {
			for host, want := range map[string]int{"main.test": 200, "roles.test": 403, "claims.test": 403, "plain.test": 200, "other.test": 401} {
				if out := r.as(t, "user", call{Host: host}); out.status != want {
					t.Errorf("%s: status %d, want %d", host, out.status, want)
				}
			}
		}
	})
	t.Run("R_keep_alive_is_no_login", func(t *testing.T) {
		t.Parallel()
		conn, err := dial(r.http, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for _, step := range []struct {
			token string
			want  int
		}{{r.users["user"], 200}, {"", 401}, {r.users["user"], 200}, {"bad", 401}, {"", 401}} {
			name := newCase()
			if _, err := io.WriteString(conn, call{Host: "plain.test", Token: step.token}.bytes(name)); err != nil {
				t.Fatal(err)
			}
			out := readResult(t, in, http.MethodGet)
			if got := len(r.take(name)); out.status != step.want || (got == 1) != (step.want == 200) {
				t.Errorf("status %d, want %d; upstream called %d times", out.status, step.want, got)
			}
		}
	})
	t.Run("R_stacked", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/both/x", "/anonymous-first/x", "/anonymous-last/x"} {
			out := r.as(t, "admin", call{Line: "GET " + path, Host: "stack.test"})
			w := out.passed(t)
			w.sees(t, "Authorization", "")
			if path == "/anonymous-last/x" {
				w.sees(t, "X-Auth-Subject", "") // the last word is that nobody is known
				continue
			}
			w.sees(t, "X-Auth-Subject", "root")
		}
		// handle_errors of this site would call the API upstream if an earlier gate's verdict counted.
		for _, path := range []string{"/both/x", "/anonymous-first/x", "/anonymous-last/x"} {
			r.as(t, "user", call{Line: "GET " + path, Host: "stack.test"}).refused(t, 403)
			r.call(t, call{Line: "GET " + path, Host: "stack.test"}).refused(t, 401, 403)
		}
	})
	t.Run("R_handler_without_transport_is_told_of", func(t *testing.T) {
		t.Parallel()
		for range 3 {
			r.as(t, "user", call{Host: "handler-only.test"}).passed(t).sees(t, "X-Api-Key", "")
		}
		warning := "but the route does not attach it"
		eventually(t, exchangeTime, "the warning is logged", func() bool { return r.logged(t, warning) > 0 })
		if n := r.logged(t, warning); n != 1 {
			t.Errorf("warned %d times, want once", n)
		}
		if got := fmt.Sprint(r.status(t).Warnings); !strings.Contains(got, r.origins["api"]) {
			t.Errorf("warnings in the status: %s", got)
		}
	})
	t.Run("R_handle_response_is_checked", func(t *testing.T) {
		t.Parallel()
		// The first upstream is called without a gate, as configured; the one behind its 404 has a credential.
		for _, user := range []string{"user", "admin"} {
			out := r.as(t, user, call{Host: "response.test", Reply: "missing"})
			if out.status != http.StatusForbidden || len(out.arrived) != 1 || out.arrived[0].at != r.origins["plain"] {
				t.Errorf("status %d, upstreams called: %v", out.status, out.arrived)
			}
		}
		out := r.as(t, "user", call{Host: "response-checked.test", Reply: "missing"})
		if len(out.arrived) != 2 {
			t.Fatalf("upstreams called: %v", out.arrived)
		}
		out.arrived[0].sees(t, "X-Api-Key", "")
		out.arrived[1].sees(t, "X-Api-Key", apiKey)
		r.call(t, call{Host: "response-checked.test", Reply: "missing"}).refused(t, 401)
	})
}

// testErrorRoutes is about what happens after a refusal or a failure (specs H3, H17, R).
func testErrorRoutes(t *testing.T, r *rig) {
	spoofed := []string{"X-Auth-Subject: root", "X-Api-Key: evil", "X-User-Id: admin", "Cookie: a=b"}
	t.Run("H3_H17_error_page", func(t *testing.T) {
		t.Parallel()
		for _, user := range []string{"", "user"} {
			c := call{Line: "GET /x?access_token=query-token", Host: "errors.test", Head: spoofed}
			if user != "" {
				c.Line, c.Token = "GET /x", r.users[user]
			}
			out := r.call(t, c)
			if len(out.arrived) != 1 || out.arrived[0].at != r.origins["errors"] {
				t.Fatalf("status %d, upstreams called: %v", out.status, out.arrived)
			}
			w := out.arrived[0]
			for _, n := range []string{"X-Auth-Subject", "X-Api-Key", "X-User-Id", "Authorization"} {
				w.sees(t, n, "")
			}
			if strings.Contains(w.String(), "query-token") || user != "" && strings.Contains(w.String(), r.users[user]) {
				t.Errorf("the caller's credential reached the error page's upstream:\n%s", w)
			}
		}
	})
	t.Run("R_error_route_without_gate", func(t *testing.T) {
		t.Parallel()
		r.call(t, call{Host: "errors-bare.test", Head: spoofed}).refused(t, 403)
		r.call(t, call{Host: "errors-bare.test", Token: "bad", Head: spoofed}).refused(t, 403)
		r.as(t, "user", call{Line: "GET /a;b", Host: "errors-bare.test"}).refused(t, 403)
	})
	t.Run("H17_no_secret_in_errors", func(t *testing.T) {
		t.Parallel()
		out := r.as(t, "user", call{Reply: "cut"}) // every attempt fails
		if out.status < 500 {
			t.Errorf("status %d", out.status)
		}
		if text := fmt.Sprint(out.header, out.body); strings.Contains(text, apiKey) || strings.Contains(text, r.users["user"]) {
			t.Errorf("the answer holds a secret: %s", text)
		}
	})
}
