package caddymodule_test

import (
	"strings"
	"testing"
)

// neverLogs fails the test if, at its end, any of the texts is in the gateway's log.
func (g *gateway) neverLogs(t *testing.T, secrets ...string) {
	t.Cleanup(func() {
		text := g.log(t)
		for _, s := range secrets {
			if at := strings.Index(text, s); at >= 0 {
				t.Errorf("E3: a secret is in the log after ...%s", text[max(0, at-300):at])
			}
		}
	})
}

// logFilter is what the documentation tells users to put into their log blocks: Caddy itself writes URLs
// with their queries into the access log and into the lines about errors.
const logFilter = `
	log {
		output stderr
		level DEBUG
		format filter {
			wrap json
			fields {
				request>uri query {
					replace key REDACTED
					replace access_token REDACTED
				}
			}
		}
	}`

// TestTokensInURLsAreNotLogged is specs J20: a token in the query counts for nothing, goes nowhere, and is
// in no line of the log, neither of the access log nor of those about errors.
func TestTokensInURLsAreNotLogged(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	s := p.setup(at, etcd.store("j20"), "")
	s.Global += logFilter
	s.Sites = strings.ReplaceAll(s.Sites, " {\n\tauthgate", " {\n\tlog\n\tauthgate") // an access log for both sites
	g := start(t, s)
	p.store(t, at, "a-key-of-the-management-api")
	g.neverLogs(t, p.token, adminKey, "a-key-of-the-management-api")
	for _, line := range []string{"GET /?access_token=", "GET /a;b?access_token=", "FOO /?access_token=", "GET /?a=b&access_token=", "GET /%2e%2e/?access_token="} {
		call{Line: line + p.token, Host: at.proxy}.send(t, at.proxy, p.origin).refused(t, 400, 401, 405)
		call{Line: line + p.token, Host: at.proxy, Token: p.token}.send(t, at.proxy, p.origin).refused(t, 400, 405)
	}
	p.call(t, at).passed(t)
	call{Host: at.proxy, Token: p.token, Reply: "cut"}.send(t, at.proxy, p.origin)
	call{Line: "GET /v1/authm?key=" + adminKey, Host: at.admin}.send(t, at.admin, nil)
	call{Line: "GET /v1/nowhere?key=" + adminKey, Host: at.admin}.send(t, at.admin, nil)
	eventually(t, exchangeTime, "all of them are in the log", func() bool {
		return g.logged(t, "access_token=REDACTED") > 0 && g.logged(t, "key=REDACTED") > 1 && g.logged(t, `"handled request"`) > 10
	})
}
