package authn_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/fault"
)

func TestIssuerDown(t *testing.T) {
	t.Parallel()
	t.Run("K4_known_keys_work_until_their_age_then_503", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t, func(c *authn.IssuerConfig) { c.MaxKeyAge = 2 * time.Hour })
		s := newIssuers(t, f.issuer)
		cached := f.Token(t, map[string]any{"exp": f.Clock.Now().Add(10 * time.Hour).Unix()})
		mustPass(t, s, cached)
		f.pass(t)
		f.SetFault(authntest.Fault{Abort: true})
		for range 7 {
			f.refreshed(t)
			mustPass(t, s, cached)
		}
		if n := f.issuer.Status().Failed; n != 7 {
			t.Errorf("got %d failures, want 7", n)
		}
		if st := f.issuer.Status(); st.State != authn.IssuerDegraded || st.LastError == "" {
			t.Errorf("got state %q and error %q, want degraded and one", st.State, st.LastError)
		}
		f.Clock.Advance(refreshAfter)
		mustFail(t, f.issuers, f.Token(t, nil), authn.ErrUnavailable)
		mustFail(t, s, cached, authn.ErrUnavailable)
		if st := f.issuer.Status(); st.State != authn.IssuerUnavailable || len(st.Keys) != 0 {
			t.Errorf("got state %q and keys %v, want unavailable and none", st.State, st.Keys)
		}
		f.SetFault(authntest.Fault{})
		f.Clock.Advance(cooldown)
		f.pass(t)
		mustPass(t, s, cached)
	})
	t.Run("K4_down_from_the_start", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.SetFault(authntest.Fault{Status: 503})
		for range 100 {
			mustFail(t, f.issuers, f.Token(t, nil), authn.ErrUnavailable)
		}
		if n := f.Discoveries(); n != 1 {
			t.Errorf("got %d tries, want 1: the backoff must space them out", n)
		}
		f.SetFault(authntest.Fault{})
		f.Clock.Advance(time.Second)
		f.pass(t)
	})
	t.Run("K4_backoff_grows", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.SetFault(authntest.Fault{Status: 503})
		for range 300 {
			mustFail(t, f.issuers, f.Token(t, nil), authn.ErrUnavailable)
			f.Clock.Advance(time.Second)
		}
		if n := f.Discoveries(); n < 10 || n > 20 {
			t.Errorf("got %d tries in 5 minutes, want about 14", n)
		}
	})
	t.Run("unknown_kid_after_a_failed_fetch_is_unavailable", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		f.SetFault(authntest.Fault{Status: 500})
		f.Rotate(t)
		mustFail(t, f.issuers, f.Token(t, nil), authn.ErrUnavailable)
		mustFail(t, f.issuers, f.Token(t, nil), authn.ErrUnavailable)
		f.wantFetches(t, 2)
		f.SetFault(authntest.Fault{})
		f.Clock.Advance(time.Second) // the retry of a failure does not wait for the cooldown
		f.pass(t)
	})
}

