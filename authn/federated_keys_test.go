package authn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// TestFederatedKeys: the keys of a federated issuer follow the rules of keySet, whose finer points are in
// TestRemovedKey, TestNewKey, TestStrangersCauseNoFetches and TestIssuerDown.
func TestFederatedKeys(t *testing.T) {
	t.Parallel()
	t.Run("idle_until_the_first_token", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		if st := f.fed.Status(); st.State != authn.IssuerIdle || !st.NextFetch.IsZero() || f.Discoveries() != 0 {
			t.Fatalf("got status %+v and %d discoveries, want idle and none", st, f.Discoveries())
		}
		f.pass(t, f.Token(t, nil))
		st := f.fed.Status()
		if st.State != authn.IssuerReady || len(st.Keys) != 1 || st.URL != f.URL || st.LastError != "" ||
			!st.LastFetch.Equal(f.Clock.Now()) || !st.NextFetch.After(f.Clock.Now()) {
			t.Errorf("got status %+v", st)
		}
		f.wantFetches(t, 1)
	})
	t.Run("65_a_good_token_again_costs_nothing", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		for range 10 {
			f.pass(t, f.Token(t, nil))
		}
		f.wantFetches(t, 1)
	})
	t.Run("K1_removed_key", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		old := f.Token(t, nil, authntest.Header("kid", nil))
		f.pass(t, old)
		f.Rotate(t)
		f.Remove("key-1")
		f.pass(t, f.Token(t, nil))
		f.refuse(t, old)
		f.refuse(t, f.Token(t, nil, authntest.Header("kid", "key-1")))
	})
	t.Run("K1_K4_max_age", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		long := map[string]any{"exp": f.Clock.Now().Add(100 * time.Hour).Unix()}
		token := f.Token(t, long)
		f.pass(t, token)
		f.SetFault(authntest.Fault{Status: 500})
		f.Clock.Advance(authn.DefaultMaxKeyAge - time.Second)
		f.pass(t, token)
		eventually(t, "the failing refresh", func() bool { return f.fed.Status().State == authn.IssuerDegraded })
		f.pass(t, token)
		f.Clock.Advance(time.Second)
		f.unavailable(t, token)
		f.refuse(t, f.Token(t, map[string]any{"exp": 1})) // what can be told is told
		f.SetFault(authntest.Fault{})
		f.Clock.Advance(cooldown)
		f.pass(t, token)
	})
	t.Run("K2_rotation", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		f.pass(t, f.Token(t, nil))
		f.Rotate(t)
		f.pass(t, f.Token(t, nil))
		f.wantFetches(t, 2)
	})
	t.Run("K2_rotation_without_kid", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		f.pass(t, f.Token(t, nil, authntest.Header("kid", nil)))
		f.Rotate(t)
		f.pass(t, f.Token(t, nil, authntest.Header("kid", nil)))
		f.wantFetches(t, 2)
	})
	t.Run("K3_random_kids", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "EdDSA")
		f.pass(t, f.Token(t, nil))
		for round := range 3 {
			f.flood(t, func(client, n int) string { return fmt.Sprintf(`,"kid":"%d-%d-%d"`, round, client, n) })
			f.wantFetches(t, 2+round)
			f.Clock.Advance(cooldown)
		}
	})
	t.Run("K3_forged_without_kid", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "EdDSA")
		f.pass(t, f.Token(t, nil))
		f.flood(t, func(int, int) string { return "" })
		f.wantFetches(t, 2)
		f.Clock.Advance(cooldown)
		f.flood(t, func(int, int) string { return "" })
		f.wantFetches(t, 3)
	})
	t.Run("K3_forged_under_a_known_kid", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "EdDSA")
		f.pass(t, f.Token(t, nil))
		f.flood(t, func(int, int) string { return `,"kid":"key-1"` })
		f.wantFetches(t, 1)
	})
	t.Run("K4_down_from_the_start", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		f.SetFault(authntest.Fault{Status: 503})
		for range 50 {
			f.unavailable(t, f.Token(t, nil))
		}
		if n := f.Discoveries(); n != 1 {
			t.Errorf("got %d tries, want 1: the backoff must space them out", n)
		}
		st := f.fed.Status()
		if st.State != authn.IssuerUnavailable || st.LastError != "503 Service Unavailable: " || !st.NextFetch.After(f.Clock.Now()) {
			t.Errorf("got status %+v", st)
		}
		for range 300 {
			f.Clock.Advance(time.Second)
			f.unavailable(t, f.Token(t, nil))
		}
		if n := f.Discoveries(); n < 10 || n > 20 {
			t.Errorf("got %d tries in 5 minutes, want about 14", n)
		}
		f.SetFault(authntest.Fault{})
		f.Clock.Advance(cooldown)
		f.pass(t, f.Token(t, nil))
	})
	t.Run("K4_unknown_kid_while_down", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		f.pass(t, f.Token(t, nil))
		f.SetFault(authntest.Fault{Status: 503, KeysOnly: true})
		f.Rotate(t)
		f.unavailable(t, f.Token(t, nil))
		f.unavailable(t, f.Token(t, nil, authntest.Header("kid", nil)))
		f.SetFault(authntest.Fault{})
		f.Clock.Advance(time.Second)
		f.pass(t, f.Token(t, nil))
	})
	t.Run("K8_K9_only_the_configured_issuer_is_called", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		trap := newTrap(t)
		f.refuse(t, f.Token(t, map[string]any{"iss": trap.URL}))
		f.refuse(t, f.Token(t, map[string]any{"jwks_uri": trap.URL}, authntest.Header("jku", trap.URL), authntest.Header("kid", trap.URL)))
		if n := trap.connections.Load(); n != 0 {
			t.Errorf("%d connections to an address only a token names", n)
		}
	})
	t.Run("K3_first_tokens_share_one_fetch", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		hang := make(chan struct{})
		f.SetFault(authntest.Fault{Hang: hang})
		tokens := []string{f.Token(t, nil), f.Token(t, nil, authntest.Header("kid", nil))}
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				if _, err := f.fed.Verify(t.Context(), tokens[n%2]); err != nil {
					t.Error(err)
				}
			})
		}
		eventually(t, "discovery", func() bool { return f.Discoveries() == 1 })
		f.SetFault(authntest.Fault{})
		close(hang)
		wg.Wait()
		f.wantFetches(t, 1)
	})
	t.Run("C8_first_caller_leaves", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		hang := make(chan struct{})
		f.SetFault(authntest.Fault{Hang: hang})
		token := f.Token(t, nil)
		ctx, leave := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := f.fed.Verify(ctx, token)
			first <- err
		}()
		eventually(t, "the fetch", func() bool { return f.Discoveries() == 1 })
		leave()
		if err := <-first; !errors.Is(err, authn.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want unavailable and canceled", err)
		}
		f.SetFault(authntest.Fault{})
		close(hang)
		f.pass(t, token)
		f.wantFetches(t, 1)
	})
	t.Run("D7_close", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		f.pass(t, f.Token(t, nil))
		f.fed.Close()
		f.fed.Close()
		f.pass(t, f.Token(t, nil)) // for requests that outlive it
		f.Rotate(t)
		f.unavailable(t, f.Token(t, nil))
		if err := f.fed.Probe(t.Context()); !errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("Probe after Close: got %v, want unavailable", err)
		}
		f.wantFetches(t, 1)
		if next := f.fed.Status().NextFetch; !next.IsZero() {
			t.Errorf("got a next fetch at %v", next)
		}
	})
	t.Run("D7_close_ends_a_fetch_and_waits", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		f.SetFault(authntest.Fault{Hang: make(chan struct{})})
		done := make(chan error, 1)
		go func() { done <- f.fed.Probe(t.Context()) }()
		eventually(t, "the fetch", func() bool { return f.Discoveries() == 1 })
		f.fed.Close()
		if n := f.fed.Status().Fetches; n != 1 {
			t.Error("Close did not wait for the fetch")
		}
		if err := <-done; !errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
	})
}

// flood sends forged tokens of several clients at once, whose headers have member beside alg.
func (f *federation) flood(t *testing.T, member func(client, n int) string) {
	t.Helper()
	parts := strings.Split(f.Token(t, nil), ".")
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for n := range 500 {
				token := b64(`{"alg":"EdDSA"`+member(c, n)+`}`) + "." + parts[1] + "." + strings.Repeat("A", 86)
				if _, err := f.fed.Verify(t.Context(), token); !errors.Is(err, authn.ErrRejected) {
					t.Errorf("got %v, want rejected", err)
				}
			}
		})
	}
	wg.Wait()
}
