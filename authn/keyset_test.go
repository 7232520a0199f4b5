package authn_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

const (
	refreshAfter = 15 * time.Minute // when a scheduled refresh is due at the latest
	cooldown     = authn.DefaultKeyCooldown
)

// fetching is an issuer under test with its fake IdP.
type fetching struct {
	*authntest.IdP
	issuer  *authn.Issuer
	issuers *authn.Issuers // without a cache, so that each token asks for its key
}

func newFetching(t *testing.T, change ...func(*authn.IssuerConfig)) *fetching {
	t.Helper()
	f := &fetching{IdP: authntest.New(t, authntest.WithAlg("ES256"))}
	f.issuer = newIssuer(t, f.IdP, change...)
	var err error
	if f.issuers, err = authn.NewIssuers([]*authn.Issuer{f.issuer}, nil); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fetching) pass(t *testing.T) {
	t.Helper()
	mustPass(t, f.issuers, f.Token(t, nil))
}

// junk is a token under a kid nobody has.
func (f *fetching) junk(t *testing.T, kid string) string {
	t.Helper()
	return f.Token(t, nil, authntest.Header("kid", kid))
}

func (f *fetching) wantFetches(t *testing.T, want int) {
	t.Helper()
	if got := f.Fetches(); got != want {
		t.Fatalf("got %d fetches of the key set, want %d", got, want)
	}
}

// refreshed lets the time of the scheduled refresh come, has a request start it, and waits for its end.
func (f *fetching) refreshed(t *testing.T) {
	t.Helper()
	f.Clock.Advance(refreshAfter)
	before := f.issuer.Status().Fetches
	f.pass(t)
	eventually(t, "the scheduled refresh", func() bool { return f.issuer.Status().Fetches > before })
}

// eventually polls a condition that depends on real I/O.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s did not happen in time", what)
		}
	}
}

func TestLazyDiscovery(t *testing.T) {
	t.Parallel()
	f := newFetching(t)
	if st := f.issuer.Status(); st.State != authn.IssuerIdle || f.Discoveries() != 0 {
		t.Fatalf("before the first token: state %q, %d discoveries, want idle and none", st.State, f.Discoveries())
	}
	f.pass(t)
	f.pass(t)
	f.wantFetches(t, 1)
	st := f.issuer.Status()
	if st.State != authn.IssuerReady || len(st.Keys) != 1 || st.Keys[0].KeyID != "key-1" || st.LastError != "" || !st.LastFetch.Equal(f.Clock.Now()) {
		t.Errorf("got status %+v", st)
	}
}

// TestRemovedKey: what the IdP took away ends (specs E7: go-oidc keeps it for ever).
func TestRemovedKey(t *testing.T) {
	t.Parallel()
	t.Run("K1_dies_at_the_next_fetch", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		old := f.SigningKey()
		f.pass(t)
		f.Rotate(t)
		f.Remove(old.ID)
		f.pass(t) // brings the new set
		mustFail(t, f.issuers, f.Token(t, nil, authntest.SignedBy(old)), authn.ErrRejected)
	})
	t.Run("K1_dies_at_the_scheduled_refresh", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		old := f.SigningKey()
		f.Rotate(t)
		f.pass(t)
		mustPass(t, f.issuers, f.Token(t, nil, authntest.SignedBy(old)))
		f.Remove(old.ID)
		f.refreshed(t)
		mustFail(t, f.issuers, f.Token(t, nil, authntest.SignedBy(old)), authn.ErrRejected)
		f.pass(t)
	})
	t.Run("K1_dies_in_the_cache_too", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		s := newIssuers(t, f.issuer)
		token := f.Token(t, nil)
		mustPass(t, s, token)
		mustPass(t, s, token)
		f.Remove("key-1")
		f.Rotate(t)
		mustPass(t, s, f.Token(t, nil))
		mustFail(t, s, token, authn.ErrRejected)
	})
	t.Run("K1_cached_tokens_alone_still_start_the_refresh", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		s := newIssuers(t, f.issuer)
		token := f.Token(t, nil)
		mustPass(t, s, token)
		f.Rotate(t)
		f.Remove("key-1")
		f.Clock.Advance(refreshAfter)
		mustPass(t, s, token)
		eventually(t, "the end of the key", func() bool {
			_, err := s.Authenticate(t.Context(), bearer(token))
			return err != nil
		})
		mustFail(t, s, token, authn.ErrRejected)
	})
	t.Run("K1_dies_of_age_while_the_issuer_is_down", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t, func(c *authn.IssuerConfig) { c.MaxKeyAge = time.Hour })
		f.pass(t)
		f.SetFault(authntest.Fault{Status: 500})
		f.Clock.Advance(time.Hour)
		mustFail(t, f.issuers, f.Token(t, nil), authn.ErrUnavailable)
	})
	t.Run("K1_same_kid_other_key", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		s := newIssuers(t, f.issuer)
		old := f.Token(t, nil)
		mustPass(t, s, old)
		f.Remove("key-1")
		f.Publish(authntest.NewKey(t, "ES256", "key-1"))
		f.Rotate(t)
		mustPass(t, s, f.Token(t, nil))
		mustFail(t, s, old, authn.ErrRejected)
	})
}

