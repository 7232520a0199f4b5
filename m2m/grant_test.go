package m2m_test

import (
	"errors"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/m2m"
	"github.com/authgate/authgate/roles"
)

// TestEscalation: who may manage configs can mint any role, unless somebody looks (specs/m2m 5).
func TestEscalation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.role("Keeper", roles.Permissions{roles.ResourceKeys: roles.ReadWriteAccess})
	holder := m2m.WriteOptions{Holder: roles.Permissions{roles.ResourceAccess: roles.ReadWriteAccess}}
	const want = `not authorized: role "Keeper" grants "READ_WRITE_ACCESS" for "Keys", which the caller does not hold`

	_, err := r.svc.Create(r.ctx, generic(gives("Deployer", "Keeper")), holder)
	wantError(t, err, fault.Forbidden, m2m.CodePermissionDenied, want)
	var exceeds *roles.ExceedsError
	if !errors.As(err, &exceeds) {
		t.Errorf("%v does not say what exceeds", err)
	}
	_, err = r.svc.Create(r.ctx, generic(gives(roles.Analyst)), m2m.WriteOptions{})
	wantKind(t, err, fault.Forbidden) // nobody in particular holds nothing
	r.wantConfigs()

	item, err := r.svc.Create(r.ctx, generic(gives("Deployer", roles.None)), holder)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.svc.Put(r.ctx, item.ID, generic(gives("Keeper")), holder, nil)
	wantError(t, err, fault.Forbidden, m2m.CodePermissionDenied, want)

	// Nor can he have a role that others gave by tokens of his own issuer.
	id := r.create(generic(of("https://theirs.example"), gives("Keeper"))).ID
	_, err = r.svc.Put(r.ctx, id, generic(of("https://mine.example"), gives("Keeper")), holder, nil)
	wantError(t, err, fault.Forbidden, m2m.CodePermissionDenied, want)
	if got := r.get(id).Value.Issuer; got != "https://theirs.example" {
		t.Errorf("got issuer %q", got)
	}

	holder.Holder = roles.Permissions{roles.ResourceAccess: roles.ReadWriteAccess, roles.ResourceKeys: roles.ReadWriteAccess}
	if _, err = r.svc.Put(r.ctx, item.ID, generic(gives("Keeper")), holder, nil); err != nil {
		t.Error(err)
	}
}
