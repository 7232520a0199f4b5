//go:build !authgate_sidecar

package caddymodule

import (
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/authgate/authgate/admin"
	"github.com/authgate/authgate/admin/audit"
)

func init() {
	caddy.RegisterModule(APIHandler{})
	httpcaddyfile.RegisterHandlerDirective("authgate_admin", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		handler := new(APIHandler)
		return handler, handler.UnmarshalCaddyfile(h.Dispenser)
	})
	httpcaddyfile.RegisterDirectiveOrder("authgate_admin", httpcaddyfile.Before, "reverse_proxy")
}

// APIHandler serves the management APIs. It ends every request: an unknown path is its own 404.
type APIHandler struct {
	// The APIs to serve, by name. Default: all.
	APIs []string `json:"apis,omitempty"`

	api   http.Handler
	users *atomic.Int64
}

// CaddyModule returns the Caddy module information.
func (APIHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.authgate_admin", New: func() caddy.Module { return new(APIHandler) }}
}

// Provision mounts the APIs.
func (h *APIHandler) Provision(ctx caddy.Context) error {
	app, err := ctx.App("authgate")
	if err != nil {
		return err
	}
	a := app.(*App)
	h.users = &a.backend.users
	a.checkAccessLog(ctx)
	h.api, err = admin.New(admin.Deps{
		AuthMethods:   a.service,
		ClientCerts:   a.clientCerts,
		AdminKey:      a.adminKey,
		RedactSecrets: a.RedactSecrets,
		Ready:         a.ready,
		Audit:         audit.New(a.backend.store, ctx.Logger(), time.Now),
		Version:       versionInfo(),
		Logger:        ctx.Logger(),
		Now:           time.Now,
		APIs:          h.APIs,
	})
	return err
}

// versionInfo is what the build left in the program.
func versionInfo() admin.VersionInfo {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return admin.VersionInfo{}
	}
	var v admin.VersionInfo
	for _, m := range append(build.Deps, &build.Main) { // a dependency, in a build by xcaddy
		if m.Path == "github.com/authgate/authgate" {
			v.Release = m.Version
		}
	}
	for _, s := range build.Settings {
		if s.Key == "vcs.time" {
			v.BuildTime = s.Value
		}
	}
	return v
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *APIHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	h.users.Add(1)
	defer h.users.Add(-1)
	h.api.ServeHTTP(w, r)
	return nil
}

// UnmarshalCaddyfile reads `authgate_admin [<api...>]`.
func (h *APIHandler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	h.APIs = d.RemainingArgs()
	if d.NextBlock(0) {
		return d.Err("authgate_admin takes no block; name APIs on its own line, as in `authgate_admin authmethods`")
	}
	return nil
}

var (
	_ caddy.Provisioner           = (*APIHandler)(nil)
	_ caddyhttp.MiddlewareHandler = (*APIHandler)(nil)
	_ caddyfile.Unmarshaler       = (*APIHandler)(nil)
)
