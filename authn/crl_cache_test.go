package authn_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// reach polls until the server has had so many fetches.
func reach(t *testing.T, ca *authntest.CA, fetches int) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ca.CRLFetches() < fetches {
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("%d fetches, want %d", ca.CRLFetches(), fetches)
			return
		}
	}
}

// mustTrustAtOnce is mustTrust for a caller that has no time to wait for a fetch.
func mustTrustAtOnce(t *testing.T, c *authn.ClientCerts, state *tls.ConnectionState) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Check(ctx, state, remote); err != nil {
		t.Fatalf("refused: %v", err)
	}
}

func wantFetches(t *testing.T, ca *authntest.CA, want int) {
	t.Helper()
	if n := ca.CRLFetches(); n != want {
		t.Fatalf("%d fetches, want %d", n, want)
	}
}

func TestCRL_fetched_once_per_interval(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	c := newClientCerts(t, ca)
	release := make(chan struct{})
	ca.SetCRLFault(authntest.CRLFault{Hang: release})
	states := make([]*tls.ConnectionState, 50)
	for n := range states {
		states[n] = handshake(t, ca.Issue(t, authntest.CertSpec{}))
	}
	all := func() {
		var wg sync.WaitGroup
		for _, s := range states {
			wg.Go(func() {
				if _, err := c.Check(context.Background(), s, remote); err != nil {
					t.Errorf("refused: %v", err)
				}
			})
		}
		wg.Wait()
	}
	go func() { reach(t, ca, 1); close(release) }()
	all() // M3: all of them wait for one fetch
	wantFetches(t, ca, 1)
	ca.Clock.Advance(8 * time.Minute)
	all()
	wantFetches(t, ca, 1)
	t.Run("M3_revocation_is_seen_after_the_interval", func(t *testing.T) {
		ca.SetCRLFault(authntest.CRLFault{})
		ca.Revoke(states[0].PeerCertificates[0].SerialNumber)
		ca.Clock.Advance(2 * time.Minute)
		mustRefuse(t, c, states[0], authn.CertRevoked, "revoked")
		wantFetches(t, ca, 2)
	})
	t.Run("refreshed_ahead_of_time_without_waiting", func(t *testing.T) {
		ca.Revoke(states[1].PeerCertificates[0].SerialNumber)
		release := make(chan struct{})
		ca.SetCRLFault(authntest.CRLFault{Hang: release})
		ca.Clock.Advance(9*time.Minute + 30*time.Second)
		mustTrustAtOnce(t, c, states[1])
		reach(t, ca, 3)
		mustTrustAtOnce(t, c, states[1])
		close(release)
		ca.Clock.Advance(time.Minute)
		mustRefuse(t, c, states[1], authn.CertRevoked, "revoked")
		wantFetches(t, ca, 3)
	})
}

func TestCRL_outage(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	watch, logs := observe()
	c := newClientCerts(t, ca, watch)
	state := handshake(t, ca.Issue(t, authntest.CertSpec{CRLPoints: []string{ca.CRLURL + "?secret=LEAK"}}))
	ca.SetCRLFault(authntest.CRLFault{Abort: true})
	for range 20 {
		mustRefuse(t, c, state, authn.CertCRLUnavailable, noAccess)
	}
	wantFetches(t, ca, 1) // a failure is remembered
	ca.SetCRLFault(authntest.CRLFault{})
	ca.Clock.Advance(10 * time.Second)
	mustTrust(t, c, state)
	wantFetches(t, ca, 2)

	t.Run("M3_the_old_list_serves_until_its_end", func(t *testing.T) {
		ca.SetCRLFault(authntest.CRLFault{Abort: true})
		ca.Clock.Advance(11 * time.Minute)
		for range 20 {
			mustTrust(t, c, state)
		}
		wantFetches(t, ca, 3)
		release := make(chan struct{})
		ca.SetCRLFault(authntest.CRLFault{Hang: release, Abort: true})
		ca.Clock.Advance(10 * time.Second)
		mustTrustAtOnce(t, c, state) // the next try is nothing to wait for
		reach(t, ca, 4)
		close(release)
		ca.Clock.Advance(48 * time.Minute)
		mustTrust(t, c, state)
		ca.Clock.Advance(2 * time.Minute)
		mustRefuse(t, c, state, authn.CertCRLUnavailable, noAccess)
	})
	t.Run("logged_once_without_the_query", func(t *testing.T) {
		all := logs.All()
		if len(all) != 3 {
			t.Fatalf("logged %v", all)
		}
		for _, entry := range all {
			if strings.Contains(fmt.Sprint(entry.ContextMap()), "LEAK") {
				t.Errorf("the query is in the log: %v", entry)
			}
		}
	})
}

