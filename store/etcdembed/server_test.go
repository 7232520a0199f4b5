package etcdembed_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/etcdembed"
	"github.com/authgate/authgate/store/storetest"
)

// shared is a server for tests that need no more than a prefix of their own.
var (
	shared   *etcdembed.Server
	prefixes atomic.Int64
)

func freshPrefix() string { return fmt.Sprintf("/test-%d/", prefixes.Add(1)) }

func TestMain(m *testing.M) {
	for duty, do := range map[string]func(string) error{damagedDir: judgeDamaged, writtenDir: write, judgedDir: judge} {
		if dir := os.Getenv(duty); dir != "" {
			if err := do(dir); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	code, err := run(m)
	if err == nil {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "etcdembed")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if shared, err = etcdembed.Start(etcdembed.Config{Dir: filepath.Join(dir, "data")}); err != nil {
		return 1, err
	}
	code = m.Run()
	return code, shared.Close()
}

func start(t *testing.T, cfg etcdembed.Config) *etcdembed.Server {
	t.Helper()
	s, err := etcdembed.Start(cfg)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t *testing.T, s store.Store, key, value string) {
	t.Helper()
	if _, err := s.Txn(t.Context(), nil, []store.Op{{Key: key, Value: []byte(value)}}); err != nil {
		t.Fatalf("writing %q: %v", key, err)
	}
}

func want(t *testing.T, s store.Store, key, value string) {
	t.Helper()
	if kv, _, err := s.Get(t.Context(), key); err != nil || string(kv.Value) != value {
		t.Errorf("reading %q: %.20q, %v; want %.20q", key, kv.Value, err, value)
	}
}

func closeNow(t *testing.T, s *etcdembed.Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func TestEmbeddedConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) (store.Store, func(int64)) {
		client, err := shared.Client(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return shared.Store(freshPrefix()), func(revision int64) {
			if _, err := client.Compact(t.Context(), revision, clientv3.WithCompactPhysical()); err != nil {
				t.Errorf("compacting: %v", err)
			}
		}
	})
}

// The server is ready in no time, new or restarted; what uses it meanwhile waits for it. What was written
// is there after a restart.
func TestStartAndRestart(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	cfg := etcdembed.Config{Dir: filepath.Join(t.TempDir(), "deep", "data"), Logger: zap.New(core)}
	for _, round := range []string{"new", "restarted"} {
		began := time.Now()
		s := start(t, cfg)
		returned := time.Since(began)
		st := s.Store("/authgate/")
		if round == "new" {
			put(t, st, "x", "1")
		}
		want(t, st, "x", "1")
		select {
		case <-s.Ready():
		default:
			t.Errorf("%s: a call was answered, but the server is not ready", round)
		}
		t.Logf("%s: returned after %v, answered after %v", round, returned, time.Since(began))
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("%s: it took %v, want under 2 s on a quiet machine", round, d)
		}
		if err := s.Err(); err != nil {
			t.Errorf("%s: Err = %v", round, err)
		}
		closeNow(t, s)
	}
	for _, entry := range logs.All() {
		t.Errorf("an ordinary life is logged: %s %s %v", entry.Level, entry.Message, entry.ContextMap())
	}
}

func TestCloseBeforeReady(t *testing.T) {
	t.Parallel()
	cfg := etcdembed.Config{Dir: t.TempDir()}
	for range 3 {
		s := start(t, cfg)
		st := s.Store("/authgate/")
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { closeNow(t, s) })
		}
		wg.Wait()
		if _, _, err := st.Get(t.Context(), "x"); !errors.Is(err, store.ErrClosed) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Get after Close: %v", err)
		}
		if s.Err() == nil {
			t.Error("Err is nil after Close")
		}
		if _, err := s.Client(t.Context()); err == nil {
			t.Error("Client after Close succeeds")
		}
	}
}

// Closing the server ends what runs on it, also what was in use before.
func TestCloseEndsStores(t *testing.T) {
	t.Parallel()
	s := start(t, etcdembed.Config{Dir: t.TempDir()})
	st := s.Store("/authgate/")
	put(t, st, "x", "1")
	w, err := st.Watch(t.Context(), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	closeNow(t, s)
	limit := time.After(10 * time.Second)
	for ended := false; !ended; {
		select {
		case _, ok := <-w.Batches:
			ended = !ok
		case <-limit:
			t.Fatal("the watch goes on")
		}
	}
	for what, call := range map[string]func() error{
		"Get":   func() error { _, _, err := st.Get(t.Context(), "x"); return err },
		"List":  func() error { _, _, err := st.List(t.Context(), ""); return err },
		"Txn":   func() error { _, err := st.Txn(t.Context(), nil, nil); return err },
		"Watch": func() error { _, err := st.Watch(t.Context(), "", 1); return err },
	} {
		if err := call(); !errors.Is(err, store.ErrClosed) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
}

// The directory belongs to one process at a time, and whoever comes second is told so, not left waiting:
// another authgate, or an etcd of the user's own.
func TestDirectoryInUse(t *testing.T) {
	t.Parallel()
	cfg := etcdembed.Config{Dir: t.TempDir()}
	second := func(by string, limit time.Duration) {
		t.Helper()
		began := time.Now()
		s, err := etcdembed.Start(cfg)
		if !errors.Is(err, etcdembed.ErrInUse) || !strings.Contains(err.Error(), cfg.Dir) {
			t.Errorf("used by %s: %v", by, err)
		}
		if d := time.Since(began); d > limit {
			t.Errorf("used by %s: it took %v to say so", by, d)
		}
		if s != nil {
			closeNow(t, s)
		}
	}
	s := start(t, cfg)
	second("a server that starts", time.Second)
	<-s.Ready()
	second("a server", time.Second)
	closeNow(t, s)

	db, err := bolt.Open(filepath.Join(cfg.Dir, "member", "snap", "db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	second("another program", 5*time.Second)
	_ = db.Close()
	s = start(t, cfg)
	want(t, s.Store("/authgate/"), "x", "")
	closeNow(t, s)
}
