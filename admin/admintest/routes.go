package admintest

// testUnknownRoutes: what is no route is a 404 in JSON before any credential is looked at, and no path
// is redirected: the Location would repeat the key.
func testUnknownRoutes(h *harness) {
	h.open()
	h.fixture()
	for _, path := range []string{
		"/", "/v1", "/v1/", "/v2/authm", "/v1/authm/", "/v1/service-types/", "/v1/service-types/s1/", "/v1/service-types/s1/authm/x",
		"/v1/service-types/s1/hosts", "/v1/service-types/s1/hosts/host1", "/V1/authm", "//v1/authm", "/v1//authm", "/./v1/authm",
		"/x/../v1/authm", "/x/%2e%2e/v1/authm", "/v1/service-types/a%2Fb", "/v1/service-types/a%2fb/hosts/host1/authm", "/v1%2fauthm",
		"/healthz/", "/v1/bindings/", "/v1/bindings/a/b", "/v1/bindings/a%2Fb", "/v1/version/", "/v1/audit/x", "/v1/service-types/s1/hosts/host1/",
		"/v1/service-types/s1/hosts/host1:authx509/", "/v1/service-types/s1/hosts/host1:AUTHX509", "/v1/service-types/s1/hosts/host1:authx509x",
		"/v1/service-types/s1/hosts/%2fh:authx509", "/v1/bindings/..", "/v1/bindings/%2e%2e", "/v1/service-types/..", "/v1/service-types/.", "/v1/service-type",
	} {
		got := h.raw("GET", path, "")
		h.wants(path, got, 404, noRoute())
		if got.header.Get("Location") != "" {
			h.Errorf("%s: %s", path, got.header)
		}
		h.wantHeaders(got)
	}
	h.wants("no method at all", h.raw("DELETE", "/v1/service-types/s1/hosts/host1", ""), 404, noRoute())
	// A name that only looks like one is looked up as it is.
	for _, path := range []string{"/v1/service-types/%00", "/v1/service-types/s1%20", "/v1/service-types/%252e", "/v1/service-types/%5c..%5cs1"} {
		h.wants(path, h.do("GET", path, ""), 404, notFound("Service-type"))
	}
}

func testWrongMethods(h *harness) {
	h.open()
	h.fixture()
	tests := []struct{ method, path, allow string }{
		{"PATCH", "/v1/service-types/s1", "DELETE, GET, HEAD, PUT"},
		{"POST", "/v1/authm", "GET, HEAD"},
		{"PUT", "/v1/service-types", "GET, HEAD, POST"},
		{"GET", "/v1/service-types/s1/authm", "POST, PUT"},
		{"GET", "/v1/service-type/s1", "PUT"},
		{"POST", "/v1/services/s1/hosts/host1/authm", "DELETE, GET, HEAD, PUT"},
		{"OPTIONS", "/v1/authm", "GET, HEAD"},
		{"OPTIONS", "/v1/service-types/s1", "DELETE, GET, HEAD, PUT"},
		{"TRACE", "/healthz", "GET, HEAD"},
		{"get", "/v1/authm", "GET, HEAD"}, // P12: methods are case-sensitive
		{"POST", "/readyz", "GET, HEAD"},
		{"POST", "/v1/bindings", "GET, HEAD"},
		{"PATCH", "/v1/bindings/b1", "DELETE, GET, HEAD, POST, PUT"},
		{"DELETE", "/v1/service-types/s1/hosts/host1/bindings", "GET, HEAD"},
		{"POST", "/v1/services/s1/hosts/host1:authx509", "GET, HEAD"},
		{"OPTIONS", "/v1/service-types/s1/hosts/host1:authx509", "GET, HEAD"},
		{"DELETE", "/v1/audit", "GET, HEAD"},
		{"PUT", "/v1/version", "GET, HEAD"},
		{"POST", "/openapi.json", "GET, HEAD"},
		{"POST", "/v1/health", "GET, HEAD"},
	}
	for _, tt := range tests {
		got := h.raw(tt.method, tt.path, "", "X-HTTP-Method-Override", "GET", "Origin", "https://evil.example",
			"Access-Control-Request-Method", "PUT")
		h.wants(tt.method+" "+tt.path, got, 405, envelope(405, "METHOD NOT ALLOWED", "Method not allowed"))
		if got.header.Get("Allow") != tt.allow {
			h.Errorf("%s %s: Allow %q, want %q", tt.method, tt.path, got.header.Get("Allow"), tt.allow)
		}
		h.wantHeaders(got)
	}
}
