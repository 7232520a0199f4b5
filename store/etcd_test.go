package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/storetest"
	"github.com/authgate/authgate/store/storetest/etcdtest"
)

// plain is a cluster of one member without TLS; each test has a prefix of its own on it.
var (
	plain    *etcdtest.Cluster
	prefixes atomic.Int64
)

func freshPrefix() string { return fmt.Sprintf("/test-%d/", prefixes.Add(1)) }

func TestMain(m *testing.M) {
	etcdtest.RunMember()
	var err error
	if plain, err = etcdtest.Start(etcdtest.Config{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	plain.Close()
	// Members' connections to each other end some seconds after they have closed.
	err = goleak.Find()
	for began := time.Now(); err != nil && time.Since(began) < 20*time.Second; err = goleak.Find() {
	}
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func openEtcd(t *testing.T, cfg store.EtcdConfig) store.Store {
	t.Helper()
	s, err := store.OpenEtcd(cfg)
	if err != nil {
		t.Fatalf("OpenEtcd: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func startCluster(t *testing.T, cfg etcdtest.Config) *etcdtest.Cluster {
	t.Helper()
	c, err := etcdtest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// eventually polls until ok, which must become true within the limit.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

func TestEtcdConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) (store.Store, func(int64)) {
		cfg := store.EtcdConfig{Endpoints: plain.Endpoints, Prefix: freshPrefix()}
		return openEtcd(t, cfg), func(revision int64) {
			client, err := store.DialEtcd(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := client.Compact(t.Context(), revision, clientv3.WithCompactPhysical()); err != nil {
				t.Errorf("compacting: %v", err)
			}
		}
	})
}

// Two stores on one cluster see nothing of each other, also if one's prefix begins the other's.
func TestEtcdPrefixes(t *testing.T) {
	t.Parallel()
	prefix := freshPrefix()
	outer := openEtcd(t, store.EtcdConfig{Endpoints: plain.Endpoints, Prefix: prefix})
	inner := openEtcd(t, store.EtcdConfig{Endpoints: plain.Endpoints, Prefix: prefix + "in/"})
	if _, err := inner.Txn(t.Context(), nil, []store.Op{{Key: "x", Value: []byte("1")}}); err != nil {
		t.Fatal(err)
	}
	if kv, _, err := outer.Get(t.Context(), "in/x"); err != nil || string(kv.Value) != "1" {
		t.Errorf("outer Get = %+v, %v", kv, err)
	}
	if kvs, _, err := inner.List(t.Context(), ""); err != nil || len(kvs) != 1 || kvs[0].Key != "x" {
		t.Errorf("inner List = %+v, %v", kvs, err)
	}
}

func TestEtcdTLS(t *testing.T) {
	t.Parallel()
	c := startCluster(t, etcdtest.Config{TLS: true})
	cfg := store.EtcdConfig{Endpoints: c.Endpoints, CAFile: c.Certs.CA, CertFile: c.Certs.Cert, KeyFile: c.Certs.Key}
	r := open(t, openEtcd(t, cfg))
	r.mustCreate(t, "x", &thing{N: 1})
	for name, spoil := range map[string]func(*store.EtcdConfig){
		"no client certificate": func(c *store.EtcdConfig) { c.CertFile, c.KeyFile = "", "" },
		"another CA":            func(cfg *store.EtcdConfig) { cfg.CAFile = c.Certs.OtherCA },
		"the system's CAs":      func(c *store.EtcdConfig) { c.CAFile = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := cfg
			spoil(&cfg)
			_, _, err := openEtcd(t, cfg).Get(t.Context(), "things/r/x")
			wantUnavailable(t, "Get", err)
		})
	}
}

// A9: authgate's etcd user needs nothing but its own prefix. A wrong password is an outage, not a refusal
// of whoever asks, and is told to nobody.
func TestA9_EtcdUser(t *testing.T) {
	t.Parallel()
	c := startCluster(t, etcdtest.Config{})
	const password = "correct-horse"
	addUser(t, c, password)
	core, logs := observer.New(zapcore.DebugLevel)
	cfg := store.EtcdConfig{
		Endpoints: c.Endpoints, Username: "authgate", Password: secret.New(password), Logger: zap.New(core),
	}
	r := open(t, openEtcd(t, cfg))
	r.mustCreate(t, "x", &thing{N: 1})
	if n := r.mustGet(t, "x").Value.N; n != 1 {
		t.Errorf("version %d, want 1", n)
	}

	outside := cfg
	outside.Prefix = "/other/"
	_, _, err := openEtcd(t, outside).Get(t.Context(), "x")
	wantUnavailable(t, "reading outside the prefix", err)

	wrong := cfg
	wrong.Password = secret.New("wrong-horse")
	began := time.Now()
	s := openEtcd(t, wrong)
	if d := time.Since(began); d > time.Second {
		t.Errorf("OpenEtcd took %v: it must not wait for the network", d)
	}
	_, _, err = s.Get(t.Context(), "x")
	wantUnavailable(t, "with a wrong password", err)
	for _, entry := range logs.All() {
		if line := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(line, "horse") {
			t.Errorf("the log has the password: %s", line)
		}
	}
	if strings.Contains(err.Error(), "horse") || strings.Contains(fmt.Sprintf("%+v", cfg), "horse") {
		t.Errorf("the password is printed: %v, %+v", err, cfg)
	}
}

// addUser turns authentication on, with a user who has the default prefix and no more.
func addUser(t *testing.T, c *etcdtest.Cluster, password string) {
	t.Helper()
	client, err := store.DialEtcd(store.EtcdConfig{Endpoints: c.Endpoints})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := t.Context()
	for _, step := range []func() error{
		func() error { _, err := client.UserAdd(ctx, "root", "root"); return err },
		func() error { _, err := client.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := client.RoleAdd(ctx, "authgate"); return err },
		func() error {
			_, err := client.RoleGrantPermission(ctx, "authgate", store.DefaultPrefix,
				clientv3.GetPrefixRangeEnd(store.DefaultPrefix), clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := client.UserAdd(ctx, "authgate", password); return err },
		func() error { _, err := client.UserGrantRole(ctx, "authgate", "authgate"); return err },
		func() error { _, err := client.AuthEnable(ctx); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

// The loss of one member of three, be it the leader, stops neither reads nor writes nor, for long, the
// feed. Without a majority nothing is written, and what is in memory is served on.
func TestEtcdMemberLoss(t *testing.T) {
	t.Parallel()
	c := startCluster(t, etcdtest.Config{Members: 3})
	cfg := store.EtcdConfig{Endpoints: c.Endpoints}
	a, b := open(t, openEtcd(t, cfg)), open(t, openEtcd(t, cfg))
	a.mustCreate(t, "x", &thing{N: 1})

	c.StopLeader()
	write := func(n int) bool {
		_, err := a.things.Update(t.Context(), "x", func(store.Item[*thing]) (*thing, error) { return &thing{N: n}, nil })
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("writing after the loss: %v", err)
		}
		return err == nil
	}
	eventually(t, 30*time.Second, "a write", func() bool { return write(2) })
	eventually(t, 30*time.Second, "seen by the other replica", func() bool {
		item, err := b.things.Get(t.Context(), "x")
		return err == nil && item.Value.N == 2
	})
	eventually(t, 30*time.Second, "both feeds fresh", func() bool {
		return a.feed.Status().Fresh && b.feed.Status().Fresh
	})
	b.mustGet(t, "x")
	before := b.feed.Status().Resyncs

	c.StopLeader()
	wantUnavailable(t, "writing without a majority", func() error {
		_, err := a.things.Create(t.Context(), "y", &thing{})
		return err
	}())
	item, err := b.things.Get(t.Context(), "x")
	if err != nil && b.feed.Status().Resyncs != before {
		t.Log("the feed began anew before the majority was lost, with nothing in memory")
	} else if err != nil || item.Value.N != 2 {
		t.Errorf("from memory: %+v, %v; want version 2", item, err)
	}
}

// A cluster nobody writes to: the feed must not take its silence for a broken watch.
func TestEtcdAtRest(t *testing.T) {
	t.Parallel()
	c := startCluster(t, etcdtest.Config{})
	s := openEtcd(t, store.EtcdConfig{Endpoints: c.Endpoints})
	cfg := store.FeedConfig{Heartbeat: 100 * time.Millisecond, StaleAfter: time.Second}
	r := newReplica(t.Context(), s, cfg, thingSchema())
	t.Cleanup(r.stop)
	first := time.Now()
	eventually(t, 30*time.Second, "three times StaleAfter have passed", func() bool { return time.Since(first) > 3*time.Second })
	if status := r.feed.Status(); !status.Fresh || status.Resyncs != 0 || time.Since(status.Confirmed) > time.Second {
		t.Errorf("%+v, want fresh from the start and confirmed a moment ago", status)
	}
}

// D1: nothing listens there. Opening does not wait, a call waits for its time and no longer.
func TestD1_EtcdUnreachable(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s := openEtcd(t, store.EtcdConfig{
		Endpoints: []string{"http://127.0.0.1:1"}, Username: "u", Password: secret.New("p"),
	})
	if d := time.Since(began); d > time.Second {
		t.Errorf("OpenEtcd took %v", d)
	}
	_, _, err := s.Get(t.Context(), "x")
	wantUnavailable(t, "Get", err)
	_, err = s.Watch(t.Context(), "", 1)
	wantUnavailable(t, "Watch", err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began = time.Now()
	_, err = s.Txn(ctx, nil, nil)
	wantUnavailable(t, "Txn", err)
	if d := time.Since(began); d > time.Second {
		t.Errorf("Txn took %v with a context of 50 ms", d)
	}
}

func TestEtcdConfigIsChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty := dir + "/empty.pem"
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	https, http := []string{"https://127.0.0.1:1"}, []string{"http://127.0.0.1:1"}
	for name, tt := range map[string]struct {
		cfg   store.EtcdConfig
		field string
	}{
		"no endpoint":        {store.EtcdConfig{}, "endpoints"},
		"no scheme":          {store.EtcdConfig{Endpoints: []string{"127.0.0.1:1"}}, "endpoints"},
		"other scheme":       {store.EtcdConfig{Endpoints: []string{"file:///x"}}, "endpoints"},
		"mixed schemes":      {store.EtcdConfig{Endpoints: slices.Concat(https, http)}, "endpoints"},
		"prefix without end": {store.EtcdConfig{Endpoints: http, Prefix: "/authgate"}, "prefix"},
		"climbing prefix":    {store.EtcdConfig{Endpoints: http, Prefix: "/a/../b/"}, "prefix"},
		"root prefix":        {store.EtcdConfig{Endpoints: http, Prefix: "/"}, "prefix"},
		"name only":          {store.EtcdConfig{Endpoints: http, Username: "u"}, "user"},
		"password only":      {store.EtcdConfig{Endpoints: http, Password: secret.New("p")}, "user"},
		"CA for http":        {store.EtcdConfig{Endpoints: http, CAFile: empty}, "tls"},
		"M1_CA missing":      {store.EtcdConfig{Endpoints: https, CAFile: dir + "/none.pem"}, "tls"},
		"M1_CA empty":        {store.EtcdConfig{Endpoints: https, CAFile: empty}, "tls"},
		"certificate only":   {store.EtcdConfig{Endpoints: https, CertFile: empty}, "tls"},
		"certificate empty":  {store.EtcdConfig{Endpoints: https, CertFile: empty, KeyFile: empty}, "tls"},
	} {
		s, err := store.OpenEtcd(tt.cfg)
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Invalid || e.Field != tt.field {
			t.Errorf("%s: %v, want it invalid for its %s", name, err, tt.field)
		}
		if s != nil {
			_ = s.Close()
		}
	}
}
