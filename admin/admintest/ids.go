package admintest

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// testIDs is A5: names that would leave their place in a path or in the store, in every place a name can
// be given. None is a server error, none is redirected, none changes anything.
func testIDs(h *harness) {
	h.open()
	h.fixture()
	s1, _ := h.bindingFixture()
	before := h.state()
	ids := map[string]string{ // as a path segment
		"dot": ".", "dots": "..", "encoded_dot": "%2e", "encoded_dots": "%2e%2e", "mixed_dots": ".%2E", "slash": "a%2fb", "slash_upper": "a%2Fb",
		"climb": "..%2f..%2fservice-types", "double_encoded": "%252e%252e", "backslash": "..%5cs1", "nul": "%00", "nul_within": "s1%00x",
		"newline": "a%0d%0ab", "not_utf8": "%ff", "overlong_slash": "%c0%af", "300_characters": strings.Repeat("x", 300),
		"300_runes": strings.Repeat("%c3%a9", 300), "10000_characters": strings.Repeat("x", 10000), "store_prefix": "r", "semicolon": "s1;x=1",
		"separator": "36:" + s1 + "host1", "empty_but_space": "%20", "star": "*", "question": "%3f", "percent": "%25",
	}
	for name, id := range ids {
		h.sub("A5_in_path_"+name, func(h *harness) {
			for _, path := range []string{
				"/v1/service-types/" + id, "/v1/services/" + id, "/v1/service-types/" + id + "/authm", "/v1/service-type/" + id,
				"/v1/service-types/" + id + "/hosts/host1/authm", "/v1/service-types/s1/hosts/" + id + "/authm",
				"/v1/services/s1/hosts/" + id + "/bindings", "/v1/service-types/s1/hosts/host1/bindings?authID=" + id,
				"/v1/bindings/" + id, "/v1/service-types/s1/hosts/" + id + ":authx509", "/v1/service-types/" + id + "/hosts/h:authx509",
			} {
				for _, method := range []string{"GET", "PUT", "DELETE", "POST"} {
					if method == "POST" && strings.HasPrefix(path, "/v1/bindings/") {
						continue // below
					}
					got := h.do(method, path, "{}")
					switch got.status {
					case 404, 405, 400:
					default:
						h.Errorf("%s %.80s: %d %s", method, path, got.status, got.body)
					}
					if got.header.Get("Location") != "" {
						h.Errorf("%s %.80s: redirected to %s", method, path, got.header.Get("Location"))
					}
				}
			}
		})
	}
	if h.state() != before {
		h.Error("the store changed")
	}
	refused := map[string]string{ // as a name in a body, or decoded
		"dot": ".", "dots": "..", "slash": "a/b", "leading_slash": "/s1", "climb": "../../service-types", "nul": "\x00", "nul_within": "a\x00b",
		"newline": "a\r\nb", "escape": "\x1b[2J", "254_characters": strings.Repeat("x", 254), "300_characters": strings.Repeat("x", 300), "c1_control": "\u0085",
	}
	for name, id := range refused {
		h.sub("A5_in_body_"+name, func(h *harness) {
			text := strconv.Quote(id)
			text = strings.NewReplacer(`\x00`, `\u0000`, `\x1b`, `\u001b`).Replace(text)
			bodies := []struct{ method, path, body string }{
				{"POST", "/v1/service-types", `{"name":` + text + `,"hosts":["h"],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`},
				{"POST", "/v1/service-types", `{"name":"n","hosts":[` + text + `],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`},
				{"PUT", "/v1/service-types/s1", `{"name":` + text + `}`},
				{"PUT", "/v1/service-types/s1", `{"hosts":["host1",` + text + `]}`},
				{"PUT", "/v1/bindings/b1", `{"name":` + text + `}`},
			}
			for _, b := range bodies {
				if got := h.do(b.method, b.path, b.body); got.status != 422 {
					h.Errorf("%s %s %.60q: %d %s", b.method, b.path, b.body, got.status, got.body)
				}
			}
			for _, b := range []struct{ method, path, body string }{ // what is looked up is not there
				{"POST", "/v1/service-types/s1/authm", `{"host":` + text + `,"port":1,"access_key":"k"}`},
				{"PUT", "/v1/service-types/s1/hosts/host1/authm", `{"host":` + text + `}`},
				{"PUT", "/v1/service-types/s1/hosts/host1/authm", `{"service_uuid":` + text + `}`},
				{"PUT", "/v1/service-types/s1/authm", `{"host":` + text + `,"port":1}`},
				{"PUT", "/v1/bindings/b1", `{"host":` + text + `}`},
				{"PUT", "/v1/bindings/b1", `{"service_uuid":` + text + `}`},
			} {
				if got := h.do(b.method, b.path, b.body); got.status != 404 {
					h.Errorf("%s %s %.60q: %d %s", b.method, b.path, b.body, got.status, got.body)
				}
			}
			got := h.do("POST", "/v1/bindings/"+url.PathEscape(id), bindingBody(s1, "host1", "dn-of-"+name, "k"))
			if got.status != 404 && got.status != 422 { // 404 where it is no path segment at all
				h.Errorf("creating the binding: %d %s", got.status, got.body)
			}
		})
	}
	if h.state() != before {
		h.Error("the store changed")
	}
	h.sub("odd_but_fine", func(h *harness) {
		for i, id := range []string{"a b", "a%b", "a:b", "é", "名", "a?b", "a#b", "a;b", "a\\b", "...", "~", "a+b", strings.Repeat("x", 253)} {
			path := "/v1/bindings/" + url.PathEscape(id)
			got := h.must(201, "POST", path, bindingBody(s1, "host1", fmt.Sprint("odd", i), "k"))
			if got["name"] != id || h.must(200, "GET", path, "")["name"] != id {
				h.Errorf("%q became %q", id, got["name"])
			}
			h.must(204, "DELETE", path, "")
			body := fmt.Sprintf(`{"name":%q,"hosts":[%q],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`, id, id)
			h.must(201, "POST", "/v1/service-types", body)
			one := "/v1/services/" + url.PathEscape(id)
			h.must(201, "POST", one+"/authm", fmt.Sprintf(`{"host":%q,"port":1,"access_key":"k"}`, id))
			h.must(200, "GET", one+"/hosts/"+url.PathEscape(id)+"/authm", "")
			h.must(200, "GET", one+"/hosts/"+url.PathEscape(id)+"/bindings", "")
			h.must(204, "DELETE", one, "")
		}
	})
}
