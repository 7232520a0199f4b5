package cli_test

import (
	"net/http"
	"strings"
	"testing"
)

// before runs a command when the first request of a kind comes, before that is served: what somebody else
// does at that moment.
func (g *gateway) before(t *testing.T, method, path string, command []string) {
	t.Helper()
	s, done := g.shell(), false
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wait = func(r *http.Request) {
		g.mu.Lock()
		mine := r.Method == method && r.URL.Path == path && !done
		done = done || mine
		g.mu.Unlock()
		if !mine {
			return
		}
		s.ok(t, command...)
	}
}

// TestImportRaceAfterTheLists: what somebody changes after an import has read the lists, and before it looks
// at the object again to write it, stays.
func TestImportRaceAfterTheLists(t *testing.T) {
	t.Parallel()
	path, key := exported(t)
	args := []string{"import", "-f", path, "--decrypt-key-file", key}
	for name, tt := range map[string]struct {
		differ [2][]string // makes the object differ; what somebody else makes of it then
		path   string
		failed string
		look   []string
		stays  string
	}{
		"service_type": {
			[2][]string{{"authm", "types", "update", "reports", "--host", "api.internal"}, {"authm", "types", "update", "reports", "--host", "api.internal,n.internal"}},
			"/v1/service-types/reports", "service type reports",
			[]string{"authm", "types", "get", "reports"}, "api.internal, n.internal",
		},
		"service_type_gone": {
			[2][]string{{"authm", "types", "update", "reports", "--host", "api.internal"}, {"authm", "types", "update", "reports", "--rename", "new"}},
			"/v1/service-types/reports", "service type reports",
			[]string{"authm", "types", "list"}, "new ",
		},
		"path_of_method": {
			[2][]string{{"authm", "set", "reports", "api.internal:9001"}, {"authm", "set", "reports", "api.internal:9001", "--path", "/theirs"}},
			"/v1/service-types/reports/hosts/api.internal/authm", "auth method reports/api.internal",
			[]string{"authm", "get", "reports", "api.internal"}, "/theirs",
		},
		"secret_of_method": {
			[2][]string{{"authm", "set", "reports", "api.internal:9001"}, {"authm", "set", "reports", "api.internal:9001", "--access-key-file", file(t, "theirs")}},
			"/v1/service-types/reports/hosts/api.internal/authm", "auth method reports/api.internal",
			[]string{"authm", "get", "reports", "api.internal", "-o", "json", "--show-secrets"}, `"theirs"`,
		},
		"header_of_method": {
			[2][]string{{"authm", "set", "billing", "pay.internal:444"}, {"authm", "set", "billing", "pay.internal:444", "--header", "X-Theirs=" + file(t, "v")}},
			"/v1/service-types/billing/hosts/pay.internal/authm", "auth method billing/pay.internal",
			[]string{"authm", "get", "billing", "pay.internal"}, "X-Theirs=",
		},
		"binding": {
			[2][]string{{"authm", "bindings", "update", "robot-1", "--unique-key", "x"}, {"authm", "bindings", "update", "robot-1", "--unique-key", "theirs"}},
			"/v1/bindings/robot-1", "binding robot-1",
			[]string{"authm", "bindings", "get", "robot-1"}, "theirs",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := fixture(t)
			s := g.shell()
			s.ok(t, tt.differ[0]...)
			g.before(t, http.MethodGet, tt.path, tt.differ[1])
			o := s.fails(t, 1, "objects failed", args...)
			if want := "failed     " + tt.failed + ": changed meanwhile, import again\n"; !strings.Contains(o.out, want) {
				t.Errorf("%q is missing in\n%s", want, o.out)
			}
			if out := s.ok(t, tt.look...); !strings.Contains(out, tt.stays) {
				t.Errorf("their change is lost:\n%s", out)
			}
		})
	}
}

// TestImportRaceForAHost: a host is not taken from under a credential or binding that somebody stores while
// an import runs.
func TestImportRaceForAHost(t *testing.T) {
	t.Parallel()
	path, key := exported(t)
	for name, add := range map[string][]string{
		"an auth method": {"authm", "set", "reports", "c.internal:9000", "--access-key-file", file(t, "sk-c")},
		"the binding c": {"authm", "bindings", "create", "c", "--service-type", "reports", "--host", "c.internal", "--auth-type", "x509",
			"--auth-identifier", "CN=c", "--unique-key", "c"},
	} {
		g := fixture(t)
		s := g.shell()
		s.ok(t, "authm", "types", "update", "reports", "--host", "api.internal,b.internal,c.internal")
		g.before(t, http.MethodGet, "/v1/service-types/reports", add)
		o := s.fails(t, 1, "1 of 6 objects failed", "import", "-f", path, "--decrypt-key-file", key)
		if want := "failed     service type reports: the document takes the host c.internal from it, which has " + name; !strings.Contains(o.out, want) {
			t.Errorf("%q is missing in\n%s", want, o.out)
		}
		if out := s.ok(t, "authm", "types", "get", "reports"); !strings.Contains(out, "c.internal") {
			t.Errorf("the host is gone:\n%s", out)
		}
	}
}
