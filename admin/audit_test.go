package admin_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/authgate/authgate/store"
)

// overwrite puts a broken record in the place of one.
func (r *rig) overwrite(key, value string) {
	r.t.Helper()
	if _, err := r.mem.Txn(r.t.Context(), nil, []store.Op{{Key: key, Value: []byte(value)}}); err != nil {
		r.t.Fatal(err)
	}
}

// wantNoSecrets fails the test if any secret of the fixture was logged.
func (r *rig) wantNoSecrets() {
	r.t.Helper()
	for _, entry := range r.logs.All() {
		text := fmt.Sprint(entry.Message, entry.ContextMap())
		for _, hidden := range []string{"key-1", "s3cr3t", "key=" + token} {
			if strings.Contains(text, hidden) {
				r.t.Errorf("log line holds %q: %s", hidden, text)
			}
		}
	}
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// TestAudit is A12: one line for every write, accepted or refused, without values or credentials.
func TestAudit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method, path, body string
		want                     string // verb, kind, outcome, status, caller
		object                   string // id and name, with UUID for the id
		raw                      bool
	}{
		{"create_type", "POST", "/v1/service-types", `{"name":"n","hosts":["h"],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`,
			"create service type accepted 201 admin_key", "UUID n", false},
		{"create_method", "POST", "/v1/services/s1/authm", `{"host":"host2","port":1,"access_key":"s3cr3t"}`, "create auth method accepted 201 admin_key", "UUID s1/host2", false},
		{"update_type", "PUT", "/v1/service-types/s1", `{}`, "update service type accepted 200 admin_key", "UUID s1", false},
		{"update_method", "PUT", "/v1/service-types/s2/hosts/host3/authm", `{"headers":{"a":"s3cr3t"}}`, "update auth method accepted 200 admin_key", "UUID s2/host3", false},
		{"delete_type", "DELETE", "/v1/service-types/s1", ``, "delete service type accepted 204 admin_key", "UUID s1", false},
		{"delete_method", "DELETE", "/v1/service-types/s1/hosts/host1/authm", ``, "delete auth method accepted 204 admin_key", "UUID s1/host1", false},
		{"A12_invalid", "POST", "/v1/service-types/s1/authm", `{"host":"host2","port":1,"access_key":"s3cr3t\n"}`,
			"create auth method refused 422 admin_key", " s1", false},
		{"A12_not_found", "DELETE", "/v1/service-types/s1/hosts/host2/authm", ``, "delete auth method refused 404 admin_key", " s1/host2", false},
		{"A12_bad_json", "PUT", "/v1/service-types/s1", `{"access_key":"s3cr3t"`, "update service type refused 400 admin_key", " s1", false},
		{"A12_unauthenticated", "DELETE", "/v1/service-types/s1?key=s3cr3t", ``, "delete service type refused 401 ", " ", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := fixture(t)
			r.logs.TakeAll()
			send := r.do
			if tt.raw {
				send = r.raw
			}
			send(tt.method, tt.path, tt.body)
			r.wantNoSecrets()
			lines := r.logs.FilterMessage("management write").All()
			if len(lines) != 1 {
				t.Fatalf("%d lines", len(lines))
			}
			m := lines[0].ContextMap()
			if got := fmt.Sprint(m["verb"], " ", m["kind"], " ", m["outcome"], " ", m["status"], " ", m["caller"]); got != tt.want {
				t.Errorf("line %q, want %q", got, tt.want)
			}
			if got := uuidPattern.ReplaceAllString(m["id"].(string)+" "+m["name"].(string), "UUID"); got != tt.object {
				t.Errorf("object %q, want %q", got, tt.object)
			}
			if accepted := m["outcome"] == "accepted"; accepted != (m["revision"] != int64(0)) {
				t.Errorf("revision %v", m["revision"])
			}
		})
	}
	t.Run("A12_reads_leave_no_line", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		r.logs.TakeAll()
		r.do("GET", "/v1/authm", "")
		if r.logs.Len() != 0 {
			t.Errorf("lines: %v", r.logs.All())
		}
	})
}
