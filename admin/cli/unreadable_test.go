package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	keysOfTypes    = "service-types/r/"
	keysOfMethods  = "auth-methods/r/"
	keysOfBindings = "bindings/r/"
)

// TestD5_ExportOfUnreadable: an export that lacks something is none, unless somebody asks for it.
func TestD5_ExportOfUnreadable(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prefix, text string
		says         string
		lacks        string
	}{
		"service_type": {keysOfTypes, "billing", "1 service type", `"name": "billing"`},
		"method":       {keysOfMethods, "pay.internal", "1 auth method", `"host": "pay.internal"`},
		"bindings":     {keysOfBindings, "robot", "2 bindings", `"robot-1"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := fixture(t)
			s := g.shell()
			if out := s.ok(t, "export", "--redact"); !strings.Contains(out, tt.lacks) {
				t.Fatalf("%s is not in %s", tt.lacks, out)
			}
			g.spoil(tt.prefix, tt.text)
			path, key := filepath.Join(t.TempDir(), "out"), keyFile(t)
			for _, secrets := range [][]string{{"--redact"}, {"--encrypt-key-file", key}} {
				s.fails(t, 1, "the gateway cannot read "+tt.says+", so the export would not be whole\nHint: its log names what it cannot read; --skip-unreadable exports the rest",
					append([]string{"export", "-f", path}, secrets...)...)
			}
			if _, err := os.Lstat(path); err == nil {
				t.Error("a file was written")
			}
			o := s.run(t, "export", "--redact", "--skip-unreadable")
			if o.status != 0 || !strings.HasPrefix(o.err, "skipped "+tt.says+": the gateway cannot read that\n") {
				t.Errorf("status %d, stderr %q", o.status, o.err)
			}
			if strings.Contains(o.out, tt.lacks) || !strings.Contains(o.out, `"name": "reports"`) {
				t.Errorf("got %s", o.out)
			}
		})
	}
}

// TestD5_ListsTellOfUnreadable on stderr, where programs that read stdout are not disturbed.
func TestD5_ListsTellOfUnreadable(t *testing.T) {
	t.Parallel()
	g := fixture(t)
	s := g.shell()
	lists := [][]string{{"authm", "list"}, {"authm", "types", "list"}, {"authm", "bindings", "list"}}
	for _, list := range lists {
		if o := s.run(t, list...); o.err != "" {
			t.Errorf("%q: stderr %q though all is well", list, o.err)
		}
	}
	g.spoil(keysOfTypes, "billing")
	g.spoil(keysOfMethods, "pay.internal")
	g.spoil(keysOfBindings, "robot-2")
	for i, what := range []string{"1 service type, 1 auth method", "1 service type", "1 binding"} {
		for _, args := range [][]string{lists[i], append(lists[i], "-o", "json")} {
			o := s.run(t, args...)
			if want := "Note: the gateway cannot read " + what + "; its log names what is missing here.\n"; o.status != 0 || o.err != want || o.out == "" {
				t.Errorf("%q: status %d, stderr %q; want %q", args, o.status, o.err, want)
			}
		}
	}
	s.terminal = true
	o := s.with("n\n").fails(t, 1, "nothing was deleted", "authm", "types", "delete", "reports")
	if want := "Note: the gateway cannot read 1 auth method, 1 binding;"; !strings.HasPrefix(o.err, want) {
		t.Errorf("before a deletion: %q", o.err)
	}
}

// TestD5_ImportKeepsHosts: what cannot be read may need the host that a document takes from its service type.
func TestD5_ImportKeepsHosts(t *testing.T) {
	t.Parallel()
	path, key := exported(t)
	args := []string{"import", "-f", path, "--decrypt-key-file", key}
	g := fixture(t)
	s := g.shell()
	s.ok(t, "authm", "types", "update", "reports", "--host", "api.internal,b.internal,c.internal")
	s.ok(t, "authm", "set", "reports", "c.internal:9000", "--access-key-file", file(t, "sk-c"))
	g.spoil(keysOfMethods, "c.internal")
	for _, line := range [][]string{append(args, "--dry-run"), args} {
		o := s.fails(t, 1, "1 of 6 objects failed", line...)
		if want := "failed     service type reports: the document takes a host from it, and the gateway cannot read 1 auth method, which may need it"; !strings.Contains(o.out, want) {
			t.Errorf("%q is missing in\n%s", want, o.out)
		}
	}
	if out := s.ok(t, "authm", "types", "get", "reports"); !strings.Contains(out, "c.internal") {
		t.Errorf("the host is gone:\n%s", out)
	}
}