func TestCRL_never_past_next_update(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	c := newClientCerts(t, ca)
	state := handshake(t, ca.Issue(t, authntest.CertSpec{}))
	ca.SetCRLFault(authntest.CRLFault{NextUpdate: 5 * time.Minute})
	mustTrust(t, c, state)
	ca.SetCRLFault(authntest.CRLFault{Status: 500})
	ca.Clock.Advance(5*time.Minute - time.Second)
	mustTrust(t, c, state)
	wantFetches(t, ca, 1)
	ca.Clock.Advance(time.Second)
	mustRefuse(t, c, state, authn.CertCRLUnavailable, noAccess)
	wantFetches(t, ca, 2)
}

// TestCRL_rolled_back plays an older list, still good and well signed, to have a revocation forgotten.
func TestCRL_rolled_back(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	c := newClientCerts(t, ca)
	cert := ca.Issue(t, authntest.CertSpec{})
	state := handshake(t, cert)
	ca.SetCRLFault(authntest.CRLFault{ThisUpdate: -time.Hour})
	old, err := ca.CRL()
	if err != nil {
		t.Fatal(err)
	}
	ca.SetCRLFault(authntest.CRLFault{})
	ca.Revoke(cert.Leaf.SerialNumber)
	mustRefuse(t, c, state, authn.CertRevoked, "revoked")
	ca.SetCRLFault(authntest.CRLFault{Body: old})
	ca.Clock.Advance(11 * time.Minute)
	mustRefuse(t, c, state, authn.CertRevoked, "revoked")
	wantFetches(t, ca, 2)
}

func TestCRL_fetch_outlives_the_request(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	c := newClientCerts(t, ca)
	state := handshake(t, ca.Issue(t, authntest.CertSpec{}))
	release := make(chan struct{})
	ca.SetCRLFault(authntest.CRLFault{Hang: release})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { reach(t, ca, 1); cancel() }()
	mustRefuseFrom(ctx, t, c, state, remote, authn.CertCRLUnavailable, noAccess)
	close(release)
	mustTrust(t, c, state)
	wantFetches(t, ca, 1)
}

func TestClientCerts_close(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	c := newClientCerts(t, ca)
	state := handshake(t, ca.Issue(t, authntest.CertSpec{}))
	other := handshake(t, ca.Issue(t, authntest.CertSpec{CRLPoints: []string{ca.CRLURL + "?2"}}))
	mustTrust(t, c, state)
	ca.SetCRLFault(authntest.CRLFault{Hang: make(chan struct{})})
	c.SetCRLTimeout(time.Hour)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := c.Check(context.Background(), other, remote)
		if err == nil {
			t.Error("a certificate passed whose list never came")
		}
	}()
	reach(t, ca, 2)
	c.Close()
	c.Close()
	<-done
	mustTrust(t, c, state)
	ca.Clock.Advance(11 * time.Minute)
	mustTrust(t, c, state)
	mustRefuse(t, c, other, authn.CertCRLUnavailable, noAccess)
	wantFetches(t, ca, 2)
	ca.Clock.Advance(time.Hour)
	mustRefuse(t, c, state, authn.CertCRLUnavailable, noAccess)
}

func TestCRL_bounds(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	for n := range 100 {
		ca.Revoke(big.NewInt(int64(n + 1)))
	}
	c := newClientCerts(t, ca)
	fill := func(lists int) {
		for n := range lists {
			mustTrust(t, c, handshake(t, ca.Issue(t, authntest.CertSpec{CRLPoints: []string{fmt.Sprintf("%s?%d", ca.CRLURL, n)}})))
		}
	}
	fill(260)
	if lists, counted, taken := c.CRLMemory(); lists != 256 || counted != taken {
		t.Errorf("%d lists, %d bytes by the account and %d in truth; want 256 and no difference", lists, counted, taken)
	}
	c.SetCRLMemory(10 * (200 + 100*20))
	ca.Clock.Advance(11 * time.Minute)
	fill(20)
	if lists, counted, taken := c.CRLMemory(); lists > 11 || counted != taken || taken > 10*(200+100*20) {
		t.Errorf("%d lists of %d bytes (%d by the account), want 10 at most", lists, taken, counted)
	}
}
