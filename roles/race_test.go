package roles_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/roles"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/etcdembed"
)

// A role is never gone while something refers to it, however writes and deletions of two replicas fall
// together.
func TestRace(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		mem := store.NewMemory()
		t.Cleanup(func() { _ = mem.Close() })
		race(t, newRigOn(t, mem), newRigOn(t, mem))
	})
	t.Run("etcd", func(t *testing.T) {
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
		open := func() *rig {
			s := server.Store("/authgate/")
			t.Cleanup(func() { _ = s.Close() })
			return newRigOn(t, s)
		}
		race(t, open(), open())
	})
}

func race(t *testing.T, one, two *rig) {
	const rounds, holders, deleters = 100, 3, 2
	held, deleted := 0, 0
	for round := range rounds {
		role := fmt.Sprint("R", round)
		one.create(role, nil)
		if err := two.feed.Wait(t.Context(), one.mustRole(role).Revision); err != nil {
			t.Fatal(err)
		}
		var heldNow, deletedNow [max(holders, deleters)]bool
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range holders {
			all.Go(func() {
				<-start
				err := []*rig{one, two}[i%2].hold(fmt.Sprint("h", round, "-", i), role)
				if heldNow[i] = err == nil; err != nil && !isUnknown(err, role) {
					t.Errorf("holder: %v", err)
				}
			})
		}
		for i := range deleters {
			all.Go(func() {
				<-start
				err := []*rig{two, one}[i%2].svc.Delete(t.Context(), role, nil)
				if deletedNow[i] = err == nil; err != nil && !fault.Is(err, fault.Conflict) && !isUnknown(err, role) {
					t.Errorf("deletion: %v", err)
				}
			})
		}
		close(start)
		all.Wait()
		h, d := count(heldNow[:]), count(deletedNow[:])
		if d > 1 || d == 1 && h > 0 || d == 0 && h == 0 {
			t.Fatalf("round %d: held by %d, deleted %d times", round, h, d)
		}
		wantFound(t, one.store, role, d == 0)
		if d == 1 {
			deleted++
		} else {
			held++
		}
	}
	t.Logf("held %d times, deleted %d times", held, deleted)
}

// wantFound looks into the store itself.
func wantFound(t *testing.T, s store.Store, role string, want bool) {
	t.Helper()
	kv, _, err := s.Get(t.Context(), "roles/r/"+role)
	if err != nil {
		t.Fatal(err)
	}
	if found := kv.Revision != 0; found != want {
		t.Fatalf("role %s is there: %t, want %t", role, found, want)
	}
}

func isUnknown(err error, role string) bool {
	var u *roles.UnknownError
	return errors.As(err, &u) && u.Role == role
}

func count(what []bool) int {
	n := 0
	for _, is := range what {
		if is {
			n++
		}
	}
	return n
}
