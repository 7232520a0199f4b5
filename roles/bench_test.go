package roles_test

import (
	"fmt"
	"testing"

	"github.com/authgate/authgate/roles"
)

// benchRoles are lists of roles as callers have them.
func benchRoles(tb testing.TB) (*rig, map[string][]string) {
	rig := newRig(tb, roles.Role{Name: "Deployer", Permissions: roles.Permissions{"Keys": roles.ReadAccess}})
	for i, resource := range roles.Resources() {
		rig.create(fmt.Sprint("R", i), roles.Permissions{resource: roles.ReadAccess})
	}
	return rig, map[string][]string{
		"built_in": {"Continuous Integration"},
		"declared": {"Deployer"},
		"stored":   {"R1"},
		"three":    {"Analyst", "R1", "Deployer"},
		"disjoint": {"R0", "R1", "R2"},
		"unknown":  {"Gone"},
	}
}

func BenchmarkResolve(b *testing.B) {
	rig, lists := benchRoles(b)
	for name, list := range lists {
		b.Run(name, func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rig.svc.Resolve(ctx, list); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkResolveParallel(b *testing.B) {
	rig, lists := benchRoles(b)
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := rig.svc.Resolve(ctx, lists["stored"]); err != nil {
				b.Error(err)
			}
		}
	})
}

// TestResolveAllocations holds the budget of the request path: the list of roles, and a map only if no role
// covers the others.
func TestResolveAllocations(t *testing.T) {
	rig, lists := benchRoles(t)
	reads := rig.reads()
	for name, most := range map[string]float64{"built_in": 1, "declared": 1, "stored": 1, "three": 1, "disjoint": 3, "unknown": 0} {
		ctx := t.Context()
		rig.resolve(lists[name]...)
		n := testing.AllocsPerRun(200, func() {
			if _, err := rig.svc.Resolve(ctx, lists[name]); err != nil {
				t.Fatal(err)
			}
		})
		if n > most {
			t.Errorf("%s: %v allocations, at most %v wanted", name, n, most)
		}
	}
	if got := rig.reads() - reads; got > 8 {
		t.Errorf("%d reads of the store", got)
	}
}
