package caddymodule_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

const (
	// runs and bound are of TestReplicas: the design asks for 100 ms at the 99th percentile on a quiet
	// machine; what fails the test leaves room for a busy one. The log says what was measured.
	runs  = 200
	bound = time.Second
)

// TestReplicas runs two gateways on one external etcd: what is written through one counts on its next
// request at once, and on the other soon (specs C9).
func TestReplicas(t *testing.T) {
	t.Parallel()
	p, a, b := newPlant(t), newSite(t), newSite(t)
	etcd := startEtcd(t)
	start(t, p.setup(a, etcd.store("replicas"), ""))
	start(t, p.setup(b, etcd.store("replicas"), ""))
	p.call(t, a).passed(t).sees(t, "X-Api-Key", "")
	p.call(t, b).passed(t).sees(t, "X-Api-Key", "")
	p.store(t, a, "key-number-0000")
	// soon asks B until it is as it should be, and returns how long that took since the write was answered.
	soon := func(what string, ok func(result) bool) time.Duration {
		t.Helper()
		began := time.Now()
		eventually(t, exchangeTime, what, func() bool { return ok(p.call(t, b)) })
		return time.Since(began)
	}
	soon("B knows the credential", func(r result) bool { return r.body == "key-number-0000" })

	var took []time.Duration
	for i := 1; i <= runs; i++ {
		key := fmt.Sprintf("key-number-%04d", i)
		must(t, http.StatusOK, api(t, a.admin, http.MethodPut, methodPath, fmt.Sprintf(`{"access_key":%q}`, key)))
		took = append(took, soon("B has "+key, func(r result) bool {
			if r.status != http.StatusOK {
				t.Fatalf("B answered %d: %s", r.status, r.body)
			}
			return r.body == key
		}))
		if out := p.call(t, a); out.body != key {
			t.Fatalf("A's next request after the write: upstream got %q, want %q", out.body, key)
		}
	}
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	t.Logf("B followed A after p50 %v, p90 %v, p99 %v, max %v (%d runs, request included)", took[len(took)/2], took[len(took)*9/10], p99, took[len(took)-1], len(took))
	if p99 > bound {
		t.Errorf("p99 %v, bound %v", p99, bound)
	}

	// Written through B, so that both directions are seen.
	must(t, http.StatusNoContent, api(t, b.admin, http.MethodDelete, methodPath, ""))
	p.call(t, b).unavailable(t)
	began := time.Now()
	eventually(t, exchangeTime, "C9: A refuses what B has deleted", func() bool {
		out := p.call(t, a)
		if out.status == http.StatusOK && out.body == "nothing" {
			t.Fatal("C9: the upstream was called without its credential")
		}
		return out.status == http.StatusServiceUnavailable
	})
	if d := time.Since(began); d > bound {
		t.Errorf("C9: the deletion reached A after %v", d)
	}
	must(t, http.StatusCreated, api(t, b.admin, http.MethodPost, createPath, p.methodBody("made-again")))
	began = time.Now()
	eventually(t, exchangeTime, "C9: A knows the new one, whose absence it had cached", func() bool { return p.call(t, a).body == "made-again" })
	if d := time.Since(began); d > bound {
		t.Errorf("C9: the new one reached A after %v", d)
	}
	// Without a service type the host is none of the gateway's any more.
	must(t, http.StatusNoContent, api(t, a.admin, http.MethodDelete, methodPath, ""))
	must(t, http.StatusNoContent, api(t, a.admin, http.MethodDelete, typePath+"/stored", ""))
	p.call(t, a).passed(t).sees(t, "X-Api-Key", "")
	soon("C9: B has forgotten the service type", func(r result) bool { return r.status == http.StatusOK && r.body == "nothing" })
}
