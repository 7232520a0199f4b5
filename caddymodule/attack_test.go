package caddymodule_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn/authntest"
)

// The stored credentials of the attack gateway. None may ever be seen by a client or in a log.
const (
	apiKey    = "sk-stored-for-the-api-51f0c2"
	svcToken  = "tok-stored-for-the-service-9ab4"
	svcUser   = "stored-service-user-77d1"
	queryKey  = "qk-stored-for-the-query-0c31"
	secondKey = "sk-stored-for-the-second-e80d"
)

// unverified is what forged tokens say.
const unverified = "unverified-claim-c0ffee"

// rig is the gateway most attacks are run against: one process, many sites, each a configuration that
// an attack is about.
type rig struct {
	*gateway
	*recorder
	idp, other *authntest.IdP
	http       string // address of the plain sites
	loose      string // the same with the header names on that Caddy drops by default
	trusted    string // the same, trusting the client as a proxy
	tls        string // address of the TLS sites
	pki        *pki
	origins    map[string]string
	users      map[string]string // tokens by what they are for
}

// TestAttacks runs the catalogue of security.md (C.1) against real processes, from outside.
func TestAttacks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	t.Run("C1", func(t *testing.T) {
		for _, topic := range []struct {
			name string
			run  func(*testing.T, *rig)
		}{
			{"headers", testHeaders},
			{"E1_connection", testConnection},
			{"E2_trailers", testTrailers},
			{"E4_paths", testPaths},
			{"E5_twins", testTwins},
			{"E6_hosts", testHosts},
			{"identity", testIdentity},
			{"values", testValues},
			{"methods", testMethods},
			{"credentials", testCredentials},
			{"answers", testAnswers},
			{"routes", testRoutes},
			{"errors", testErrorRoutes},
			{"upstreams", testUpstreams},
			{"upgrade", testUpgrade},
			{"http2", testHTTP2},
			{"sni", testSNI},
			{"caches", testTokenCache},
		} {
			t.Run(topic.name, func(t *testing.T) {
				t.Parallel()
				topic.run(t, r)
			})
		}
	})
	t.Run("E3_log", r.checkLog) // when all of them have run
}

func newRig(t *testing.T) *rig {
	r := &rig{
		recorder: newRecorder(preparedAnswers()), pki: newPKI(t), origins: map[string]string{}, users: map[string]string{},
		idp: authntest.New(t, authntest.WithAlg("ES256")), other: authntest.New(t, authntest.WithAlg("ES256")),
	}
	for name, address := range map[string]string{
		"api": "127.0.0.1:0", "svc": "127.0.0.2:0", "query": "127.0.0.3:0", "plain": "127.0.0.4:0", "second": "127.0.0.5:0", "errors": "127.0.0.6:0",
		"ambiguous": "127.0.0.8:0", "empty": "127.0.0.9:0",
	} {
		r.origins[name] = r.listen(t, "tcp", address)
	}
	r.origins["secure"] = r.serve(t, r.pki.listen(t, "127.0.0.7:0"))
	dir, err := os.MkdirTemp("", "authgate-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r.origins["unix"] = r.listen(t, "unix", filepath.Join(dir, "o.sock"))
	r.origins["h2c"] = listenH2C(t)
	ports := []int{freePort(t), freePort(t), freePort(t), freePort(t)}
	r.http, r.loose, r.tls, r.trusted = loopback(ports[0]), loopback(ports[1]), loopback(ports[2]), loopback(ports[3])
	values := map[string]string{
		"HTTP": fmt.Sprint(ports[0]), "LOOSE": fmt.Sprint(ports[1]), "TLS": fmt.Sprint(ports[2]), "TRUSTED": fmt.Sprint(ports[3]),
		"IDP": r.idp.URL, "OTHER": r.other.URL, "CERT": r.pki.certFile, "KEY": r.pki.keyFile, "CA": r.pki.caFile,
		"APIKEY": apiKey, "SVCTOKEN": svcToken, "SVCUSER": svcUser, "QUERYKEY": queryKey, "SECONDKEY": secondKey,
		"DEAD": loopback(freePort(t)), "MANY": manyHosts(ports[0]),
	}
	for name, address := range r.origins {
		values[strings.ToUpper(name)] = address
	}
	r.gateway = start(t, setup{Global: fill(t, attackGlobal, values), Sites: fill(t, attackSites, values)})
	r.users["user"] = r.idp.Token(t, map[string]any{"scope": "user:info read", "groups": []string{"a", "b"}})
	r.users["admin"] = r.idp.Token(t, map[string]any{"sub": "root", "roles": []string{"Admin", "Deployer"}})
	r.users["nobody"] = r.idp.Token(t, map[string]any{"sub": "nobody"})
	r.users["other"] = r.other.Token(t, nil)
	return r
}

// checkLog holds the debug log of all attacks, and the status, to E3, J20 and J22: they may show neither a
// stored credential, nor a caller's token, nor what a token says that nobody has verified.
func (r *rig) checkLog(t *testing.T) {
	if r.logged(t, "upstream roundtrip") == 0 || r.logged(t, "request refused") == 0 {
		t.Error("the debug log is not on, so this proves nothing")
	}
	secret := map[string]string{
		"stored for api": apiKey, "stored for svc": svcToken, "stored user": svcUser, "stored for query": queryKey, "stored for second": secondKey,
		"environment": envSecret, "unverified claim": unverified,
	}
	for name, token := range r.users {
		secret["token of "+name] = token
		secret["signature of "+name] = token[strings.LastIndex(token, ".")+1:]
	}
	_, text := r.ask(http.MethodGet, "/authgate/status", "", "")
	text += r.log(t)
	for name, s := range secret {
		if at := strings.Index(text, s); at >= 0 {
			t.Errorf("%s is in the log or the status: ...%s", name, text[max(0, at-300):at])
		}
	}
}

// call sends c to the plain sites; the user's token is added unless c says something about it.
func (r *rig) call(t testing.TB, c call) result {
	t.Helper()
	if c.Host == "" {
		c.Host = "api.test"
	}
	return c.send(t, r.http, r.recorder)
}

// as is call with the token of a user.
func (r *rig) as(t testing.TB, user string, c call) result {
	t.Helper()
	c.Token = r.users[user]
	if c.Token == "" {
		t.Fatalf("no user %q", user)
	}
	return r.call(t, c)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(port)) }

// manyHosts is more than the hundred hosts from which on Caddy looks them up in another way.
func manyHosts(port int) string {
	list := make([]string, 0, 130)
	for i := range 130 {
		list = append(list, fmt.Sprintf("http://h%03d.many.test:%d", i, port))
	}
	return strings.Join(list, ", ")
}

// clientTLS is what a client of the TLS sites uses.
func (p *pki) clientTLS(sni string, protocols ...string) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(p.ca)
	return &tls.Config{RootCAs: pool, ServerName: sni, NextProtos: protocols, MinVersion: tls.VersionTLS12}
}
