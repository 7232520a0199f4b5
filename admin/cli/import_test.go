package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authgate/authgate/admin"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store/seal"
)

// exported is an encrypted export of the fixture, and its key.
func exported(t *testing.T) (path, key string) {
	t.Helper()
	key, path = keyFile(t), filepath.Join(t.TempDir(), "gate.json")
	fixture(t).shell().ok(t, "export", "--encrypt-key-file", key, "-f", path)
	return path, key
}

const allCreated = `created    service type billing
created    service type reports
created    auth method billing/pay.internal
created    auth method reports/api.internal
created    binding robot-1
created    binding robot-2
6 created, 0 updated, 0 unchanged, 0 skipped, 0 failed
`

func TestImport(t *testing.T) {
	t.Parallel()
	path, key := exported(t)
	g := newGateway(t, authmethods.Declared{})
	s := g.shell()
	args := []string{"import", "-f", path, "--decrypt-key-file", key}

	dry := s.ok(t, append(args, "--dry-run")...)
	if want := "created    service type billing (dry run)\n"; !strings.HasPrefix(dry, want) || g.writes() != 0 {
		t.Errorf("dry run: %d writes, printed\n%s", g.writes(), dry)
	}
	if out := s.ok(t, args...); out != allCreated {
		t.Errorf("got\n%s\nwant\n%s", out, allCreated)
	}
	if out := s.ok(t, "authm", "get", "reports", "api.internal", "-o", "json", "--show-secrets"); !strings.Contains(out, reportsKey) {
		t.Errorf("the credential has not arrived: %s", out)
	}
	golden(t, "testdata/redacted.json", s.ok(t, "export", "--redact"))

	before := g.writes()
	again := s.ok(t, args...)
	if !strings.HasSuffix(again, "0 created, 0 updated, 6 unchanged, 0 skipped, 0 failed\n") || g.writes() != before {
		t.Errorf("again: %d writes, printed\n%s", g.writes()-before, again)
	}
	for _, s := range []string{reportsKey, billingKey, billingUser} {
		if strings.Contains(dry+again, s) {
			t.Errorf("import prints the secret %s", s)
		}
	}
}

// TestImportUpdates: what differs is brought back, what the document does not name stays.
func TestImportUpdates(t *testing.T) {
	t.Parallel()
	path, key := exported(t)
	g := fixture(t)
	s := g.shell()
	s.ok(t, "authm", "types", "create", "mine", "--host", "m.internal", "--auth-method", "api-key", "--auth-type", "oidc", "--type", "custom")
	s.ok(t, "authm", "types", "update", "reports", "--host", "api.internal,b.internal,c.internal")
	s.ok(t, "authm", "set", "reports", "api.internal:9000", "--access-key-file", file(t, "sk-other"))
	s.ok(t, "authm", "bindings", "update", "robot-2", "--unique-key", "somebody-else")
	args := []string{"import", "-f", path, "--decrypt-key-file", key}
	for _, line := range [][]string{append(args, "--dry-run"), args} {
		out := s.ok(t, line...)
		for _, want := range []string{
			"unchanged  service type billing\n", "updated    service type reports", "unchanged  auth method billing/pay.internal\n",
			"updated    auth method reports/api.internal", "unchanged  binding robot-1\n", "updated    binding robot-2", "0 created, 3 updated, 3 unchanged",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing in\n%s", want, out)
			}
		}
	}
	if out := s.ok(t, "authm", "types", "list"); !strings.Contains(out, "mine") || strings.Contains(out, "c.internal") {
		t.Errorf("after the import:\n%s", out)
	}
	if out := s.ok(t, args...); !strings.Contains(out, "0 updated, 6 unchanged") {
		t.Errorf("the second import changes something:\n%s", out)
	}
}

// TestImportRemovesNothing: a host is not taken from under a credential that the document does not know.
func TestImportRemovesNothing(t *testing.T) {
	t.Parallel()
	path, key := exported(t)
	for name, add := range map[string][]string{
		"auth method": {"authm", "set", "reports", "c.internal:9000", "--access-key-file", file(t, "sk-c")},
		"binding c": {"authm", "bindings", "create", "c", "--service-type", "reports", "--host", "c.internal", "--auth-type", "x509",
			"--auth-identifier", "CN=c", "--unique-key", "c"},
	} {
		s := fixture(t).shell()
		s.ok(t, "authm", "types", "update", "reports", "--host", "api.internal,b.internal,c.internal")
		s.ok(t, add...)
		o := s.fails(t, 1, "1 of 6 objects failed", "import", "-f", path, "--decrypt-key-file", key)
		if !strings.Contains(o.out, "failed     service type reports: the document takes the host c.internal from it, which has") || !strings.Contains(o.out, name) {
			t.Errorf("%s: got\n%s", name, o.out)
		}
	}
}

