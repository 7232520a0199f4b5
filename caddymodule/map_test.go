package caddymodule_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/authgate/authgate/authn"
)

const (
	serviceKey  = "sk-of-the-token-service-b7d1"
	rotatedKey  = "sk-rotated-of-the-service-20ce"
	aliceToken  = "tok-of-alice-5d1f0a77"
	bobToken    = "tok-of-bob-c93e21b0"
	robotToken  = "tok-of-the-robot-77aa41"
	aliceToken2 = "tok-of-alice-the-second-1be9"
)

// mapRig is a certRig whose upstream is a tokenService, with bindings for some callers.
type mapRig struct {
	*certRig
	service    *tokenService
	alice, bob tls.Certificate
	carol      tls.Certificate // bound to another service
	robot      string          // a bearer token with a binding
	loaded     setup
}

func newMapRig(t *testing.T) *mapRig {
	t.Helper()
	r := &mapRig{certRig: prepareCertRig(t)}
	r.service = newTokenService(t, r.pki, serviceKey)
	r.service.tokens = map[string]string{"alice/1 ?&": aliceToken, "bob": bobToken, "robot": robotToken}
	r.target = r.service.address
	r.trust(t, r.pki.caFile)
	s := r.setup(t, withCA)
	s.Sites = fill(t, mapSites, map[string]string{
		"TLS": portOf(r.tls), "HTTP": portOf(r.http), "CERT": r.pki.certFile, "KEY": r.pki.keyFile, "CA": r.pki.caFile, "SERVICE": r.service.address,
	}) + "http://" + r.admin + " {\n\tauthgate_admin\n}\n"
	r.loaded = s
	r.gateway = start(t, s)
	r.neverLogs(t, serviceKey, rotatedKey, aliceToken, bobToken, robotToken, aliceToken2, r.users["user"])
	r.makeServiceWith(t, serviceKey)
	r.alice, r.bob, r.carol = r.clients.Issue(t, named("alice")), r.clients.Issue(t, named("bob")), r.clients.Issue(t, named("carol"))
	r.bindAs(t, "alice", "x509", authn.SubjectDN(r.alice.Leaf), "alice/1 ?&")
	r.bindAs(t, "bob", "x509", authn.SubjectDN(r.bob.Leaf), "bob")
	r.robot = r.idp.Token(t, map[string]any{"sub": "robot"})
	r.bindAs(t, "robot", "oidc", r.idp.URL+" robot", "robot")

	body := `{"name":"other","hosts":["other.test"],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`
	out := api(t, r.admin, http.MethodPost, typePath, body)
	must(t, http.StatusCreated, out)
	var made struct{ UUID string }
	if err := json.Unmarshal([]byte(out.body), &made); err != nil {
		t.Fatal(err)
	}
	must(t, http.StatusCreated, api(t, r.admin, http.MethodPost, "/v1/bindings/carol", fmt.Sprintf(
		`{"service_uuid":%q,"host":"other.test","auth_identifier":%q,"unique_key":"bob","auth_type":"x509"}`, made.UUID, authn.SubjectDN(r.carol.Leaf))))
	return r
}

// sees calls the map site with a certificate and asserts that the service saw exactly this token.
func (r *mapRig) sees(t *testing.T, cert tls.Certificate, token string) (exchanges []serviceCall) {
	t.Helper()
	out := r.as(t, "map.tls.test", cert, call{})
	proxied, exchanges := r.service.calls()
	if out.status != http.StatusOK || len(proxied) != 1 || proxied[0].key != token {
		t.Fatalf("status %d %s; the service saw %v, want the token %s", out.status, out.body, proxied, token)
	}
	if e := out.header.Get("X-Echo"); e != "" {
		t.Errorf("H16: the answer shows %q", e)
	}
	return exchanges
}

