package authn_test

import (
	"encoding/base64"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// attack is a token that must not pass, and what the issuers alone answer. In a chain all of them end
// as ErrRejected, 401.
type attack struct {
	name  string
	token func(t *testing.T, r *rig) string
	want  error // ErrRejected if nil
}

// rig is what attacks are run against: two issuers of one clock with the same kid but different keys, an
// attacker's key, and a listener nobody may ever connect to.
type rig struct {
	idp, other *authntest.IdP
	attacker   *authntest.Key // not published anywhere, but named like idp's own
	trap       *trap
	issuers    *authn.Issuers
}

func newRig(t *testing.T, change ...func(*authn.IssuerConfig)) *rig {
	t.Helper()
	clock := authntest.NewClock()
	r := &rig{
		idp:      authntest.New(t, authntest.WithAlg("ES256"), authntest.WithClock(clock)),
		other:    authntest.New(t, authntest.WithAlg("ES256"), authntest.WithClock(clock)),
		attacker: authntest.NewKey(t, "ES256", "key-1"),
		trap:     newTrap(t),
	}
	named := func(c *authn.IssuerConfig) { c.Name = "other" }
	r.issuers = newIssuers(t, newIssuer(t, r.idp, change...), newIssuer(t, r.other, named))
	return r
}

// run expects every attack to fail, after a proof that a plain token passes.
func (r *rig) run(t *testing.T, attacks []attack) {
	t.Helper()
	mustPass(t, r.issuers, r.idp.Token(t, nil))
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			token := a.token(t, r)
			want := a.want
			if want == nil {
				want = authn.ErrRejected
			}
			mustFail(t, r.issuers, token, want)
			mustFail(t, authn.Chain{r.issuers}, token, authn.ErrRejected)
			_, err := r.issuers.Authenticate(t.Context(), bearer(token))
			if strings.Contains(err.Error(), "LEAK") {
				t.Errorf("J22: the error %q repeats part of the token", err)
			}
			if n := r.trap.connections.Load(); n != 0 {
				t.Errorf("%d connections to an address only the token names", n)
			}
		})
	}
}

// claim makes an attack of one claim's value.
func claim(name string, value any) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string { return r.idp.Token(t, map[string]any{name: value}) }
}

// header makes an attack of one header's value.
func header(name string, value any) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string { return r.idp.Token(t, nil, authntest.Header(name, value)) }
}

// trap counts the connections to its address.
type trap struct {
	URL         string
	connections atomic.Int64
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tr := &trap{URL: "http://" + l.Addr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				tr.connections.Add(1)
				c.Close()
			}
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return tr
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
