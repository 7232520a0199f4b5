package cli_test

import (
	"strings"
	"testing"

	"github.com/authgate/authgate/authmethods"
)

func TestSet(t *testing.T) {
	t.Parallel()
	g := fixture(t)
	s := g.shell()
	secrets := func(host string) string {
		return s.ok(t, "authm", "get", "reports", host, "-o", "json", "--show-secrets")
	}
	before := g.writes()
	if out := s.with(reportsKey+"\r\n").ok(t, "authm", "set", "reports", "api.internal:9000", "--access-key-file", "-"); out != "auth method reports/api.internal unchanged\n" || g.writes() != before {
		t.Errorf("the same again: %d writes, %q", g.writes()-before, out)
	}
	if out := s.with("sk-2").ok(t, "authm", "set", "reports", "api.internal:9000", "--access-key-file", "-"); out != "auth method reports/api.internal updated\n" {
		t.Errorf("got %q", out)
	}
	s.ok(t, "authm", "set", "reports", "api.internal:9001", "--path", "/v1/{{identifier}}", "--retrieval-field", "tok")
	s.ok(t, "authm", "set", "reports", "api.internal:9002", "--retrieval-field", "tok2")
	got := secrets("api.internal")
	for _, want := range []string{`"access_key": "sk-2"`, `"port": 9002`, `"path": "/v1/{{identifier}}"`, `"retrieval_field": "tok2"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
	s.ok(t, "authm", "set", "reports", "api.internal:9002", "--path", "")
	if got := secrets("api.internal"); strings.Contains(got, `"path"`) {
		t.Errorf("the path was not cleared: %s", got)
	}
	s.ok(t, "authm", "set", "billing", "pay.internal:443", "--header", "X-Other="+file(t, "v"))
	if got := s.ok(t, "authm", "get", "billing", "pay.internal"); !strings.Contains(got, "X-Other=sha256:") || strings.Contains(got, "X-Token") {
		t.Errorf("headers are not replaced as a whole: %s", got)
	}
}

func TestSetRefuses(t *testing.T) {
	t.Parallel()
	s := fixture(t).shell()
	key := file(t, "sk")
	for name, tt := range map[string]struct {
		status int
		want   string
		args   []string
	}{
		"wrong_kind":      {2, "keeps credentials of kind headers: use --header", []string{"billing", "pay.internal:443", "--access-key-file", key}},
		"no_credential":   {2, "nothing is stored for b.internal", []string{"reports", "b.internal:9000"}},
		"no_service_type": {1, "Service-type was not found (status 404)", []string{"nope", "b.internal:9000", "--access-key-file", key}},
		"no_host":         {1, "Host was not found (status 404)", []string{"reports", "x.internal:9000", "--access-key-file", key}},
		"field": {1, "control or non-ASCII character (status 422)\nHint: that field is set with --path",
			[]string{"reports", "b.internal:9000", "--access-key-file", key, "--path", "/a\x01"}},
		"empty_file":    {1, "reading the access key: it is empty", []string{"reports", "b.internal:9000", "--access-key-file", file(t, "\n")}},
		"missing_file":  {1, "reading the access key: open /nonexistent", []string{"reports", "b.internal:9000", "--access-key-file", "/nonexistent"}},
		"large_file":    {1, "it is too large", []string{"reports", "b.internal:9000", "--access-key-file", file(t, strings.Repeat("x", 70000))}},
		"header_twice":  {2, "--header X is given twice", []string{"billing", "pay.internal:443", "--header", "X=" + key, "--header", "X=" + key}},
		"A6_if_match":   {1, "(status 412)\nHint: somebody changed it since", []string{"reports", "api.internal:9000", "--access-key-file", key, "--if-match", "1"}},
		"A6_not_there":  {1, "Auth method was not found", []string{"reports", "b.internal:9000", "--access-key-file", key, "--if-match", "1"}},
		"two_of_stdin":  {2, "stdin can hold one thing only, and it holds the header A", []string{"billing", "pay.internal:443", "--header", "A=-", "--header", "B=-"}},
		"key_and_stdin": {2, "and it holds the access key", []string{"reports", "api.internal:9000", "--access-key-file", "-", "--key-file", "-"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.with("from-stdin").fails(t, tt.status, tt.want, append([]string{"authm", "set"}, tt.args...)...)
		})
	}
}

func TestSetIPv6(t *testing.T) {
	t.Parallel()
	for _, listed := range []string{"::1", "[::1]"} {
		s := newGateway(t, authmethods.Declared{}).shell()
		s.ok(t, "authm", "types", "create", "six", "--host", listed, "--auth-method", "api-key", "--auth-type", "oidc", "--type", "custom")
		if out := s.ok(t, "authm", "set", "six", "[::1]:9000", "--access-key-file", file(t, "k")); out != "auth method six/"+listed+" created\n" {
			t.Errorf("got %q", out)
		}
		s.ok(t, "authm", "get", "six", listed)
		s.ok(t, "authm", "delete", "six", listed)
	}
}

func TestKeySources(t *testing.T) {
	t.Parallel()
	g := fixture(t)
	s := shell{env: map[string]string{"AUTHGATE_ADMIN_URL": g.url, "AUTHGATE_ADMIN_KEY": "wrong"}}
	s.ok(t, "authm", "list", "--key-file", file(t, adminKey+"\n"))
	s.with(adminKey+"\n").ok(t, "authm", "list", "--key-file", "-")
	o := s.fails(t, 1, "Wrong Credentials", "authm", "list")
	if strings.Contains(o.err, "wrong") {
		t.Errorf("the key is shown: %q", o.err)
	}
	o = s.fails(t, 1, "cannot be sent as a bearer", "authm", "list", "--key-file", file(t, "two\nlines"))
	if strings.Contains(o.err, "lines") {
		t.Errorf("the key is shown: %q", o.err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args     []string
		question string
		done     string
	}{
		"method":  {[]string{"authm", "delete", "reports", "api.internal"}, "Delete the auth method of api.internal in service type reports? [y/N] ", "auth method reports/api.internal deleted\n"},
		"type":    {[]string{"authm", "types", "delete", "reports"}, "Delete the service type reports with its 1 auth methods and 2 bindings? [y/N] ", "service type reports deleted\n"},
		"binding": {[]string{"authm", "bindings", "delete", "robot-1"}, "Delete the binding robot-1? [y/N] ", "binding robot-1 deleted\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := fixture(t)
			s := g.shell()
			before := g.writes()
			s.terminal = true
			for _, typed := range []string{"", "\n", "n\n", "yess\n"} {
				o := s.with(typed).fails(t, 1, "nothing was deleted", tt.args...)
				if !strings.HasPrefix(o.err, tt.question) {
					t.Errorf("asked %q, want %q", o.err, tt.question)
				}
			}
			s.terminal = false
			s.fails(t, 1, "(status 412)", append(tt.args, "--if-match", "1")...)
			s.terminal = true
			if g.writes() != before+1 {
				t.Errorf("%d writes without consent", g.writes()-before-1)
			}
			if o := s.with("Yes\n").run(t, tt.args...); o.status != 0 || o.out != tt.done {
				t.Errorf("got %d %q %q", o.status, o.out, o.err)
			}
			s.with("").fails(t, 1, "was not found (status 404)", append(tt.args, "--yes")...)
		})
	}
	t.Run("no_terminal", func(t *testing.T) {
		t.Parallel()
		if o := fixture(t).shell().run(t, "authm", "types", "delete", "reports"); o.status != 0 || o.err != "" {
			t.Errorf("got %d %q", o.status, o.err)
		}
	})
}
