package embedded

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
)

// Caddy starts its apps in no fixed order, so a request may come before Start.
func TestLateStore(t *testing.T) {
	t.Parallel()
	s, err := (&Store{dir: t.TempDir()}).Open(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	early := make(chan error, 1)
	go func() {
		_, _, err := s.Get(context.Background(), "k")
		early <- err
	}()
	if err := s.(*lateStore).Start(); err != nil {
		t.Fatal(err)
	}
	if err := <-early; err != nil {
		t.Errorf("a call from before Start: %v", err)
	}
	if _, err := s.Txn(t.Context(), nil, []store.Op{{Key: "k", Value: []byte("v")}}); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, _, err := s.Get(ctx, "k"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("after Close: %v, want ErrUnavailable", err)
	}
}

func TestNeverStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := (&Store{dir: dir}).Open(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, _, err := s.List(ctx, ""); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
