package admin_test

import (
	"fmt"
	"testing"
)

// bind stores a binding of the fixture's first service type.
func (r *rig) bind(name string) {
	r.t.Helper()
	uuid := r.must(200, "GET", "/v1/service-types/s1", "")["uuid"]
	r.must(201, "POST", "/v1/bindings/"+name,
		fmt.Sprintf(`{"service_uuid":%q,"host":"host1","auth_identifier":"dn of %s","unique_key":"k","auth_type":"x509"}`, uuid, name))
}

// TestD5_BrokenRecord: lists leave out a record that cannot be read, and tell of it: in the log, and in the
// answer, for whoever needs to have all.
func TestD5_BrokenRecord(t *testing.T) {
	t.Parallel()
	document, _ := servedDocument(t)
	for _, tt := range []struct{ name, prefix, list, field string }{
		{"service_type", "service-types/r/", "/v1/service-types", "service_types"},
		{"method", "auth-methods/r/", "/v1/authm", "auth_methods"},
		{"binding", "bindings/r/", "/v1/bindings", "bindings"},
		{"binding_of_a_host", "bindings/r/", "/v1/service-types/s1/hosts/host1/bindings", "bindings"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := fixture(t)
			r.bind("b1")
			r.bind("b2")
			kvs, _, err := r.mem.List(t.Context(), tt.prefix)
			if err != nil || len(kvs) != 2 {
				t.Fatal(kvs, err)
			}
			r.overwrite(kvs[0].Key, "no record access_key key-1")
			w := r.do("GET", tt.list, "")
			if err := document.Check("GET", tt.list, w.Code, w.Header(), w.Body.Bytes()); err != nil {
				t.Error(err)
			}
			answer := object(t, w.Body.String())
			if list := answer[tt.field].([]any); len(list) != 1 || answer["unreadable"] != 1.0 {
				t.Errorf("list %v", answer)
			}
			if r.logs.FilterMessage("stored record cannot be read").Len() != 1 {
				t.Error("nobody was told")
			}
			r.wantNoSecrets()
		})
	}
}
