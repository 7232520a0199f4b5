package caddymodule_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// testIdentity is about what the upstream and the configuration are told of the caller.
func testIdentity(t *testing.T, r *rig) {
	t.Run("headers", func(t *testing.T) {
		t.Parallel()
		w := r.as(t, "user", call{Host: "plain.test"}).passed(t)
		w.sees(t, "X-Auth-Subject", "user-1")
		w.sees(t, "X-Auth-Issuer", r.idp.URL)
		w.sees(t, "X-Auth-Scopes", "user:info read")
		w.sees(t, "X-Auth-Method", "jwt")
		w.sees(t, "X-Auth-Roles", "")
	})
	t.Run("placeholders", func(t *testing.T) {
		t.Parallel()
		out := r.as(t, "user", call{Host: "echo.test"})
		want := "id=user-1 issuer=" + r.idp.URL + " roles= scopes=user:info read groups=a,b absent="
		if out.body != want {
			t.Errorf("body: got %q, want %q", out.body, want)
		}
		if got := out.header.Get("X-Who"); got != "user-1" {
			t.Errorf("X-Who: %q", got)
		}
	})
	t.Run("H2_header_up", func(t *testing.T) {
		t.Parallel()
		token := r.idp.Token(t, map[string]any{"note": "{env.HOME}"})
		w := r.call(t, call{Host: "claim-up.test", Token: token, Head: []string{"X-Note: evil", "X-Absent: evil"}}).passed(t)
		w.sees(t, "X-Note", "{env.HOME}")
		if got := w.values("X-Absent"); strings.Join(got, "") != "" {
			t.Errorf("an absent claim left %q", got)
		}
	})
	for _, c := range []struct {
		name, host, user string
		status           int
	}{
		{"role_held", "roles.test", "admin", 200},
		{"role_missing", "roles.test", "user", 403},
		{"one_of_two_scopes", "scopes.test", "user", 403},
		{"no_token", "roles.test", "", 401},
		{"other_issuer", "main.test", "other", 401},
		{"named_issuer", "other.test", "other", 200},
	} {
		t.Run("require_"+c.name, func(t *testing.T) {
			t.Parallel()
			in := call{Host: c.host}
			if c.user != "" {
				in.Token = r.users[c.user]
			}
			out := r.call(t, in)
			if c.status == http.StatusOK {
				out.passed(t)
				return
			}
			out.refused(t, c.status)
		})
	}
	for _, c := range []struct {
		name   string
		host   string
		claims map[string]any
		status int
	}{
		{"both_scopes", "scopes.test", map[string]any{"scope": "write user:info"}, 200},
		{"scope_as_part_of_a_word", "scopes.test", map[string]any{"scope": "user:information write"}, 403},
		{"scope_in_one_word_with_comma", "scopes.test", map[string]any{"scope": "user:info,write"}, 403},
		{"P10_claim_whole", "claims.test", map[string]any{"repository": "acme/app"}, 200},
		{"P10_claim_as_a_part", "claims.test", map[string]any{"repository": "evil/acme/app-x"}, 403},
		{"P10_claim_other_case", "claims.test", map[string]any{"repository": "ACME/app"}, 403},
		{"claim_in_list", "claims.test", map[string]any{"repository": []string{"x", "acme/app"}}, 200},
		{"role_with_a_comma", "roles.test", map[string]any{"roles": []string{"x,Deployer"}}, 403},
	} {
		t.Run("require_"+c.name, func(t *testing.T) {
			t.Parallel()
			out := r.call(t, call{Host: c.host, Token: r.idp.Token(t, c.claims)})
			if c.status == http.StatusOK {
				out.passed(t)
				return
			}
			out.refused(t, c.status)
		})
	}
}

