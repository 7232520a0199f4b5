package seal_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/seal"
	"github.com/authgate/authgate/store/storetest"
)

const prefix = "/authgate/"

func wrap(t testing.TB, inner store.Store, cfg seal.Config) *seal.Store {
	t.Helper()
	cfg.Prefix = prefix
	s := seal.Wrap(inner, cfg)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// openEvents opens the values of events, which a Store of this package hands on as they are stored.
type openEvents struct {
	store.Store

	keys *seal.Keyring
}

func (o openEvents) Watch(ctx context.Context, from string, revision int64) (*store.Watch, error) {
	w, err := o.Store.Watch(ctx, from, revision)
	if err != nil {
		return nil, err
	}
	batches := make(chan store.Batch)
	go func() {
		defer close(batches)
		for b := range w.Batches {
			for i, e := range b.Events {
				if len(e.Value) > 0 {
					b.Events[i].Value, _ = o.keys.Open(e.Value, prefix+e.Key)
				}
			}
			select {
			case batches <- b:
			case <-ctx.Done():
			}
		}
	}()
	return &store.Watch{Batches: batches, Progress: w.Progress}, nil
}

func TestStoreConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) (store.Store, func(int64)) {
		m, keys := store.NewMemory(), ring(t, newKey(t))
		return openEvents{seal.Wrap(m, seal.Config{Prefix: prefix, Keys: keys}), keys}, m.Compact
	})
}

func put(t testing.TB, s store.Store, key, value string) {
	t.Helper()
	if _, err := s.Txn(t.Context(), nil, []store.Op{{Key: key, Value: []byte(value)}}); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, s store.Store, key string) []byte {
	t.Helper()
	kv, _, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	listed, _, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range listed {
		if other.Key == key && !bytes.Equal(other.Value, kv.Value) {
			t.Errorf("Get(%s) = %q, but List says %q", key, kv.Value, other.Value)
		}
	}
	return kv.Value
}

// What is stored is sealed, but for the index, whose values are ids.
func TestStoreSeals(t *testing.T) {
	t.Parallel()
	m, key := store.NewMemory(), newKey(t)
	s := wrap(t, m, seal.Config{Keys: ring(t, key)})
	for path, clear := range map[string]bool{
		"things/r/1": false, "things/u/name/n": true, "things/l/tag/t/1": true, "things/r/u": false,
		"things": false, "u/1": false, "audit/2026/u/1": false, "things/unique/1": false, "kubernetes/oauth/u/x": false,
	} {
		put(t, s, path, "some-value")
		if got := string(get(t, s, path)); got != "some-value" {
			t.Errorf("%s: read %q", path, got)
		}
		id, ok := seal.Sealed(get(t, m, path))
		if ok == clear || !clear && id != key.ID() || clear != bytes.Contains(get(t, m, path), []byte("some-value")) {
			t.Errorf("%s: stored as %q", path, get(t, m, path))
		}
	}
	put(t, s, "things/r/empty", "")
	if raw := get(t, m, "things/r/empty"); len(raw) != 0 {
		t.Errorf("nothing is stored as %q", raw)
	}
}

// A value that cannot be opened is one nobody can use, and the others are as they were (specs D5).
func TestUnusableValues(t *testing.T) {
	t.Parallel()
	a, b, gone := newKey(t), newKey(t), newKey(t)
	for name, c := range map[string]struct {
		stored    func(m *store.Memory) []byte
		plaintext bool
		want      string // "" if it cannot be used
		reason    error
	}{
		"sealed":                  {stored: func(*store.Memory) []byte { return sealed(t, ring(t, a), plain, prefix+"things/r/1") }, want: plain},
		"by the second key":       {stored: func(*store.Memory) []byte { return sealed(t, ring(t, b), plain, prefix+"things/r/1") }, want: plain},
		"by a key that is gone":   {stored: func(*store.Memory) []byte { return sealed(t, ring(t, gone), plain, prefix+"things/r/1") }, reason: seal.ErrUnknownKey},
		"of another record":       {stored: func(m *store.Memory) []byte { return get(t, m, "things/r/2") }, reason: seal.ErrTampered},
		"of another record, lax":  {stored: func(m *store.Memory) []byte { return get(t, m, "things/r/2") }, plaintext: true, reason: seal.ErrTampered},
		"of another store":        {stored: func(*store.Memory) []byte { return sealed(t, ring(t, a), plain, "/other/things/r/1") }, reason: seal.ErrTampered},
		"in clear":                {stored: func(*store.Memory) []byte { return []byte(plain) }, reason: seal.ErrNotSealed},
		"in clear, lax":           {stored: func(*store.Memory) []byte { return []byte(plain) }, plaintext: true, want: plain},
		"by a key gone, lax":      {stored: func(*store.Memory) []byte { return sealed(t, ring(t, gone), plain, prefix+"things/r/1") }, plaintext: true, reason: seal.ErrUnknownKey},
		"broken envelope, lax":    {stored: func(*store.Memory) []byte { return []byte("authgate-seal:1:" + a.ID() + ":x") }, plaintext: true, reason: seal.ErrTampered},
		"what unusable ones read": {stored: func(*store.Memory) []byte { return []byte("authgate-seal:unusable") }, reason: seal.ErrNotSealed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logs, seen := observer.New(zapcore.WarnLevel)
			m := store.NewMemory()
			s := wrap(t, m, seal.Config{Keys: ring(t, a, b), Plaintext: c.plaintext, Logger: zap.New(logs)})
			put(t, s, "things/r/2", "the-other-record")
			put(t, m, "things/r/1", string(c.stored(m)))
			got := string(get(t, s, "things/r/1"))
			if c.want != "" {
				if got != c.want || len(s.Unreadable(t.Context())) > 0 {
					t.Errorf("read %q, unreadable are %v", got, s.Unreadable(t.Context()))
				}
				return
			}
			if strings.Contains(got, "\n") || strings.Contains(got, "{") || strings.Contains(got, "secret") || got == "" {
				t.Errorf("read %q", got)
			}
			if other := string(get(t, s, "things/r/2")); other != "the-other-record" {
				t.Errorf("the other one reads %q", other)
			}
			bad := s.Unreadable(t.Context())
			if len(bad) != 1 || bad[0].Key != "things/r/1" || !errors.Is(bad[0].Reason, c.reason) {
				t.Errorf("unreadable are %v, want things/r/1: %v", bad, c.reason)
			}
			if n := seen.Len(); n != 1 { // though it was read several times
				t.Errorf("logged %d times", n)
			}
			put(t, m, "things/r/1", string(sealed(t, ring(t, a), "mended", prefix+"things/r/1")))
			if bad := s.Unreadable(t.Context()); len(bad) != 0 {
				t.Errorf("after it was mended by others: %v", bad)
			}
		})
	}
}

