package caddymodule_test

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/authgate/authgate/authn/authntest"
)

// TestRemovedAuthority is specs M5. Caddy issues no session tickets where it asks for client certificates;
// should a session be resumed all the same, what counts is whether its certificate is trusted now.
func TestRemovedAuthority(t *testing.T) {
	t.Parallel()
	r := newCertRig(t, withCA)
	robot := r.clients.Issue(t, named("robot"))
	r.bind(t, "robot", robot)
	secure := r.with("mtls.tls.test", robot)
	secure.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	c := call{Host: "mtls.tls.test", TLS: secure}
	for range 2 {
		c.send(t, r.tls, r.recorder).passed(t)
	}
	if err := r.reload(r.setup(t, "x509 {\n\t\t\tca "+r.away.File()+"\n\t\t\tallow_private_addresses\n\t\t}")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c.sendAfterReload(t, r.tls, r.recorder).refused(t, 401)
	}
	if err := r.reload(r.setup(t, withCA)); err != nil {
		t.Fatal(err)
	}
	c.sendAfterReload(t, r.tls, r.recorder).passed(t)
}

// TestReloadDuringFetches: requests outlive their configuration, whose fetches end with it. They are
// answered, by 503, and nothing panics.
func TestReloadDuringFetches(t *testing.T) {
	t.Parallel()
	t.Run("revocation_list", func(t *testing.T) {
		t.Parallel()
		r := prepareCertRig(t)
		hang := make(chan struct{})
		r.away.SetCRLFault(authntest.CRLFault{Hang: hang})
		r.gateway = start(t, r.setup(t, withCA))
		r.makeService(t)
		robot := r.away.Issue(t, named("robot"))
		r.bind(t, "robot", robot)
		done := make(chan result, 1)
		go func() { done <- r.as(t, "mtls.tls.test", robot, call{}) }()
		eventually(t, exchangeTime, "the list is asked for", func() bool { return r.away.CRLFetches() > 0 })
		if err := r.reload(r.setup(t, withCA+"\n\t\tgc_headroom off")); err != nil {
			t.Fatal(err)
		}
		(<-done).refused(t, 503)
		r.away.SetCRLFault(authntest.CRLFault{})
		close(hang)
		r.as(t, "mtls.tls.test", robot, call{}).passed(t)
	})
	t.Run("mapped_token", func(t *testing.T) {
		t.Parallel()
		r := newMapRig(t)
		hang := make(chan struct{})
		r.service.set(func() { r.service.hang = hang })
		done := make(chan result, 1)
		go func() { done <- r.as(t, "map.tls.test", r.alice, call{}) }()
		eventually(t, exchangeTime, "the token is asked for", func() bool {
			_, exchanges := r.service.calls()
			return len(exchanges) > 0
		})
		again := r.loaded
		again.Global += "\n\tgrace_period 20s"
		if err := r.reload(again); err != nil {
			t.Fatal(err)
		}
		if out := <-done; out.status != http.StatusServiceUnavailable {
			t.Errorf("status %d %s, want 503", out.status, out.body)
		}
		r.service.set(func() { r.service.hang = nil })
		close(hang)
		r.sees(t, r.alice, aliceToken)
	})
}
