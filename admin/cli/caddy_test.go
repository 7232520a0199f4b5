package cli_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const statusAnswer = `{
  "ready": true,
  "store": {"driver": "embedded", "fresh": true, "revision": 12, "confirmed": "2026-01-31T12:00:00.123456Z", "resyncs": 0},
  "encryption": {"keys": ["00112233aabbccdd", "44556677aabbccdd"], "plaintext": true},
  "issuers": [{"name": "github", "url": "https://idp.example", "state": "failing", "keys": [{"kid": "a"}], "last_error": "timeout", "fetches": 1, "failed": 1}],
  "requests": {"denied": 2, "allowed": 10}, "upstream": {"attached": 9},
  "cached_tokens": 3,
  "cache": {"auth-methods": {"records": 1, "hits": 20, "misses": 2}},
  "insecure": ["store: reads records in clear"],
  "warnings": ["a credential is stored for x:1"],
  "new_member": 1
}`

func TestStatus(t *testing.T) {
	t.Parallel()
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/authgate/status" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s with %q", r.Method, r.RequestURI, r.Header.Get("Authorization"))
		}
		answer(w, statusAnswer)
	})
	golden(t, "testdata/status.txt", s.transcript(t, "status", "status -o json"))
	down := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, `{"store":{"driver":"etcd"},"encryption":{"keys":[]}}`)
	})
	out := down.ok(t, "status")
	for _, want := range []string{"NO\n", "OUT OF DATE", "none: secrets are stored in clear"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "authgate-cli-") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "a.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "127.0.0.1" || r.Header.Get("Origin") != "" {
			t.Errorf("host %q, origin %q", r.Host, r.Header.Get("Origin"))
		}
		answer(w, statusAnswer)
	})}}
	srv.Start()
	t.Cleanup(srv.Close)
	for _, address := range []string{"unix/" + path, "unix/" + path + "|0200"} {
		shell{}.ok(t, "status", "--caddy-address", address)
		shell{env: map[string]string{"CADDY_ADMIN": address}}.ok(t, "status")
	}
}

// rewriting answers POST /authgate/reencrypt with lines.
func rewriting(t *testing.T, lines ...string) shell {
	t.Helper()
	return fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/authgate/reencrypt" {
			t.Errorf("%s %s", r.Method, r.RequestURI)
		}
		if (r.URL.RawQuery == "dry_run=true") != strings.Contains(fmt.Sprint(lines), "dry_run") {
			t.Errorf("query %q", r.URL.RawQuery)
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		for _, line := range lines {
			_, _ = fmt.Fprintln(w, line)
		}
	})
}

func TestReencrypt(t *testing.T) {
	t.Parallel()
	steps := []string{
		`{"total":4,"current":1,"rewritten":1,"unreadable":0}`,
		`{"total":4,"current":1,"rewritten":3,"unreadable":0}`,
		`{"total":4,"current":1,"rewritten":3,"unreadable":0,"done":true}`,
	}
	const done = "Done: everything is encrypted with the first key.\n"
	t.Run("line_by_line", func(t *testing.T) {
		t.Parallel()
		want := "2 of 4 encrypted with the first key\n4 of 4 encrypted with the first key\n4 of 4 encrypted with the first key\n" + done
		if out := rewriting(t, steps...).ok(t, "reencrypt"); out != want {
			t.Errorf("got %q, want %q", out, want)
		}
	})
	t.Run("on_a_terminal", func(t *testing.T) {
		t.Parallel()
		s := rewriting(t, steps...)
		s.terminal = true
		out := s.ok(t, "reencrypt")
		if strings.Count(out, "\n") != 2 || strings.Count(out, "\r") != 3 || !strings.HasSuffix(out, "\n"+done) {
			t.Errorf("got %q", out)
		}
	})
	t.Run("dry_run", func(t *testing.T) {
		t.Parallel()
		out := rewriting(t, `{"total":4,"current":1,"rewritten":3,"dry_run":true,"done":true}`).ok(t, "reencrypt", "--dry-run")
		if out != "3 of 4 to be encrypted\nNothing was changed (dry run).\n" {
			t.Errorf("got %q", out)
		}
	})
	for name, tt := range map[string]struct{ last, want string }{
		"stopped":    {`{"total":4,"rewritten":2,"error":"store unavailable\u001b[1m"}`, `it stopped: store unavailable\u001b[1m` + "\nHint: run the same command again"},
		"broken_off": {`{"total":4,"rewritten":2}`, "broke off\nHint: run the same command again"},
		"unreadable": {`{"total":4,"rewritten":3,"unreadable":1,"done":true}`, "1 of 4 values cannot be decrypted"},
		"nonsense":   {`<html>`, "not one of this command"},
		"long_line":  {`{"error":"` + strings.Repeat("x", 100000), "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rewriting(t, steps[0], tt.last).fails(t, 1, tt.want, "reencrypt")
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		s := fake(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			answer(w, `{"error":"there is no encryption key to encrypt with"}`)
		})
		s.fails(t, 1, "there is no encryption key to encrypt with (status 409)", "reencrypt")
	})
}
