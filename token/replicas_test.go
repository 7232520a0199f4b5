package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/token"
)

// gateway is one replica in a bubble of fake time, with a clock that may be wrong.
type gateway struct {
	*token.Keys
	stop func()
}

// start returns a replica whose clock is ahead by skew.
func start(t *testing.T, s store.Store, skew time.Duration, change ...func(*token.Config)) gateway {
	t.Helper()
	feed := store.NewFeed(s, store.FeedConfig{})
	rec := token.NewRecords(s, feed)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = feed.Run(ctx)
	}()
	<-feed.Ready()
	cfg := token.Config{Issuer: issuer}
	for _, f := range change {
		f(&cfg)
	}
	k, err := token.New(rec, cfg, token.Deps{Now: func() time.Time { return time.Now().Add(skew) }})
	if err != nil {
		t.Fatal(err)
	}
	return gateway{k, func() { cancel(); <-ended }}
}

func (g gateway) mint(t *testing.T) string {
	t.Helper()
	return mintClaims(t, g.Keys, token.Claims{Expiry: time.Now().Add(20 * time.Hour)})
}

// takes fails the test unless raw verifies, or not with the given error.
func (g gateway) takes(t *testing.T, raw string, want error) {
	t.Helper()
	if _, err := g.Verify(t.Context(), raw); !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("got %v, want %v", err, want)
	}
}

func pass(d time.Duration) { <-time.After(d) }

// inBubble runs test over a store in memory.
func inBubble(t *testing.T, test func(*testing.T, *store.Memory)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		test(t, m)
		_ = m.Close()
	})
}

// TestSilentWatch: a replica that hears nothing of the keys' changes takes the first token of each key all
// the same, and many at once cost one read.
func TestSilentWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, m *store.Memory) {
		one, two := start(t, m, 0), start(t, m, 0)
		defer one.stop()
		defer two.stop()
		two.takes(t, strings.Repeat("x", 9)+".y.z", token.ErrNotOurs) // it knows now that there is no key
		m.HoldEvents(true)
		raw := one.mint(t)
		reads := m.Reads()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { two.takes(t, raw, nil) })
		}
		all.Wait()
		if n := m.Reads() - reads; n > 2 { // one is the feed's own
			t.Errorf("%d reads for 50 tokens of a new key", n)
		}
		leaked := list(t, one.Keys)[0].ID
		if err := one.Revoke(t.Context(), leaked); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		two.takes(t, one.mint(t), nil)
		m.HoldEvents(false)
		synctest.Wait()
		two.takes(t, raw, token.ErrInvalid)
		if err := two.CheckKey(t.Context(), leaked); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("the revoked key: %v", err)
		}
		if err := two.CheckKey(t.Context(), list(t, two.Keys)[0].ID); err != nil {
			t.Error(err)
		}
	})
}

// TestForgedKids: tokens of keys that nobody has cost one read of the store a second.
func TestForgedKids(t *testing.T) {
	inBubble(t, func(t *testing.T, m *store.Memory) {
		k := start(t, m, 0)
		defer k.stop()
		raw := k.mint(t)
		good := storedKeys(t, m)[0]
		pass(time.Second)
		for _, tt := range []struct {
			name string
			kid  func(n int) string
			want error
			max  int64
		}{
			{"K3_J5_our_form", func(n int) string { return fmt.Sprintf("ag-%016x", n) }, token.ErrInvalid, 4},
			{"K8_J5_another_form", func(n int) string { return fmt.Sprint(n) }, token.ErrNotOurs, 3},
		} {
			reads, began := m.Reads(), time.Now()
			for n := range 10_000 {
				bad := good
				bad.ID = tt.kid(n)
				k.takes(t, bad.sign(t, bad.header(), payload(time.Now())), tt.want)
				if n%5000 == 4999 {
					pass(time.Second)
				}
			}
			// The feed reads every five seconds, and the forgeries take two.
			if n := m.Reads() - reads; n > tt.max {
				t.Errorf("%s: %d reads in %v", tt.name, n, time.Since(began))
			}
			k.takes(t, raw, nil)
		}
	})
}

func payload(now time.Time) string {
	return fmt.Sprintf(`{"iss":%q,"jti":"x","iat":%d,"exp":%d}`, issuer, now.Unix(), now.Unix()+60)
}