func TestImportRedacted(t *testing.T) {
	t.Parallel()
	redacted := filepath.Join(t.TempDir(), "redacted.json")
	fixture(t).shell().ok(t, "export", "--redact", "-f", redacted)
	t.Run("keeps_stored_secrets", func(t *testing.T) {
		t.Parallel()
		s := fixture(t).shell()
		s.ok(t, "authm", "set", "reports", "api.internal:9001", "--access-key-file", file(t, "sk-kept"))
		if out := s.ok(t, "import", "-f", redacted); !strings.Contains(out, "updated    auth method reports/api.internal\n") {
			t.Errorf("got\n%s", out)
		}
		out := s.ok(t, "authm", "get", "reports", "api.internal", "-o", "json", "--show-secrets")
		if !strings.Contains(out, "sk-kept") || !strings.Contains(out, `"port": 9000`) {
			t.Errorf("got %s", out)
		}
	})
	t.Run("fails_without", func(t *testing.T) {
		t.Parallel()
		g := newGateway(t, authmethods.Declared{})
		s := g.shell().with(read(t, redacted))
		o := s.fails(t, 1, "2 of 6 objects failed", "import", "-o", "json")
		var report struct {
			Objects []struct{ Kind, ID, Outcome, Reason string }
			Summary map[string]int
		}
		if err := json.Unmarshal([]byte(o.out), &report); err != nil {
			t.Fatal(err)
		}
		if report.Summary["created"] != 4 || report.Summary["failed"] != 2 {
			t.Errorf("summary %v", report.Summary)
		}
		if r := report.Objects[3].Reason; !strings.Contains(r, "authgate admin authm set reports api.internal:9000") {
			t.Errorf("reason %q", r)
		}
	})
}

func TestImportConflicts(t *testing.T) {
	t.Parallel()
	path, key := exported(t)
	args := []string{"import", "-f", path, "--decrypt-key-file", key}
	t.Run("one_failure_does_not_stop_the_rest", func(t *testing.T) {
		t.Parallel()
		s := newGateway(t, authmethods.Declared{}).shell()
		s.ok(t, "authm", "types", "create", "reports", "--host", "api.internal", "--auth-method", "api-key", "--auth-type", "x509", "--type", "custom")
		s.ok(t, "authm", "bindings", "create", "other", "--service-type", "reports", "--host", "api.internal", "--auth-type", "x509",
			"--auth-identifier", "CN=robot-1,O=Acme", "--unique-key", "x")
		o := s.fails(t, 1, "2 of 6 objects failed", args...)
		for _, want := range []string{
			"created    service type billing\n",
			"failed     service type reports: its type is custom there, and the document's is ams; a type cannot be changed\n",
			"created    auth method reports/api.internal\n",
			"failed     binding robot-1: binding object with auth_identifier: CN=robot-1,O=Acme already exists (status 409)\n",
			"created    binding robot-2\n",
		} {
			if !strings.Contains(o.out, want) {
				t.Errorf("%q is missing in\n%s", want, o.out)
			}
		}
	})
	t.Run("declared", func(t *testing.T) {
		t.Parallel()
		s := newGateway(t, authmethods.Declared{
			ServiceTypes: []authmethods.ServiceType{
				{Name: "billing", Hosts: []string{"pay.internal"}, AuthTypes: []string{"oidc"}, AuthMethod: "headers", Type: "custom"},
				{Name: "reports", Hosts: []string{"api.internal"}, AuthTypes: []string{"x509", "oidc"}, AuthMethod: "api-key", Type: "ams"},
			},
			Methods: []authmethods.DeclaredMethod{{ServiceType: "reports", Method: authmethods.Method{Host: "api.internal", Port: 9000, AccessKey: secret.New(reportsKey)}}},
		}).shell()
		o := s.fails(t, 1, "1 of 6 objects failed", args...)
		for _, want := range []string{
			"skipped    service type billing: the gateway's Caddyfile declares it, and equally\n",
			"failed     service type reports: the gateway's Caddyfile declares it, and differently",
			"created    auth method billing/pay.internal\n",
			"skipped    auth method reports/api.internal: the gateway's Caddyfile declares it, and equally\n",
			"created    binding robot-2\n",
		} {
			if !strings.Contains(o.out, want) {
				t.Errorf("%q is missing in\n%s", want, o.out)
			}
		}
	})
	t.Run("hiding_server", func(t *testing.T) {
		t.Parallel()
		g := newGateway(t, authmethods.Declared{}, func(d *admin.Deps) { d.RedactSecrets = true })
		s := g.shell()
		s.ok(t, args...)
		out := s.ok(t, args...)
		if !strings.Contains(out, "updated    auth method reports/api.internal: the gateway hides its secrets") || !strings.Contains(out, "2 updated, 4 unchanged") {
			t.Errorf("got\n%s", out)
		}
	})
}

