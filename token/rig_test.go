package token_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/token"
)

const issuer = "https://gate.example"

// clock is the time of all replicas of a test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// replica returns Keys over s with a cache and a watch of their own.
func replica(tb testing.TB, s store.Store, c *clock, change ...func(*token.Config)) *token.Keys {
	tb.Helper()
	feed := store.NewFeed(s, store.FeedConfig{})
	rec := token.NewRecords(s, feed)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = feed.Run(ctx)
	}()
	tb.Cleanup(func() { cancel(); <-ended })
	<-feed.Ready()
	cfg := token.Config{Issuer: issuer, RotateEvery: -1}
	for _, f := range change {
		f(&cfg)
	}
	k, err := token.New(rec, cfg, token.Deps{Now: c.now})
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func memory(tb testing.TB) *store.Memory {
	m := store.NewMemory()
	tb.Cleanup(func() { _ = m.Close() })
	return m
}

func mint(tb testing.TB, k *token.Keys, c *clock) string {
	tb.Helper()
	return mintClaims(tb, k, token.Claims{Subject: "robot", Audience: []string{"config-1"}, Expiry: c.now().Add(time.Hour)})
}

func mintClaims(tb testing.TB, k *token.Keys, claims token.Claims) string {
	tb.Helper()
	var raw secret.String
	raw, err := k.Mint(tb.Context(), claims)
	if err != nil {
		tb.Fatal(err)
	}
	return raw.Reveal()
}

func list(tb testing.TB, k *token.Keys) []token.KeyInfo {
	tb.Helper()
	keys, _, err := k.List(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}