// TestStoreDown: what was known is good for as long as the feed allows; then, and for what was not known,
// nobody can tell.
func TestStoreDown(t *testing.T) {
	inBubble(t, func(t *testing.T, m *store.Memory) {
		k := start(t, m, 0)
		defer k.stop()
		raw := k.mint(t)
		k.takes(t, raw, nil)
		unknown := storedKeys(t, m)[0]
		unknown.ID = "ag-0123456789abcdef"
		m.FailReads(errors.New("down"))
		m.FailWrites(errors.New("down"))
		m.CutWatches()
		for range 5 {
			pass(5 * time.Second)
			k.takes(t, raw, nil)
			k.mint(t)
			k.takes(t, unknown.sign(t, unknown.header(), payload(time.Now())), token.ErrUnavailable)
			k.takes(t, "a.b.c", token.ErrNotOurs)
		}
		pass(10 * time.Second)
		k.takes(t, raw, token.ErrUnavailable)
		k.takes(t, "a.b.c", token.ErrNotOurs)
		_, mintErr := k.Mint(t.Context(), token.Claims{Expiry: time.Now().Add(time.Hour)})
		_, rotateErr := k.Rotate(t.Context())
		_, _, listErr := k.List(t.Context())
		_, jwksErr := k.JWKS(t.Context())
		for _, err := range []error{mintErr, rotateErr, listErr, jwksErr, k.Maintain(t.Context()), k.Revoke(t.Context(), unknown.ID)} {
			if !errors.Is(err, token.ErrUnavailable) || !fault.Is(err, fault.Unavailable) {
				t.Errorf("got %v", err)
			}
		}
		m.FailReads(nil)
		m.FailWrites(nil)
		pass(time.Minute)
		k.takes(t, raw, nil)
	})
}

// TestD8_Clocks: replicas whose clocks differ make no second first key, and refuse nothing of each other's
// during rotations.
func TestD8_Clocks(t *testing.T) {
	for _, skew := range []time.Duration{time.Millisecond, 30 * time.Second} {
		t.Run(skew.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, m *store.Memory) {
				fast, slow := start(t, m, skew), start(t, m, 0)
				defer fast.stop()
				defer slow.stop()
				both := func() {
					t.Helper()
					for _, raw := range []string{fast.mint(t), slow.mint(t)} {
						fast.takes(t, raw, nil)
						slow.takes(t, raw, nil)
					}
				}
				both()
				if keys := list(t, slow.Keys); len(keys) != 1 || keys[0].State != token.StateActive {
					t.Fatalf("keys %+v", keys)
				}
				for range 5 {
					if _, err := fast.Rotate(t.Context()); err != nil {
						t.Fatal(err)
					}
					for range 10 {
						both()
						pass(10 * time.Second)
					}
				}
				if keys := list(t, slow.Keys); len(keys) != 6 {
					t.Errorf("%d keys", len(keys))
				}
			})
		})
	}
}

// TestDisagreement: replicas that disagree about the algorithm make a bounded number of keys, and take each
// other's tokens all the time.
func TestDisagreement(t *testing.T) {
	inBubble(t, func(t *testing.T, m *store.Memory) {
		one := start(t, m, 0)
		two := start(t, m, 0, func(cfg *token.Config) { cfg.Alg = token.EdDSA })
		defer one.stop()
		defer two.stop()
		var raws []string
		for range 60 {
			raws = append(raws, one.mint(t), two.mint(t))
			pass(time.Minute)
		}
		for _, raw := range raws {
			one.takes(t, raw, nil)
			two.takes(t, raw, nil)
		}
		if keys := list(t, one.Keys); len(keys) > 16 {
			t.Errorf("%d keys", len(keys))
		}
		if _, err := one.Rotate(t.Context()); err != nil && !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
	})
}

// TestRun: two replicas that run rotate once each hour between them, for days, and keep no key longer than a
// token may live, nor any private part longer than it is used.
func TestRun(t *testing.T) {
	inBubble(t, func(t *testing.T, m *store.Memory) {
		hourly := func(cfg *token.Config) { cfg.RotateEvery = time.Hour }
		gateways := []gateway{start(t, m, 0, hourly), start(t, m, 0, hourly)}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for _, g := range gateways {
			running.Go(func() { g.Run(ctx) })
		}
		type issued struct {
			raw string
			at  time.Time
		}
		var alive []issued
		made := map[string]bool{}
		for range 3 * 24 {
			for _, g := range gateways {
				alive = append(alive, issued{g.mint(t), time.Now()})
			}
			pass(time.Hour)
			for _, l := range alive {
				if time.Since(l.at) < 20*time.Hour {
					for _, g := range gateways {
						g.takes(t, l.raw, nil)
					}
				}
			}
			keys := list(t, gateways[0].Keys)
			if len(keys) > 28 {
				t.Errorf("%d keys", len(keys))
			}
			for _, key := range keys {
				made[key.ID] = true
			}
		}
		if n := len(made); n < 70 || n > 74 {
			t.Errorf("%d keys in 72 hours", n)
		}
		private := 0
		for _, key := range storedKeys(t, m) {
			if key.Private != nil {
				private++
			}
		}
		if private > 3 {
			t.Errorf("%d keys could still sign", private)
		}
		cancel()
		running.Wait()
		for _, g := range gateways {
			g.stop()
		}
	})
}