// TestBadAnswers: whatever comes instead of a key set, the keys at hand stay (specs K5).
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	trap := newTrap(t)
	for _, tt := range []struct {
		name  string
		fault authntest.Fault
		want  string // part of the error shown to the operator
	}{
		{"K5_redirect", authntest.Fault{Redirect: trap.URL}, "redirect"},
		{"K5_redirect_to_metadata", authntest.Fault{Redirect: "http://169.254.169.254/latest/meta-data/"}, "redirect"},
		{"K5_redirect_to_itself", authntest.Fault{Redirect: "/jwks"}, "redirect"},
		{"K5_huge_body", authntest.Fault{Huge: true}, "larger than 1 MiB"},
		{"K5_gzip_bomb", authntest.Fault{GzipBomb: true}, "content encoding"},
		{"K5_slow_drip", authntest.Fault{Drip: true}, "deadline"},
		{"K5_hang", authntest.Fault{Hang: make(chan struct{})}, "deadline"},
		{"K5_invalid_json", authntest.Fault{Body: `{"keys":[`}, "invalid JSON"},
		{"K5_html_with_200", authntest.Fault{Body: "<html>Maintenance</html>"}, "invalid JSON"},
		{"K5_empty_keys", authntest.Fault{Body: `{"keys":[]}`}, "no keys"},
		{"K5_keys_missing", authntest.Fault{Body: `{}`}, "no keys"},
		{"K5_keys_no_list", authntest.Fault{Body: `{"keys":{}}`}, "list of keys"},
		{"K5_null", authntest.Fault{Body: `null`}, "no keys"},
		{"K5_duplicate_member", authntest.Fault{Body: `{"keys":[],"keys":[]}`}, "duplicate"},
		{"K5_only_unusable_keys", authntest.Fault{Body: `{"keys":[{"kty":"oct","k":"AAAA","kid":"x"}]}`}, "none of its 1 keys"},
		{"K5_deep_nesting", authntest.Fault{Body: strings.Repeat("[", 1<<19)}, "nested too deeply"},
		{"K5_too_many_keys", authntest.Fault{Body: `{"keys":[` + strings.Repeat("{},", 256) + `{}]}`}, "more than 256"},
		{"K5_not_found", authntest.Fault{Status: 404, Body: `{"keys":[]}`}, "status 404"},
		{"K5_no_content", authntest.Fault{Status: 204}, "status 204"},
		{"K5_abort", authntest.Fault{Abort: true}, "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFetching(t)
			f.pass(t)
			f.issuer.SetFetchTimeout(2 * time.Second)
			if tt.want == "deadline" {
				f.issuer.SetFetchTimeout(50 * time.Millisecond)
			}
			tt.fault.KeysOnly = true
			f.SetFault(tt.fault)
			mustFail(t, f.issuers, f.junk(t, "unknown"), authn.ErrUnavailable)
			f.pass(t)
			st := f.issuer.Status()
			if !strings.Contains(st.LastError, tt.want) || len(st.LastError) > 300 || strings.Contains(st.LastError, f.URL) {
				t.Errorf("got error %q, want a short one with %q and without URL", st.LastError, tt.want)
			}
			if n := trap.connections.Load(); n != 0 {
				t.Errorf("%d redirects were followed", n)
			}
		})
	}
}

// TestHugeBodyIsNotRead: what is over the limit stays where it is (specs K5).
func TestHugeBodyIsNotRead(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	var sent atomic.Int64
	done := make(chan struct{})
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(done)
		chunk := bytes.Repeat([]byte(" "), 64<<10)
		for sent.Load() < size {
			n, err := w.Write(chunk)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}))
	t.Cleanup(keys.Close)
	f := newFetching(t, func(c *authn.IssuerConfig) { c.JWKSURL = keys.URL })
	mustFail(t, f.issuers, f.Token(t, nil), authn.ErrUnavailable)
	<-done
	if n := sent.Load(); n >= size {
		t.Errorf("all of %d bytes were taken", n)
	}
}

