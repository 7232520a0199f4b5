package caddymodule_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authgate/authgate/store/seal"
)

// terminal is where an operator types commands for one gateway.
type terminal struct {
	g     *gateway
	admin string // address of its management API
	shown *bytes.Buffer
}

// run runs the program itself, as a process of its own.
func (o terminal) run(t *testing.T, stdin string, args ...string) (out string, status int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{"admin"}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "HOME="+o.g.dir, "AUTHGATE_ADMIN_KEY="+adminKey, "AUTHGATE_ADMIN_URL=http://"+o.admin,
		"CADDY_ADMIN=unix/"+filepath.Join(o.g.dir, "a.sock"))
	cmd.Stdin = strings.NewReader(stdin)
	data, err := cmd.CombinedOutput()
	o.shown.Write(data)
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return string(data), cmd.ProcessState.ExitCode()
}

// ok runs a command that has to succeed and to print a text.
func (o terminal) ok(t *testing.T, want, stdin string, args ...string) string {
	t.Helper()
	out, status := o.run(t, stdin, args...)
	if status != 0 || !strings.Contains(out, want) {
		t.Fatalf("admin %q: status %d, want 0 and %q in\n%s", args, status, want, out)
	}
	return out
}

// TestAdminCommand moves a credential from one gateway to another with nothing but the command line, and
// sees that it works there.
func TestAdminCommand(t *testing.T) {
	t.Parallel()
	const stored, rotated = "sk-moved-by-command-4c1d", "sk-rotated-by-command-90ab"
	p := newPlant(t)
	shown := new(bytes.Buffer)
	var sites [2]site
	var operators [2]terminal
	for i := range sites {
		sites[i] = newSite(t)
		s := p.setup(sites[i], "", "")
		s.Embedded = true
		operators[i] = terminal{g: start(t, s), admin: sites[i].admin, shown: shown}
	}
	one, two := operators[0], operators[1]

	one.ok(t, "service type stored created", "", "authm", "types", "create", "stored", "--host", "127.0.0.1", "--auth-method", "api-key", "--auth-type", "oidc", "--type", "custom")
	one.ok(t, "created", stored+"\n", "authm", "set", "stored", p.target, "--access-key-file", "-")
	p.call(t, sites[0]).passed(t).sees(t, "X-Api-Key", stored)

	key, file := filepath.Join(one.g.dir, "export.key"), filepath.Join(one.g.dir, "export.json")
	if _, err := seal.CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	one.ok(t, "", "", "export", "--encrypt-key-file", key, "-f", file)

	p.call(t, sites[1]).passed(t).sees(t, "X-Api-Key", "")
	args := []string{"import", "-f", file, "--decrypt-key-file", key}
	two.ok(t, "2 created, 0 updated, 0 unchanged", "", args...)
	p.call(t, sites[1]).passed(t).sees(t, "X-Api-Key", stored)
	before := two.ok(t, "accepted", "", "audit")
	two.ok(t, "0 created, 0 updated, 2 unchanged, 0 skipped, 0 failed", "", args...)
	if after := two.ok(t, "", "", "audit"); after != before {
		t.Errorf("importing again changed something:\n%s", after)
	}

	two.ok(t, "updated", rotated, "authm", "set", "stored", p.target, "--access-key-file", "-")
	p.call(t, sites[1]).passed(t).sees(t, "X-Api-Key", rotated)
	two.ok(t, "1 updated, 1 unchanged", "", args...)
	p.call(t, sites[1]).passed(t).sees(t, "X-Api-Key", stored)

	two.ok(t, "Ready:          yes", "", "status")
	two.ok(t, "Done: everything is encrypted with the first key.", "", "reencrypt")
	if out, status := two.run(t, "", "authm", "get", "stored", "10.0.0.1"); status != 1 || !strings.Contains(out, "Error: Host was not found (status 404)") {
		t.Errorf("a failure: status %d, %s", status, out)
	}
	if out, status := two.run(t, "", "export"); status != 2 || !strings.Contains(out, "See 'authgate admin export --help'.") {
		t.Errorf("a wrong command line: status %d, %s", status, out)
	}
	two.ok(t, "deleted", "", "authm", "types", "delete", "stored")
	p.call(t, sites[1]).passed(t).sees(t, "X-Api-Key", "")

	exported, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{stored, rotated, adminKey} {
		for where, text := range map[string]string{"a terminal": shown.String(), "the export": string(exported), "a log": one.g.log(t) + two.g.log(t)} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows the secret %s", where, secret)
			}
		}
	}
}