// TestImportRace: a change that somebody makes while an import runs is not undone unseen.
func TestImportRace(t *testing.T) {
	t.Parallel()
	path, key := exported(t)
	g := fixture(t)
	s := g.shell()
	s.ok(t, "authm", "types", "update", "reports", "--host", "api.internal")
	s.ok(t, "authm", "set", "reports", "api.internal:9000", "--access-key-file", file(t, "sk-2"))
	s.ok(t, "authm", "bindings", "update", "robot-1", "--unique-key", "x")
	other := map[string][]string{
		"/v1/service-types/reports":                          {"authm", "types", "update", "reports", "--host", "api.internal,n.internal"},
		"/v1/service-types/reports/hosts/api.internal/authm": {"authm", "set", "reports", "api.internal:9000", "--access-key-file", file(t, "sk-3")},
		"/v1/bindings/robot-1":                               {"authm", "bindings", "update", "robot-1", "--unique-key", "y"},
	}
	g.mu.Lock()
	g.wait = func(r *http.Request) {
		g.mu.Lock()
		args := other[r.URL.Path]
		if r.Method != http.MethodPut || args == nil {
			g.mu.Unlock()
			return
		}
		delete(other, r.URL.Path)
		g.mu.Unlock()
		s.ok(t, args...)
	}
	g.mu.Unlock()
	o := s.fails(t, 1, "3 of 6 objects failed", "import", "-f", path, "--decrypt-key-file", key)
	if n := strings.Count(o.out, "(status 412)"); n != 3 {
		t.Errorf("%d conflicts in\n%s", n, o.out)
	}
	if out := s.ok(t, "import", "-f", path, "--decrypt-key-file", key); !strings.Contains(out, "3 updated, 3 unchanged") {
		t.Errorf("the second import:\n%s", out)
	}
}

// TestImportRefuses what is no export, or was changed.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	path, key := exported(t)
	g := newGateway(t, authmethods.Declared{})
	t.Cleanup(func() {
		if n := g.writes(); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
	s := g.shell()
	plain := func(members string) string {
		return `{"format":"authgate-export/v1","secrets":"included","service_types":[],"auth_methods":[],"bindings":[]` + members + `}`
	}
	for name, tt := range map[string]struct {
		status  int
		text    string
		content string
	}{
		"not_json":          {1, "no export of authgate's", "hello"},
		"no_format":         {1, "it has no format", `{"a":1}`},
		"other_format":      {1, `"authgate-export/v2", which this version does not know`, `{"format":"authgate-export/v2"}`},
		"unknown_member":    {1, `unknown field "clients"`, plain(`,"clients":[]`)},
		"A4_duplicate":      {1, "duplicate member", plain(`,"secrets":"redacted"`)},
		"wrong_type":        {1, "service_types is of the wrong type", strings.Replace(plain(""), `"service_types":[]`, `"service_types":"sk-secret"`, 1)},
		"secrets_unsaid":    {1, "included or redacted", strings.Replace(plain(""), "included", "maybe", 1)},
		"twice":             {1, "service type a twice", strings.Replace(plain(""), `"service_types":[]`, `"service_types":[{"name":"a"},{"name":"a"}]`, 1)},
		"encrypted_no_key":  {2, "--decrypt-key-file", read(t, path)},
		"encrypted_changed": {1, "cannot be decrypted", strings.Replace(read(t, path), `"encrypted": "`, `"encrypted": "QUFB`, 1)},
		"encrypted_no_b64":  {1, "not base64", strings.Replace(read(t, path), `"encrypted": "`, `"encrypted": "!`, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"import", "-f", file(t, tt.content)}
			if strings.HasPrefix(name, "encrypted") && tt.status == 1 {
				args = append(args, "--decrypt-key-file", key)
			}
			if o := s.fails(t, tt.status, tt.text, args...); strings.Contains(o.err, "sk-secret") {
				t.Errorf("a value is shown: %q", o.err)
			}
		})
	}
	t.Run("other_key", func(t *testing.T) {
		t.Parallel()
		s.fails(t, 1, "encrypted with the key", "import", "-f", path, "--decrypt-key-file", keyFile(t))
	})
	t.Run("key_for_a_plain_one", func(t *testing.T) {
		t.Parallel()
		s.fails(t, 2, "is not encrypted", "import", "-f", file(t, plain("")), "--decrypt-key-file", key)
	})
	t.Run("stdin_twice", func(t *testing.T) {
		t.Parallel()
		s.with(read(t, path)).fails(t, 2, "stdin can hold one thing only", "import", "--decrypt-key-file", "-")
	})
	t.Run("terminal", func(t *testing.T) {
		t.Parallel()
		on := s
		on.terminal = true
		on.fails(t, 2, "name the document with -f", "import")
	})
	// What the gateway stores under the same key is no export, though it opens with it.
	t.Run("envelope_of_another_purpose", func(t *testing.T) {
		t.Parallel()
		k, err := seal.ReadKeyFile(key)
		if err != nil {
			t.Fatal(err)
		}
		ring, err := seal.NewKeyring(k)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := ring.Seal([]byte(plain("")), "auth-methods/1")
		if err != nil {
			t.Fatal(err)
		}
		frame := `{"format":"authgate-export-encrypted/v1","key":"","encrypted":"` + base64.StdEncoding.EncodeToString(sealed) + `"}`
		s.fails(t, 1, "cannot be decrypted", "import", "-f", file(t, frame), "--decrypt-key-file", key)
	})
}
