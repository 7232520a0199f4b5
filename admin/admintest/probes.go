package admintest

import (
	"encoding/json"
	"strings"
)

// testProbes is what needs no key. C53: only the right key is told the release.
func testProbes(h *harness) {
	h.open()
	for _, public := range public() {
		if got := h.raw("GET", public, ""); got.status != 200 {
			h.Errorf("A3 %s: %d %s", public, got.status, got.body)
		}
	}
	h.wants("no certificate without TLS", h.raw("GET", "/v1/services/s1/hosts/host1:authx509", ""), 400,
		envelope(400, "BAD REQUEST", "No certificate provided"))
	h.wants("health", h.raw("GET", "/v1/health", ""), 200, "null")
	h.sub("openapi", func(h *harness) {
		got := h.raw("GET", "/openapi.json", "")
		tag := got.header.Get("ETag")
		again := h.raw("GET", "/openapi.json", "", "If-None-Match", tag)
		if !strings.HasPrefix(got.body, "{") || tag == "" || again.status != 304 || again.body != "" {
			h.Errorf("got %.80s, ETag %s, then %d", got.body, tag, again.status)
		}
		if other := h.raw("GET", "/openapi.json", "", "If-None-Match", `"0"`); other.status != 200 {
			h.Errorf("another tag: %d", other.status)
		}
		h.wantHeaders(got)
	})
	for _, tt := range []struct {
		name, query string
		headers     []string
		release     bool
	}{
		{"C53_without_key", "", nil, false},
		{"C53_with_key", "?key=" + h.Key, nil, true},
		{"C53_wrong_key", "?key=wrong", nil, false},
		{"C53_bearer", "", []string{"Authorization", "Bearer " + h.Key}, true},
		{"C53_two_that_differ", "?key=" + h.Key, []string{"Authorization", "Bearer wrong"}, false},
	} {
		h.sub(tt.name, func(h *harness) {
			got := h.raw("GET", "/v1/version"+tt.query, "", tt.headers...)
			var body map[string]string
			if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != 200 {
				h.Fatalf("%d %s", got.status, got.body)
			}
			for _, field := range []string{"golang", "compiler", "os", "architecture"} {
				if body[field] == "" {
					h.Errorf("no %s in %s", field, got.body)
				}
			}
			if _, ok := body["build_time"]; !ok {
				h.Errorf("no build_time in %s", got.body)
			}
			if (body["release"] != "") != tt.release {
				h.Errorf("release: %s", got.body)
			}
			h.wantHeaders(got)
		})
	}
}

// public are the paths that answer without a credential (specs A3). :authx509 asks for a certificate
// instead of the key.
func public() []string {
	return []string{"/healthz", "/readyz", "/v1/version", "/v1/health", "/openapi.json"}
}
