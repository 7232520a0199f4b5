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

// view is what a read shows: an object with its revision, or something that has none.
type view struct {
	body     any
	revision int64
}

// read wraps a handler that only reads: it authenticates the caller, judges the conditions and writes the
// answer.
func (a *authMethodsAPI) read(h func(context.Context, *http.Request) (view, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c conditions
		var v view
		err := a.guard.check(r)
		if err == nil {
			c, err = readConditions(r.Header)
		}
		if err == nil {
			v, err = h(r.Context(), r)
		}
		switch {
		case err != nil:
			a.refuse(w, err)
		case v.revision != 0 && !c.match.Allows(v.revision):
			a.refuse(w, errPrecondition)
		case c.none.names(v.revision):
			w.Header().Set("ETag", etag(v.revision))
			w.WriteHeader(http.StatusNotModified)
		default:
			writeObject(w, http.StatusOK, v)
		}
	})
}

// write wraps a handler that changes something: beside what read does it refuses other sites' requests
// and writes the audit line. The handler judges the conditions, where it knows the object.
func (a *authMethodsAPI) write(verb, kind string, h func(http.ResponseWriter, *http.Request, conditions) (outcome, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := writeLine{verb: verb, kind: kind, start: a.audit.now()}
		var c conditions
		var out outcome
		err := sameSite(r)
		if err == nil {
			err = a.guard.check(r)
		}
		if err == nil {
			line.caller = "admin_key"
			c, err = readConditions(r.Header)
		}
		if err == nil {
			out, err = h(w, r, c)
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
		writeObject(w, out.code, view{out.body, out.revision})
	})
}

// writeObject answers with v and its ETag, if it has one.
func writeObject(w http.ResponseWriter, code int, v view) {
	if tag := etag(v.revision); tag != "" {
		w.Header().Set("ETag", tag)
	}
	writeJSON(w, code, v.body)
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
