package token_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/token"
)

// TestFirstKey: replicas that need the first key at once make one between them.
func TestFirstKey(t *testing.T) {
	t.Parallel()
	s, c := memory(t), newClock()
	var replicas []*token.Keys
	for range 4 {
		replicas = append(replicas, replica(t, s, c))
	}
	if keys := list(t, replicas[0]); len(keys) != 0 {
		t.Fatalf("keys before anybody needed one: %v", keys)
	}
	tokens := make([]string, 16)
	var all sync.WaitGroup
	for i := range tokens {
		all.Go(func() {
			raw, err := replicas[i%4].Mint(t.Context(), token.Claims{Expiry: c.now().Add(time.Hour)})
			if err != nil {
				t.Error(err)
			}
			tokens[i] = raw.Reveal()
		})
	}
	all.Wait()
	for _, raw := range tokens {
		for _, k := range replicas {
			if _, err := k.Verify(t.Context(), raw); err != nil {
				t.Error(err)
			}
		}
	}
	if keys := storedKeys(t, s); len(keys) != 1 {
		t.Errorf("%d keys", len(keys))
	}
}

// TestMaintain: what is due happens once, whoever notices.
func TestMaintain(t *testing.T) {
	t.Parallel()
	s, c := memory(t), newClock()
	daily := func(cfg *token.Config) { cfg.RotateEvery = 24 * time.Hour }
	replicas := []*token.Keys{replica(t, s, c, daily), replica(t, s, c, daily), replica(t, s, c, daily)}
	maintain := func() {
		t.Helper()
		var all sync.WaitGroup
		for _, k := range replicas {
			all.Go(func() {
				if err := k.Maintain(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	maintain()
	if keys := list(t, replicas[0]); len(keys) != 0 {
		t.Errorf("made a key that nobody needs: %v", keys)
	}
	mint(t, replicas[0], c)
	states := func() (out []string) {
		for _, k := range list(t, replicas[1]) {
			out = append(out, k.State+" "+string(k.Alg))
		}
		return out
	}
	for _, step := range []struct {
		wait time.Duration
		want string
	}{
		{0, "[active ES256]"},
		{24*time.Hour - time.Minute - 1, "[active ES256]"},
		{1, "[active ES256 pending ES256]"},
		{time.Minute - 1, "[active ES256 pending ES256]"},
		{1, "[retiring ES256 active ES256]"},
		{23 * time.Hour, "[retiring ES256 active ES256]"},
		{time.Hour, "[retiring ES256 active ES256 pending ES256]"},
		{2 * time.Hour, "[retiring ES256 active ES256]"},
	} {
		c.advance(step.wait)
		maintain()
		if step.wait == time.Hour {
			continue // two things were due at about that time
		}
		// The replica that is asked may have been the slower one, and hears of the change on its watch.
		got := ""
		for wait := time.NewTimer(5 * time.Second); got != step.want; {
			if got = fmt.Sprint(states()); got == step.want {
				break
			}
			select {
			case <-time.After(time.Millisecond):
				continue
			case <-wait.C:
			}
			t.Fatalf("after %v: %s, want %s", step.wait, got, step.want)
		}
	}
	t.Run("another_algorithm", func(t *testing.T) {
		s, c := memory(t), newClock()
		old := replica(t, s, c)
		raw := mint(t, old, c)
		k := replica(t, s, c, func(cfg *token.Config) { cfg.Alg = token.EdDSA })
		if err := k.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.advance(2 * time.Minute)
		for _, raw := range []string{raw, mint(t, k, c)} {
			if _, err := k.Verify(t.Context(), raw); err != nil {
				t.Error(err)
			}
		}
		if keys := list(t, k); len(keys) != 2 || keys[1].Alg != token.EdDSA || keys[1].State != token.StateActive {
			t.Errorf("keys %+v", keys)
		}
	})
}

func TestRotateTwice(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := replica(t, memory(t), c)
	mint(t, k, c)
	if _, err := k.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Rotate(t.Context()); !fault.Is(err, fault.Conflict) {
		t.Errorf("while one is waiting: %v", err)
	}
}

// TestRevoke is for a key that has leaked.
func TestRevoke(t *testing.T) {
	t.Parallel()
	for _, waiting := range []bool{false, true} {
		s, c := memory(t), newClock()
		one, two := replica(t, s, c), replica(t, s, c)
		raw := mint(t, one, c)
		leaked := list(t, one)[0].ID
		if waiting {
			if _, err := one.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := one.Revoke(t.Context(), leaked); err != nil {
			t.Fatal(err)
		}
		if _, err := one.Verify(t.Context(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("waiting %v: its token: %v", waiting, err)
		}
		fresh := mint(t, one, c)
		c.advance(time.Second)
		if _, err := two.Verify(t.Context(), fresh); err != nil {
			t.Errorf("waiting %v: a token of the new key on the other replica: %v", waiting, err)
		}
		if keys := list(t, one); len(keys) != 1 || keys[0].ID == leaked {
			t.Errorf("waiting %v: keys %+v", waiting, keys)
		}
		if err := one.Revoke(t.Context(), leaked); !fault.Is(err, fault.NotFound) {
			t.Errorf("again: %v", err)
		}
	}
}
