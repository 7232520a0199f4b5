package authmethods_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
)

// TestTokenForCache: C7: the holder of one certificate cannot make the gateway call the service as often as
// it likes; what decides is looked up each time (C9, C10).
func TestTokenForCache(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	e.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, `{"token":["t-%d"]}`, e.calls()) })
	rig, clock := clockedMapRig(t, e)
	want := func(what, token string) {
		t.Helper()
		if got, err := tokenFor(rig, e.host); err != nil || got != token {
			t.Fatalf("%s: got %s, %v; want %s", what, got, err, token)
		}
	}
	want("first", `["t-1"]`)
	clock.Store(29)
	want("after 29 s", `["t-1"]`)
	clock.Store(30)
	want("after 30 s", `["t-2"]`)
	rig.renewBinding()
	want("C10 binding changed", `["t-3"]`)
	if _, err := rig.svc.UpdateMethod(rig.ctx, "ext", e.host, authmethods.MethodPatch{AccessKey: ptr(secret.New("rotated"))}, nil); err != nil {
		t.Fatal(err)
	}
	want("C9 method changed", `["t-4"]`)
	update(rig, "ext", authmethods.ServiceTypePatch{AuthTypes: &[]string{"oidc"}})
	_, err := tokenFor(rig, e.host)
	wantKind(t, err, fault.Invalid)
	update(rig, "ext", authmethods.ServiceTypePatch{AuthTypes: &[]string{"x509"}})
	want("again", `["t-4"]`)
	if _, err := rig.svc.DeleteBinding(rig.ctx, "b", nil); err != nil {
		t.Fatal(err)
	}
	_, err = tokenFor(rig, e.host)
	wantKind(t, err, fault.NotFound)
}

// TestTokenForSharesWithMap: one token serves both, whoever was first; what is no text serves TokenFor only.
func TestTokenForSharesWithMap(t *testing.T) {
	t.Parallel()
	for name, mapFirst := range map[string]bool{"token_first": false, "map_first": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExternal(t)
			rig, _ := clockedMapRig(t, e)
			mapped := func() (string, error) {
				r, _, err := injectMapped(t, rig.svc, e, mtlsCaller(dn))
				return r.Header.Get("X-Api-Key"), err
			}
			both := func(value, text string) {
				t.Helper()
				e.answersWith(http.StatusOK, `{"token":`+value+`}`)
				rig.renewBinding()
				before := e.calls()
				if mapFirst {
					_, _ = mapped()
				}
				if got, err := tokenFor(rig, e.host); err != nil || got != value {
					t.Errorf("got %s, %v; want %s", got, err, value)
				}
				if got, err := mapped(); got != text || (err == nil) != (text != "") {
					t.Errorf("attached %q, %v; want %q", got, err, text)
				}
				if n := e.calls() - before; n != 1 {
					t.Errorf("%d calls for %s", n, value)
				}
			}
			both(`"\u0041B"`, "AB")
			both(`{"a":1}`, "")
			both(`null`, "")
		})
	}
}

// TestTokenForFailureIsBrief: C7: a broken service is asked once in a second, by whomever.
func TestTokenForFailureIsBrief(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig, clock := clockedMapRig(t, e)
	e.answersWith(http.StatusForbidden, "")
	for range 3 {
		_, err := tokenFor(rig, e.host)
		wantMapError(t, err, "the external service answered with status 403")
		wantHidden(t, err, hidden(e)...)
		_, _, err = injectMapped(t, rig.svc, e, mtlsCaller(dn))
		wantKind(t, err, fault.Unavailable)
	}
	if e.calls() != 1 {
		t.Errorf("%d calls", e.calls())
	}
	e.answersWith(http.StatusOK, `{"token":"t"}`)
	clock.Store(1)
	if got, err := tokenFor(rig, e.host); err != nil || got != `"t"` {
		t.Errorf("got %s, %v", got, err)
	}
}

// TestTokenForLarge: C6: what is too large to be kept is still handed on, each time anew; map mode, which
// has no use for it, does not ask for it again at once.
func TestTokenForLarge(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig, clock := clockedMapRig(t, e)
	value := `"` + strings.Repeat("t", 17<<10) + `"`
	e.answersWith(http.StatusOK, `{"token":`+value+`}`)
	for i := range 3 {
		if got, err := tokenFor(rig, e.host); err != nil || got != value {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		for range 2 {
			_, _, err := injectMapped(t, rig.svc, e, mtlsCaller(dn))
			wantKind(t, err, fault.Unavailable)
		}
		if e.calls() != i+1 {
			t.Errorf("%d calls, want %d", e.calls(), i+1)
		}
	}
	clock.Store(1)
	_, _, _ = injectMapped(t, rig.svc, e, mtlsCaller(dn))
	if e.calls() != 4 {
		t.Errorf("%d calls a second later, want 4", e.calls())
	}
}

// TestTokenForSharesRetrievals: C7: all who want a token at once share one call.
func TestTokenForSharesRetrievals(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig, _ := clockedMapRig(t, e)
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	e.answers(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = w.Write([]byte(`{"token":"t"}`))
	})
	var done sync.WaitGroup
	for range 100 {
		done.Go(func() {
			if got, err := tokenFor(rig, e.host); err != nil || got != `"t"` {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
	<-arrived
	close(release)
	done.Wait()
	if e.calls() != 1 {
		t.Errorf("%d calls", e.calls())
	}
}
