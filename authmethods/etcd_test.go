package authmethods_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store/etcdembed"
)

// TestOnEtcd repeats on a real etcd what depends on its transactions: their size limit, which the store
// in memory does not have, and races between two replicas.
func TestOnEtcd(t *testing.T) {
	t.Parallel()
	server, err := etcdembed.Start(etcdembed.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	one := newRigOn(t, server.Store("/authgate/"), authmethods.Declared{})
	two := newRigOn(t, server.Store("/authgate/"), authmethods.Declared{})
	hosts := names(60)
	one.serviceType("big", authmethods.KindAPIKey, hosts...)
	for _, host := range hosts[1:] {
		one.apiKey("big", host, 443, key)
	}

	var done sync.WaitGroup
	var created atomic.Int32
	for i := range 20 {
		rig := []*rig{one, two}[i%2]
		done.Go(func() {
			m := authmethods.Method{Host: hosts[0], Port: 443, AccessKey: secret.New(key)}
			switch _, err := rig.svc.CreateMethod(rig.ctx, "big", m); {
			case err == nil:
				created.Add(1)
			case !fault.Is(err, fault.Exists):
				t.Error(err)
			}
		})
	}
	done.Wait()
	if created.Load() != 1 {
		t.Errorf("%d created", created.Load())
	}

	st := one.mustType("big")
	created.Store(0)
	for i := range 20 {
		rig := []*rig{one, two}[i%2]
		done.Go(func() {
			switch _, err := rig.svc.CreateBinding(rig.ctx, binding(fmt.Sprintf("racer%d", i), st, hosts[0], dn)); {
			case err == nil:
				created.Add(1)
			case !fault.Is(err, fault.Exists):
				t.Error(err)
			}
		})
	}
	done.Wait()
	if created.Load() != 1 {
		t.Errorf("%d bindings created", created.Load())
	}
	for i, host := range hosts[1:] {
		one.bind(binding(fmt.Sprintf("b%d", i), st, host, dn))
	}

	other := names(60)
	for i := range other {
		other[i] = "x" + other[i]
	}
	other[0] = hosts[0]
	update(one, "big", authmethods.ServiceTypePatch{Hosts: &other})
	if _, err := one.svc.DeleteServiceType(one.ctx, "big", nil); err != nil {
		t.Fatal(err)
	}
	if left, err := two.svc.Methods(two.ctx); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if left, err := two.svc.Bindings(two.ctx); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if left, err := two.svc.ServiceTypes(two.ctx); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
