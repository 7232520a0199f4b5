package admin

import (
	"net/http"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
)

// authMethodsAPI is ARGO's auth-method API (specs/auth-methods 2.1 to 2.4).
type authMethodsAPI struct {
	api
	svc    *authmethods.Service
	certs  *authn.ClientCerts
	redact bool // answers show no credential
}

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
		host := one + "/hosts/{host}"
		r.handle(http.MethodGet, host+"/authm", a.read(a.getMethod))
		r.handle(http.MethodPut, host+"/authm", a.write("update", kindMethod, a.updateMethod))
		r.handle(http.MethodDelete, host+"/authm", a.write("delete", kindMethod, a.deleteMethod))
		r.handle(http.MethodGet, host+"/bindings", a.read(a.listBindingsOf))
		r.handleSuffix(http.MethodGet, host, mappingSuffix, http.HandlerFunc(a.mapCertificate))
	}
	r.handle(http.MethodPut, "/v1/service-type/{service}", a.write("update", kindServiceType, a.updateServiceType)) // D3
	r.handle(http.MethodGet, "/v1/authm", a.read(a.listMethods))
	r.handle(http.MethodGet, "/v1/bindings", a.read(a.listBindings))
	binding := "/v1/bindings/{binding}"
	r.handle(http.MethodPost, binding, a.write("create", kindBinding, a.createBinding))
	r.handle(http.MethodGet, binding, a.read(a.getBinding))
	r.handle(http.MethodPut, binding, a.write("update", kindBinding, a.updateBinding))
	r.handle(http.MethodDelete, binding, a.write("delete", kindBinding, a.deleteBinding))
}
