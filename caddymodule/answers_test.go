package caddymodule_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// preparedAnswers are what upstreams can be asked to answer by X-Reply. Most of them try to give the
// stored credential to the client.
func preparedAnswers() map[string]func(*wire) string {
	chunked := func(declared string, w *wire) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + declared + "\r\n2\r\nok\r\n0\r\nX-Echo: " + credentialOf(w) + "\r\nX-Fine: yes\r\n\r\n"
	}
	return map[string]func(*wire) string{
		"echo": func(w *wire) string {
			return answerWith(200, credentialOf(w), "X-Echo: "+credentialOf(w), "Set-Cookie: k="+credentialOf(w)+"; Path=/", "X-Fine: yes")
		},
		"redirect": func(w *wire) string {
			return answerWith(302, "", "Location: https://elsewhere.test/?key="+credentialOf(w), "X-Fine: yes")
		},
		"hints": func(w *wire) string {
			return "HTTP/1.1 103 Early Hints\r\nLink: </a?key=" + credentialOf(w) + ">\r\nX-Fine: yes\r\n\r\n" + answerWith(200, "ok")
		},
		"trailer":    func(w *wire) string { return chunked("Trailer: X-Echo, X-Fine\r\n", w) },
		"undeclared": func(w *wire) string { return chunked("", w) },
		"body":       func(w *wire) string { return answerWith(200, credentialOf(w)) },
		"missing":    func(*wire) string { return answerWith(404, "missing") },
		"broken":     func(*wire) string { return answerWith(500, "broken") },
		"cut":        func(*wire) string { return "" },
		"cut-second": func(w *wire) string {
			if strings.HasPrefix(w.at, "127.0.0.5:") {
				return ""
			}
			return answerWith(200, "ok")
		},
		"websocket": func(w *wire) string {
			return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Echo: " + credentialOf(w) + "\r\n\r\n"
		},
	}
}

// credentialOf is the stored credential a request came with.
func credentialOf(w *wire) string {
	for _, name := range []string{"X-Api-Key", "Authorization"} {
		if v := w.values(name); len(v) > 0 {
			return strings.TrimPrefix(v[0], "Bearer ")
		}
	}
	if _, query, ok := strings.Cut(w.path(), "?"); ok {
		return query[strings.LastIndex(query, "=")+1:]
	}
	return "nothing"
}

// testAnswers is about what comes back from the upstream.
func testAnswers(t *testing.T, r *rig) {
	secrets := []string{apiKey, svcToken, svcUser, queryKey, secondKey}
	for _, site := range []string{"api.test", "svc.test", "query.test"} {
		for _, reply := range []string{"echo", "redirect", "hints", "trailer", "undeclared"} {
			t.Run("H16_"+reply+"_"+site, func(t *testing.T) {
				t.Parallel()
				before := r.status(t).Upstream["headers_scrubbed"]
				out := r.as(t, "user", call{Host: site, Reply: reply})
				if out.status != http.StatusOK && out.status != http.StatusFound {
					t.Fatalf("status %d", out.status)
				}
				if credentialOf(out.arrived[0]) == "nothing" {
					t.Fatalf("no credential reached the upstream:\n%s", out.arrived[0])
				}
				shown := fmt.Sprint(out.header, out.trailer, out.hints)
				for _, s := range secrets {
					if strings.Contains(shown, s) {
						t.Errorf("the client was given the stored credential: %s", shown)
					}
				}
				if !strings.Contains(shown, "X-Fine") {
					t.Errorf("a harmless header of the upstream is gone: %s", shown)
				}
				if after := r.status(t).Upstream["headers_scrubbed"]; after <= before {
					t.Errorf("headers_scrubbed: %d after %d", after, before)
				}
			})
		}
	}
	t.Run("H16_metric", func(t *testing.T) {
		t.Parallel()
		r.as(t, "user", call{Reply: "echo"})
		if v := r.metric(t, `caddy_authgate_upstream_credentials_total{outcome="headers_scrubbed"}`); v < 1 {
			t.Errorf("headers_scrubbed: %v", v)
		}
		if v := r.metric(t, `caddy_authgate_upstream_credentials_total{outcome="attached"}`); v < 1 {
			t.Errorf("attached: %v", v)
		}
		r.call(t, call{})
		if v := r.metric(t, `caddy_authgate_requests_total{outcome="unauthenticated"}`); v < 1 {
			t.Errorf("unauthenticated: %v", v)
		}
	})
	t.Run("H16_nothing_scrubbed_without_credential", func(t *testing.T) {
		t.Parallel()
		out := r.as(t, "user", call{Host: "plain.test", Reply: "echo"})
		out.passed(t)
		if got := out.header.Get("X-Echo"); got != "nothing" {
			t.Errorf("X-Echo: %q", got)
		}
	})
	t.Run("challenges", func(t *testing.T) { testChallenges(t, r) })
}

// testChallenges holds refusals to RFC 6750 section 3.
func testChallenges(t *testing.T, r *rig) {
	for _, c := range []struct {
		name, user, token, host string
		head                    []string
		status                  int
		challenge               string
	}{
		{name: "no_credential_no_error_code", host: "api.test", status: 401, challenge: `Bearer realm="authgate"`},
		{
			name: "invalid_token", host: "api.test", token: "abc", status: 401,
			challenge: `Bearer realm="authgate", error="invalid_token", error_description="the token is not valid here"`,
		},
		{
			name: "two_credentials", host: "api.test", token: "abc", head: []string{"Authorization: Bearer def"}, status: 400,
			challenge: `Bearer realm="authgate", error="invalid_request", error_description="more than one credential"`,
		},
		{
			name: "role_missing", host: "roles.test", user: "user", status: 403,
			challenge: `Bearer realm="authgate", error="insufficient_scope", error_description="the credential does not grant this"`,
		},
		{
			name: "scope_missing_names_scopes", host: "scopes.test", user: "user", status: 403,
			challenge: `Bearer realm="authgate", error="insufficient_scope", error_description="the credential does not grant this", scope="user:info write"`,
		},
		{
			name: "claim_missing", host: "claims.test", user: "user", status: 403,
			challenge: `Bearer realm="authgate", error="insufficient_scope", error_description="the credential does not grant this"`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := call{Host: c.host, Token: c.token, Head: c.head}
			if c.user != "" {
				in.Token = r.users[c.user]
			}
			out := r.call(t, in)
			out.refused(t, c.status)
			if got := strings.Join(out.header["Www-Authenticate"], "|"); got != c.challenge {
				t.Errorf("WWW-Authenticate: got %s, want %s", got, c.challenge)
			}
			if got := out.header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control: %q", got)
			}
		})
	}
}
