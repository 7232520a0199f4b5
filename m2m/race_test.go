package m2m_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/m2m"
	"github.com/authgate/authgate/roles"
)

// TestRaceForIssuer: of 20 that want one issuer, in all its spellings and through two replicas, one gets it.
func TestRaceForIssuer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, two *rig) {
		var all sync.WaitGroup
		var won atomic.Pointer[m2m.Config]
		start := make(chan struct{})
		for i := range 20 {
			r := []*rig{one, two}[i%2]
			iss := []string{issuer, issuer + "/", "https://IDP.example"}[i%3]
			all.Go(func() {
				<-start
				item, err := r.svc.Create(r.ctx, generic(of(iss)), unasked)
				switch {
				case err == nil:
					if won.Swap(item.Value) != nil {
						t.Error("two have won")
					}
				case !fault.Is(err, fault.Exists):
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		if won.Load() == nil {
			t.Fatal("nobody has won")
		}
		one.wantConfigs(won.Load().ID)
		two.wantConfigs(won.Load().ID)
		if item, err := two.svc.ByIssuer(two.ctx, won.Load().Issuer); err != nil || item.ID != won.Load().ID {
			t.Errorf("got %q, %v", item.ID, err)
		}
	})
}

// TestRaceForID: who puts the same config at once does not fail for it.
func TestRaceForID(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, two *rig) {
		var all sync.WaitGroup
		for i := range 8 {
			r := []*rig{one, two}[i%2]
			all.Go(func() {
				if _, err := r.svc.Put(r.ctx, unknown, generic(), unasked, nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		one.wantConfigs(unknown)
	})
}

// TestRaceWithRole: a role is never gone while a config gives it, however both fall together.
func TestRaceWithRole(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, two *rig) {
		const rounds = 40
		kept := 0
		for round := range rounds {
			role, iss := fmt.Sprint("R", round), fmt.Sprintf("https://r%d.example", round)
			one.role(role, nil)
			var all sync.WaitGroup
			var stored, deleted atomic.Bool
			start := make(chan struct{})
			all.Go(func() {
				<-start
				_, err := one.svc.Create(one.ctx, generic(of(iss), gives(roles.Admin, role)), unasked)
				var absent *roles.UnknownError
				if stored.Store(err == nil); err != nil && !errors.As(err, &absent) {
					t.Errorf("config: %v", err)
				}
			})
			all.Go(func() {
				<-start
				err := two.roles.Delete(two.ctx, role, nil)
				var absent *roles.UnknownError // the other replica may not have heard of it
				if deleted.Store(err == nil); err != nil && !fault.Is(err, fault.Conflict) && !errors.As(err, &absent) {
					t.Errorf("role: %v", err)
				}
			})
			close(start)
			all.Wait()
			if stored.Load() && deleted.Load() {
				t.Fatalf("round %d: the config was stored and its role deleted", round)
			}
			if stored.Load() {
				kept++
			}
		}
		t.Logf("kept %d of %d", kept, rounds)
	})
}

// TestLargest: what the limits allow fits into one transaction of etcd, also when every role changes and each
// was about to be deleted.
func TestLargest(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, one, _ *rig) {
		names := func(prefix string) []string {
			list := numbered(40)
			for i := range list {
				list[i] = prefix + list[i]
				one.role(list[i], nil)
			}
			return list
		}
		full := func(names []string) func(*m2m.Config) {
			return func(c *m2m.Config) {
				c.Mappings = nil
				for i := range 200 {
					c.Mappings = append(c.Mappings, m2m.Mapping{
						Key: "sub", ValueExpression: fmt.Sprintf("^project/%03d$", i), Role: names[i%len(names)],
					})
				}
			}
		}
		before, after := names("a"), names("b")
		id := one.create(generic(full(before))).ID
		for _, name := range after {
			one.mark(name)
		}
		item, err := one.svc.Put(one.ctx, id, generic(of("https://new.example"), full(after)), unasked, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := item.Value.Match(claims{"sub": {"project/199"}}); len(got) != 1 || got[0] != after[199%40] {
			t.Errorf("got %q", got)
		}
		if err := one.roles.Delete(one.ctx, before[0], nil); err != nil {
			t.Error(err)
		}
		wantKind(t, one.roles.Delete(one.ctx, after[0], nil), fault.Conflict)
	})
}
