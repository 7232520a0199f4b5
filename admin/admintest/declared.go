package admintest

import (
	"net/http"
	"strings"
	"time"
)

// Declared is the configuration RunDeclared needs: a service type and a method for one of its hosts.
const (
	DeclaredType = "declared-ams"
	DeclaredHost = "declared.host"
)

// testDeclared: objects of the Caddyfile are shown with their origin and cannot be changed.
func testDeclared(h *harness) {
	h.open()
	const one = "/v1/service-types/" + DeclaredType
	const method = one + "/hosts/" + DeclaredHost + "/authm"
	for _, path := range []string{one, method} {
		if got := h.must(200, "GET", path, "", "If-Match", `"1"`, "If-None-Match", `"0"`); got["origin"] != "Caddyfile" {
			h.Errorf("%s: %v", path, got)
		}
		if tag := h.do("GET", path, "").header.Get("ETag"); tag != "" {
			h.Errorf("%s has the ETag %s", path, tag)
		}
		for _, verb := range []string{http.MethodPut, http.MethodDelete} {
			what := "service-type object " + DeclaredType
			if strings.HasSuffix(path, "authm") {
				what = "Auth method object " + DeclaredType + " " + DeclaredHost
			}
			want := envelope(409, "CONFLICT", what+" is declared in the Caddyfile and cannot be changed here")
			h.wants(verb+" "+path, h.do(verb, path, "{}"), 409, want)
			h.wants(verb+" "+path+" If-Match", h.do(verb, path, "{}", "If-Match", `"1"`), 409, want)
			h.wants(verb+" "+path+" If-None-Match", h.do(verb, path, "{}", "If-None-Match", `*`), 409, want)
		}
	}
	if at, err := time.Parse(time.RFC3339, h.must(200, "GET", one, "")["created_on"].(string)); err != nil || at.IsZero() {
		h.Errorf("created_on: %v, %v", at, err)
	}
	h.wants("twin", h.do("POST", "/v1/service-types",
		`{"name":"`+DeclaredType+`","hosts":["h"],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`), 409,
		conflict("service-type", "name", DeclaredType))
	h.wants("twin of the method", h.do("POST", one+"/authm", `{"host":"`+DeclaredHost+`","port":2,"access_key":"k"}`), 409,
		conflict("Auth method", "host", DeclaredHost))
}
