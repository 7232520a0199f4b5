package authmethods_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
)

// clockedMapRig is a mapRig whose service reads the time the test sets, in seconds.
func clockedMapRig(t *testing.T, e *external) (*rig, *atomic.Int64) {
	t.Helper()
	rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
	var seconds atomic.Int64
	deps, began := e.deps(), time.Now()
	deps.Now = func() time.Time { return began.Add(time.Duration(seconds.Load()) * time.Second) }
	rig.svc = rig.configureWith(authmethods.Declared{}, deps)
	return rig, &seconds
}

func TestMapCache(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	e.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, `{"token":"t-%d"}`, e.calls()) })
	rig, clock := clockedMapRig(t, e)
	want := func(what, token string) {
		t.Helper()
		r, _, err := injectMapped(t, rig.svc, e, mtlsCaller(dn))
		if err != nil || r.Header.Get("X-Api-Key") != token {
			t.Fatalf("%s: got %q, %v; want %q", what, r.Header.Get("X-Api-Key"), err, token)
		}
	}
	want("first", "t-1")
	clock.Store(29)
	want("after 29 s", "t-1")
	clock.Store(30)
	want("after 30 s", "t-2")
	if _, err := rig.svc.UpdateBinding(rig.ctx, "b", authmethods.BindingPatch{UniqueKey: ptr("other")}, nil); err != nil {
		t.Fatal(err)
	}
	want("C10 binding changed", "t-3")
	if path := e.last(t).URL.Path; path != "/v1/users:byUUID/other" {
		t.Errorf("asked for %s", path)
	}
	if _, err := rig.svc.UpdateMethod(rig.ctx, "ext", e.host, authmethods.MethodPatch{AccessKey: ptr(secret.New("rotated"))}, nil); err != nil {
		t.Fatal(err)
	}
	want("C9 method changed", "t-4")
	if k := e.last(t).Header.Get("X-Api-Key"); k != "rotated" {
		t.Errorf("asked with %s", k)
	}
	want("again", "t-4")
	t.Run("C1_identities_share_nothing", func(t *testing.T) {
		rig.bind(binding("b2", rig.mustType("ext"), e.host, "CN=other"))
		r, _, err := injectMapped(t, rig.svc, e, mtlsCaller("CN=other"))
		if err != nil || r.Header.Get("X-Api-Key") != "t-5" {
			t.Errorf("got %q, %v", r.Header.Get("X-Api-Key"), err)
		}
	})
	if _, err := rig.svc.DeleteBinding(rig.ctx, "b", nil); err != nil {
		t.Fatal(err)
	}
	_, _, err := injectMapped(t, rig.svc, e, mtlsCaller(dn))
	wantKind(t, err, fault.Forbidden)
}

// TestMapFailureIsBrief: C7: a failure is remembered for a second, so that a broken service is not asked
// by every request, and no longer.
func TestMapFailureIsBrief(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig, clock := clockedMapRig(t, e)
	e.answersWith(http.StatusInternalServerError, "")
	for range 3 {
		_, _, err := injectMapped(t, rig.svc, e, mtlsCaller(dn))
		wantKind(t, err, fault.Unavailable)
	}
	if e.calls() != 1 {
		t.Errorf("%d calls", e.calls())
	}
	e.answersWith(http.StatusOK, `{"token":"t"}`)
	clock.Store(1)
	if _, _, err := injectMapped(t, rig.svc, e, mtlsCaller(dn)); err != nil {
		t.Error(err)
	}
}

// TestMapSharesRetrievals: C7: all who want a token at once share one call.
func TestMapSharesRetrievals(t *testing.T) {
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
			if _, _, err := injectMapped(t, rig.svc, e, mtlsCaller(dn)); err != nil {
				t.Error(err)
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

// TestMapFirstCallerLeaves: C8: the others, and the cache, still get the token.
func TestMapFirstCallerLeaves(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig, _ := clockedMapRig(t, e)
	arrived, release := make(chan struct{}), make(chan struct{})
	e.answers(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = w.Write([]byte(`{"token":"t"}`))
	})
	inject := func(ctx context.Context) error {
		r := outgoing("https://ignored.corp/")
		_, err := rig.svc.Injector("", authmethods.InjectOptions{Map: true}).
			Inject(ctx, r, authmethods.Target{Scheme: "https", Host: e.host, Port: e.port}, mtlsCaller(dn))
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	first, other := make(chan error), make(chan error)
	go func() { first <- inject(ctx) }()
	<-arrived
	go func() { other <- inject(t.Context()) }()
	cancel()
	if err := <-first; !fault.Is(err, fault.Unavailable) {
		t.Errorf("the one who left: %v", err)
	}
	close(release)
	if err := <-other; err != nil {
		t.Errorf("the other: %v", err)
	}
	if err := inject(t.Context()); err != nil || e.calls() != 1 {
		t.Errorf("later: %v, %d calls", err, e.calls())
	}
}

// TestClose: nothing is left running, and requests that outlive the configuration still work.
// TestCloseLetsRequestsFinish: a reload does not fail the requests that wait for a service which answers soon.
func TestCloseLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig, _ := clockedMapRig(t, e)
	arrived, gone, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	e.answers(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		select {
		case <-release:
			_, _ = w.Write([]byte(`{"token":"t"}`))
		case <-r.Context().Done():
			close(gone)
		}
	})
	done := make(chan error, 1)
	go func() {
		_, _, err := injectMapped(t, rig.svc, e, mtlsCaller(dn))
		done <- err
	}()
	<-arrived
	closed := make(chan struct{})
	go func() { defer close(closed); rig.svc.Close() }()
	select { // time enough to be hung up on
	case <-gone:
	case <-time.After(200 * time.Millisecond):
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("a request under way: %v", err)
	}
	<-closed
}

func TestClose(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig, _ := clockedMapRig(t, e)
	arrived := make(chan struct{})
	e.answers(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	done := make(chan error)
	go func() {
		_, _, err := injectMapped(t, rig.svc, e, mtlsCaller(dn))
		done <- err
	}()
	<-arrived
	rig.svc.Close()
	wantKind(t, <-done, fault.Unavailable)
	rig.svc.Close()

	e.answersWith(http.StatusOK, `{"token":"t"}`)
	rig.bind(binding("late", rig.mustType("ext"), e.host, "CN=late"))
	for range 2 {
		if _, _, err := injectMapped(t, rig.svc, e, mtlsCaller("CN=late")); err != nil {
			t.Fatal(err)
		}
		if !e.last(t).Close {
			t.Error("a connection is kept after Close")
		}
	}
}
