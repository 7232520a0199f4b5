package admin

import (
	"context"
	"net/http"

	"go.uber.org/zap"
)

// probes answers /healthz (the process runs), /readyz (it can serve) and their older cousins of the
// auth-method API, /v1/health and /v1/version. They need no credential.
type probes struct {
	ready   func(context.Context) error
	guard   guard // for what only /v1/version tells, and only to some
	version VersionInfo
	log     *zap.Logger
}

type probeBody struct {
	Status string `json:"status"`
}

func (p *probes) mount(r *router) {
	r.handle(http.MethodGet, "/healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, probeBody{"ok"})
	}))
	r.handle(http.MethodGet, "/readyz", http.HandlerFunc(p.readyz))
	r.handle(http.MethodGet, "/v1/health", http.HandlerFunc(p.getHealth))
	r.handle(http.MethodGet, "/v1/version", http.HandlerFunc(p.getVersion))
}

func (p *probes) readyz(w http.ResponseWriter, r *http.Request) {
	if p.ready == nil {
		writeError(w, http.StatusServiceUnavailable, "Not ready")
		return
	}
	if err := p.ready(r.Context()); err != nil {
		if c := p.log.Check(zap.DebugLevel, "not ready"); c != nil {
			c.Write(zap.Error(err))
		}
		writeError(w, http.StatusServiceUnavailable, "Not ready")
		return
	}
	writeJSON(w, http.StatusOK, probeBody{"ok"})
}
