package caddymodule_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn/authntest"
)

// TestAuthenticationProvider runs authgate's decision inside Caddy's own `authentication` handler, which
// only JSON can name.
func TestAuthenticationProvider(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	s := p.setup(at, etcd.store("provider"), "")
	s.Sites = strings.Replace(s.Sites, "\treverse_proxy "+p.target, "\theader {\n\t\tdefer\n\t\tX-Who {http.auth.user.id}\n\t}\n\treverse_proxy "+p.target, 1)
	g := start(t, s)
	p.store(t, at, "key-for-the-provider")
	_, config := g.ask(http.MethodGet, "/config/", "", "")
	const ours = `{"handler":"authgate"}`
	if !strings.Contains(config, ours) {
		t.Fatalf("no %s in %s", ours, config)
	}
	with := func(providers string) {
		t.Helper()
		changed := strings.ReplaceAll(config, ours, `{"handler":"authentication","providers":{`+providers+`}}`)
		if code, text := g.ask(http.MethodPost, "/load", "application/json", changed); code != http.StatusOK {
			t.Fatalf("load: %d %s", code, text)
		}
	}
	with(`"authgate":{}`)
	head := []string{"X-Auth-Subject: root", "X-Api-Key: evil", "Connection: X-Api-Key", "X-Fine: yes"}
	send := func(token string) result {
		return call{Host: at.proxy, Token: token, Head: head}.sendAfterReload(t, at.proxy, p.origin)
	}
	out := send(p.token)
	w := out.passed(t)
	w.sees(t, "X-Api-Key", "key-for-the-provider")
	w.sees(t, "X-Auth-Subject", "")
	w.sees(t, "Authorization", "")
	w.sees(t, "X-Fine", "yes")
	if got := out.header.Get("X-Who"); got != "user-1" {
		t.Errorf("X-Who: %q", got)
	}
	send("").refused(t, 401)
	send("bad").refused(t, 401)
	if got := send("").header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer ") {
		t.Errorf("WWW-Authenticate: %q", got)
	}
	call{Line: "GET /a;b", Host: at.proxy, Token: p.token}.send(t, at.proxy, p.origin).refused(t, 400, 401)
	call{Line: "CONNECT /", Host: at.proxy, Token: p.token}.send(t, at.proxy, p.origin).refused(t, 400, 401, 405)

	// An outage is 401 here, since Caddy makes it that, and never a pass.
	with(`"authgate":{"issuers":["main"]}`)
	p.idp.SetFault(authntest.Fault{Status: http.StatusInternalServerError})
	p.idp.Rotate(t)
	unknown := p.idp.Token(t, nil)
	send(unknown).refused(t, 401, 503)

	// A provider that lets nobody in beside it changes nothing for either side.
	with(`"authgate":{},"http_basic":{"hash":{"algorithm":"bcrypt"},"accounts":[{"username":"a","password":"$2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG"}]}`)
	send(p.token).passed(t)
	send("").refused(t, 401)
}
