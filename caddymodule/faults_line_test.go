package caddymodule_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/authgate/authgate/store/storetest/etcdtest"
)

// startLine starts a line to an etcd that can be cut or go dead, and returns the store's lines for it.
func startLine(t *testing.T, etcd *etcdServer, prefix string) (*etcdtest.Proxy, string) {
	t.Helper()
	line, err := etcdtest.NewProxy(etcd.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(line.Close)
	return line, strings.Replace(etcd.store(prefix), etcd.URL, line.URL, 1)
}

// TestSilentStore is specs D2 and C9 for a store that is there and says nothing: no connection breaks, no
// call is refused. What is in memory is served up to max_stale and no longer, though the other gateway has
// deleted it meanwhile; writes are refused in time; requests do not pile up; and D3: what was deleted and
// compacted away during that is gone afterwards.
func TestSilentStore(t *testing.T) {
	t.Parallel()
	const maxStale = 3 * time.Second
	p, at, other := newPlant(t), newSite(t), newSite(t)
	etcd := startEtcd(t)
	line, lines := startLine(t, etcd, "silent")
	g := start(t, p.setup(at, lines+"\n\t\tcache {\n\t\t\tmax_stale 3s\n\t\t}", ""))
	start(t, p.setup(other, etcd.store("silent"), ""))
	p.store(t, at, "key-of-the-silent-store")
	p.call(t, at).passed(t)
	goroutines, _ := g.goroutines(t)

	line.Stall()
	silent := time.Now() // no read of the store has been answered since
	must(t, http.StatusNoContent, api(t, other.admin, http.MethodDelete, methodPath, ""))
	compactAll(t, etcd)
	refused := make(chan time.Duration)
	go func() {
		began := time.Now()
		api(t, at.admin, http.MethodPut, methodPath, `{"access_key":"key-that-is-never-stored"}`).unavailable(t)
		refused <- time.Since(began)
	}()
	var served time.Duration
	eventually(t, time.Minute, "D2: the bound is kept", func() bool {
		asked := time.Since(silent)
		out := p.call(t, at)
		if out.status == http.StatusOK {
			served = asked
			if out.body != "key-of-the-silent-store" {
				t.Fatalf("D2: the upstream got %q", out.body)
			}
			return false
		}
		out.unavailable(t)
		return asked > maxStale
	})
	if took := <-refused; took > 3*time.Second {
		t.Errorf("D2: refusing a write took %v", took)
	} else {
		t.Logf("refusing a write took %v, served from memory for %v of %v", took, served, maxStale)
	}
	if served >= maxStale {
		t.Errorf("D2: served %v after the last thing the store said, the bound is %v", served, maxStale)
	}
	for range 100 {
		p.call(t, at).unavailable(t)
	}
	began := time.Now()
	api(t, at.admin, http.MethodDelete, typePath+"/stored", "").unavailable(t)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("D2: refusing another write took %v", took)
	}

	line.Heal()
	eventually(t, time.Minute, "the watch runs again", func() bool {
		out := p.call(t, at)
		if out.status == http.StatusOK {
			t.Fatalf("D3: after the silence the upstream got %q", out.body)
		}
		return g.metric(t, "caddy_authgate_store_fresh") == 1
	})
	must(t, http.StatusCreated, api(t, at.admin, http.MethodPost, createPath, p.methodBody("key-after-the-silence")))
	if out := p.call(t, at); out.body != "key-after-the-silence" {
		t.Errorf("afterwards the upstream got %d %q", out.status, out.body)
	}
	eventually(t, time.Minute, "goroutines end", func() bool {
		n, _ := g.goroutines(t)
		return n <= goroutines+20
	})
}

// compactAll forgets an etcd's history.
func compactAll(t *testing.T, etcd *etcdServer) {
	t.Helper()
	client := dialEtcd(t, etcd)
	ctx, cancel := context.WithTimeout(t.Context(), exchangeTime)
	defer cancel()
	resp, err := client.Get(ctx, "none")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Compact(ctx, resp.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
}

func dialEtcd(t *testing.T, etcd *etcdServer) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{etcd.URL}, DialTimeout: exchangeTime})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
