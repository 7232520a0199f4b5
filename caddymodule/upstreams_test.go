package caddymodule_test

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// testUpstreams is about whose credential goes where.
func testUpstreams(t *testing.T, r *rig) {
	t.Run("tls", func(t *testing.T) {
		t.Parallel()
		w := r.as(t, "user", call{Host: "secure.test", Head: []string{"X-Api-Key: evil"}}).passed(t)
		w.sees(t, "X-Api-Key", secondKey)
	})
	t.Run("unix_socket", func(t *testing.T) {
		t.Parallel()
		r.call(t, call{Host: "unix.test"}).refused(t, 401)
		r.as(t, "user", call{Host: "unix.test", Head: []string{"X-Api-Key: evil"}}).passed(t).sees(t, "X-Api-Key", "")
	})
	t.Run("h2c", func(t *testing.T) {
		t.Parallel()
		r.call(t, call{Host: "h2c.test"}).refused(t, 401)
		out := r.as(t, "user", call{Line: "POST /x", Host: "h2c.test", Head: []string{"X-Api-Key: evil", "Content-Length: 2"}, Body: "hi"})
		for _, want := range []string{"HTTP/2.0", "X-Api-Key=[" + secondKey + "]", "X-Auth-Subject=[user-1]", "Authorization=[]", "body=hi"} {
			if !strings.Contains(out.body, want) {
				t.Errorf("no %s in %q", want, out.body)
			}
		}
		if shown := fmt.Sprint(out.header, out.trailer); strings.Contains(shown, secondKey) || !strings.Contains(shown, "X-Fine") {
			t.Errorf("H16: headers and trailers for the client: %s", shown)
		}
	})
	t.Run("H6_two_upstreams", func(t *testing.T) {
		t.Parallel()
		for range 4 {
			r.as(t, "user", call{Host: "api.test", Head: []string{"Connection: X-Api-Key"}}).passed(t).sees(t, "X-Api-Key", apiKey)
			r.as(t, "user", call{Host: "secure.test", Head: []string{"Connection: X-Api-Key"}}).passed(t).sees(t, "X-Api-Key", secondKey)
		}
	})
	t.Run("retry_takes_the_credential_of_the_upstream_dialled", func(t *testing.T) {
		t.Parallel()
		out := r.as(t, "user", call{Host: "retry.test", Reply: "cut-second"})
		if out.status != http.StatusOK {
			t.Fatalf("status %d", out.status)
		}
		var order []string
		for _, w := range out.arrived {
			want := secondKey
			if w.at == r.origins["api"] {
				want = apiKey
			}
			w.sees(t, "X-Api-Key", want)
			order = append(order, w.at)
		}
		if !slices.Contains(order, r.origins["second"]) || order[len(order)-1] != r.origins["api"] {
			t.Errorf("attempts went to %v", order)
		}
	})
	t.Run("health_check_carries_the_credential", func(t *testing.T) {
		t.Parallel()
		var checks []*wire
		eventually(t, exchangeTime, "a health check comes", func() bool {
			checks = r.take("health")
			return len(checks) > 0
		})
		checks[0].sees(t, "X-Api-Key", secondKey)
		r.as(t, "user", call{Host: "health.test"}).passed(t)
	})
	for _, c := range []struct {
		name, host string
		status     int
		retry      bool
	}{
		{"named_type_has_none_for_it", "typed.test", 503, true},
		{"D6_listed_without_credential", "empty.test", 503, true},
		{"ambiguous", "ambiguous.test", 502, false},
		{"plain_http_to_another_machine", "remote.test", 503, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := r.as(t, "user", call{Host: c.host})
			out.refused(t, c.status)
			if got := out.header.Get("Retry-After") != ""; got != c.retry {
				t.Errorf("Retry-After: %q", out.header.Get("Retry-After"))
			}
			if strings.Contains(fmt.Sprint(out.body, out.header), secondKey) {
				t.Errorf("the answer holds the credential: %s", out.body)
			}
			r.call(t, call{Host: c.host}).refused(t, 401)
		})
	}
	t.Run("named_type_ends_ambiguity", func(t *testing.T) {
		t.Parallel()
		r.as(t, "user", call{Host: "named.test"}).passed(t).sees(t, "X-Api-Key", "right-"+secondKey)
	})
}

// listenH2C starts an upstream that speaks HTTP/2 without TLS and tells what it got.
func listenH2C(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.10:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{Protocols: protocols, ReadHeaderTimeout: exchangeTime, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 64)
		n, _ := r.Body.Read(body)
		key := r.Header.Get("X-Api-Key")
		w.Header().Set("X-Echo", key)
		w.Header().Set("Trailer", "X-Declared, X-Fine")
		defer func() {
			w.Header().Set("X-Declared", key)
			w.Header().Set(http.TrailerPrefix+"X-Undeclared", key)
			w.Header().Set("X-Fine", "yes")
		}()
		fmt.Fprintf(w, "%s X-Api-Key=%v X-Auth-Subject=%v Authorization=%v body=%s",
			r.Proto, r.Header["X-Api-Key"], r.Header["X-Auth-Subject"], r.Header["Authorization"], body[:n])
		_ = http.NewResponseController(w).Flush() // without a length, so that trailers can follow
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}