// testValues is about claims and header values that could be more than a value (specs H11 to H13, D9).
func testValues(t *testing.T, r *rig) {
	for name, sub := range map[string]string{
		"H11_crlf": "a\r\nX-Auth-Roles: Admin", "H11_newline": "a\nb", "H11_nul": "a\x00b", "H11_obs_text": "caf\u00e9", "H11_tab": "a\tb", "H11_spaces": " a ",
		"H11_delete": "a\x7fb",
	} {
		t.Run(name+"_in_claim", func(t *testing.T) {
			t.Parallel()
			token := r.idp.Token(t, map[string]any{"sub": sub})
			r.call(t, call{Host: "plain.test", Token: token}).refused(t, 401, 403)
			// Where no identity is sent the value is of no matter.
			if out := r.call(t, call{Host: "off.test", Token: token}); out.status == http.StatusOK && strings.Contains(out.passed(t).String(), "caf") {
				t.Errorf("the value reached the upstream:\n%s", out.arrived[0])
			}
		})
	}
	for name, line := range map[string]string{
		"H11_obs_text": "X-Note: caf\xe9", "H11_utf8": "X-Note: caf\u00e9", "H11_nul": "X-Note: a\x00b", "H11_bare_cr": "X-Note: a\rX-Api-Key: evil",
		"H11_delete": "X-Note: a\x7fb", "H11_escape": "X-Note: \x1b[2J", "H11_folded": "X-Note: a\r\n X-Api-Key: evil",
	} {
		t.Run(name+"_in_header", func(t *testing.T) {
			t.Parallel()
			for _, host := range []string{"plain.test", "anon.test"} {
				out := r.as(t, "user", call{Host: host, Head: []string{line}})
				if out.status == http.StatusOK && strings.Contains(name, "folded") {
					// Go's server joins a folded line into one value, which is no second header.
					out.passed(t)
					for _, h := range out.arrived[0].head {
						if strings.HasPrefix(h, "X-Api-Key: evil") {
							t.Errorf("a folded line became a header: %s", h)
						}
					}
					continue
				}
				out.refused(t, 400)
			}
		})
	}
	literal := []string{"{env.SECRET_OF_THE_ENVIRONMENT}", "{http.request.header.X-Note}", "{{ .Env }}", "$HOME", "{file./etc/hostname}", "{system.hostname}", "{http.auth.user.issuer}"}
	for i, value := range literal {
		t.Run(fmt.Sprintf("H12_placeholder_%d", i), func(t *testing.T) {
			t.Parallel()
			token := r.idp.Token(t, map[string]any{"sub": value, "note": value})
			r.call(t, call{Host: "plain.test", Token: token, Head: []string{"X-Note: expanded"}}).passed(t).sees(t, "X-Auth-Subject", value)
			out := r.call(t, call{Host: "echo.test", Token: token, Head: []string{"X-Note: expanded"}})
			for _, name := range []string{"X-Who", "X-Claim"} {
				if got := out.header.Get(name); got != value {
					t.Errorf("%s: got %q, want %q", name, got, value)
				}
			}
			if !strings.HasPrefix(out.body, "id="+value+" ") {
				t.Errorf("body %q", out.body)
			}
			if strings.Contains(fmt.Sprint(out), envSecret) {
				t.Error("the environment's secret reached the client")
			}
		})
	}
	t.Run("H13_huge_claim", func(t *testing.T) {
		t.Parallel()
		r.call(t, call{Host: "plain.test", Token: r.idp.Token(t, map[string]any{"sub": strings.Repeat("a", 9<<10)})}).refused(t, 401, 403)
		big := r.call(t, call{Host: "plain.test", Token: r.idp.Token(t, map[string]any{"note": strings.Repeat("a", 30<<10)})})
		big.refused(t, 401, 431)
	})
	t.Run("H13_many_roles", func(t *testing.T) {
		t.Parallel()
		var roles []string
		for i := range 85 {
			roles = append(roles, fmt.Sprintf("%0100d", i))
		}
		// Valid, but more than a header may hold: refused rather than cut.
		token := r.idp.Token(t, map[string]any{"roles": roles})
		r.call(t, call{Host: "plain.test", Token: token}).refused(t, 403)
		r.call(t, call{Host: "off.test", Token: token}).passed(t)
		r.call(t, call{Host: "plain.test", Token: r.idp.Token(t, map[string]any{"roles": roles[:20]})}).passed(t)
		for i := range 10_000 {
			roles = append(roles, fmt.Sprint(i))
		}
		r.call(t, call{Host: "off.test", Token: r.idp.Token(t, map[string]any{"roles": roles})}).refused(t, 401, 431)
	})
	t.Run("D9_header_size", func(t *testing.T) {
		t.Parallel()
		r.as(t, "user", call{Head: []string{"X-Note: " + strings.Repeat("a", 200<<10)}}).refused(t, 431)
		r.as(t, "user", call{Head: []string{"X-Note: " + strings.Repeat("a", 20<<10)}}).passed(t)
	})
	t.Run("D9_body_size", func(t *testing.T) {
		t.Parallel()
		body := strings.Repeat("a", 4<<10)
		out := r.as(t, "user", call{Line: "POST /", Host: "body.test", Head: []string{fmt.Sprintf("Content-Length: %d", len(body))}, Body: body})
		if out.status != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d, want 413", out.status)
		}
		r.as(t, "user", call{Line: "POST /", Host: "body.test", Head: []string{"Content-Length: 4"}, Body: "fine"}).passed(t)
	})
}
