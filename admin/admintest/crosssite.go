package admintest

import "strings"

// testCrossSite is A1: a browser that another site sends cannot write, even with the key.
func testCrossSite(h *harness) {
	own := func(h *harness) string {
		if h.Target.TLS != nil {
			return "https://" + h.host()
		}
		return "http://" + h.host()
	}
	const plain = "text/plain"
	tests := []struct {
		name    string
		method  string
		headers []string // OWN stands for the target's own origin
		status  int
	}{
		{"A1_cross_site", "DELETE", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"A1_same_site_sibling", "DELETE", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"A1_foreign_origin", "DELETE", []string{"Origin", "https://evil.example"}, 403},
		{"A1_foreign_port", "DELETE", []string{"Origin", "http://127.0.0.1:1"}, 403},
		{"A1_null_origin", "DELETE", []string{"Origin", "null"}, 403},
		{"A1_text_plain_form", "PUT", []string{"Sec-Fetch-Site", "cross-site", "Content-Type", plain}, 403},
		{"A1_text_plain_form_of_an_older_browser", "PUT", []string{"Origin", "https://evil.example", "Content-Type", plain}, 403},
		{"A1_form_of_an_older_browser", "PUT", []string{"Origin", "https://evil.example", "Content-Type", "application/x-www-form-urlencoded"}, 403},
		{"own_site", "DELETE", []string{"Sec-Fetch-Site", "same-origin", "Origin", "OWN"}, 204},
		{"own_origin", "DELETE", []string{"Origin", "OWN"}, 204},
		{"no_browser", "DELETE", nil, 204},
		{"upstreams_script_content_type", "PUT", []string{"Content-Type", "application/javascript"}, 200},
		{"content_type_of_curl", "PUT", []string{"Content-Type", "application/x-www-form-urlencoded"}, 200},
	}
	for _, tt := range tests {
		h.with(tt.name, func(h *harness) {
			var headers []string
			for _, value := range tt.headers {
				headers = append(headers, strings.Replace(value, "OWN", own(h), 1))
			}
			before := h.state()
			got := h.do(tt.method, "/v1/service-types/s1", "{}", headers...)
			if got.status != tt.status {
				h.Errorf("status %d, want %d; %s", got.status, tt.status, got.body)
			}
			if tt.status == 403 {
				h.wants("answer", got, 403, envelope(403, "ACCESS_FORBIDDEN", "Requests from other sites are refused"))
				if h.state() != before {
					h.Error("the store changed")
				}
			}
		})
	}
}
