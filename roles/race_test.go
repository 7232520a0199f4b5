package roles_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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
		// Holders begin with the deletions, or when those have looked for holders so many times.
		var looks atomic.Int32
		var once sync.Once
		start := make(chan struct{})
		begin := func() { once.Do(func() { close(start) }) }
		one.asked = func(string) {
			if int(looks.Add(1)) >= round%(2*deleters+1) {
				begin()
			}
		}
		two.asked = one.asked
		if round%(2*deleters+1) == 0 {
			begin()
		}
		var heldNow, deletedNow atomic.Int32
		var all sync.WaitGroup
		for i := range holders {
			all.Go(func() {
				<-start
				switch err := []*rig{one, two}[i%2].hold(fmt.Sprint("h", round, "-", i), role); {
				case err == nil:
					heldNow.Add(1)
				case !isUnknown(err, role):
					t.Errorf("holder: %v", err)
				}
			})
		}
		for i := range deleters {
			all.Go(func() {
				defer begin()
				switch err := []*rig{two, one}[i%2].svc.Delete(t.Context(), role, nil); {
				case err == nil:
					deletedNow.Add(1)
				case !fault.Is(err, fault.Conflict) && !isUnknown(err, role):
					t.Errorf("deletion: %v", err)
				}
			})
		}
		all.Wait()
		h, d := heldNow.Load(), deletedNow.Load()
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
	if held == 0 || deleted == 0 {
		t.Error("it was no race")
	}
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
