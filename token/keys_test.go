package token_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/token"
)

// TestFirstKeyElsewhere: a replica that has just looked for a key in vain, and hears nothing of the one that
// another makes, mints and verifies with it all the same.
func TestFirstKeyElsewhere(t *testing.T) {
	inBubble(t, func(t *testing.T, m *store.Memory) {
		one, two := start(t, m, 0), start(t, m, 0)
		defer one.stop()
		defer two.stop()
		if keys := list(t, two.Keys); len(keys) != 0 {
			t.Fatalf("keys %v", keys)
		}
		unknown := strangersKey(t)
		two.takes(t, unknown.sign(t, unknown.header(), payload(time.Now())), token.ErrInvalid)
		m.HoldEvents(true)
		defer m.HoldEvents(false)
		raw := ""
		var first sync.WaitGroup
		first.Go(func() { raw = one.mint(t) })
		synctest.Wait() // it has written the key and waits to hear of it
		other := two.mint(t)
		two.takes(t, other, nil)
		first.Wait()
		for _, g := range []gateway{one, two} {
			g.takes(t, raw, nil)
			g.takes(t, other, nil)
		}
		if keys := storedKeys(t, m); len(keys) != 1 {
			t.Errorf("%d keys", len(keys))
		}
	})
}

// TestPatience: who waits for a key may leave, and the key is made for the others.
func TestPatience(t *testing.T) {
	inBubble(t, func(t *testing.T, m *store.Memory) {
		k := start(t, m, 0)
		defer k.stop()
		k.takes(t, "a.b.c", token.ErrNotOurs)
		hold := m.HoldReads()
		impatient, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := k.Mint(impatient, token.Claims{Expiry: time.Now().Add(time.Hour)}); err == nil {
				t.Log("the key was made in time")
			} else if !errors.Is(err, token.ErrUnavailable) {
				t.Error(err)
			}
		})
		synctest.Wait()
		all.Go(func() { k.takes(t, k.mint(t), nil) })
		synctest.Wait()
		leave()
		synctest.Wait()
		hold.Release()
		all.Wait()
	})
}

// TestRevokeWaiting: a key that waits can be revoked; the one that signs goes on.
func TestRevokeWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, m *store.Memory) {
		k := start(t, m, 0)
		defer k.stop()
		raw := k.mint(t)
		waiting, err := k.Rotate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Revoke(t.Context(), waiting.ID); err != nil {
			t.Fatal(err)
		}
		pass(48 * time.Hour)
		keys := list(t, k.Keys)
		if len(keys) != 1 || keys[0].ID != kidOf(t, raw) || keys[0].State != token.StateActive || !keys[0].VerifiesUntil.IsZero() {
			t.Fatalf("keys %+v", keys)
		}
		if again := k.mint(t); kidOf(t, again) != kidOf(t, raw) {
			t.Error("another key signs")
		}
	})
}

// TestRevokeTwice: keys that may all have leaked are revoked one by one, from the oldest or from the newest;
// none that has stopped signing begins again.
func TestRevokeTwice(t *testing.T) {
	for name, order := range map[string][]int{"active_first": {1, 0}, "retiring_first": {0, 1}, "waiting_last": {0, 1, 2}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, m *store.Memory) {
				k := start(t, m, 0)
				defer k.stop()
				raws := []string{k.mint(t)}
				for range 2 {
					if _, err := k.Rotate(t.Context()); err != nil {
						t.Fatal(err)
					}
					pass(time.Minute)
					raws = append(raws, k.mint(t))
				}
				waiting, err := k.Rotate(t.Context()) // and one more
				if err != nil {
					t.Fatal(err)
				}
				ids := list(t, k.Keys)[1:]
				for n, i := range order {
					if err := k.Revoke(t.Context(), ids[i].ID); err != nil {
						t.Fatal(err)
					}
					signs := kidOf(t, k.mint(t))
					if signs == kidOf(t, raws[0]) {
						t.Error("a key signs that had stopped")
					}
					for _, j := range order[:n+1] {
						if signs == ids[j].ID {
							t.Error("a revoked key signs")
						}
					}
				}
				k.takes(t, raws[0], nil)
				k.takes(t, raws[1], token.ErrInvalid)
				k.takes(t, raws[2], token.ErrInvalid)
				if signs := kidOf(t, k.mint(t)); (signs == waiting.ID) != (len(order) == 2) {
					t.Errorf("%s signs, %s was waiting", signs, waiting.ID)
				}
			})
		})
	}
}

// TestNewAlgorithm: a key of the configured algorithm is made when a token is to be signed, signs after the
// overlap, and tokens of the old one live on.
func TestNewAlgorithm(t *testing.T) {
	inBubble(t, func(t *testing.T, m *store.Memory) {
		old := start(t, m, 0, func(cfg *token.Config) { cfg.Alg = token.RS256 })
		raw := old.mint(t)
		old.stop()
		k := start(t, m, 0, func(cfg *token.Config) { cfg.Alg = token.EdDSA })
		defer k.stop()
		m.FailWrites(errors.New("down"))
		if kid := kidOf(t, k.mint(t)); kid != kidOf(t, raw) {
			t.Errorf("signed with %s though no key can be made", kid)
		}
		m.FailWrites(nil)
		pass(time.Minute)
		if kid := kidOf(t, k.mint(t)); kid != kidOf(t, raw) {
			t.Errorf("signed with %s before that was published", kid)
		}
		pass(time.Minute)
		fresh := k.mint(t)
		keys := list(t, k.Keys)
		if len(keys) != 2 || keys[1].Alg != token.EdDSA || kidOf(t, fresh) != keys[1].ID || keys[0].State != token.StateRetiring {
			t.Errorf("keys %+v", keys)
		}
		for _, raw := range []string{raw, fresh} {
			k.takes(t, raw, nil)
		}
	})
}

// TestBound: rotating in a loop ends before the set gets too large, and goes on when keys have retired.
func TestBound(t *testing.T) {
	inBubble(t, func(t *testing.T, m *store.Memory) {
		k := start(t, m, 0)
		defer k.stop()
		k.mint(t)
		for n := 1; n < 32; n++ {
			if _, err := k.Rotate(t.Context()); err != nil {
				t.Fatal(n, err)
			}
			pass(time.Minute)
		}
		if _, err := k.Rotate(t.Context()); !fault.Is(err, fault.Conflict) {
			t.Errorf("got %v", err)
		}
		pass(25 * time.Hour)
		if _, err := k.Rotate(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	m := memory(t)
	rec := token.NewRecords(m, store.NewFeed(m, store.FeedConfig{}))
	for name, cfg := range map[string]token.Config{
		"no_issuer":         {},
		"J2_HS256":          {Issuer: issuer, Alg: "HS256"},
		"J1_none":           {Issuer: issuer, Alg: "none"},
		"too_often":         {Issuer: issuer, RotateEvery: time.Minute},
		"negative_overlap":  {Issuer: issuer, Overlap: -1},
		"too_long_overlap":  {Issuer: issuer, RotateEvery: -1, Overlap: 25 * time.Hour},
		"overlap_of_a_turn": {Issuer: issuer, RotateEvery: time.Hour, Overlap: time.Hour},
	} {
		if _, err := token.New(rec, cfg, token.Deps{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := token.New(rec, token.Config{Issuer: issuer}, token.Deps{}); err != nil {
		t.Error(err)
	}
}
