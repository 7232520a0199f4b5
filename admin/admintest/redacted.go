package admintest

import "strings"

// testRedacted is A7 with redact_secrets: no answer shows a credential, and none is replaced by the word
// that stands for it.
func testRedacted(h *harness) {
	const h1, h3 = "/v1/service-types/s1/hosts/host1/authm", "/v1/service-types/s2/hosts/host3/authm"
	const secret = "secret-of-redaction-91f0"
	h.with("A7_no_answer_shows_it", func(h *harness) {
		answers := []answer{
			h.do("POST", "/v1/service-types/s1/authm", `{"host":"host2","port":1,"access_key":"`+secret+`"}`),
			h.do("POST", "/v1/service-types/s2/authm", `{"host":"host4","port":1,"headers":{"x-a":"`+secret+`","x-b":"`+secret+`"}}`),
			h.do("PUT", h1, `{"access_key":"`+secret+`"}`),
			h.do("PUT", h3, `{"headers":{"x-c":"`+secret+`"}}`),
			h.do("GET", h1, ""), h.do("GET", h3, ""), h.do("GET", "/v1/authm", ""), h.do("GET", "/v1/audit", ""),
			h.do("POST", "/v1/service-types/s1/authm", `{"host":"host2","port":1,"access_key":"`+secret+`"}`),
			h.do("PUT", h1, `{"access_key":"`+secret+`\n"}`),
		}
		for i, got := range answers {
			if strings.Contains(got.body, secret) || got.status == 0 || got.status >= 500 {
				h.Errorf("answer %d: %d %s", i, got.status, got.body)
			}
		}
		if got := h.must(200, "GET", h1, ""); got["access_key"] != "REDACTED" {
			h.Errorf("got %v", got)
		}
		if got := h.must(200, "GET", h3, "")["headers"].(map[string]any); len(got) != 1 || got["x-c"] != "REDACTED" {
			h.Errorf("got %v", got)
		}
	})
	h.with("A7_the_word_is_not_stored", func(h *harness) {
		const reason = "REDACTED stands for a value that is not shown; leave the field out to keep it"
		before := h.state()
		for _, r := range []struct{ method, path, body, field string }{
			{"POST", "/v1/service-types/s1/authm", `{"host":"host2","port":1,"access_key":"REDACTED"}`, "access_key"},
			{"POST", "/v1/service-types/s2/authm", `{"host":"host4","port":1,"headers":{"x-a":"1","x-b":"REDACTED"}}`, "headers"},
			{"PUT", h1, `{"port":5,"access_key":"REDACTED"}`, "access_key"},
			{"PUT", h3, `{"headers":{"x-c":"REDACTED"}}`, "headers"},
			{"PUT", "/v1/service-types/s1/authm", `{"access_key":"REDACTED"}`, "access_key"},
		} {
			h.wants(r.method+" "+r.path, h.do(r.method, r.path, r.body), 422, invalidData(r.field, reason))
		}
		if h.state() != before {
			h.Error("the store changed")
		}
		h.must(200, "PUT", h1, `{"port":5}`)
	})
}
