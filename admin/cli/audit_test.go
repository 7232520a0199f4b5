package cli_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAudit(t *testing.T) {
	t.Parallel()
	g := fixture(t)
	bad := shell{env: map[string]string{"AUTHGATE_ADMIN_URL": g.url, "AUTHGATE_ADMIN_KEY": "wrong"}}
	bad.fails(t, 1, "Wrong Credentials", "authm", "types", "delete", "reports")
	s := g.shell()
	s.fails(t, 1, "already exists", "authm", "types", "create", "reports", "--host", "h", "--auth-method", "api-key", "--auth-type", "oidc", "--type", "ams")
	lines := strings.Split(s.ok(t, "audit", "--limit", "3", "--kind", "service type"), "\n")
	if len(lines) != 5 {
		t.Fatalf("got %q", lines)
	}
	if got := strings.Join(strings.Fields(lines[0]), " "); got != "TIME OUTCOME STATUS CALLER REMOTE VERB KIND ID REVISION LEFT OUT" {
		t.Errorf("header %q", got)
	}
	if got := lines[1]; !strings.Contains(got, "refused") || !strings.Contains(got, "409") || !strings.Contains(got, "create") {
		t.Errorf("newest entry %q", got)
	}
	if out := s.ok(t, "audit", "-o", "json", "--outcome", "accepted", "--since", "2026-01-31T11:00:00Z"); !strings.Contains(out, `"audit": [`) || strings.Contains(out, "refused") {
		t.Errorf("got %s", out)
	}
	if out := s.ok(t, "audit", "--since", "1m"); out != "" { // the rig's clock stands in the past
		t.Errorf("entries of the past: %s", out)
	}
}

func TestAuditQuery(t *testing.T) {
	t.Parallel()
	var got url.Values
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		answer(w, `{"audit":[]}`)
	})
	o := s.run(t, "audit", "--limit", "7", "--since", "2026-01-31T13:00:00+01:00", "--kind", "auth method", "--outcome", "refused")
	want := url.Values{"limit": {"7"}, "since": {"2026-01-31T12:00:00Z"}, "kind": {"auth method"}, "outcome": {"refused"}}
	if got.Encode() != want.Encode() || o.err != "No audit entries found.\n" {
		t.Errorf("query %v, want %v; stderr %q", got, want, o.err)
	}
	s.ok(t, "audit", "--since", "90m")
	since, err := time.Parse(time.RFC3339, got.Get("since"))
	if d := time.Since(since); err != nil || d < 90*time.Minute || d > 91*time.Minute {
		t.Errorf("since %v, %v", since, err)
	}
}
