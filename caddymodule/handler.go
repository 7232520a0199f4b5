package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/authgate/authgate/authn"
)

func init() { caddy.RegisterModule(Handler{}) }

// Handler decides who may pass a route, and removes from every request what only the gateway may say.
type Handler struct {
	// The kinds of credential accepted: bearer (a token of an issuer), mtls (a client certificate that a
	// binding names). Default: bearer. A request may present one only.
	Accept []string `json:"accept,omitempty"`

	// The issuers whose tokens pass, by name. Default: all configured ones.
	Issuers []string `json:"issuers,omitempty"`

	// What the caller must have; all of them.
	Require []Requirement `json:"require,omitempty"`

	// The prefix of the headers that tell the upstream who calls: Subject, Issuer, Roles, Scopes, Method.
	// "off" sends none. Whatever the client sends below the prefix is removed. Default: X-Auth-
	IdentityHeaders string `json:"identity_headers,omitempty"`

	// Strip and let pass, without an identity.
	Anonymous bool `json:"anonymous,omitempty"`

	// Let the caller's own credential reach the upstream. Default: removed.
	PassToken bool `json:"pass_token,omitempty"`

	// Do not refuse paths that gateway and upstream could read differently.
	AllowEncodedPaths bool `json:"allow_encoded_paths,omitempty"`

	// Do not refuse header values with bytes above 0x7F.
	AllowObsText bool `json:"allow_obs_text,omitempty"`

	app  *App
	gate *gate
}

// Requirement is met by a principal that has any of the roles, or any of the scopes, or whose claim has
// any of the values; exactly one of the three is given. Values compare byte for byte, as a whole.
type Requirement struct {
	Roles  []string `json:"roles,omitempty"`
	Scopes []string `json:"scopes,omitempty"`
	Claim  string   `json:"claim,omitempty"`
	Values []string `json:"values,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.authgate", New: func() caddy.Module { return new(Handler) }}
}

// Provision compiles the rules of the route. A rule that could let nobody or everybody pass by mistake
// does not load.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := ctx.App("authgate")
	if err != nil {
		return err
	}
	h.app = app.(*App)
	if err := h.checkAccept(); err != nil {
		return err
	}
	if h.Anonymous && (len(h.Accept) > 0 || len(h.Issuers) > 0 || len(h.Require) > 0) {
		return errors.New("anonymous excludes accept, issuers and require: nobody is authenticated on such a route")
	}
	h.gate, err = h.app.newGate(h)
	if err != nil {
		return err
	}
	h.gate.log = ctx.Logger()
	return nil
}

// checkAccept refuses kinds that are unknown or stand twice, and `issuers` that nothing would ask.
func (h *Handler) checkAccept() error {
	for i, kind := range h.Accept {
		switch {
		case slices.Contains(h.Accept[:i], kind):
			return fmt.Errorf("accept %s: stands twice", kind)
		case kind == "basic":
			return errors.New("accept basic: this version of authgate accepts bearer and mtls only")
		case kind != "bearer" && kind != "mtls":
			return fmt.Errorf("accept %q: unknown; it takes bearer and mtls", kind)
		}
	}
	if h.PassToken && !h.Anonymous && !h.accepts("bearer") {
		return errors.New("pass_token on a route that does not accept bearer: an Authorization header that nobody has judged would reach the upstream; add bearer to accept, or remove pass_token")
	}
	if len(h.Issuers) > 0 && !h.accepts("bearer") {
		return errors.New("issuers on a route that does not accept bearer: nobody could bring their tokens; add bearer to accept, or remove issuers")
	}
	return nil
}

func (h *Handler) accepts(kind string) bool {
	return slices.Contains(h.Accept, kind) || kind == "bearer" && len(h.Accept) == 0
}

func (a *App) newGate(h *Handler) (*gate, error) {
	g := &gate{
		counts: &a.backend.counts, warned: new(seldom), adminKey: managementKey{a.adminKey}, anonymous: h.Anonymous, passToken: h.PassToken,
		allowEncodedPaths: h.AllowEncodedPaths, allowObsText: h.AllowObsText,
		bearer: h.accepts("bearer"), mtls: h.accepts("mtls"),
	}
	prefix := h.IdentityHeaders
	if prefix == "" {
		prefix = defaultIdentityPrefix
	}
	if prefix == "off" {
		prefix = ""
	} else if err := authn.CheckIdentityPrefix(prefix); err != nil {
		return nil, fmt.Errorf("identity_headers: %w", err)
	} else {
		g.identity = newIdentity(prefix)
	}
	// Without identity headers of its own a route still removes the default ones: an upstream that knows
	// them from another route must not believe a client's.
	managed := a.service.ManagedHeaders()
	g.strip = authn.NewStripList(prefix, managed...)
	if prefix != defaultIdentityPrefix {
		d := newIdentity(defaultIdentityPrefix)
		g.strip = authn.NewStripList(prefix, append(managed, d.subject, d.issuer, d.roles, d.scopes, d.method)...)
	}
	if h.Anonymous {
		return g, nil
	}
	var err error
	if g.chain, err = a.chain(h); err != nil {
		return nil, err
	}
	var require []authn.Requirement
	for _, r := range h.Require {
		require = append(require, authn.Requirement{Roles: r.Roles, Scopes: r.Scopes, Claim: r.Claim, Values: r.Values})
		if len(r.Scopes) == 1 && !slices.Contains(strings.Fields(g.scopes), r.Scopes[0]) && plainScope(r.Scopes[0]) {
			g.scopes = strings.TrimSpace(g.scopes + " " + r.Scopes[0])
		}
	}
	if g.require, err = authn.NewRequirements(require...); err != nil {
		return nil, fmt.Errorf("require: %w", err)
	}
	if len(require) == 0 && g.bearer {
		a.warnShared(h.Issuers)
	}
	return g, nil
}

// plainScope reports whether s may stand in a challenge (RFC 6749 appendix A.4).
func plainScope(s string) bool {
	return plainValue(s, false) && !strings.ContainsAny(s, "\"\\ \t")
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	h.app.backend.users.Add(1)
	defer h.app.backend.users.Add(-1)
	d, refused := h.gate.admit(r)
	if refused != nil {
		return h.gate.answer(w, r, refused)
	}
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if d.principal != nil {
		h.gate.counts.allowed.Add(1)
		setPlaceholders(repl, d.principal)
	} else {
		h.gate.counts.anonymous.Add(1)
	}
	err := next.ServeHTTP(w, r)
	if !d.attached {
		h.app.bypassed.check(h.app, repl)
	}
	return err
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
