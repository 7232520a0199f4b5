package cli_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/authgate/authgate/admin/cli"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/secret"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, path); got != want {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

var revisions = regexp.MustCompile(`(Revision: +|"revision": ")[0-9]+`)

// transcript types lines and returns them with what they print.
func (s shell) transcript(t *testing.T, lines ...string) string {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		o := s.run(t, strings.Fields(line)...)
		b.WriteString("$ authgate admin " + line + "\n" + o.out + o.err + "\n")
	}
	text := uuids.ReplaceAllString(b.String(), "<uuid>")
	return revisions.ReplaceAllString(text, "$1<revision>")
}

func TestTables(t *testing.T) {
	t.Parallel()
	g := newGateway(t, authmethods.Declared{
		ServiceTypes: []authmethods.ServiceType{{Name: "declared", Hosts: []string{"decl.internal"}, AuthTypes: []string{"oidc"}, AuthMethod: "api-key", Type: "custom"}},
		Methods:      []authmethods.DeclaredMethod{{ServiceType: "declared", Method: authmethods.Method{Host: "decl.internal", Port: 9000, AccessKey: secret.New("sk-declared-0001")}}},
	})
	s := g.shell()
	empty := s.transcript(t, "authm bindings list")
	g.fill(t)
	text := empty + s.transcript(t,
		"authm list",
		"authm list --service-type billing -o json",
		"authm get reports api.internal",
		"authm get billing pay.internal -o json",
		"authm types list",
		"authm types get reports",
		"authm types get reports -o json",
		"authm bindings list",
		"authm bindings get robot-1",
		"authm bindings list --service-type reports --host api.internal --auth-identifier CN=robot-2,O=Acme -o json",
	)
	golden(t, "testdata/tables.txt", text)
	for _, s := range []string{reportsKey, billingKey, billingUser, "sk-declared-0001", adminKey} {
		if strings.Contains(text, s) {
			t.Errorf("A7: a secret is printed: %s", s)
		}
	}
}

// TestHelp pins the help of every command, and that each can be found.
func TestHelp(t *testing.T) {
	t.Parallel()
	root := new(cobra.Command)
	cli.Configure(root, cli.Config{})
	var lines []string
	var walk func(cmd *cobra.Command, path string)
	walk = func(cmd *cobra.Command, path string) {
		lines = append(lines, strings.TrimSpace(path+" --help"))
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: short text %q", path, cmd.Short)
		}
		for _, child := range cmd.Commands() {
			walk(child, strings.TrimSpace(path+" "+child.Name()))
		}
	}
	walk(root, "")
	golden(t, "testdata/help.txt", shell{}.transcript(t, lines...))
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	s := shell{env: map[string]string{"AUTHGATE_ADMIN_KEY": adminKey, "AUTHGATE_ADMIN_URL": "http://127.0.0.1:1"}}
	for _, tt := range []struct{ line, want string }{
		{"nonsense", `there is no command "nonsense"`},
		{"statsu", "did you mean status?"},
		{"authm lisst", "did you mean list?"},
		{"authm get reports", "takes 2 arguments, not 1"},
		{"authm list more", "takes 0 arguments, not 1"},
		{"authm list --nonsense", "unknown flag: --nonsense"},
		{"authm list --access-key x", "never given as flags"},
		{"authm list --key=x", "never given as flags"},
		{"authm list -o yaml", "there are table and json"},
		{"authm list --show-secrets", "--show-secrets needs -o json"},
		{"authm list --timeout 0s", "--timeout must be positive"},
		{"authm list --server ftp://x", "not an http or https URL"},
		{"authm list --server http://user@127.0.0.1:1", "must hold no user"},
		{"authm list --server http://127.0.0.1:1?key=x", "must hold no user, query"},
		{"authm get reports api.internal:9000", "without the port"},
		{"authm set reports api.internal", "is not <host>:<port>"},
		{"authm set reports api.internal:0", "is not <host>:<port>"},
		{"authm set reports api.internal:9000 --header X-Key", "--header takes NAME=FILE"},
		{"authm set reports api.internal:9000 --access-key-file a --header X=b", "exclude each other"},
		{"authm types create x", "--host is required"},
		{"authm types update x", "nothing to change"},
		{"authm bindings create x --service-type reports", "--host is required"},
		{"authm bindings update x", "nothing to change"},
		{"authm bindings list --host h", "--service-type and --host go together"},
		{"authm bindings list --auth-identifier CN=x", "needs --service-type and --host"},
		{"audit --since yesterday", "--since takes"},
		{"audit --limit 0", "--limit must be positive"},
		{"export", "either --redact"},
		{"export --redact --encrypt-key-file x", "either --redact"},
		{"status --caddy-address nonsense", "host:port or unix//path"},
		{"status --caddy-address unix/", "names no path"},
		{"reencrypt --caddy-address http://a/b:1", "host:port or unix//path"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			o := s.fails(t, 2, tt.want, strings.Fields(tt.line)...)
			if o.out != "" || !strings.Contains(o.err, "--help'.") {
				t.Errorf("stdout %q, stderr %q", o.out, o.err)
			}
		})
	}
	t.Run("empty_argument", func(t *testing.T) {
		t.Parallel()
		s.fails(t, 2, "the argument <name> is empty", "authm", "types", "get", "")
	})
	t.Run("no_key", func(t *testing.T) {
		t.Parallel()
		shell{}.fails(t, 2, "set AUTHGATE_ADMIN_KEY", "authm", "list")
	})
}