// refusedWith asserts a refusal by the transport, and that the service was asked for nothing.
func (r *mapRig) refusedWith(t *testing.T, out result, status int, message string) {
	t.Helper()
	var body struct {
		Error struct {
			Message string
			Code    int
		}
	}
	if err := json.Unmarshal([]byte(out.body), &body); err != nil || out.status != status || body.Error.Code != status || body.Error.Message != message {
		t.Errorf("got %d %s, want %d %q", out.status, out.body, status, message)
	}
	if proxied, exchanges := r.service.calls(); len(proxied)+len(exchanges) > 0 {
		t.Errorf("the service was called: %v %v", proxied, exchanges)
	}
}

// TestMap is specs/auth-methods 5.3 item 5, end to end against a TLS upstream.
func TestMap(t *testing.T) {
	t.Parallel()
	r := newMapRig(t)

	t.Run("each_caller_has_its_own_token", func(t *testing.T) {
		exchanges := r.sees(t, r.alice, aliceToken)
		// The stored credential is for the exchange alone, and the identifier stays one segment of the path.
		if len(exchanges) != 1 || exchanges[0].key != serviceKey || exchanges[0].path != exchangePath+"alice/1 ?&" ||
			!strings.Contains(exchanges[0].all, "alice%2F1%20%3F%26") || strings.Contains(exchanges[0].all, "X-Auth") {
			t.Errorf("exchanges: %v", exchanges)
		}
		if again := r.sees(t, r.alice, aliceToken); len(again) != 0 {
			t.Errorf("a token at hand was asked for again: %v", again)
		}
		r.sees(t, r.bob, bobToken)
		out := call{Host: "map.tls.test", TLS: r.pki.clientTLS("map.tls.test"), Token: r.robot}.send(t, r.tls, nil)
		if proxied, _ := r.service.calls(); out.status != 200 || len(proxied) != 1 || proxied[0].key != robotToken {
			t.Errorf("a bearer token's subject: status %d, %v", out.status, proxied)
		}
	})
	t.Run("C1_C3_callers_at_once", func(t *testing.T) {
		var all sync.WaitGroup
		for n := range 40 {
			cert, path := r.alice, "/of-alice"
			if n%2 == 1 {
				cert, path = r.bob, "/of-bob"
			}
			all.Go(func() {
				// 502: on a busy machine not every connection to the service is made in time.
				out := r.as(t, "map.tls.test", cert, call{Line: "GET " + path})
				for tries := 0; out.status == http.StatusBadGateway && tries < 3; tries++ {
					out = r.as(t, "map.tls.test", cert, call{Line: "GET " + path})
				}
				if out.status != http.StatusOK {
					t.Errorf("status %d", out.status)
				}
			})
		}
		all.Wait()
		proxied, _ := r.service.calls()
		for _, c := range proxied {
			if want := map[string]string{"/of-alice": aliceToken, "/of-bob": bobToken}[c.path]; c.key != want {
				t.Errorf("%s came with %q", c.path, c.key)
			}
		}
		if len(proxied) < 40 {
			t.Errorf("%d requests at the service", len(proxied))
		}
	})
	t.Run("H1_client_copies", func(t *testing.T) {
		r.as(t, "map.tls.test", r.bob, call{Head: []string{"X-Api-Key: " + aliceToken, "Connection: X-Api-Key", "X_api-key: evil"}})
		if proxied, _ := r.service.calls(); len(proxied) != 1 || proxied[0].key != bobToken || strings.Contains(proxied[0].all, "evil") {
			t.Errorf("at the service: %v", proxied)
		}
	})
	t.Run("no_binding", func(t *testing.T) {
		const text = "no binding for this caller"
		before := r.status(t).Upstream["unbound"]
		r.refusedWith(t, r.as(t, "map.tls.test", r.carol, call{}), 403, text)
		r.refusedWith(t, call{Host: "map.tls.test", TLS: r.pki.clientTLS("map.tls.test"), Token: r.users["user"]}.send(t, r.tls, nil), 403, text)
		r.refusedWith(t, call{Host: "anonymous.test"}.send(t, r.http, nil), 403, text)
		r.refusedWith(t, call{Host: "anonymous.test", Token: r.robot}.send(t, r.http, nil), 403, text)
		if n := r.status(t).Upstream["unbound"] - before; n != 4 {
			t.Errorf("unbound: counted %d, want 4", n)
		}
	})
	t.Run("nothing_stored", func(t *testing.T) {
		r.refusedWith(t, call{Host: "nothing.test", Token: r.robot}.send(t, r.http, nil), 503, "the credential for this upstream cannot be attached")
	})
	t.Run("without_map", func(t *testing.T) {
		out := call{Host: "stored.test", Token: r.robot}.send(t, r.http, nil)
		if proxied, _ := r.service.calls(); out.status != 200 || len(proxied) != 1 || proxied[0].key != serviceKey {
			t.Errorf("status %d, %v", out.status, proxied)
		}
	})
	t.Run("changes_count_at_once", func(t *testing.T) { testMapChanges(t, r) })
	t.Run("health_checks_have_no_caller", func(t *testing.T) {
		eventually(t, exchangeTime, "the upstream counts as down", func() bool {
			return call{Host: "health.test", Token: r.robot}.send(t, r.http, nil).status == http.StatusServiceUnavailable
		})
		r.service.mu.Lock()
		defer r.service.mu.Unlock()
		for _, c := range r.service.seen {
			if strings.HasPrefix(c.path, "/health") {
				t.Errorf("a health check came through: %v", c)
			}
		}
		if n := r.logged(t, "no authgate directive has let it pass"); n > 0 {
			t.Errorf("health checks are complained of %d times", n)
		}
		if n := r.status(t).Upstream["unbound"]; n != 4 {
			t.Errorf("health checks count as callers: %d unbound, want the 4 of no_binding", n)
		}
	})
}

