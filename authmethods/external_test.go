package authmethods_test

import (
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/secret"
)

// external is an external service that gives out tokens: a TLS server on loopback that notes what it was
// asked. By default it answers {"token": "token of <path>"}.
type external struct {
	*httptest.Server
	host string
	port int

	mu     sync.Mutex
	seen   []*http.Request
	answer http.HandlerFunc
}

func newExternal(t testing.TB) *external { return newExternalWith(t, nil) }

func newExternalWith(t testing.TB, configure func(*httptest.Server)) *external {
	t.Helper()
	e := &external{answer: func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"token":"token of %s"}`, r.URL.Path)
	}}
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.seen = append(e.seen, r)
		answer := e.answer
		e.mu.Unlock()
		answer(w, r)
	}))
	e.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that the tests make fail
	if configure != nil {
		configure(e.Server)
	}
	e.StartTLS()
	t.Cleanup(e.Close)
	u, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	e.host, e.port = u.Hostname(), port(u)
	return e
}

func (e *external) answers(h http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = h
}

func (e *external) answersWith(status int, body string) {
	e.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

// calls returns how often the service was asked.
func (e *external) calls() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.seen)
}

func (e *external) last(t *testing.T) *http.Request {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.seen) == 0 {
		t.Fatal("the external service was not asked")
	}
	return e.seen[len(e.seen)-1]
}

// deps make a Service that may call e and trusts it.
func (e *external) deps() authmethods.Deps {
	roots := x509.NewCertPool()
	roots.AddCert(e.Certificate())
	return authmethods.Deps{Now: time.Now, Retrieve: authmethods.RetrieveConfig{AllowPrivateAddresses: true, Roots: roots}}
}

// x509Pool is a pool that vouches for nothing.
func x509Pool() *x509.CertPool { return x509.NewCertPool() }

const (
	tokenPath    = "/v1/users:byUUID/{{identifier}}"
	storedSecret = "st0red-adm1n-s3cret/&x"
)

// mapRig is a rig whose service type "ext" lists the host of an external service, with the given method
// (host, port and, if it has none, an access key are filled in) and the binding "b" of dn.
func mapRig(t testing.TB, e *external, decl authmethods.Declared, m authmethods.Method) *rig {
	t.Helper()
	rig := newRig(t, decl)
	rig.svc = rig.configureWith(decl, e.deps())
	kind := authmethods.KindAPIKey
	if m.Headers != nil {
		kind = authmethods.KindHeaders
	} else if m.AccessKey.Empty() {
		m.AccessKey = secret.New(storedSecret)
	}
	v := serviceType("ext", kind, e.host)
	v.AuthTypes = []string{authmethods.AuthTypeX509, authmethods.AuthTypeOIDC}
	if _, err := rig.svc.CreateServiceType(rig.ctx, v); err != nil {
		t.Fatal(err)
	}
	m.Host, m.Port = e.host, e.port
	rig.method("ext", m)
	b := binding("b", rig.mustType("ext"), e.host, dn)
	b.UniqueKey = "un1que-user-key"
	rig.bind(b)
	return rig
}

// tokenMethod has all that a token retrieval needs.
func tokenMethod() authmethods.Method {
	return authmethods.Method{Path: tokenPath, RetrievalField: "token"}
}

// hidden are the texts that no error of a retrieval may hold.
func hidden(e *external) []string {
	return []string{storedSecret, url.QueryEscape(storedSecret), "un1que-user-key", e.host, "byUUID", "https://", "echoed"}
}

func wantHidden(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		text := fmt.Sprintf(verb, err)
		for _, s := range texts {
			if strings.Contains(text, s) {
				t.Errorf("%s of the error holds %q: %s", verb, s, text)
			}
		}
	}
}