// TestDiscovery: the document must be the issuer's and must not send us elsewhere.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	trap := newTrap(t)
	for _, tt := range []struct {
		name  string
		setup func(f *fetching)
		want  string
	}{
		{"K7_other_issuer", func(f *fetching) { f.Discovery("issuer", "https://evil.example") }, "did not match"},
		{"K7_issuer_with_slash", func(f *fetching) { f.Discovery("issuer", f.URL+"/") }, "did not match"},
		{"K7_issuer_missing", func(f *fetching) { f.Discovery("issuer", nil) }, "did not match"},
		{"K7_keys_on_another_host", func(f *fetching) { f.Discovery("jwks_uri", trap.URL+"/jwks") }, "set jwks_url"},
		{"K7_keys_on_localhost_by_name", func(f *fetching) {
			f.Discovery("jwks_uri", strings.Replace(f.URL, "127.0.0.1", "localhost", 1)+"/jwks")
		}, "set jwks_url"},
		{"K7_keys_by_another_scheme", func(f *fetching) { f.Discovery("jwks_uri", "file:///etc/passwd") }, "set jwks_url"},
		{"K7_keys_with_userinfo", func(f *fetching) { f.Discovery("jwks_uri", strings.Replace(f.URL, "//", "//u:p@", 1)+"/jwks") }, "set jwks_url"},
		{"K7_no_keys", func(f *fetching) { f.Discovery("jwks_uri", nil) }, "no jwks_uri"},
		{"K7_keys_no_text", func(f *fetching) { f.Discovery("jwks_uri", 5) }, "decode"},
		{"K5_discovery_redirect", func(f *fetching) { f.SetFault(authntest.Fault{Redirect: trap.URL}) }, "redirect"},
		{"K5_discovery_huge", func(f *fetching) { f.SetFault(authntest.Fault{Huge: true}) }, "discovery"},
		{"K5_discovery_html", func(f *fetching) { f.SetFault(authntest.Fault{Body: "<html>"}) }, "discovery"},
		{"K5_discovery_error_page_is_not_repeated", func(f *fetching) { f.SetFault(authntest.Fault{Status: 500, Body: "LEAK"}) }, "status 500"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFetching(t)
			tt.setup(f)
			mustFail(t, f.issuers, f.Token(t, nil), authn.ErrUnavailable)
			st := f.issuer.Status()
			if !strings.Contains(st.LastError, tt.want) || strings.Contains(st.LastError, "LEAK") {
				t.Errorf("got error %q, want one with %q", st.LastError, tt.want)
			}
			f.wantFetches(t, 0)
			if n := trap.connections.Load(); n != 0 {
				t.Errorf("%d connections to another host", n)
			}
		})
	}
	t.Run("K7_jwks_url_is_the_way_out", func(t *testing.T) {
		t.Parallel()
		keys := authntest.New(t, authntest.WithAlg("ES256"))
		f := newFetching(t, func(c *authn.IssuerConfig) { c.JWKSURL = keys.JWKSURL() + "?v=1" })
		mustPass(t, f.issuers, f.Token(t, nil, authntest.SignedBy(keys.SigningKey())))
		mustFail(t, f.issuers, f.Token(t, nil), authn.ErrRejected)
		if f.Discoveries() != 0 {
			t.Error("discovery was asked although jwks_url is set")
		}
	})
	t.Run("moved_keys_are_found_again", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.Discovery("jwks_uri", f.URL+"/gone") // answers 404
		mustFail(t, f.issuers, f.Token(t, nil), authn.ErrUnavailable)
		f.Discovery("jwks_uri", f.JWKSURL())
		f.Clock.Advance(time.Second)
		f.pass(t)
	})
}

// TestSharedFetch: many callers, one fetch, and nobody's leaving harms the others.
func TestSharedFetch(t *testing.T) {
	t.Parallel()
	t.Run("K3_first_requests_share_one_fetch", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		hang := make(chan struct{})
		f.SetFault(authntest.Fault{Hang: hang})
		token := f.Token(t, nil)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := f.issuers.Authenticate(t.Context(), bearer(token)); err != nil {
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
		f := newFetching(t)
		hang := make(chan struct{})
		f.SetFault(authntest.Fault{Hang: hang})
		ctx, leave := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		token := f.Token(t, nil)
		go func() {
			_, err := f.issuers.Authenticate(ctx, bearer(token))
			first <- err
		}()
		eventually(t, "the fetch", func() bool { return f.Discoveries() == 1 })
		go func() {
			_, err := f.issuers.Authenticate(t.Context(), bearer(token))
			second <- err
		}()
		leave()
		if err := <-first; !errors.Is(err, authn.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("the one who left: got %v, want unavailable and canceled", err)
		}
		f.SetFault(authntest.Fault{})
		close(hang)
		if err := <-second; err != nil {
			t.Errorf("the other one: got %v, want a principal", err)
		}
	})
	t.Run("close_ends_a_fetch_and_waits", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.SetFault(authntest.Fault{Hang: make(chan struct{})})
		token, done := f.Token(t, nil), make(chan error, 1)
		go func() {
			_, err := f.issuers.Authenticate(t.Context(), bearer(token))
			done <- err
		}()
		eventually(t, "the fetch", func() bool { return f.Discoveries() == 1 })
		f.issuer.Close()
		if n := f.issuer.Status().Fetches; n != 1 {
			t.Error("Close did not wait for the fetch")
		}
		if err := <-done; !errors.Is(err, authn.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want unavailable and canceled", err)
		}
		f.issuer.Close()
	})
	t.Run("keys_outlive_close", func(t *testing.T) {
		t.Parallel()
		f := newFetching(t)
		f.pass(t)
		f.issuer.Close()
		f.pass(t)
		f.Clock.Advance(refreshAfter)
		f.pass(t)
		mustFail(t, f.issuers, f.junk(t, "x"), authn.ErrUnavailable)
		f.wantFetches(t, 1)
	})
}

