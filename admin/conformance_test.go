package admin_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authgate/authgate/admin/admintest"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/secret"
)

// serve makes a rig the target of the suite's cases.
func (r *rig) serve(t testing.TB) admintest.Target {
	server := httptest.NewServer(r.h)
	t.Cleanup(server.Close)
	return admintest.Target{Address: server.Listener.Addr().String(), Key: token, State: r.state}
}

// state is every record with its revision. What the audit log holds grows with refusals too.
func (r *rig) state(t testing.TB) string {
	kvs, _, err := r.mem.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, kv := range kvs {
		if !strings.HasPrefix(kv.Key, "audit/") {
			fmt.Fprintln(&b, kv.Key, kv.Revision)
		}
	}
	return b.String()
}

// documented holds every exchange of a suite to the document that the handler serves.
func documented(t *testing.T) func(testing.TB, admintest.Exchange) {
	v, _ := servedDocument(t)
	t.Cleanup(func() { t.Logf("%d answers of the document seen, %d not", len(v.Exercised()), len(v.Unexercised())) })
	return func(t testing.TB, x admintest.Exchange) {
		t.Helper()
		if err := v.Check(x.Method, x.Path, x.Status, x.Header, []byte(x.Body)); err != nil {
			t.Error(err)
		}
	}
}

// TestConformance runs the suite over the handler, with the store in memory.
func TestConformance(t *testing.T) {
	t.Parallel()
	admintest.Suite{
		Open:  func(t testing.TB) admintest.Target { return newRig(t, authmethods.Declared{}).serve(t) },
		Check: documented(t),
	}.Run(t)
}

func TestConformanceDeclared(t *testing.T) {
	t.Parallel()
	declared := authmethods.Declared{
		ServiceTypes: []authmethods.ServiceType{{
			Name: admintest.DeclaredType, Hosts: []string{admintest.DeclaredHost}, AuthTypes: []string{"x509"},
			AuthMethod: authmethods.KindAPIKey, Type: "ams",
		}},
		Methods: []authmethods.DeclaredMethod{{
			ServiceType: admintest.DeclaredType,
			Method:      authmethods.Method{Host: admintest.DeclaredHost, Port: 1, AccessKey: secret.New("k")},
		}},
	}
	admintest.Suite{
		Open:  func(t testing.TB) admintest.Target { return newRig(t, declared).serve(t) },
		Check: documented(t),
	}.RunDeclared(t)
}