// What is remembered as unreadable is looked at again before it is told.
func TestRemovedIsNoLongerUnreadable(t *testing.T) {
	t.Parallel()
	m := store.NewMemory()
	s := wrap(t, m, seal.Config{Keys: ring(t, newKey(t))})
	put(t, m, "things/r/1", plain)
	get(t, s, "things/r/1")
	m.FailReads(store.ErrUnavailable)
	if bad := s.Unreadable(t.Context()); len(bad) != 0 {
		t.Errorf("while nothing can be read: %v", bad)
	}
	m.FailReads(nil)
	if bad := s.Unreadable(t.Context()); len(bad) != 1 {
		t.Errorf("unreadable are %v", bad)
	}
	if _, err := s.Txn(t.Context(), nil, []store.Op{{Key: "things/r/1", Delete: true}}); err != nil {
		t.Fatal(err)
	}
	if bad := s.Unreadable(t.Context()); len(bad) != 0 {
		t.Errorf("after it was removed: %v", bad)
	}
}

// lateStore is a store that has to be started.
type lateStore struct {
	store.Store

	started int
	err     error
}

func (l *lateStore) Start() error {
	l.started++
	return l.err
}

func TestStart(t *testing.T) {
	t.Parallel()
	failure := errors.New("no key")
	t.Run("loads the keys once and before the store is started", func(t *testing.T) {
		t.Parallel()
		inner, loads := &lateStore{Store: store.NewMemory()}, 0
		keys := ring(t, newKey(t))
		s := wrap(t, inner, seal.Config{Load: func() (*seal.Keyring, error) {
			loads++
			if inner.started > 0 {
				t.Error("the store runs already")
			}
			return keys, nil
		}})
		early := make(chan error, 1)
		go func() {
			_, err := s.Txn(context.WithoutCancel(t.Context()), nil, []store.Op{{Key: "things/r/1", Value: []byte(plain)}})
			early <- err
		}()
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if err := <-early; err != nil {
			t.Errorf("a call from before Start: %v", err)
		}
		if err := s.Start(); err != nil || loads != 1 || inner.started != 2 {
			t.Errorf("second start: %v; loaded %d times, started %d times", err, loads, inner.started)
		}
		if string(get(t, s, "things/r/1")) != plain || s.KeyIDs()[0] != keys.IDs()[0] {
			t.Errorf("read %q with %v", get(t, s, "things/r/1"), s.KeyIDs())
		}
	})
	t.Run("without a key nothing starts", func(t *testing.T) {
		t.Parallel()
		inner := &lateStore{Store: store.NewMemory()}
		s := wrap(t, inner, seal.Config{Load: func() (*seal.Keyring, error) { return nil, failure }})
		if err := s.Start(); !errors.Is(err, failure) || inner.started != 0 {
			t.Errorf("got %v, started %d times", err, inner.started)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Txn(ctx, nil, []store.Op{{Key: "things/r/1", Value: []byte(plain)}})
		_, _, getErr := s.Get(ctx, "things/r/1")
		_, _, listErr := s.List(ctx, "")
		for what, err := range map[string]error{"Txn": err, "Get": getErr, "List": listErr} {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s before the keys are known: %v", what, err)
			}
		}
		if s.KeyIDs() != nil {
			t.Errorf("keys %v", s.KeyIDs())
		}
	})
	t.Run("the inner store's failure is passed on", func(t *testing.T) {
		t.Parallel()
		s := wrap(t, &lateStore{Store: store.NewMemory(), err: failure}, seal.Config{Keys: ring(t, newKey(t))})
		if err := s.Start(); !errors.Is(err, failure) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a store that needs no start", func(t *testing.T) {
		t.Parallel()
		if err := wrap(t, store.NewMemory(), seal.Config{Keys: ring(t, newKey(t))}).Start(); err != nil {
			t.Error(err)
		}
	})
}
