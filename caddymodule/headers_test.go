package caddymodule_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// testHeaders is about copies of the gateway's headers that a client sends (specs H1 to H10, H14, H15).
func testHeaders(t *testing.T, r *rig) {
	spoofed := []string{
		"X-User-Id: admin", "X-Api-Key: evil", "X-Auth-Subject: root", "X-Auth-Issuer: https://evil", "X-Auth-Roles: Admin",
		"X-Auth-Scopes: all", "X-Auth-Method: mtls", "X-Auth-Anything: x",
	}
	names := []string{"X-User-Id", "X-Api-Key", "X-Auth-Subject", "X-Auth-Issuer", "X-Auth-Roles", "X-Auth-Scopes", "X-Auth-Method", "X-Auth-Anything"}
	// genuine checks that of names the upstream got only what the gateway says.
	genuine := func(t *testing.T, w *wire, want map[string]string) {
		t.Helper()
		for _, n := range names {
			w.sees(t, n, want[n])
		}
	}
	admin := map[string]string{
		"X-Auth-Subject": "root", "X-Auth-Issuer": r.idp.URL, "X-Auth-Roles": "Admin,Deployer", "X-Auth-Method": "jwt",
	}
	with := func(m map[string]string, more ...string) map[string]string {
		out := map[string]string{}
		for k, v := range m {
			out[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	t.Run("H1_spoofed_identity", func(t *testing.T) {
		t.Parallel()
		genuine(t, r.as(t, "admin", call{Head: spoofed}).passed(t), with(admin, "X-Api-Key", apiKey))
		genuine(t, r.as(t, "admin", call{Host: "svc.test", Head: spoofed}).passed(t), with(admin, "X-User-Id", svcUser))
		genuine(t, r.as(t, "admin", call{Host: "plain.test", Head: spoofed}).passed(t), admin)
	})
	t.Run("H2_absent_claim_leaves_no_client_value", func(t *testing.T) {
		t.Parallel()
		w := r.as(t, "nobody", call{Host: "plain.test", Head: spoofed}).passed(t)
		genuine(t, w, map[string]string{"X-Auth-Subject": "nobody", "X-Auth-Issuer": r.idp.URL, "X-Auth-Method": "jwt"})
	})
	t.Run("H3_anonymous", func(t *testing.T) {
		t.Parallel()
		genuine(t, r.call(t, call{Host: "anon.test", Head: spoofed}).passed(t), map[string]string{"X-Api-Key": apiKey})
		w := r.as(t, "admin", call{Host: "anon.test", Head: spoofed}).passed(t)
		genuine(t, w, map[string]string{"X-Api-Key": apiKey})
		w.sees(t, "Authorization", "")
	})
	t.Run("H3_options", func(t *testing.T) {
		t.Parallel()
		preflight := append([]string{"Origin: https://app.test", "Access-Control-Request-Method: GET"}, spoofed...)
		genuine(t, r.call(t, call{Line: "OPTIONS /x", Host: "options.test", Head: preflight}).passed(t), nil)
		r.call(t, call{Line: "GET /x", Host: "options.test", Head: spoofed}).refused(t, 401)
		r.call(t, call{Line: "OPTIONS /x", Host: "api.test", Head: preflight}).refused(t, 401)
		r.call(t, call{Line: "OPTIONS *", Host: "api.test", Head: preflight}).refused(t, 200, 400, 401) // net/http answers it itself
	})
	t.Run("H3_identity_off", func(t *testing.T) {
		t.Parallel()
		w := r.as(t, "admin", call{Host: "off.test", Head: spoofed}).passed(t)
		// The default names are the gateway's on every route: the five it uses elsewhere, and no others.
		for _, n := range names[:7] {
			w.sees(t, n, "")
		}
	})
	t.Run("H3_identity_custom", func(t *testing.T) {
		t.Parallel()
		w := r.as(t, "admin", call{Host: "custom.test", Head: append([]string{"X-Caller-Subject: evil", "X-Caller-Scopes: all"}, spoofed...)}).passed(t)
		for _, n := range names[:7] {
			w.sees(t, n, "")
		}
		w.sees(t, "X-Caller-Subject", "root")
		w.sees(t, "X-Caller-Roles", "Admin,Deployer")
		w.sees(t, "X-Caller-Scopes", "")
	})
	t.Run("H5_repeated", func(t *testing.T) {
		t.Parallel()
		head := []string{"X-User-Id: a", "X-User-Id: b", "X-User-Id: c,d", "X-Auth-Subject: a", "x-auth-subject: b", "X-Auth-Roles: a,b"}
		genuine(t, r.as(t, "admin", call{Host: "svc.test", Head: head}).passed(t), with(admin, "X-User-Id", svcUser))
	})
	t.Run("H8_hop_by_hop", func(t *testing.T) {
		t.Parallel()
		w := r.as(t, "user", call{Head: []string{
			"TE: trailers", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic ZXZpbDpldmls", "Keep-Alive: timeout=5", "Trailer: X-Fine",
		}}).passed(t)
		for _, n := range []string{"TE", "Proxy-Connection", "Proxy-Authorization", "Keep-Alive", "Trailer"} {
			w.sees(t, n, "")
		}
	})
	t.Run("H9_forwarded", func(t *testing.T) {
		t.Parallel()
		head := []string{
			"X-Forwarded-For: 10.0.0.1", "X-Forwarded-Host: plain.test", "X-Forwarded-Proto: https", "X-Forwarded-Uri: /public/x",
			"X-Forwarded-Port: 443", "X-Forwarded-Prefix: /admin", "X-Forwarded-Method: OPTIONS", "X-Forwarded-Server: evil",
			"X-Forwarded-Path: /public", "Forwarded: for=10.0.0.1;host=plain.test", "X-Original-URL: /public/x", "X-Original-Method: OPTIONS",
			"X-Rewrite-URL: /public/x", "X-Original-Host: plain.test", "X-HTTP-Method-Override: GET",
		}
		r.call(t, call{Line: "GET /private/x", Host: "paths.test", Head: head}).refused(t, 401)
		w := r.as(t, "user", call{Line: "GET /private/x", Host: "paths.test", Head: head}).passed(t)
		w.sees(t, "X-Forwarded-For", "127.0.0.1")
		w.sees(t, "X-Forwarded-Host", "paths.test")
		w.sees(t, "X-Forwarded-Proto", "http")
		for _, l := range head[3:] {
			n, _, _ := strings.Cut(l, ":")
			w.sees(t, n, "")
		}
		if got := w.path(); got != "/private/x" {
			t.Errorf("path at the upstream: %s", got)
		}
	})
	t.Run("H9_trusted_proxy", func(t *testing.T) {
		t.Parallel()
		// What a trusted proxy says of the way here passes. Who is calling is still the gateway's to say, and
		// a proxy passes on spellings of a header that it does not set itself.
		twins := []string{"X_Forwarded_For: evil", "X_Forwarded_Host: evil", "X_Forwarded_Proto: evil"}
		head := append([]string{"X-Forwarded-For: 10.0.0.1", "X-Forwarded-Port: 443", "Forwarded: for=10.0.0.1"}, append(twins, spoofed...)...)
		if w := (call{Host: "direct.test", Head: twins}).send(t, r.trusted, r.recorder).passed(t); strings.Count(w.String(), "evil") != 3 {
			t.Errorf("Caddy dropped the twins itself:\n%s", w)
		}
		w := call{Host: "plain.test", Token: r.users["admin"], Head: head[1:]}.send(t, r.trusted, r.recorder).passed(t)
		genuine(t, w, admin)
		w.sees(t, "X-Forwarded-Port", "443")
		w.sees(t, "Forwarded", "for=10.0.0.1")
		if strings.Contains(w.String(), "evil") {
			t.Errorf("a twin reached the upstream:\n%s", w)
		}
	})
	t.Run("H10_client_certificates", func(t *testing.T) {
		t.Parallel()
		head := []string{
			"X-SSL-Client-CN: admin", "X-SSL-Client-Verify: SUCCESS", "Ssl-Client-Cert: x", "X-Client-Cert: x", "X-Client-Cert-Chain: x",
			"X-Forwarded-Client-Cert: x", "X-Forwarded-Tls-Client-Cert: x", "Client-Cert: :x:", "Client-Cert-Chain: :x:",
			"X-Tls-Client-Subject: x", "Remote-User: admin", "X-Remote-User: admin", "X-Remote-Group: system:masters", "X-Remote-Extra-Scopes: x",
		}
		w := r.as(t, "user", call{Host: "plain.test", Head: head}).passed(t)
		for _, l := range head {
			n, _, _ := strings.Cut(l, ":")
			w.sees(t, n, "")
		}
	})
	t.Run("H14_callers_token", func(t *testing.T) {
		t.Parallel()
		r.as(t, "user", call{}).passed(t).sees(t, "Authorization", "")
		r.as(t, "user", call{Host: "svc.test"}).passed(t).sees(t, "Authorization", "Bearer "+svcToken)
		r.as(t, "user", call{Host: "pass.test"}).passed(t).sees(t, "Authorization", "Bearer "+r.users["user"])
		r.as(t, "user", call{Host: "pass-svc.test"}).passed(t).sees(t, "Authorization", "Bearer "+svcToken)
		// A scheme authgate does not read is somebody's credential all the same.
		r.call(t, call{Host: "anon.test", Head: []string{"Authorization: Basic YTpi"}}).passed(t).sees(t, "Authorization", "")
	})
	t.Run("H15_probe_user_agents", func(t *testing.T) {
		t.Parallel()
		for _, agent := range []string{"kube-probe/1.31", "GoogleHC/1.0", "ELB-HealthChecker/2.0"} {
			r.call(t, call{Line: "GET /private", Host: "paths.test", Head: []string{"User-Agent: " + agent}}).refused(t, 401)
		}
	})
	t.Run("query_credential", func(t *testing.T) {
		t.Parallel()
		// The client's own copy of the parameter goes, in every spelling; the rest stays byte for byte.
		w := r.as(t, "user", call{Line: "GET /q?a=1&key=evil&k%65y=evil&b=%2F+x", Host: "query.test"}).passed(t)
		if want := "/q?a=1&b=%2F+x&key=" + queryKey; w.path() != want {
			t.Errorf("request line: got %s, want %s", w.path(), want)
		}
	})
}

// testTwins is about other spellings of managed names, which many upstreams fold into one (specs H4), on
// a server that drops them itself and on one that was told to let them through.
func testTwins(t *testing.T, r *rig) {
	twins := []string{
		"X_User_Id", "x-USER_id", "X.User.Id", "X-User_Id", "X_User-Id", "X_User.Id", "x_api_key", "X.Api.Key", "X_Auth_Subject", "X-Auth.Subject",
		"X_Auth-Roles", "Remote_User", "Ssl_Client_Cert", "X.Forwarded.Client.Cert", "X_Forwarded_For",
	}
	managed := map[string]bool{"X-User-Id": true, "X-Api-Key": true, "X-Auth-Subject": true, "X-Auth-Roles": true}
	for name, address := range map[string]string{"dropped_by_caddy": r.http, "expected_by_caddy": r.loose} {
		for _, site := range []string{"svc.test", "api.test", "plain.test", "anon.test"} {
			t.Run("H4_"+name+"_"+site, func(t *testing.T) {
				t.Parallel()
				for _, real := range []bool{false, true} {
					c := call{Host: site, Token: r.users["admin"]}
					for _, n := range twins {
						c.Head = append(c.Head, n+": evil")
					}
					if real {
						c.Head = append(c.Head, "X-User-Id: evil", "X-Api-Key: evil", "X-Auth-Subject: evil", "Remote-User: evil")
					}
					w := c.send(t, address, r.recorder).passed(t)
					if got := strings.Count(fmt.Sprint(w.head), "evil"); got > 0 {
						t.Errorf("%d of the client's values reached the upstream:\n%s", got, w)
					}
					for n := range managed {
						if got := w.twins(n); len(got) > 1 {
							t.Errorf("the upstream could read %q as one header", got)
						}
					}
				}
			})
		}
	}
	t.Run("H4_the_harness_lets_others_through", func(t *testing.T) {
		t.Parallel()
		// Proof that the second server really keeps such names: else the tests above prove nothing.
		out := call{Host: "direct.test", Head: []string{"X_User_Id: seen", "X.User.Id: seen"}}.send(t, r.loose, r.recorder)
		if w := out.passed(t); len(w.values("X_User_Id")) != 1 || len(w.values("X.User.Id")) != 1 {
			t.Errorf("Caddy dropped the names itself:\n%s", w)
		}
	})
}

// testConnection is about the Connection header, by which a client names headers for deletion on the way
// (specs E1, H6).
func testConnection(t *testing.T, r *rig) {
	for name, head := range map[string][]string{
		"H6_one_line":    {"Connection: close, X-User-Id, X-Api-Key, Authorization, X-Auth-Subject"},
		"H6_lower_case":  {"connection: close, x-user-id, x-api-key, authorization, x-auth-subject"},
		"H6_mixed_case":  {"CoNNection: cLose, x-USER-id, X-aPi-Key, AUTHORIZATION, x-AUTH-subject"},
		"H6_two_lines":   {"Connection: close, X-User-Id, Authorization", "Connection: X-Api-Key,\tX-Auth-Subject ,"},
		"H6_with_copies": {"Connection: X-Api-Key, X-User-Id, Authorization, X-Auth-Subject", "X-Api-Key: evil", "X-User-Id: evil", "X-Auth-Subject: evil"},
		"H6_keep_alive":  {"Connection: keep-alive, X-Api-Key, X-User-Id, Authorization, X-Auth-Subject", "Keep-Alive: 5"},
		"H6_upgrade": {
			"Connection: Upgrade, X-Api-Key, X-User-Id, Authorization, X-Auth-Subject, Sec-Websocket-Key", "Upgrade: websocket",
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := r.as(t, "admin", call{Head: head}).passed(t)
			w.sees(t, "X-Api-Key", apiKey)
			w.sees(t, "X-Auth-Subject", "root")
			w = r.as(t, "admin", call{Host: "svc.test", Head: head}).passed(t)
			w.sees(t, "X-User-Id", svcUser)
			w.sees(t, "Authorization", "Bearer "+svcToken)
			w.sees(t, "X-Auth-Subject", "root")
			// Without a stored credential the identity is all there is to lose.
			r.as(t, "admin", call{Host: "plain.test", Head: head}).passed(t).sees(t, "X-Auth-Subject", "root")
			r.call(t, call{Head: head}).refused(t, http.StatusUnauthorized)
		})
	}
	t.Run("H6_host_and_length_named", func(t *testing.T) {
		t.Parallel()
		head := []string{"Connection: Host, Content-Length, Content-Type", "Content-Length: 4", "Content-Type: text/x"}
		w := r.as(t, "admin", call{Line: "POST /", Head: head, Body: "body"}).passed(t)
		if w.body != "body" {
			t.Errorf("body at the upstream: %q", w.body)
		}
		w.sees(t, "X-Api-Key", apiKey)
	})
}
