package cli_test

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authgate/authgate/authmethods"
)

// TestKeyStaysOffTheWire: over plain http the key goes to this machine only, whatever the name in the URL.
func TestKeyStaysOffTheWire(t *testing.T) {
	t.Parallel()
	// An address that is not loopback, and where nobody answers even if the defence fails.
	s := shell{env: map[string]string{"AUTHGATE_ADMIN_KEY": adminKey}}
	for _, server := range []string{"http://192.0.2.1:1", "http://[2001:db8::1]:1", "http://0.0.0.0:1"} {
		s.fails(t, 2, "is plain http to another machine", "authm", "list", "--server", server, "--timeout", "5s")
	}
	o := s.run(t, "authm", "list", "--server", "http://192.0.2.1:1", "--timeout", "50ms", "--insecure-plain-http")
	if o.status != 1 || strings.Contains(o.err, "plain http") {
		t.Errorf("--insecure-plain-http: status %d, %q", o.status, o.err)
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		g := newGateway(t, authmethods.Declared{})
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(g.url, "http://"))
		g.shell().ok(t, "authm", "list", "--server", "http://"+net.JoinHostPort(host, port)+"/")
	}
}

// TestRequests: the key is a bearer, never part of a URL; names are escaped; nothing is sent twice.
func TestRequests(t *testing.T) {
	t.Parallel()
	var seen []string
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Method+" "+r.RequestURI+" "+r.Header.Get("If-Match")+" "+r.Header.Get("Content-Type")+" "+string(body))
		if got := r.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer "+adminKey || strings.Contains(r.RequestURI, "key") {
			t.Errorf("%s: Authorization %q", r.RequestURI, got)
		}
		answer(w, `{"name":"a/b ?#","uuid":"u","auth_method":"headers","hosts":["h"]}`)
	})
	s.ok(t, "authm", "types", "get", "a/b ?#%")
	s.ok(t, "authm", "types", "update", "..", "--rename", "x<y", "--if-match", "12")
	s.ok(t, "authm", "bindings", "delete", "b\r\nX: y", "--if-match", `"13"`)
	s.ok(t, "authm", "delete", "svc", "::1")
	want := []string{
		"GET /v1/service-types/a%2Fb%20%3F%23%25   ",
		`PUT /v1/service-types/.. "12" application/json {"name":"x\u003cy"}`,
		`DELETE /v1/bindings/b%0D%0AX:%20y "13"  `,
		"DELETE /v1/service-types/svc/hosts/::1/authm   ",
	}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

// TestRedirects are not followed: the key would go along.
func TestRedirects(t *testing.T) {
	t.Parallel()
	var followed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(other.Close)
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/elsewhere?q=1", http.StatusTemporaryRedirect)
	})
	o := s.fails(t, 1, "redirects are not followed", "authm", "list")
	if !strings.Contains(o.err, "--server "+other.URL+"\n") {
		t.Errorf("the hint lacks the address: %q", o.err)
	}
	s.fails(t, 1, "answers 307", "status")
	if followed.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, `{}`) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	s := shell{env: map[string]string{"AUTHGATE_ADMIN_URL": srv.URL, "AUTHGATE_ADMIN_KEY": adminKey}}
	s.fails(t, 1, "name the file of its CA with --ca", "authm", "types", "list")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	s.ok(t, "authm", "types", "list", "--ca", file(t, string(ca)))
	s.fails(t, 1, "holds no certificate", "authm", "types", "list", "--ca", file(t, "nothing"))
	s.fails(t, 1, "reading --ca", "authm", "types", "list", "--ca", "/nonexistent")
}