func TestJWKSFile(t *testing.T) {
	t.Parallel()
	idp := authntest.New(t, authntest.WithAlg("ES256"))
	name := filepath.Join(t.TempDir(), "jwks.json")
	write := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := configFor(idp, "file")
	cfg.JWKSFile = name
	for _, bad := range []string{"", "{}", `{"keys":[]}`} {
		if bad != "" {
			write([]byte(bad))
		}
		if _, err := authn.NewIssuer(cfg, authn.IssuerDeps{}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "jwks_file") {
			t.Fatalf("file %q: got %v, want an invalid jwks_file", bad, err)
		}
	}
	write(idp.JWKS())
	s := newIssuers(t, newIssuer(t, idp, func(c *authn.IssuerConfig) { c.JWKSFile = name }))
	mustPass(t, s, idp.Token(t, nil))
	idp.Rotate(t)
	write(idp.JWKS())
	mustPass(t, s, idp.Token(t, nil))
	write([]byte("half a fi"))
	mustPass(t, s, idp.Token(t, nil))
	if idp.Fetches()+idp.Discoveries() != 0 {
		t.Error("a connection was made although jwks_file is set")
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	idp := authntest.New(t, authntest.WithAlg("ES256"), authntest.WithTLS())
	trusting := newIssuers(t, newIssuer(t, idp, func(c *authn.IssuerConfig) { c.CAFile = idp.CAFile(t) }))
	mustPass(t, trusting, idp.Token(t, nil))
	before := idp.Discoveries()
	mustFail(t, newIssuers(t, newIssuer(t, idp)), idp.Token(t, nil), authn.ErrUnavailable)
	if idp.Discoveries() != before {
		t.Error("an issuer of an unknown authority was talked to")
	}
	other := filepath.Join(t.TempDir(), "ca.pem")
	cfg := configFor(idp, "x")
	cfg.CAFile = other
	for _, content := range []string{"", "not a certificate"} {
		if content != "" {
			if err := os.WriteFile(other, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := authn.NewIssuer(cfg, authn.IssuerDeps{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("CA file %q: got %v, want invalid", content, err)
		}
	}
}

// TestLogs: an outage is told once, its end once, and nothing of a token is ever told.
func TestLogs(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	idp := authntest.New(t, authntest.WithAlg("ES256"))
	i, err := authn.NewIssuer(configFor(idp, "idp"), authn.IssuerDeps{Logger: zap.New(core), Now: idp.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	s := newIssuers(t, i)
	idp.SetFault(authntest.Fault{Status: 500})
	for range 60 {
		mustFail(t, s, idp.Token(t, map[string]any{"sub": "LEAK"}), authn.ErrUnavailable)
		idp.Clock.Advance(time.Second)
	}
	idp.SetFault(authntest.Fault{})
	idp.Clock.Advance(time.Minute)
	mustPass(t, s, idp.Token(t, map[string]any{"sub": "LEAK"}))
	mustFail(t, s, idp.Token(t, nil, authntest.Header("kid", "LEAK")), authn.ErrRejected)
	var told []string
	for _, e := range logs.All() {
		told = append(told, e.Message)
		for name, value := range e.ContextMap() {
			if text, _ := value.(string); strings.Contains(text, "LEAK") {
				t.Errorf("J22: field %s of %q holds a claim", name, e.Message)
			}
		}
	}
	want := "fetching issuer keys failed|fetching issuer keys works again|issuer keys changed"
	if got := strings.Join(told, "|"); got != want {
		t.Errorf("got log %q, want %q", got, want)
	}
}
