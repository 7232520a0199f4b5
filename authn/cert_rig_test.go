package authn_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// newClientCerts trusts ca, on its clock; lists may be on loopback.
func newClientCerts(t testing.TB, ca *authntest.CA, change ...func(*authn.ClientCertConfig, *authn.ClientCertDeps)) *authn.ClientCerts {
	t.Helper()
	cfg := authn.ClientCertConfig{CAFile: ca.File(), AllowPrivateAddresses: true}
	deps := authn.ClientCertDeps{Now: ca.Clock.Now}
	for _, f := range change {
		f(&cfg, &deps)
	}
	c, err := authn.NewClientCerts(cfg, deps)
	if err != nil {
		t.Fatalf("NewClientCerts: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

func skipChecks(cfg *authn.ClientCertConfig, _ *authn.ClientCertDeps) { cfg.SkipChecks = true }

// observe makes the checks log to the list returned.
func observe() (func(*authn.ClientCertConfig, *authn.ClientCertDeps), *observer.ObservedLogs) {
	core, logs := observer.New(zap.DebugLevel)
	return func(_ *authn.ClientCertConfig, d *authn.ClientCertDeps) { d.Logger = zap.New(core) }, logs
}

// server is a TLS server on loopback that tells the state of each connection.
type server struct {
	address string
	states  chan *tls.ConnectionState
}

// newServer starts a server with the client authentication of change, by default any certificate will do.
func newServer(t testing.TB, change ...func(*tls.Config)) *server {
	t.Helper()
	ca := authntest.NewCA(t)
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, authntest.CertSpec{DNSNames: []string{"gate.example"}})}, ClientAuth: tls.RequestClientCert}
	for _, f := range change {
		f(cfg)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: l.Addr().String(), states: make(chan *tls.ConnectionState, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			tc := conn.(*tls.Conn)
			if tc.Handshake() != nil {
				s.states <- nil
			} else {
				state := tc.ConnectionState()
				_, _ = tc.Write([]byte("."))
				s.states <- &state
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return s
}

// connect presents cert in a handshake and returns what the server saw.
func (s *server) connect(t testing.TB, cert *tls.Certificate, change ...func(*tls.Config)) *tls.ConnectionState {
	t.Helper()
	cfg := &tls.Config{InsecureSkipVerify: true} // whom the server is does not matter here
	if cert != nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	for _, f := range change {
		f(cfg)
	}
	conn, err := tls.Dial("tcp", s.address, cfg)
	if err == nil {
		_, _ = io.ReadAll(conn) // takes the session ticket too
		conn.Close()
	}
	return <-s.states
}

// handshake presents cert to a server that asks for any.
func handshake(t testing.TB, cert tls.Certificate) *tls.ConnectionState {
	t.Helper()
	state := newServer(t).connect(t, &cert)
	if state == nil || len(state.PeerCertificates) == 0 {
		t.Fatal("the handshake with a client certificate failed")
	}
	return state
}

const remote = "192.0.2.7:41000"

// mustTrust fails the test unless the certificate of state passes.
func mustTrust(t testing.TB, c *authn.ClientCerts, state *tls.ConnectionState) *x509.Certificate {
	t.Helper()
	cert, err := c.Check(t.Context(), state, remote)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	if !cert.Equal(state.PeerCertificates[0]) {
		t.Fatal("another certificate than the one presented came back")
	}
	return cert
}

// mustRefuse fails the test unless state is refused for the fault, with the outcome that goes with it and a text
// that tells a client nothing of our network.
func mustRefuse(t testing.TB, c *authn.ClientCerts, state *tls.ConnectionState, fault authn.CertFault, text string) {
	t.Helper()
	mustRefuseFrom(t.Context(), t, c, state, remote, fault, text)
}

func mustRefuseFrom(ctx context.Context, t testing.TB, c *authn.ClientCerts, state *tls.ConnectionState, from string, fault authn.CertFault, text string) {
	t.Helper()
	cert, err := c.Check(ctx, state, from)
	var refusal *authn.CertError
	if cert != nil || !errors.As(err, &refusal) {
		t.Fatalf("got certificate %v and error %v, want a CertError", cert != nil, err)
	}
	if refusal.Fault != fault || !strings.Contains(refusal.Text, text) {
		t.Fatalf("got fault %d %q, want %d with %q", refusal.Fault, refusal.Text, fault, text)
	}
	if strings.Contains(refusal.Text, "http") || strings.Contains(refusal.Text, "127.0.0.1") {
		t.Errorf("the text %q tells of our network", refusal.Text)
	}
	want := authn.ErrRejected
	switch fault {
	case authn.CertMissing:
		want = authn.ErrNoCredential
	case authn.CertCRLUnavailable:
		want = authn.ErrUnavailable
	case authn.CertReverseLookup:
		return // depends on the resolver
	}
	if !errors.Is(err, want) {
		t.Errorf("error %v does not wrap %v", err, want)
	}
}

// seven is a serial number with a lot of zeros in front.
func seven() *big.Int { return big.NewInt(7) }

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