// TestBadAnswers: a server may answer anything.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"html": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
			"does not answer as a management API: status 200 without JSON"},
		"empty":        {func(http.ResponseWriter, *http.Request) {}, "does not answer as a management API"},
		"not_json":     {func(w http.ResponseWriter, _ *http.Request) { answer(w, "{") }, "invalid JSON"},
		"A4_duplicate": {func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"a":1,"a":2}`) }, "duplicate member"},
		"A4_deep": {func(w http.ResponseWriter, _ *http.Request) {
			answer(w, strings.Repeat("[", 100000)+strings.Repeat("]", 100000))
		}, "nested too deeply"},
		"other_shape": {func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"service_types":"sk-secret"}`) }, "of another shape"},
		"error_html": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) },
			"answers 502, and not as a management API does"},
		"other_api": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			answer(w, `{"error":{"message":"Not found","code":404}}`)
		}, "does not serve that API"},
		"wrong_key": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			answer(w, `{"error":{"message":"Wrong Credentials","code":401}}`)
		}, "Wrong Credentials (status 401)\nHint: the gateway does not take this key"},
		"long_error": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			answer(w, `{"error":{"message":"`+strings.Repeat("x", 100000)+`"}}`)
		}, "xxx... (status 400)"},
		"terminal_orders": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			answer(w, `{"error":{"message":"a\u001b]0;b\u0007\u009b1m\nError: c\u202ed"}}`)
		}, `Error: a\u001b]0;b\u0007\u009b1m\u000aError: c\u202ed (status 400)`},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			answer(w, "{")
		}, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := fake(t, tt.handler).fails(t, 1, tt.want, "authm", "types", "list")
			if o.out != "" || len(o.err) > 2000 || strings.Contains(o.err, "sk-secret") || strings.Contains(o.err, adminKey) {
				t.Errorf("stdout %q, stderr %q", o.out, o.err)
			}
		})
	}
	t.Run("endless", func(t *testing.T) {
		t.Parallel()
		s := fake(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			block := make([]byte, 1<<20)
			for {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		})
		s.fails(t, 1, "it is too large", "authm", "types", "list")
		s.fails(t, 1, "it is too large", "status")
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		s := fake(t, func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
		})
		s.fails(t, 1, "did not answer within 50ms", "authm", "types", "list", "--timeout", "50ms")
	})
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		s := shell{env: map[string]string{"AUTHGATE_ADMIN_KEY": adminKey, "CADDY_ADMIN": "127.0.0.1:1"}}
		s.fails(t, 1, "calling http://127.0.0.1:1", "authm", "list", "--server", "http://127.0.0.1:1")
		s.fails(t, 1, "the admin socket of Caddy, 127.0.0.1:1, cannot be reached", "status")
	})
}

// TestTerminalOrders: what a table or a JSON text shows cannot steer the terminal, nor pass for other text.
func TestTerminalOrders(t *testing.T) {
	t.Parallel()
	hostile := `a\u001b[2J\u0085b\u202ec\u200bd\r\n\te` + "\u009bf"
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", "\"1\u009b1m\"")
		switch r.URL.Path {
		case "/v1/service-types":
			answer(w, `{"service_types":[{"name":"`+hostile+`","uuid":"u","hosts":["`+hostile+`"]}]}`)
		case "/v1/authm":
			answer(w, `{"auth_methods":[{"service_uuid":"u","host":"`+hostile+`","headers":{"`+hostile+`":"x"}}]}`)
		case "/v1/audit":
			answer(w, `{"audit":[{"id":"`+hostile+`","time":"`+hostile+`"}]}`)
		default:
			answer(w, `{"insecure":["`+hostile+`"],"name":"`+hostile+`","host":"`+hostile+`"}`)
		}
	})
	for _, line := range []string{
		"authm list", "authm list -o json", "authm types list", "authm types get x", "authm types list -o json", "audit", "audit -o json",
		"status", "status -o json", "authm get x y", "export --redact",
	} {
		o := s.run(t, strings.Fields(line)...)
		if o.status != 0 {
			t.Errorf("%s: %s", line, o.err)
		}
		if strings.ContainsAny(o.out+o.err, "\x1b\r\t\u0085\u009b\u202e\u200b") || strings.Contains(o.out, "\n\te") {
			t.Errorf("%s: printed %q", line, o.out+o.err)
		}
		if !strings.Contains(o.out+o.err, `\u001b[2J`) {
			t.Errorf("%s: the name is not shown: %q", line, o.out)
		}
	}
}
