package authmethods_test

import (
	"slices"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/store"
)

const dn = "CN=client,O=Test"

// binding is an x509 binding of the given name.
func binding(name string, st *authmethods.ServiceType, host, identifier string) authmethods.Binding {
	return authmethods.Binding{
		Name: name, ServiceUUID: st.UUID, Host: host, AuthIdentifier: identifier, UniqueKey: "key-of-" + name,
		AuthType: authmethods.AuthTypeX509,
	}
}

func (r *rig) bind(b authmethods.Binding) store.Item[*authmethods.Binding] {
	r.t.Helper()
	item, err := r.svc.CreateBinding(r.ctx, b)
	if err != nil {
		r.t.Fatalf("creating binding %s: %v", b.Name, err)
	}
	return item
}

func (r *rig) mustType(name string) *authmethods.ServiceType {
	r.t.Helper()
	item, err := r.svc.ServiceType(r.ctx, name)
	if err != nil {
		r.t.Fatal(err)
	}
	return item.Value
}

func bindingNames(t *testing.T, items []store.Item[*authmethods.Binding], err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, item := range items {
		if item.Err != nil {
			names = append(names, "unreadable")
		} else {
			names = append(names, item.Value.Name)
		}
	}
	return names
}

func wantNames(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// argo is the fixture of upstream's tests (specs/auth-methods 6).
func argo(t testing.TB) (rig *rig, s1, s2 *authmethods.ServiceType) {
	t.Helper()
	rig = newRig(t, authmethods.Declared{})
	s1 = rig.serviceType("s1", authmethods.KindAPIKey, "host1", "host2", "host3")
	s2 = rig.serviceType("s2", authmethods.KindHeaders, "host3", "host4")
	rig.bind(binding("b1", s1, "host1", "test_dn_1"))
	rig.bind(binding("b2", s1, "host1", "test_dn_2"))
	rig.bind(binding("b3", s1, "host2", "test_dn_3"))
	rig.bind(binding("b4", s2, "host3", "test_dn_1"))
	return rig, s1, s2
}

func ptr[T any](v T) *T { return &v }