// TestNewKey: the first token under a new key passes, at the price of one fetch.
func TestNewKey(t *testing.T) {
	t.Parallel()
	t.Run("K2_first_token", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		f.Rotate(t)
		f.pass(t)
		f.wantFetches(t, 2)
		f.pass(t)
		f.wantFetches(t, 2)
	})
	t.Run("K2_right_after_a_scheduled_refresh", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		f.refreshed(t)
		f.wantFetches(t, 2)
		f.Rotate(t)
		f.pass(t) // the refresh has started no cooldown
		f.wantFetches(t, 3)
	})
	t.Run("K2_during_a_scheduled_refresh", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		hang := make(chan struct{})
		f.SetFault(authntest.Fault{Hang: hang, Body: string(f.JWKS()), KeysOnly: true}) // the set of before the rotation
		f.Clock.Advance(refreshAfter)
		f.pass(t)
		eventually(t, "the refresh", func() bool { return f.Fetches() == 2 })
		f.Rotate(t)
		token := f.Token(t, nil)
		done := make(chan error, 1)
		go func() {
			_, err := f.issuers.Authenticate(t.Context(), bearer(token))
			done <- err
		}()
		f.SetFault(authntest.Fault{})
		close(hang)
		if err := <-done; err != nil {
			t.Fatalf("got %v, want a principal", err)
		}
	})
	t.Run("K2_second_rotation_waits_for_the_cooldown", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		f.Rotate(t)
		f.pass(t)
		f.Rotate(t)
		mustFail(t, f.issuers, f.Token(t, nil), authn.ErrRejected)
		f.Clock.Advance(cooldown)
		f.pass(t)
		f.wantFetches(t, 3)
	})
	t.Run("K2_published_late", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		late := authntest.NewKey(t, "ES256", "late")
		token := f.Token(t, nil, authntest.SignedBy(late))
		mustFail(t, f.issuers, token, authn.ErrRejected)
		f.Publish(late)
		f.Clock.Advance(cooldown)
		mustPass(t, f.issuers, token)
		f.wantFetches(t, 3)
	})
}

// TestStrangersCauseNoFetches: go-oidc fetches for each of these tokens (specs E8).
func TestStrangersCauseNoFetches(t *testing.T) {
	t.Parallel()
	t.Run("K3_random_kids", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		for round := range 3 {
			f.flood(t, round, 10000/3)
			f.wantFetches(t, 2+round)
			f.Clock.Advance(cooldown)
		}
	})
	t.Run("K3_random_kids_from_the_start", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		mustFail(t, f.issuers, f.junk(t, "first"), authn.ErrRejected)
		f.flood(t, 0, 1000)
		f.wantFetches(t, 1)
	})
	t.Run("K3_one_kid_again_and_again_does_not_use_up_the_fetches", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		mustFail(t, f.issuers, f.junk(t, "stale"), authn.ErrRejected) // fetch 2, pause 30 s
		f.Clock.Advance(cooldown)
		mustFail(t, f.issuers, f.junk(t, "stale"), authn.ErrRejected) // fetch 3, pause 60 s
		f.Clock.Advance(cooldown)
		mustFail(t, f.issuers, f.junk(t, "stale"), authn.ErrRejected)
		f.wantFetches(t, 3)
		f.Rotate(t)
		f.pass(t) // the fetch is left for a key that exists
		f.wantFetches(t, 4)
	})
	t.Run("E8_bad_signature_under_a_known_kid", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		forged := f.Token(t, nil, authntest.SignedBy(authntest.NewKey(t, "ES256", "key-1")))
		for range 50 {
			mustFail(t, f.issuers, forged, authn.ErrRejected)
			f.Clock.Advance(time.Second)
		}
		f.wantFetches(t, 1)
	})
	t.Run("expired_tokens_cost_no_fetch", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		token := f.Token(t, map[string]any{"exp": 1})
		mustFail(t, f.issuers, token, authn.ErrRejected)
		f.wantFetches(t, 0)
	})
	t.Run("J3_unlisted_algorithms_cost_no_fetch", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		token := f.Token(t, nil, authntest.SignedBy(authntest.NewKey(t, "ES384", "unknown")))
		mustFail(t, f.issuers, token, authn.ErrRejected)
		f.wantFetches(t, 0)
	})
	t.Run("K9_only_the_configured_addresses_are_called", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		trap := newTrap(t)
		for _, opts := range [][]authntest.TokenOption{
			{authntest.Header("jku", trap.URL)}, {authntest.Header("kid", trap.URL+"/k")}, {authntest.Header("kid", "../x")},
		} {
			_, _ = f.issuers.Authenticate(t.Context(), bearer(f.Token(t, map[string]any{"jwks_uri": trap.URL}, opts...)))
		}
		if n := trap.connections.Load(); n != 0 || f.Discoveries() != 1 {
			t.Errorf("got %d connections elsewhere and %d discoveries, want none and 1", n, f.Discoveries())
		}
	})
}

// flood sends n tokens under random kids from several clients at once.
func (f *fetching) flood(t *testing.T, round, n int) {
	t.Helper()
	parts := strings.SplitN(f.Token(t, nil), ".", 2)
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for k := range n / 4 {
				token := b64(fmt.Sprintf(`{"alg":"ES256","kid":"%d-%d-%d"}`, round, c, k)) + "." + parts[1]
				if _, err := f.issuers.Authenticate(t.Context(), bearer(token)); err == nil {
					t.Error("a token under an unknown kid passed")
				}
			}
		})
	}
	wg.Wait()
}
