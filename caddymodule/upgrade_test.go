package caddymodule_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

var handshake = []string{
	"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13",
}

// testUpgrade is about requests that would turn the connection into something else (specs H18).
func testUpgrade(t *testing.T, r *rig) {
	t.Run("H18_connect", func(t *testing.T) {
		t.Parallel()
		for _, host := range []string{"api.test", "anon.test"} {
			for _, line := range []string{"CONNECT " + host + ":80", "CONNECT " + r.origins["api"], "CONNECT /", "CONNECT http://" + host + "/"} {
				r.as(t, "admin", call{Line: line, Host: host}).refused(t, 400, 405, 421)
			}
		}
	})
	t.Run("H18_websocket_without_token", func(t *testing.T) {
		t.Parallel()
		r.call(t, call{Head: handshake, Reply: "websocket"}).refused(t, 401)
		r.as(t, "user", call{Host: "roles.test", Head: handshake, Reply: "websocket"}).refused(t, 403)
		r.call(t, call{Host: "transport-only.test", Head: handshake, Reply: "websocket"}).refused(t, 403)
	})
	t.Run("H18_websocket_with_token", func(t *testing.T) {
		t.Parallel()
		c := call{Host: "api.test", Token: r.users["user"], Head: append([]string{"X-Api-Key: evil"}, handshake...), Reply: "websocket"}
		conn, err := dial(r.http, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		name := newCase()
		_, _ = io.WriteString(conn, c.bytes(name))
		in := bufio.NewReader(conn)
		out := readResult(t, in, "GET")
		if out.status != http.StatusSwitchingProtocols {
			t.Fatalf("status %d", out.status)
		}
		if shown := fmt.Sprint(out.header); strings.Contains(shown, apiKey) {
			t.Errorf("the handshake's answer holds the credential: %s", shown)
		}
		w := r.take(name)[0]
		w.sees(t, "X-Api-Key", apiKey)
		w.sees(t, "X-Auth-Subject", "user-1")
		w.sees(t, "Authorization", "")
		w.sees(t, "Upgrade", "websocket")
		for _, text := range []string{"first", "second"} {
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			echo := make([]byte, len(text))
			if _, err := io.ReadFull(in, echo); err != nil || string(echo) != text {
				t.Errorf("echo %q, %v", echo, err)
			}
		}
	})
	// Only websockets may upgrade: in any other protocol requests would pass that no rule has judged.
	for name, head := range map[string][]string{
		"h2c":              {"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
		"tls":              {"Connection: Upgrade", "Upgrade: TLS/1.2"},
		"several":          {"Connection: Upgrade", "Upgrade: websocket, h2c"},
		"several_lines":    {"Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"},
		"without_a_name":   {"Connection: Upgrade"},
		"hidden_in_case":   {"connection: uPgRaDe, http2-settings", "uPGRADE: H2C", "http2-settings: AAMAAABkAARAAAAAAAIAAAAA"},
		"not_in_connecton": {"Upgrade: h2c"},
	} {
		t.Run("H18_upgrade_"+name, func(t *testing.T) {
			t.Parallel()
			r.call(t, call{Head: head}).refused(t, 401)
			for _, host := range []string{"api.test", "anon.test"} {
				out := r.as(t, "user", call{Host: host, Head: head})
				w := out.passed(t) // an ordinary answer to an ordinary request
				for _, n := range []string{"Upgrade", "HTTP2-Settings", "Connection"} {
					w.sees(t, n, "")
				}
			}
		})
	}
	t.Run("H18_prior_knowledge_h2c", func(t *testing.T) {
		t.Parallel()
		exchange(t, r.http, nil, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").refused(t, 0, 400, 405, 421)
	})
	t.Run("H18_a_body_is_no_request", func(t *testing.T) {
		t.Parallel()
		name := newCase()
		hidden := "GET / HTTP/1.1\r\nHost: anon.test\r\n" + caseHeader + ": " + name + "\r\n\r\n"
		r.call(t, call{Line: "POST /", Head: []string{fmt.Sprintf("Content-Length: %d", len(hidden))}, Body: hidden}).refused(t, 401)
		w := r.as(t, "user", call{Line: "POST /", Head: []string{fmt.Sprintf("Content-Length: %d", len(hidden))}, Body: hidden}).passed(t)
		if w.body != hidden {
			t.Errorf("body at the upstream: %q", w.body)
		}
		if got := r.take(name); len(got) > 0 {
			t.Errorf("a request hidden in a body was served:\n%s", got[0])
		}
	})
	t.Run("H18_one_framing_reaches_the_upstream", func(t *testing.T) {
		t.Parallel()
		for _, head := range [][]string{
			{"Content-Length: 4", "Transfer-Encoding: chunked"}, {"Transfer-Encoding: chunked", "Content-Length: 0"},
			{"Transfer-Encoding: chunked", "Transfer_Encoding: identity"}, {"Transfer-Encoding: xchunked"}, {"Transfer-Encoding: chunked, identity"},
			{"Content-Length: 4", "Content-Length: 5"}, {"Content-Length: +4"}, {"Transfer-Encoding: identity", "Content-Length: 4"},
		} {
			out := r.as(t, "user", call{Line: "POST /", Head: head, Body: "4\r\nbody\r\n0\r\n\r\n"})
			if out.status != http.StatusOK {
				out.refused(t, 400, 501)
				continue
			}
			w := out.passed(t)
			if n := len(w.values("Content-Length")) + len(w.values("Transfer-Encoding")); n != 1 || w.body != "body" {
				t.Errorf("%q: %d framing headers, body %q", head, n, w.body)
			}
		}
	})
}
