package caddymodule_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/store/seal"
)

// TestRawDump keeps the search for secrets honest: without encryption it finds them, in the embedded
// store as in an external one.
func TestRawDump(t *testing.T) {
	t.Parallel()
	p, a, b := newPlant(t), newSite(t), newSite(t)
	dir := filepath.Join(t.TempDir(), "etcd")
	g := start(t, p.setup(a, "store embedded "+dir+"\n"+plaintextOption, ""))
	p.store(t, a, "found-in-the-embedded-store")
	if now := g.status(t); !slices.Contains(now.Insecure, "store: insecure_plaintext_secrets") || len(now.Encryption.Keys) > 0 || !now.Encryption.Plaintext {
		t.Errorf("status %+v", now)
	}
	g.stop(t)
	etcd := startEtcd(t)
	start(t, p.setup(b, etcd.storeWith("dump", plaintextOption), ""))
	p.store(t, b, "found-in-the-external-store")
	etcd.stop()
	for where, secret := range map[string]string{dir: "found-in-the-embedded-store", etcd.cfg.Dir: "found-in-the-external-store"} {
		found := leaks(t, where)
		if !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, secret) }) {
			t.Errorf("the search found %v, not %s", found, secret)
		}
	}
}

// TestEmbeddedKey is the life of the embedded store's own key.
func TestEmbeddedKey(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	dir := filepath.Join(t.TempDir(), "etcd")
	file := filepath.Join(dir, "encryption.key")
	s := p.setup(at, "store embedded "+dir, "")

	// Looking at a configuration makes nothing.
	if out := validated(t, s); !strings.Contains(out, "Valid configuration") {
		t.Errorf("validate says %s", out)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("validate made the directory")
	}

	first := start(t, s)
	key, err := seal.ReadKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info.Mode(), err)
	}
	if now := first.status(t); !slices.Equal(now.Encryption.Keys, []string{key.ID()}) || now.Encryption.Plaintext || len(now.Insecure) > 0 {
		t.Errorf("status %+v", now)
	}
	p.store(t, at, "kept-by-the-embedded-store")
	first.stop(t)
	if n := first.logged(t, secretOf(key.Encode().Reveal())); n > 0 {
		t.Errorf("the key is in the log %d times", n)
	}

	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	second := start(t, s)
	if out := p.call(t, at); out.body != "kept-by-the-embedded-store" {
		t.Errorf("after a restart the upstream got %q", out.body)
	}
	if second.logged(t, "everybody on this machine can read or change the encryption key") != 1 {
		t.Error("no warning of the file's mode")
	}
	// A reload keeps the store; so does one that names the file.
	for _, lines := range []string{"", "\nencryption_key_file " + file} {
		if err := second.reload(p.setup(at, "store embedded "+dir+lines, "require role Deployer")); err != nil {
			t.Fatal(err)
		}
		if out := p.call(t, at); out.body != "kept-by-the-embedded-store" {
			t.Errorf("after a reload the upstream got %q", out.body)
		}
	}
	second.stop(t)

	// Without its key the store must not be taken for a new one.
	hidden := filepath.Join(t.TempDir(), "hidden")
	if err := os.Rename(file, hidden); err != nil {
		t.Fatal(err)
	}
	refused(t, s, file, "restore that file", plaintextOption)
	if _, err := os.Stat(file); err == nil {
		t.Error("a new key was made for old records")
	}
	for _, content := range []string{"", "not a key\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, s, file, "openssl rand -base64 32", "restore the file")
	}

	// Without encryption it starts, but what was encrypted stays closed.
	lax := start(t, p.setup(at, "store embedded "+dir+"\n"+plaintextOption, ""))
	p.call(t, at).unavailable(t)
	lax.stop(t)
	if err := os.Rename(hidden, file); err != nil {
		t.Fatal(err)
	}
	start(t, s)
	if out := p.call(t, at); out.body != "kept-by-the-embedded-store" {
		t.Errorf("with its key restored the upstream got %q", out.body)
	}
}

// validated runs the command validate on a configuration.
func validated(t *testing.T, s setup) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(s.caddyfile(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "validate", "--config", file, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), asProgram+"=1", "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// refused asserts that a gateway does not start, and says all of want.
func refused(t *testing.T, s setup, want ...string) {
	t.Helper()
	g := launch(t, s)
	select {
	case <-g.exited:
	case <-time.After(exchangeTime):
		t.Fatal("it started")
	}
	text := g.log(t)
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in\n%s", w, text)
		}
	}
	if g.cmd.ProcessState.ExitCode() == 0 {
		t.Error("it started")
	}
}

// TestMovingFromPlaintext goes from a store in clear to an encrypted one, without an interruption.
func TestMovingFromPlaintext(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	key := "encryption_key_file " + etcd.keyFile
	g := start(t, p.setup(at, etcd.storeWith("move", plaintextOption), ""))
	if code, text := g.ask(http.MethodPost, "/authgate/reencrypt", "", ""); code != http.StatusConflict || !strings.Contains(text, "encryption_key_file") {
		t.Errorf("reencrypt without a key: %d %s", code, text)
	}
	p.store(t, at, "stored-before-the-move")
	step := func(encryption, want string) {
		t.Helper()
		if err := g.reload(p.setup(at, etcd.storeWith("move", encryption), "")); err != nil {
			t.Fatal(err)
		}
		out := p.call(t, at)
		if want == "" {
			out.unavailable(t)
		} else if out.body != want {
			t.Errorf("with %s the upstream got %d %q, want %q", encryption, out.status, out.body, want)
		}
	}
	// With a key alone, records in clear count for nothing: anybody could have put them there.
	step(key, "")
	step(key+"\n"+plaintextOption, "stored-before-the-move")
	// A record of each kind, and what the audit log has.
	if last := reencrypt(t, g, ""); last.Rewritten < 2 || last.Rewritten != last.Total || last.Unreadable != 0 {
		t.Errorf("reencrypt: %+v", last)
	}
	step(key, "stored-before-the-move")
	if now := g.status(t); len(now.Insecure) > 0 || now.Encryption.Plaintext || len(now.Warnings) > 0 {
		t.Errorf("status %+v", now)
	}
	for at, value := range etcd.dump(t, "/move/") {
		if strings.Contains(value, "stored-before-the-move") {
			t.Errorf("%s is in clear", at)
		}
	}
}
