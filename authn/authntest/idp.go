package authntest

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// IdP is a fake issuer. It is safe for concurrent use. It is shut down when the test ends.
type IdP struct {
	URL   string // its `iss`, without a slash at the end
	Clock *Clock // what the times of its tokens are taken from

	server *httptest.Server

	mu         sync.Mutex
	alg        string
	keys       []*Key // published
	signing    *Key
	made       int
	fault      Fault
	discovery  map[string]any // overrides
	fetches    int
	discovered int
	bearers    int
}

// Option changes how New makes an IdP.
type Option func(*options)

type options struct {
	alg   string
	tls   bool
	clock *Clock
	key   *Key
}

// WithAlg makes the issuer sign by alg instead of RS256.
func WithAlg(alg string) Option { return func(o *options) { o.alg = alg } }

// WithTLS makes the issuer serve https; CAFile is then needed to trust it.
func WithTLS() Option { return func(o *options) { o.tls = true } }

// WithClock gives the issuer a clock to share with the code under test.
func WithClock(c *Clock) Option { return func(o *options) { o.clock = c } }

// WithKey makes k the first signing key, and its algorithm the issuer's.
func WithKey(k *Key) Option { return func(o *options) { o.key, o.alg = k, k.Alg } }

// New starts an issuer on a loopback port with one RS256 key. Several issuers of one test have the
// same kids, key-1 and so on, unless WithKey says otherwise.
func New(t testing.TB, opts ...Option) *IdP {
	t.Helper()
	o := options{alg: "RS256"}
	for _, opt := range opts {
		opt(&o)
	}
	if o.clock == nil {
		o.clock = NewClock()
	}
	p := &IdP{Clock: o.clock, alg: o.alg}
	if o.key != nil {
		p.keys, p.signing, p.made = []*Key{o.key}, o.key, 1
	} else {
		p.Rotate(t)
	}
	p.server = httptest.NewUnstartedServer(p)
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are part of the tests
	if o.tls {
		p.server.StartTLS()
	} else {
		p.server.Start()
	}
	p.URL = p.server.URL
	t.Cleanup(p.server.Close)
	return p
}

// CAFile writes the certificate of an issuer made WithTLS to a temporary PEM file.
func (p *IdP) CAFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	if err := os.WriteFile(name, block, 0o600); err != nil {
		t.Fatalf("authntest: %v", err)
	}
	return name
}

// JWKSURL returns where the key set is.
func (p *IdP) JWKSURL() string { return p.URL + "/jwks" }

// SigningKey returns the key that signs now.
func (p *IdP) SigningKey() *Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signing
}

// Rotate publishes a new key beside the old ones and signs with it from now on.
func (p *IdP) Rotate(t testing.TB) *Key {
	t.Helper()
	p.mu.Lock()
	p.made++
	alg, kid := p.alg, fmt.Sprintf("key-%d", p.made)
	p.mu.Unlock()
	k := NewKey(t, alg, kid)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys, p.signing = append(p.keys, k), k
	return k
}

// Publish adds k to the key set without signing with it.
func (p *IdP) Publish(k *Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, k)
}

// Remove takes the key kid out of the key set; it may go on signing.
func (p *IdP) Remove(kid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = slices.DeleteFunc(p.keys, func(k *Key) bool { return k.ID == kid })
}

// Discovery sets a member of the discovery document; nil removes it.
func (p *IdP) Discovery(name string, value any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.discovery == nil {
		p.discovery = map[string]any{}
	}
	p.discovery[name] = value
}

// Fetches returns how often the key set was asked for.
func (p *IdP) Fetches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

// Discoveries returns how often the discovery document was asked for.
func (p *IdP) Discoveries() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.discovered
}

// Bearers returns how many requests brought a credential.
func (p *IdP) Bearers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bearers
}

// JWKS returns the key set as it is published now.
func (p *IdP) JWKS() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]map[string]any, 0, len(p.keys))
	for _, k := range p.keys {
		list = append(list, k.JWK)
	}
	data, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		panic(err) // a JWK of a test that is not JSON
	}
	return data
}

// ServeHTTP serves discovery at /.well-known/openid-configuration and the keys at /jwks.
func (p *IdP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	f := p.fault
	isKeys := strings.HasSuffix(r.URL.Path, "/jwks")
	if isKeys {
		p.fetches++
	} else {
		p.discovered++
	}
	if r.Header.Get("Authorization") != "" {
		p.bearers++
	}
	doc := map[string]any{
		"issuer": p.URL, "jwks_uri": p.URL + "/jwks", "id_token_signing_alg_values_supported": []string{p.alg},
		"authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	}
	for name, value := range p.discovery {
		set(doc, name, value)
	}
	p.mu.Unlock()
	if f.serve(w, r, isKeys) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case isKeys:
		_, _ = w.Write(p.JWKS())
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		_ = json.NewEncoder(w).Encode(doc)
	default:
		http.NotFound(w, r)
	}
}
