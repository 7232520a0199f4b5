package authn_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/fault"
)

func TestNewIssuersRefusesTwins(t *testing.T) {
	t.Parallel()
	make := func(name, url string) *authn.Issuer {
		t.Helper()
		cfg := publicConfig()
		cfg.Name, cfg.URL = name, url
		i, err := authn.NewIssuer(cfg, authn.IssuerDeps{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(i.Close)
		return i
	}
	const url = "https://idp.example/Tenant"
	for _, tt := range []struct {
		name, second, url string
		ok                bool
	}{
		{"same_url", "b", url, false},
		{"X9_trailing_slash", "b", url + "/", false},
		{"X9_case", "b", strings.ToLower(url), false},
		{"X9_both", "b", strings.ToUpper(url) + "/", false},
		{"same_name", "a", "https://other.example", false},
		{"two_slashes_are_another", "b", url + "//", true},
		{"longer_path", "b", url + "/x", true},
	} {
		_, err := authn.NewIssuers([]*authn.Issuer{make("a", url), make(tt.second, tt.url)}, nil)
		if tt.ok != (err == nil) || (err != nil && !fault.Is(err, fault.Invalid)) {
			t.Errorf("%s: got %v, want accepted %t", tt.name, err, tt.ok)
		}
	}
}

func TestIssuersSchemes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := bearer(r.idp.Token(t, nil))
	for _, tt := range []struct {
		name string
		cred authn.Credential
		want error
	}{
		{"none", authn.Credential{}, authn.ErrNoCredential},
		{"certificate_only", withCert(authn.Credential{}, &x509.Certificate{}), authn.ErrNoCredential},
		{"basic", authn.Credential{Scheme: "basic", Token: token.Token}, authn.ErrNotMine},
		{"empty_bearer", authn.Credential{Scheme: "bearer"}, authn.ErrNotMine},
	} {
		if _, err := r.issuers.Authenticate(t.Context(), tt.cred); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	empty, err := authn.NewIssuers(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustFail(t, empty, r.idp.Token(t, nil), authn.ErrNotMine)
}

func TestOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, names := range [][]string{nil, {}, {"idp", "nobody"}, {""}, {"idp", "idp"}} {
		if _, err := r.issuers.Only(names); !fault.Is(err, fault.Invalid) {
			t.Errorf("Only(%q): got %v, want invalid", names, err)
		}
	}
	only, err := r.issuers.Only([]string{"other"})
	if err != nil {
		t.Fatal(err)
	}
	token := r.idp.Token(t, nil)
	mustPass(t, r.issuers, token)
	mustPass(t, r.issuers, token)
	t.Run("C1_cached_token_of_an_issuer_left_out", func(t *testing.T) { mustFail(t, only, token, authn.ErrNotMine) })
	mustPass(t, r.issuers, token)
	mustPass(t, only, r.other.Token(t, nil))
	if got := len(only.All()); got != 1 {
		t.Errorf("got %d issuers, want 1", got)
	}
}

// TestCache holds the rules of the token cache.
func TestCache(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T, entries int, change ...func(*authn.IssuerConfig)) (*authntest.IdP, *authn.Issuer, *authn.Issuers, *authn.TokenCache) {
		t.Helper()
		idp := authntest.New(t, authntest.WithAlg("EdDSA"))
		i, cache := newIssuer(t, idp, change...), authn.NewTokenCache(entries)
		s, err := authn.NewIssuers([]*authn.Issuer{i}, cache)
		if err != nil {
			t.Fatal(err)
		}
		return idp, i, s, cache
	}
	t.Run("hit", func(t *testing.T) {
		t.Parallel()
		idp, _, s, cache := setup(t, 10)
		token := idp.Token(t, nil)
		for range 3 {
			mustPass(t, s, token)
		}
		if st := cache.Stats(); st.Hits != 2 || st.Misses != 1 || st.Entries != 1 {
			t.Errorf("got %+v, want 2 hits, 1 miss, 1 entry", st)
		}
	})
	t.Run("C1_other_configuration_of_the_issuer", func(t *testing.T) {
		t.Parallel()
		idp, _, s, cache := setup(t, 10)
		token := idp.Token(t, nil)
		mustPass(t, s, token)
		stricter, err := authn.NewIssuers([]*authn.Issuer{newIssuer(t, idp, func(c *authn.IssuerConfig) { c.Audiences = []string{"another"} })}, cache)
		if err != nil {
			t.Fatal(err)
		}
		mustFail(t, stricter, token, authn.ErrRejected)
		mustPass(t, s, token)
	})
	t.Run("C2_requirements_are_judged_at_each_request", func(t *testing.T) {
		t.Parallel()
		idp, _, s, _ := setup(t, 10)
		token := idp.Token(t, map[string]any{"scope": "user:info"})
		for range 2 {
			p := mustPass(t, s, token)
			if !(authn.Requirement{Scopes: []string{"user:info"}}).Met(p) || (authn.Requirement{Scopes: []string{"user:full"}}).Met(p) {
				t.Error("a scope is judged wrongly")
			}
		}
	})
	t.Run("C4_expires_while_cached", func(t *testing.T) {
		t.Parallel()
		idp, _, s, _ := setup(t, 10)
		token := idp.Token(t, map[string]any{"exp": idp.Clock.Now().Add(10 * time.Second).Unix()})
		p := mustPass(t, s, token)
		idp.Clock.Advance(10*time.Second + authn.DefaultLeeway - time.Nanosecond)
		mustPass(t, s, token)
		idp.Clock.Advance(time.Nanosecond)
		if !idp.Clock.Now().Equal(p.NotAfter) {
			t.Errorf("NotAfter is %v, want %v", p.NotAfter, idp.Clock.Now())
		}
		mustFail(t, s, token, authn.ErrRejected)
	})
	t.Run("C5_callers_share_nothing", func(t *testing.T) {
		t.Parallel()
		idp, _, s, _ := setup(t, 10)
		token := idp.Token(t, map[string]any{"roles": []string{"Reader"}, "scope": "a b"})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					p, err := s.Authenticate(t.Context(), bearer(token))
					if err != nil || p.Roles[0] != "Reader" || p.Scopes[0] != "a" || p.ID != "user-1" {
						t.Errorf("got %+v and %v", p, err)
						return
					}
					p.Roles[0], p.Scopes[0], p.ID = "Admin", "x", "admin"
					p.Roles = append(p.Roles, "More")
					if v := p.Attrs.Get("roles"); v != nil {
						v[0] = "Admin"
					}
				}
			})
		}
		wg.Wait()
	})
	t.Run("C6_bad_tokens_evict_nothing", func(t *testing.T) {
		t.Parallel()
		idp, _, s, cache := setup(t, 10)
		token := idp.Token(t, nil)
		mustPass(t, s, token)
		forged := strings.SplitAfter(idp.Token(t, nil), ".")
		for n := range 2000 {
			mustFail(t, s, forged[0]+b64(fmt.Sprintf(`{"iss":%q,"sub":"x","n":%d}`, idp.URL, n))+"."+forged[2], authn.ErrRejected)
		}
		mustPass(t, s, token)
		if st := cache.Stats(); st.Hits != 1 || st.Entries != 1 {
			t.Errorf("got %+v, want 1 hit and 1 entry", st)
		}
	})
	t.Run("C6_good_tokens_are_bounded", func(t *testing.T) {
		t.Parallel()
		idp, _, s, cache := setup(t, 10)
		for n := range 100 {
			mustPass(t, s, idp.Token(t, map[string]any{"jti": itoa(int64(n))}))
		}
		if st := cache.Stats(); st.Entries != 10 {
			t.Errorf("got %d entries, want 10", st.Entries)
		}
	})
	t.Run("C6_large_good_tokens_are_bounded_too", func(t *testing.T) {
		t.Parallel()
		idp, _, s, cache := setup(t, 10)
		for n := range 30 {
			mustPass(t, s, idp.Token(t, map[string]any{"jti": itoa(int64(n)), "pad": strings.Repeat("p", 8000)}))
		}
		if st := cache.Stats(); st.Entries != 2 {
			t.Errorf("got %d entries of 8 kB in a cache for 10 of 2 KiB, want 2", st.Entries)
		}
	})
	t.Run("many_shards_hold_what_was_asked_for", func(t *testing.T) {
		t.Parallel()
		idp, _, s, cache := setup(t, 5000)
		for n := range 500 {
			mustPass(t, s, idp.Token(t, map[string]any{"jti": itoa(int64(n))}))
		}
		if st := cache.Stats(); st.Entries != 500 {
			t.Errorf("got %d entries, want 500", st.Entries)
		}
	})
	t.Run("no_cache", func(t *testing.T) {
		t.Parallel()
		if c := authn.NewTokenCache(0); c != nil || c.Stats() != (authn.CacheStats{}) {
			t.Error("a cache of no entries is not nil")
		}
	})
	t.Run("token_of_any_length", func(t *testing.T) {
		t.Parallel()
		idp, _, s, cache := setup(t, 10)
		long := idp.Token(t, map[string]any{"pad": strings.Repeat("p", 8000)})
		mustPass(t, s, long)
		mustPass(t, s, long)
		if cache.Stats().Hits != 1 {
			t.Error("a long token is not cached")
		}
	})
}

// TestStatusSorted: status lists are sorted, as pages show them.
func TestStatusSorted(t *testing.T) {
	t.Parallel()
	f := newFetching(t)
	for _, kid := range []string{"z", "b", "m"} {
		f.Publish(authntest.NewKey(t, "ES256", kid))
	}
	f.pass(t)
	var kids []string
	for _, k := range f.issuer.Status().Keys {
		kids = append(kids, k.KeyID)
		if !k.GoodUntil.Equal(f.Clock.Now().Add(authn.DefaultMaxKeyAge)) || !slices.Equal(k.Algorithms, []string{"ES256"}) {
			t.Errorf("got %+v", k)
		}
	}
	if want := []string{"b", "key-1", "m", "z"}; !slices.Equal(kids, want) {
		t.Errorf("got %q, want %q", kids, want)
	}
}
