package admintest

import "strings"

// testRefusals is upstream's table of refused requests (specs/auth-methods 6), by the exact bytes.
func testRefusals(h *harness) {
	const (
		st    = "service-type"
		am    = "auth method"
		types = "/v1/service-types"
		h1    = types + "/s1/hosts/host1/authm"
		full  = `{"name":"n","hosts":["h"],"auth_types":["x509","oidc"],"auth_method":"api-key","type":"ams"}`
	)
	with := func(old, replacement string) string {
		if !strings.Contains(full, old) {
			h.Fatalf("%q is not in %q", old, full)
		}
		return strings.Replace(full, old, replacement, 1)
	}
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"C05", "POST", types + "/s1/authm", `{"access_key":"key1","host":"host1","port":9000}`, 409, conflict("Auth method", "host", "host1")},
		{"C05_other_port", "POST", types + "/s1/authm", `{"access_key":"key1","host":"host1","port":9001}`, 409, conflict("Auth method", "host", "host1")},
		{"C06", "POST", types + "/unknown/authm", `{`, 404, notFound("Service-type")},
		{"C07", "POST", types + "/s1/authm", `{"access_key":"key1","host":"unknown","port":9000}`, 404, notFound("Host")},
		{"C07_before_access_key", "POST", types + "/s1/authm", `{"host":"unknown","port":9000}`, 404, notFound("Host")},
		{"C08", "POST", types + "/s1/authm", `{"access_key":"key1","host":"host1","port":9000` + "\n", 400, badJSON("unexpected EOF")},
		{"C09", "POST", types + "/s1/authm", `{"host":"host2","port":9000}`, 422, empty(am, "access_key")},
		{"C09_headers", "POST", types + "/s2/authm", `{"host":"host4","port":9000,"access_key":"k"}`, 422, empty(am, "headers")},
		{"C09_no_headers", "POST", types + "/s2/authm", `{"host":"host4","port":9000,"headers":{}}`, 422, empty(am, "headers")},
		{"C10", "POST", types + "/s1/authm", `{"access_key":"key","port":9000}`, 422, empty(am, "host")},
		{"C11", "POST", types + "/s1/authm", `{"access_key":"key","host":"host1,"}`, 422, empty(am, "port")},
		{"C13", "GET", types + "/unknown/hosts/host1/authm", "", 404, notFound("Service-type")},
		{"C14", "GET", types + "/s1/hosts/unknown/authm", "", 404, notFound("Host")},
		{"C15", "GET", types + "/s1/hosts/host3/authm", "", 404, notFound("Auth method")},
		{"C19_service_type", "DELETE", types + "/unknown/hosts/host1/authm", "", 404, notFound("Service-type")},
		{"C19_host", "DELETE", types + "/s1/hosts/unknown/authm", "", 404, notFound("Host")},
		{"C19_method", "DELETE", types + "/s1/hosts/host3/authm", "", 404, notFound("Auth method")},
		{"C22", "PUT", h1, `{"host":"h"`, 400, badJSON("unexpected EOF")},
		{"C23_host", "PUT", h1, `{"host":""}`, 422, empty(am, "host")},
		{"C23_service_uuid", "PUT", h1, `{"service_uuid":"","port":0}`, 422, empty(am, "service_uuid")},
		{"C23_port", "PUT", h1, `{"port":0,"host":""}`, 422, empty(am, "port")},
		{"C23_access_key", "PUT", h1, `{"access_key":""}`, 422, empty(am, "access_key")},
		{"C23_headers_empty", "PUT", types + "/s2/hosts/host3/authm", `{"headers":{}}`, 422, empty(am, "headers")},
		{"C23_headers_null", "PUT", types + "/s2/hosts/host3/authm", `{"Headers":null}`, 422, empty(am, "headers")},
		{"C24", "PUT", h1, `{"port":"9000"}`, 400, badJSON("json: cannot unmarshal string into field port of type int")},
		{"C24_fraction", "PUT", h1, `{"port":9000.5}`, 400, badJSON("json: cannot unmarshal number 9000.5 into field port of type int")},
		{"C24_overflow", "PUT", h1, `{"port":99999999999999999999}`, 400, badJSON("json: cannot unmarshal number 99999999999999999999 into field port of type int")},
		{"C24_header_value", "PUT", types + "/s2/hosts/host3/authm", `{"headers":{"a":1}}`, 400, badJSON("json: cannot unmarshal number into field headers of type string")},
		{"C25_service_type", "PUT", types + "/unknown/hosts/host1/authm", "{", 404, notFound("Service-type")},
		{"C25_host", "PUT", types + "/s1/hosts/unknown/authm", "{", 404, notFound("Host")},
		{"C25_method", "PUT", types + "/s1/hosts/host3/authm", "{", 404, notFound("Auth method")},
		{"C28", "POST", types, with(`"n"`, `"s1"`), 409, conflict(st, "name", "s1")},
		{"C29_hosts", "POST", types, strings.Replace(with(`["h"]`, `[]`), `"n"`, `"s1"`, 1), 422, empty(st, "hosts")},
		{"C29_type", "POST", types, strings.Replace(with(`"ams"`, `""`), `"n"`, `"s1"`, 1), 422, empty(st, "type")},
		{"C30", "POST", types, with(`"ams"`, `"unsup_type"`), 422, unsupported("type: unsup_type|[ams web-api custom]")},
		{"C31", "POST", types, with(`"x509"`, `"unsup_type"`), 422, unsupported("auth_types: unsup_type|[x509 oidc]")},
		{"C31_empty", "POST", types, with(`["x509","oidc"]`, `[]`), 422, unsupported("auth_types: empty|[x509 oidc]")},
		{"C32", "POST", types, with(`"api-key"`, `"unsup_method"`), 422, unsupported("auth_method: unsup_method|[api-key headers]")},
		{"C33", "POST", types, with(`}`, `,}`), 400, badJSON("invalid character '}' looking for beginning of object key string")},
		{"C34", "POST", types, `{"hosts":["h"],"auth_types":["x509"],"auth_method":"api-key"}`, 422, empty(st, "name")},
		{"C36", "GET", types + "/not_found", "", 404, notFound("Service-type")},
		{"C39_name", "PUT", types + "/s1", `{"name":""}`, 422, empty(st, "name")},
		{"C39_auth_types", "PUT", types + "/s1", `{"auth_types":[]}`, 422, unsupported("auth_types: empty|[x509 oidc]")},
		{"C39_auth_types_unsupported", "PUT", types + "/s1", `{"auth_types":["unsup_auth"]}`, 422, unsupported("auth_types: unsup_auth|[x509 oidc]")},
		{"C39_auth_types_null", "PUT", types + "/s1", `{"auth_types":null}`, 422, empty(st, "auth_types")},
		{"C39_auth_method", "PUT", types + "/s1", `{"auth_method":"unsup_auth"}`, 422, unsupported("auth_method: unsup_auth|[api-key headers]")},
		{"C39_auth_method_empty", "PUT", types + "/s1", `{"auth_method":""}`, 422, empty(st, "auth_method")},
		{"C39_hosts", "PUT", types + "/s1", `{"hosts":[]}`, 422, empty(st, "hosts")},
		{"C39_hosts_null", "PUT", types + "/s1", `{"hosts":null}`, 422, empty(st, "hosts")},
		{"C40", "PUT", types + "/s1", `{"name":"s2"}`, 409, conflict(st, "name", "s2")},
		{"C41", "DELETE", types + "/not_found", "", 404, notFound("Service-type")},
		{"PUT_unknown_type_before_body", "PUT", types + "/not_found", "{", 404, notFound("Service-type")},
		{"D5_seed_sample", "POST", types + "/s1/authm", "{\n\"access_key\": \"key1\",\n\"host\": \"127.0.0.1\",\n\"port\": 9000,\n}", 400,
			badJSON("invalid character '}' looking for beginning of object key string")},
		{"empty_body", "POST", types, "", 400, badJSON("EOF")},
		{"empty_body_PUT", "PUT", types + "/s1", "", 400, badJSON("EOF")},
		{"garbage", "PUT", h1, "nonsense", 400, badJSON("invalid character 'o' in literal null (expecting 'u')")},
		{"null_POST_type", "POST", types, "null", 422, empty(st, "name")},
		{"null_POST_method", "POST", types + "/s1/authm", "null", 422, empty(am, "port")},
		{"array", "POST", types, "[]", 400, badJSON("json: cannot unmarshal array into value of type object")},
		{"A4_duplicate_member", "POST", types, with(`"name":"n"`, `"name":"n","name":"m"`), 400, badJSON("duplicate member")},
		{"A4_duplicate_member_other_case", "POST", types, with(`"name":"n"`, `"name":"n","NAME":"m"`), 400, badJSON("duplicate member")},
		{"A4_duplicate_member_kelvin_sign", "POST", types + "/s1/authm", `{"host":"host2","port":1,"access_key":"a","access_` + "\u212a" + `ey":"b"}`, 400,
			badJSON("duplicate member")},
		{"A4_duplicate_escaped", "PUT", types + "/s2/hosts/host3/authm", `{"headers":{"a":"1","\u0061":"2"}}`, 400, badJSON("duplicate member")},
		{"A4_deep", "POST", types, `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, 400, badJSON("nested too deeply")},
		{"A4_not_utf8", "POST", types, "{\"name\":\"\xff\"}", 400, badJSON("invalid JSON: not UTF-8")},
		{"A4_too_large", "POST", types, `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, 413,
			envelope(413, "REQUEST ENTITY TOO LARGE", "The request body is larger than 1 MiB")},
		{"port_range", "POST", types + "/s1/authm", `{"host":"host2","port":70000,"access_key":"k"}`, 422,
			invalidData("port", "It must be between 1 and 65535")},
		{"markup_is_escaped", "POST", types, with(`"ams"`, `"<&>"`), 422, unsupported(`type: \u003c\u0026\u003e|[ams web-api custom]`)},
	}
	h.open()
	h.fixture()
	before := h.state()
	for _, tt := range tests {
		h.sub(tt.name, func(h *harness) {
			got := h.do(tt.method, tt.path, tt.body)
			h.wants("answer", got, tt.status, tt.want)
			h.wantHeaders(got)
			if h.state() != before {
				h.Error("a refused request changed the store")
			}
		})
	}
}

// testConflictOfMove is C21: a method cannot move to where one is, whatever its kind.
func testConflictOfMove(h *harness) {
	h.open()
	h.fixture()
	s2 := h.must(200, "GET", "/v1/service-types/s2", "")["uuid"].(string)
	h.sub("C21", func(h *harness) {
		w := h.do("PUT", "/v1/service-types/s1/hosts/host1/authm", `{"service_uuid":"`+s2+`","host":"host3"}`)
		if want := conflict("Auth method", "host", "host3"); w.status != 409 || w.body != want {
			h.Errorf("got %d %s", w.status, w.body)
		}
	})
	h.sub("unknown_service_uuid", func(h *harness) {
		w := h.do("PUT", "/v1/service-types/s1/hosts/host1/authm", `{"service_uuid":"nobody","host":"nowhere"}`)
		if want := notFound("Service-type"); w.status != 404 || w.body != want {
			h.Errorf("got %d %s", w.status, w.body)
		}
	})
}
