package admin_test

import "testing"

// TestD5_BrokenRecord: lists leave out a record that cannot be read, and tell of it.
func TestD5_BrokenRecord(t *testing.T) {
	t.Parallel()
	r := fixture(t)
	kvs, _, err := r.mem.List(t.Context(), "auth-methods/r/")
	if err != nil || len(kvs) != 2 {
		t.Fatal(kvs, err)
	}
	r.overwrite(kvs[0].Key, "no record access_key key-1")
	if list := r.must(200, "GET", "/v1/authm", "")["auth_methods"].([]any); len(list) != 1 {
		t.Errorf("list %v", list)
	}
	if r.logs.FilterMessage("stored record cannot be read").Len() != 1 {
		t.Error("nobody was told")
	}
	r.wantNoSecrets()
}
