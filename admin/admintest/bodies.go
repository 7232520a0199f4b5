package admintest

import "strings"

// testBodies is A4: bodies that two readers could take for different things, that are too much, or that
// are no JSON at all, for every route that takes one.
func testBodies(h *harness) {
	h.open()
	h.fixture()
	h.bindingFixture()
	routes := []route{
		{"POST", "/v1/service-types"}, {"PUT", "/v1/service-types/s1"}, {"PUT", "/v1/service-type/s1"}, {"POST", "/v1/services/s1/authm"},
		{"PUT", "/v1/service-types/s1/authm"}, {"PUT", "/v1/service-types/s1/hosts/host1/authm"},
		{"POST", "/v1/bindings/new"}, {"PUT", "/v1/bindings/b1"},
	}
	nested := func(n int) string { return `{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	const media = "UNSUPPORTED MEDIA TYPE"
	tests := []struct {
		name, body string
		headers    []string
		status     int
		want       string
	}{
		{"A4_duplicate", `{"host":"a","host":"b"}`, nil, 400, badJSON("duplicate member")},
		{"A4_duplicate_in_other_case", `{"name":"a","Name":"b"}`, nil, 400, badJSON("duplicate member")},
		{"A4_duplicate_unknown", `{"x":1,"x":1}`, nil, 400, badJSON("duplicate member")},
		{"A4_duplicate_deep", `{"x":[{"y":{"a":1,"a":1}}]}`, nil, 400, badJSON("duplicate member")},
		{"A4_array", `[{"host":"a"}]`, nil, 400, badJSON("json: cannot unmarshal array into value of type object")},
		{"A4_text", `"host"`, nil, 400, badJSON("json: cannot unmarshal string into value of type object")},
		{"A4_empty", "", nil, 400, badJSON("EOF")},
		{"A4_spaces", " \n\t", nil, 400, badJSON("EOF")},
		{"A4_5_MB", `{"name":"` + strings.Repeat("x", 5<<20) + `"}`, nil, 413,
			envelope(413, "REQUEST ENTITY TOO LARGE", "The request body is larger than 1 MiB")},
		{"A4_5_MB_of_spaces", strings.Repeat(" ", 5<<20) + "{}", nil, 413,
			envelope(413, "REQUEST ENTITY TOO LARGE", "The request body is larger than 1 MiB")},
		{"A4_5_MB_after_the_value", "{}" + strings.Repeat(" ", 5<<20), nil, 413,
			envelope(413, "REQUEST ENTITY TOO LARGE", "The request body is larger than 1 MiB")},
		{"A4_nesting_33", nested(33), nil, 400, badJSON("nested too deeply")},
		{"A4_nesting_5000", nested(5000), nil, 400, badJSON("nested too deeply")},
		// 1e9 levels do not fit the limit; this is as deep as does. encoding/json has its own word at 10000.
		{"A4_nesting_half_a_million", nested(500_000), nil, 400, badJSON("invalid character '[' exceeded max depth")},
		{"A4_nesting_unclosed", strings.Repeat("[", 1<<20), nil, 400, badJSON("invalid character '[' exceeded max depth")},
		{"A4_multipart", "{}", []string{"Content-Type", "multipart/form-data; boundary=x"}, 415, envelope(415, media, "The request body must be JSON and not encoded")},
		{"A4_text_plain", "{}", []string{"Content-Type", "Text/Plain;charset=utf-8"}, 415, envelope(415, media, "The request body must be JSON and not encoded")},
		{"A4_gzip", "\x1f\x8b\x08", []string{"Content-Encoding", "gzip"}, 415, envelope(415, media, "The request body must be JSON and not encoded")},
		{"A4_utf16", "\xff\xfe{\x00}\x00", nil, 400, badJSON("invalid character 'ÿ' looking for beginning of value")},
		{"A4_byte_order_mark", "\ufeff{}", nil, 400, badJSON("invalid character 'ï' looking for beginning of value")},
	}
	before := h.state()
	for _, tt := range tests {
		h.sub(tt.name, func(h *harness) {
			for _, r := range routes {
				got := h.do(r.method, r.path, tt.body, tt.headers...)
				h.wants(r.method+" "+r.path, got, tt.status, tt.want)
			}
		})
	}
	if h.state() != before {
		h.Error("the store changed")
	}
}
