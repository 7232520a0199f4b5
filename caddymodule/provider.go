package caddymodule

import (
	"errors"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"

	"github.com/authgate/authgate/authn"
)

func init() { caddy.RegisterModule(Provider{}) }

// Provider offers authgate's decision to Caddy's own `authentication` handler, for composition with
// other providers. Prefer the authgate handler: that one answers 503 when it cannot tell, while Caddy
// turns a provider's outage into 401, and asks several providers in no fixed order. Requests are
// stripped as on any authgate route, and no identity headers are set. A request another provider has let
// pass has no authgate decision, so a transport authgate behind it refuses it.
type Provider struct {
	// The issuers whose tokens pass, by name. Default: all configured ones.
	Issuers []string `json:"issuers,omitempty"`

	gate *gate
}

// CaddyModule returns the Caddy module information.
func (Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.authentication.providers.authgate", New: func() caddy.Module { return new(Provider) }}
}

// Provision compiles the rules.
func (p *Provider) Provision(ctx caddy.Context) error {
	app, err := ctx.App("authgate")
	if err != nil {
		return err
	}
	p.gate, err = app.(*App).newGate(&Handler{Issuers: p.Issuers, IdentityHeaders: "off"})
	if err != nil {
		return err
	}
	p.gate.log = ctx.Logger()
	return nil
}

// Authenticate implements caddyauth.Authenticator.
func (p *Provider) Authenticate(w http.ResponseWriter, r *http.Request) (caddyauth.User, bool, error) {
	authorization := r.Header["Authorization"]
	d, refused := p.gate.admit(r)
	if refused != nil {
		if authorization != nil && errors.Is(refused.cause, authn.ErrUnknown) {
			r.Header["Authorization"] = authorization // for another provider, which Caddy asks with the same request
		}
		err := p.gate.answer(w, r, refused)
		if refused.status == http.StatusServiceUnavailable {
			return caddyauth.User{}, false, err
		}
		return caddyauth.User{}, false, nil
	}
	p.gate.counts.allowed.Add(1)
	who := d.principal
	user := caddyauth.User{ID: who.ID, Metadata: map[string]string{
		"issuer": who.Issuer, "kind": who.Kind, "method": who.Method, "token_id": who.TokenID,
		"roles": strings.Join(who.Roles, ","), "scopes": strings.Join(who.Scopes, " "),
	}}
	return user, true, nil
}

var (
	_ caddy.Provisioner       = (*Provider)(nil)
	_ caddyauth.Authenticator = (*Provider)(nil)
)
