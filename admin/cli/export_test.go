package cli_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authgate/authgate/admin"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store/seal"
)

// keyFile makes an encryption key.
func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if _, err := seal.CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExportRedacted(t *testing.T) {
	t.Parallel()
	one, two := fixture(t).shell(), fixture(t).shell()
	text := one.ok(t, "export", "--redact")
	golden(t, "testdata/redacted.json", text)
	if again := two.ok(t, "export", "--redact"); again != text {
		t.Errorf("equal states have different exports:\n%s\n%s", text, again)
	}
}

// TestExportToStdout: a dash is stdout, as in import, and no file called "-".
func TestExportToStdout(t *testing.T) {
	t.Chdir(t.TempDir())
	s := fixture(t).shell()
	for _, args := range [][]string{{"-f", "-"}, {"--file", "-", "--force"}} {
		if out := s.ok(t, append([]string{"export", "--redact"}, args...)...); !strings.Contains(out, `"format": "authgate-export/v1"`) {
			t.Errorf("stdout: %q", out)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 0 {
		t.Errorf("files %v, %v", left, err)
	}
}

func TestExportFile(t *testing.T) {
	t.Parallel()
	s := fixture(t).shell()
	dir := t.TempDir()
	path := filepath.Join(dir, "out.json")
	if out := s.ok(t, "export", "--redact", "-f", path); out != "" {
		t.Errorf("stdout: %q", out)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	first := read(t, path)
	if err := os.WriteFile(path, []byte("somebody else's"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.fails(t, 1, "exists already\nHint: --force", "export", "--redact", "-f", path)
	if got := read(t, path); got != "somebody else's" {
		t.Errorf("the existing file was changed: %q", got)
	}
	s.ok(t, "export", "--redact", "-f", path, "--force")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || read(t, path) != first {
		t.Errorf("--force: mode %v, %v, content %q", info.Mode(), err, read(t, path))
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("files left behind: %v %v", left, err)
	}
}

func TestExportEncrypted(t *testing.T) {
	t.Parallel()
	s := fixture(t).shell()
	key := keyFile(t)
	text := s.ok(t, "export", "--encrypt-key-file", key)
	var frame map[string]string
	if err := json.Unmarshal([]byte(text), &frame); err != nil || frame["format"] != "authgate-export-encrypted/v1" || len(frame) != 3 {
		t.Fatalf("%v in %s", err, text)
	}
	for _, hidden := range []string{reportsKey, billingKey, billingUser, "reports", "api.internal", read(t, key)} {
		if strings.Contains(text, strings.TrimSpace(hidden)) {
			t.Errorf("the encrypted export shows %q", hidden)
		}
	}
	t.Run("key_from_stdin", func(t *testing.T) {
		t.Parallel()
		s.with(read(t, key)).ok(t, "export", "--encrypt-key-file", "-")
		s.with("too short").fails(t, 1, "openssl rand -base64 32", "export", "--encrypt-key-file", "-")
	})
	t.Run("A2_weak_key", func(t *testing.T) {
		t.Parallel()
		zeros := file(t, strings.Repeat("A", 43)+"=\n")
		s.fails(t, 1, "not made of random bytes", "export", "--encrypt-key-file", zeros)
	})
}

// TestExportOfAHidingServer: with redact_secrets the API shows REDACTED, which must not become a credential.
func TestExportOfAHidingServer(t *testing.T) {
	t.Parallel()
	g := newGateway(t, authmethods.Declared{}, func(d *admin.Deps) { d.RedactSecrets = true })
	g.fill(t)
	s := g.shell()
	s.fails(t, 1, "redact_secrets", "export", "--encrypt-key-file", keyFile(t))
	golden(t, "testdata/redacted.json", s.ok(t, "export", "--redact"))
	if out := s.ok(t, "authm", "list"); !strings.Contains(out, "hidden") || strings.Contains(out, "sha256") {
		t.Errorf("the table shows fingerprints of REDACTED:\n%s", out)
	}
}

func TestExportLeavesOut(t *testing.T) {
	t.Parallel()
	g := newGateway(t, authmethods.Declared{
		ServiceTypes: []authmethods.ServiceType{{Name: "declared", Hosts: []string{"d.internal", "e.internal"}, AuthTypes: []string{"oidc"}, AuthMethod: "api-key", Type: "custom"}},
		Methods:      []authmethods.DeclaredMethod{{ServiceType: "declared", Method: authmethods.Method{Host: "d.internal", Port: 9000, AccessKey: secret.New("sk-declared-0001")}}},
	})
	g.fill(t)
	s := g.shell()
	s.ok(t, "authm", "set", "declared", "e.internal:9000", "--access-key-file", file(t, "sk-stored"))
	s.ok(t, "authm", "set", "reports", "b.internal:9000", "--access-key-file", file(t, "sk-b"))
	s.ok(t, "authm", "types", "update", "reports", "--host", "b.internal")
	o := s.run(t, "export", "--redact")
	want := `skipped service type declared: declared in the Caddyfile
skipped auth method declared/d.internal: declared in the Caddyfile
skipped auth method reports/api.internal: its service type does not list the host, so it is out of use
skipped binding robot-1: its service type does not list the host, so it is out of use
skipped binding robot-2: its service type does not list the host, so it is out of use
`
	if o.status != 0 || o.err != want {
		t.Errorf("status %d, stderr\n%s\nwant\n%s", o.status, o.err, want)
	}
	if !strings.Contains(o.out, `"host": "e.internal"`) {
		t.Errorf("a stored credential of a declared service type is missing:\n%s", o.out)
	}
}

// TestExportRace: a file that somebody makes while an export runs is not replaced.
func TestExportRace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out")
	s := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
			t.Error(err)
		}
		answer(w, `{}`)
	})
	s.fails(t, 1, "exists already", "export", "--redact", "-f", path)
	if got := read(t, path); got != "theirs" {
		t.Errorf("the file was replaced: %q", got)
	}
}

// TestExportFailsWhole: a list that cannot be read must not make an export that lacks it.
func TestExportFailsWhole(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v1/service-types", "/v1/authm", "/v1/bindings"} {
		s := fake(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == path {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = w.Write([]byte(`{"error":{"message":"The store cannot be reached now","code":503,"status":"SERVICE UNAVAILABLE"}}`))
				return
			}
			answer(w, `{}`)
		})
		out := filepath.Join(t.TempDir(), "out")
		s.fails(t, 1, "The store cannot be reached now (status 503)", "export", "--redact", "-f", out)
		if _, err := os.Stat(out); err == nil {
			t.Error("a file was written")
		}
	}
}
