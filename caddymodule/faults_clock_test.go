package caddymodule_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/zap"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

// steppedClock is a clock whose wall time can be stepped, as by an administrator or a bad time server. The
// monotonic time in what it returns goes on undisturbed, as the kernel's does.
type steppedClock struct{ step atomic.Int64 }

// now changes the wall time only. The package time has no way to do that, so it is done to the bits: the
// first word holds, above 30 bits of nanoseconds, 33 bits of seconds, if the first bit of all is set.
func (c *steppedClock) now() time.Time {
	t := time.Now()
	wall := (*uint64)(unsafe.Pointer(&t))
	if *wall>>63 == 1 {
		*wall += uint64(time.Duration(c.step.Load())/time.Second) << 30
	}
	return t
}

// TestClockSteps is specs D8: an hour forwards or back moves no bound on how old what is known may be, and
// what tokens say of their time is judged by the wall clock.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{"D8_forwards": time.Hour, "D8_backwards": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := new(steppedClock)
			before := clock.now()
			clock.step.Store(int64(step))
			if d := clock.now().Sub(before); d < 0 || d > time.Minute {
				t.Fatalf("the test's clock moves its monotonic time by %v", d)
			}
			if d := clock.now().Unix() - before.Unix() - int64(step/time.Second); d < 0 || d > 60 {
				t.Fatalf("the test's clock does not step as asked: off by %d s", d)
			}
			clock.step.Store(0)
			t.Run("records", func(t *testing.T) { testStepRecords(t, clock, step) })
			clock.step.Store(0)
			t.Run("tokens", func(t *testing.T) { testStepTokens(t, clock, step) })
		})
	}
}

func testStepRecords(t *testing.T, clock *steppedClock, step time.Duration) {
	m := store.NewMemory()
	feed := store.NewFeed(m, store.FeedConfig{Now: clock.now, MaxStale: time.Minute})
	things := store.NewCollection(m, feed, store.Schema[string]{
		Name:   "things",
		Encode: func(v string) ([]byte, error) { return []byte(v), nil },
		Decode: func(_ string, data []byte) (string, error) { return string(data), nil },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx) }()
	defer func() { cancel(); <-ended; _ = m.Close() }()
	<-feed.Ready()
	if _, err := things.Create(ctx, "x", "known"); err != nil {
		t.Fatal(err)
	}
	get := func(want bool) {
		t.Helper()
		item, err := things.Get(ctx, "x")
		if known := err == nil && item.Value == "known"; known != want {
			t.Errorf("read %+v, %v; want it served: %v", item, err, want)
		}
	}
	get(true)
	reads := m.Reads()
	clock.step.Store(int64(step))
	get(true)
	if m.Reads() != reads || !feed.Status().Fresh {
		t.Errorf("%d more reads, status %+v: the step was taken for the passing of time", m.Reads()-reads, feed.Status())
	}
	// The store goes away: a step neither ends what is still good nor prolongs it.
	down := errors.New("down")
	m.FailReads(down)
	m.FailWatches(down)
	m.CutWatches()
	eventually(t, exchangeTime, "the watch is lost", func() bool { return !feed.Status().Fresh })
	get(true)
	clock.step.Store(0)
	get(true)
}

func testStepTokens(t *testing.T, clock *steppedClock, step time.Duration) {
	idp := authntest.New(t, authntest.WithAlg("ES256"))
	issuer, err := authn.NewIssuer(authn.IssuerConfig{
		Name: "main", URL: idp.URL, Audiences: []string{"https://gate.example"}, Algorithms: []string{"ES256"}, AllowPrivateAddresses: true,
	}, authn.IssuerDeps{Logger: zap.NewNop(), Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	issuers, err := authn.NewIssuers([]*authn.Issuer{issuer}, authn.NewTokenCache(100))
	if err != nil {
		t.Fatal(err)
	}
	judge := func(what, token string, want error) {
		t.Helper()
		_, err := issuers.Authenticate(t.Context(), authn.Credential{Scheme: "bearer", Token: secret.New(token)})
		if want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	now := time.Now()
	token := func(around time.Duration) string {
		return idp.Token(t, map[string]any{
			"iat": now.Add(around - 10*time.Minute).Unix(), "nbf": now.Add(around - 10*time.Minute).Unix(), "exp": now.Add(around + 10*time.Minute).Unix(),
		})
	}
	known := token(0)
	judge("before the step, a token of now", known, nil)
	judge("before the step, a token of then", token(step), authn.ErrRejected)
	fetches := idp.Fetches()
	clock.step.Store(int64(step))
	judge("after the step, a token of before", token(0), authn.ErrRejected)
	judge("after the step, a token of now", token(step), nil)
	if step > 0 {
		judge("after the step, a token in the cache that has expired", known, authn.ErrRejected)
	}
	clock.step.Store(0)
	judge("after the step back, a token of now", token(0), nil)
	judge("after the step back, a token of then", token(step), authn.ErrRejected)
	if n := idp.Fetches() - fetches; n != 0 {
		t.Errorf("the steps made the issuer's keys be fetched %d times", n)
	}
}
