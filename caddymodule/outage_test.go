package caddymodule_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authn/authntest"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// unavailable asserts the answer to what cannot be told: never 401, never a request to the upstream.
func (r result) unavailable(t *testing.T) {
	t.Helper()
	r.refused(t, http.StatusServiceUnavailable)
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// TestStoreDownAtStart is specs D1.
func TestStoreDownAtStart(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	etcd.stop()
	s := p.setup(at, etcd.store("d1"), "")
	s.NotReady = true
	g := start(t, s)
	if g.status(t).Ready {
		t.Error("D1: status says ready")
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/v1/service-types": 503} {
		if out := api(t, at.admin, http.MethodGet, path, ""); out.status != want {
			t.Errorf("D1: %s: status %d, want %d: %s", path, out.status, want, out.body)
		}
	}
	p.call(t, at).unavailable(t)
	call{Host: at.proxy}.send(t, at.proxy, p.origin).refused(t, 401) // nothing needs to be asked
	etcd.start(t)
	eventually(t, time.Minute, "D1: the gateway gets ready by itself", func() bool {
		return api(t, at.admin, http.MethodGet, "/readyz", "").status == http.StatusOK
	})
	p.call(t, at).passed(t)
	p.store(t, at, "made-after-the-outage")
	if out := p.call(t, at); out.body != "made-after-the-outage" {
		t.Errorf("the upstream got %q", out.body)
	}
}

// TestStoreStops is specs D2: served from memory up to max_stale, then 503; writes 503 at once.
func TestStoreStops(t *testing.T) {
	t.Parallel()
	const maxStale = 15 * time.Second
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	g := start(t, p.setup(at, etcd.store("d2")+"\n\t\tcache {\n\t\t\tmax_stale 15s\n\t\t}", ""))
	p.store(t, at, "first-key-of-the-outage")
	p.call(t, at).passed(t) // now it is in memory
	// The write waits until the watch has caught up, so what is in memory was true at this moment.
	must(t, http.StatusOK, api(t, at.admin, http.MethodPut, methodPath, `{"access_key":"second-key-of-the-outage"}`))
	p.call(t, at).passed(t)
	etcd.stop()           // takes some seconds, in which it answers no reads any more
	stopped := time.Now() // until now it may have said that all is well

	write := time.Now()
	api(t, at.admin, http.MethodPut, methodPath, `{"access_key":"third-key-of-the-outage"}`).unavailable(t)
	if took := time.Since(write); took > 10*time.Second {
		t.Errorf("D2: refusing a write took %v", took)
	}
	var served time.Time
	var slowest time.Duration
	eventually(t, time.Minute, "D2: the bound is kept", func() bool {
		began := time.Now()
		out := p.call(t, at)
		slowest = max(slowest, time.Since(began))
		if out.status == http.StatusOK {
			if out.body != "second-key-of-the-outage" {
				t.Fatalf("D2: the upstream got %q", out.body)
			}
			served = time.Now()
			return false
		}
		out.unavailable(t)
		return true
	})
	switch lasted := served.Sub(stopped); {
	case served.IsZero():
		t.Error("D2: nothing was served from memory")
	case lasted > maxStale+3*time.Second: // a call that came through may have begun before the bound
		t.Errorf("D2: served for %v, the bound is %v", lasted, maxStale)
	default:
		t.Logf("served from memory for %v, bound %v, slowest answer %v", lasted, maxStale, slowest)
	}
	if g.status(t).Ready {
		t.Error("D2: status says ready")
	}
	if out := api(t, at.admin, http.MethodGet, "/readyz", ""); out.status != http.StatusServiceUnavailable {
		t.Errorf("D2: readyz: %d", out.status)
	}
	etcd.start(t)
	eventually(t, time.Minute, "D2: the gateway recovers by itself", func() bool { return p.call(t, at).status == http.StatusOK })
	eventually(t, time.Minute, "D2: writes work again", func() bool {
		return api(t, at.admin, http.MethodPut, methodPath, `{"access_key":"third-key-of-the-outage"}`).status == http.StatusOK
	})
	if out := p.call(t, at); out.body != "third-key-of-the-outage" {
		t.Errorf("D2: after the outage the upstream got %q", out.body)
	}
	eventually(t, time.Minute, "D2: the watch runs again", func() bool { return g.metric(t, "caddy_authgate_store_fresh") == 1 })
}

// TestBrokenRecord is specs D5 and D6: a record that cannot be read fails its own host closed, and no other.
func TestBrokenRecord(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	start(t, p.setup(at, etcd.storeWith("d5", "insecure_plaintext_secrets"), ""))
	p.store(t, at, "a-key-that-gets-lost")
	p.call(t, at).passed(t)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{etcd.URL}, DialTimeout: exchangeTime})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), exchangeTime)
	defer cancel()
	all, err := client.Get(ctx, "/d5/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	broken := 0
	for _, kv := range all.Kvs {
		if strings.Contains(string(kv.Value), "a-key-that-gets-lost") {
			if _, err := client.Put(ctx, string(kv.Key), strings.ReplaceAll(string(kv.Value), `"access_key"`, `"access_kex"`)); err != nil {
				t.Fatal(err)
			}
			broken++
		}
	}
	if broken != 1 {
		t.Fatalf("%d records hold the key", broken)
	}
	eventually(t, exchangeTime, "D6: the host is refused", func() bool {
		out := p.call(t, at)
		if out.status == http.StatusOK && out.body == "nothing" {
			t.Fatal("D6: the upstream was called without its credential")
		}
		return out.status == http.StatusServiceUnavailable
	})
	p.call(t, at).unavailable(t)
	if out := api(t, at.admin, http.MethodGet, "/v1/authm", ""); out.status != http.StatusOK || strings.Contains(out.body, "gets-lost") {
		t.Errorf("D5: the list: %d %s", out.status, out.body)
	}
}

// TestIssuerDown: an outage of the issuer is 503, for tokens whose key is not known yet, and heals.
func TestIssuerDown(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	p.idp.SetFault(authntest.Fault{Status: http.StatusInternalServerError, Body: "the issuer is down"})
	g := start(t, p.setup(at, etcd.store("idp"), ""))
	for range 3 {
		out := p.call(t, at)
		out.unavailable(t)
		if strings.Contains(out.body, "issuer is down") || strings.Contains(out.body, p.idp.URL) {
			t.Errorf("H17: the answer tells of the issuer: %s", out.body)
		}
	}
	if n := g.status(t).Requests["unavailable"]; n < 3 {
		t.Errorf("unavailable: %d", n)
	}
	// What nobody needs the issuer for is decided all the same.
	call{Host: at.proxy}.send(t, at.proxy, p.origin).refused(t, 401)
	call{Host: at.proxy, Token: "no-jwt"}.send(t, at.proxy, p.origin).refused(t, 401)
	if n := g.logged(t, p.token); n > 0 {
		t.Errorf("the token is in the log %d times", n)
	}
	p.idp.SetFault(authntest.Fault{})
	eventually(t, time.Minute, "the issuer is back", func() bool { return p.call(t, at).status == http.StatusOK })
	// Known keys outlive the next outage.
	p.idp.SetFault(authntest.Fault{Abort: true})
	fresh := call{Host: at.proxy, Token: p.idp.Token(t, map[string]any{"sub": "later"})}
	fresh.send(t, at.proxy, p.origin).passed(t)
}
