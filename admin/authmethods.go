package admin

import (
	"context"
	"net/http"

	"go.uber.org/zap"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
)

// authMethodsAPI is ARGO's auth-method API (specs/auth-methods 2.1 and 2.2).
type authMethodsAPI struct {
	svc   *authmethods.Service
	guard guard
	audit audit
	log   *zap.Logger
}

const (
	kindServiceType = "service type"
	kindMethod      = "auth method"
)

func (a *authMethodsAPI) mount(r *router) {
	// The older prefix is the one the published documentation shows for some calls (D1).
	for _, types := range []string{"/v1/service-types", "/v1/services"} {
		r.handle(http.MethodPost, types, a.write("create", kindServiceType, a.createServiceType))
		r.handle(http.MethodGet, types, a.read(a.listServiceTypes))
		one := types + "/{service}"
		r.handle(http.MethodGet, one, a.read(a.getServiceType))
		r.handle(http.MethodPut, one, a.write("update", kindServiceType, a.updateServiceType))
		r.handle(http.MethodDelete, one, a.write("delete", kindServiceType, a.deleteServiceType))
		r.handle(http.MethodPost, one+"/authm", a.write("create", kindMethod, a.createMethod))
		r.handle(http.MethodPut, one+"/authm", a.write("update", kindMethod, a.updateSoleMethod))
		method := one + "/hosts/{host}/authm"
		r.handle(http.MethodGet, method, a.read(a.getMethod))
		r.handle(http.MethodPut, method, a.write("update", kindMethod, a.updateMethod))
		r.handle(http.MethodDelete, method, a.write("delete", kindMethod, a.deleteMethod))
	}
	r.handle(http.MethodPut, "/v1/service-type/{service}", a.write("update", kindServiceType, a.updateServiceType)) // D3
	r.handle(http.MethodGet, "/v1/authm", a.read(a.listMethods))
}

// read wraps a handler that only reads: it authenticates the caller and writes the answer.
func (a *authMethodsAPI) read(h func(context.Context, *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := any(nil), a.guard.check(r)
		if err == nil {
			body, err = h(r.Context(), r)
		}
		if err != nil {
			a.refuse(w, err)
			return
		}
		writeJSON(w, http.StatusOK, body)
	})
}

// write wraps a handler that changes something: beside what read does it refuses other sites' requests
// and writes the audit line.
func (a *authMethodsAPI) write(verb, kind string, h func(http.ResponseWriter, *http.Request) (outcome, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := writeLine{verb: verb, kind: kind, start: a.audit.now()}
		var out outcome
		err := sameSite(r)
		if err == nil {
			err = a.guard.check(r)
		}
		if err == nil {
			line.caller = "admin_key"
			out, err = h(w, r)
		}
		if err != nil {
			code, _ := errorAnswer(err)
			a.audit.write(r, line, out, code)
			a.refuse(w, err)
			return
		}
		a.audit.write(r, line, out, out.code)
		if out.body == nil {
			w.WriteHeader(out.code)
			return
		}
		writeJSON(w, out.code, out.body)
	})
}

// refuse answers an error, and logs those whose cause the client is not told.
func (a *authMethodsAPI) refuse(w http.ResponseWriter, err error) {
	code, message := errorAnswer(err)
	if code >= http.StatusInternalServerError {
		level := zap.WarnLevel
		if !fault.Is(err, fault.Unavailable) {
			level = zap.ErrorLevel
		}
		a.log.Log(level, "management request failed", zap.Int("status", code), zap.Error(err))
	}
	writeError(w, code, message)
}