// testMapChanges: a changed auth method or binding is another key of the cache.
func testMapChanges(t *testing.T, r *mapRig) {
	r.service.set(func() { r.service.key, r.service.tokens["alice/1 ?&"] = rotatedKey, aliceToken2 })
	must(t, http.StatusOK, api(t, r.admin, http.MethodPut, methodPath, `{"access_key":"`+rotatedKey+`"}`))
	if exchanges := r.sees(t, r.alice, aliceToken2); len(exchanges) != 1 || exchanges[0].key != rotatedKey {
		t.Errorf("after the rotation of the method: %v", exchanges)
	}
	must(t, http.StatusOK, api(t, r.admin, http.MethodPut, "/v1/bindings/alice", `{"unique_key":"bob"}`))
	r.sees(t, r.alice, bobToken)
	must(t, http.StatusNoContent, api(t, r.admin, http.MethodDelete, "/v1/bindings/alice", ""))
	r.as(t, "map.tls.test", r.alice, call{}).refused(t, 401)

	// What the service says when it fails is not the caller's business.
	r.service.set(func() { r.service.broken = true })
	must(t, http.StatusOK, api(t, r.admin, http.MethodPut, "/v1/bindings/bob", `{"unique_key":"robot"}`))
	r.service.calls()
	out := r.as(t, "map.tls.test", r.bob, call{})
	if out.status != http.StatusServiceUnavailable || out.header.Get("Retry-After") == "" || strings.Contains(out.body, "broken") || strings.Contains(out.body, "users:byUUID") {
		t.Errorf("H17: %d %s", out.status, out.body)
	}
	if proxied, _ := r.service.calls(); len(proxied) > 0 {
		t.Errorf("the service was called without a token: %v", proxied)
	}
	r.service.set(func() { r.service.broken = false })
	eventually(t, exchangeTime, "a failure is not remembered for long", func() bool {
		return r.as(t, "map.tls.test", r.bob, call{}).status == http.StatusOK
	})
	if proxied, _ := r.service.calls(); len(proxied) == 0 || proxied[len(proxied)-1].key != robotToken {
		t.Errorf("at the service: %v", proxied)
	}
}
