package caddymodule_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/authgate/authgate/authn/authntest"
)

// plant is the surroundings of tests with a gateway of their own: an issuer, an upstream, and a
// configuration whose credential for the upstream is made through the management API.
type plant struct {
	idp    *authntest.IdP
	origin *recorder
	target string // the upstream's address
	token  string
}

func newPlant(t testing.TB) *plant {
	p := &plant{idp: authntest.New(t, authntest.WithAlg("ES256")), origin: newRecorder(preparedAnswers())}
	p.target = p.origin.listen(t, "tcp", "127.0.0.1:0")
	p.token = secretOf(p.idp.Token(t, map[string]any{"roles": []string{"Deployer"}}))
	return p
}

// site is where a gateway of a plant serves.
type site struct{ proxy, admin string }

func newSite(t testing.TB) site {
	return site{proxy: loopback(freePort(t)), admin: loopback(freePort(t))}
}

// setup is a gateway's configuration: lines go into the authgate block, rules into the route.
func (p *plant) setup(at site, lines, rules string) setup {
	return setup{
		Global: fmt.Sprintf("\tauthgate {\n\t\tadmin_key %s\n\t\tissuer main {\n\t\t\turl %s\n\t\t\taudience https://gate.example\n"+
			"\t\t\talgorithms ES256\n\t\t\tallow_private_addresses\n\t\t}\n%s\n\t}", adminKey, p.idp.URL, lines),
		Sites: fmt.Sprintf("http://%s {\n\tauthgate {\n%s\n\t}\n\treverse_proxy %s {\n\t\ttransport authgate\n\t}\n}\nhttp://%s {\n\tauthgate_admin\n}",
			at.proxy, rules, p.target, at.admin),
	}
}

// call goes through a gateway with the plant's token. The upstream answers with the credential it got.
func (p *plant) call(t testing.TB, at site) result {
	t.Helper()
	return call{Host: at.proxy, Token: p.token, Reply: "body"}.sendAfterReload(t, at.proxy, p.origin)
}

// The records of the plant, as the management API takes them.
func typeBody(name string) string {
	return fmt.Sprintf(`{"name":%q,"hosts":["127.0.0.1"],"auth_types":["oidc"],"auth_method":"api-key","type":"ams"}`, name)
}

func (p *plant) methodBody(key string) string {
	return fmt.Sprintf(`{"host":"127.0.0.1","port":%s,"access_key":%q}`, portOf(p.target), key)
}

const (
	typePath   = "/v1/service-types"
	createPath = "/v1/service-types/stored/authm"
	methodPath = "/v1/service-types/stored/hosts/127.0.0.1/authm"
)

// store makes the credential for the upstream through a gateway's management API.
func (p *plant) store(t testing.TB, at site, key string) {
	t.Helper()
	must(t, http.StatusCreated, api(t, at.admin, http.MethodPost, typePath, typeBody("stored")))
	must(t, http.StatusCreated, api(t, at.admin, http.MethodPost, createPath, p.methodBody(key)))
}

func must(t testing.TB, status int, r result) {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
}
