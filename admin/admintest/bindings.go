package admintest

import (
	"fmt"
	"slices"
	"strings"
)

// bindingFixture adds upstream's bindings to the fixture and returns the uuids of s1 and s2.
func (h *harness) bindingFixture() (s1, s2 string) {
	h.Helper()
	s1 = h.must(200, "GET", "/v1/service-types/s1", "")["uuid"].(string)
	s2 = h.must(200, "GET", "/v1/service-types/s2", "")["uuid"].(string)
	for _, b := range []struct{ name, service, host, dn, key string }{
		{"b1", s1, "host1", "test_dn_1", "unique_key_1"}, {"b2", s1, "host1", "test_dn_2", "unique_key_2"},
		{"b3", s1, "host2", "test_dn_3", "unique_key_3"}, {"b4", s2, "host3", "test_dn_1", "unique_key_1"},
	} {
		h.must(201, "POST", "/v1/bindings/"+b.name, bindingBody(b.service, b.host, b.dn, b.key))
	}
	return s1, s2
}

func bindingBody(service, host, identifier, key string) string {
	return fmt.Sprintf(`{"service_uuid":%q,"host":%q,"auth_identifier":%q,"unique_key":%q,"auth_type":"x509"}`, service, host, identifier, key)
}

const b1Answer = "{\n \"name\": \"b1\",\n \"service_uuid\": \"UUID\",\n \"host\": \"host1\",\n \"uuid\": \"UUID\",\n \"auth_identifier\": \"test_dn_1\",\n" +
	" \"unique_key\": \"unique_key_1\",\n \"auth_type\": \"x509\",\n \"created_on\": \"TIME\"\n}"

// testBindings is upstream's table about bindings.
func testBindings(h *harness) {
	with := func(name string, test func(h *harness, s1, s2 string)) {
		h.with(name, func(h *harness) {
			s1, s2 := h.bindingFixture()
			test(h, s1, s2)
		})
	}
	names := func(h *harness, path string) (found []string) {
		for _, b := range h.list(path, "bindings") {
			found = append(found, b["name"].(string))
		}
		return found
	}
	with("C42", func(h *harness, s1, _ string) {
		got := h.do("POST", "/v1/bindings/new_binding", `{"name":"other","uuid":"x","created_on":"y","last_auth":"z",`+bindingBody(s1, "host1", "test_dn", "uni_key")[1:])
		want := strings.NewReplacer(`"b1"`, `"new_binding"`, "test_dn_1", "test_dn", "unique_key_1", "uni_key").Replace(b1Answer)
		if text := fixed(got.body); got.status != 201 || text != want {
			h.Errorf("got %d %s\nwant %s", got.status, text, want)
		}
		h.wantHeaders(got)
		if got.header.Get("ETag") != h.current("/v1/bindings/new_binding") {
			h.Errorf("ETag %s", got.header.Get("ETag"))
		}
	})
	with("GET_one", func(h *harness, _, _ string) {
		if got := h.do("GET", "/v1/bindings/b1", ""); got.status != 200 || fixed(got.body) != b1Answer {
			h.Errorf("got %d %s", got.status, got.body)
		}
	})
	with("lists", func(h *harness, _, _ string) {
		for _, tt := range []struct {
			name, path string
			want       []string
		}{
			{"all", "/v1/bindings", []string{"b1", "b2", "b3", "b4"}},
			{"C46", "/v1/service-types/s1/hosts/host1/bindings", []string{"b1", "b2"}},
			{"C46_authID", "/v1/service-types/s1/hosts/host1/bindings?authID=test_dn_1", []string{"b1"}},
			{"C46_empty_authID", "/v1/service-types/s1/hosts/host1/bindings?authID=", []string{"b1", "b2"}},
			{"C46_no_binding", "/v1/service-types/s1/hosts/host3/bindings", nil},
			{"D1_older_prefix", "/v1/services/s1/hosts/host1/bindings?authID=test_dn_2", []string{"b2"}},
		} {
			h.sub(tt.name, func(h *harness) {
				if got := names(h, tt.path); !slices.Equal(got, tt.want) {
					h.Errorf("got %v, want %v", got, tt.want)
				}
			})
		}
		h.wants("C46_no_binding", h.do("GET", "/v1/service-types/s1/hosts/host3/bindings", ""), 200, "{\n \"bindings\": []\n}")
	})
	h.run("empty_list", func(h *harness) {
		h.wants("list", h.do("GET", "/v1/bindings", ""), 200, "{\n \"bindings\": []\n}")
	})
	with("C48", func(h *harness, _, _ string) {
		got := h.do("PUT", "/v1/bindings/b1", `{"name":"updated_name"}`)
		want := strings.NewReplacer(`"b1"`, `"updated_name"`, "\"TIME\"\n", "\"TIME\",\n \"updated_on\": \"TIME\"\n").Replace(b1Answer)
		if text := fixed(got.body); got.status != 200 || text != want {
			h.Errorf("got %d %s\nwant %s", got.status, text, want)
		}
		h.wants("old path", h.do("GET", "/v1/bindings/b1", ""), 404, notFound("Binding"))
		h.must(200, "GET", "/v1/bindings/updated_name", "")
	})
	with("PUT_every_field", func(h *harness, _, s2 string) {
		got := h.must(200, "PUT", "/v1/bindings/b1", strings.Replace(bindingBody(s2, "host4", "dn:9", "k9"), "{", `{"uuid":"x","created_on":"y",`, 1))
		if got["service_uuid"] != s2 || got["host"] != "host4" || got["auth_identifier"] != "dn:9" || got["unique_key"] != "k9" || got["uuid"] == "x" {
			h.Errorf("got %v", got)
		}
		for _, body := range []string{"null", "{}", `{"host":null,"name":null}`} {
			if again := h.must(200, "PUT", "/v1/bindings/b1", body); again["host"] != "host4" || again["updated_on"] == nil {
				h.Errorf("%s: %v", body, again)
			}
		}
	})
	with("DELETE", func(h *harness, _, _ string) {
		h.wants("first", h.do("DELETE", "/v1/bindings/b1", ""), 204, "")
		h.wants("second", h.do("DELETE", "/v1/bindings/b1", ""), 404, notFound("Binding"))
	})
	with("delete_of_service_type_cascades", func(h *harness, _, _ string) {
		h.must(204, "DELETE", "/v1/service-types/s1", "")
		if got := names(h, "/v1/bindings"); !slices.Equal(got, []string{"b4"}) {
			h.Errorf("left: %v", got)
		}
	})
	with("host_removed_and_back", func(h *harness, _, _ string) {
		h.must(200, "PUT", "/v1/service-types/s1", `{"hosts":["host2"]}`)
		h.wants("list", h.do("GET", "/v1/service-types/s1/hosts/host1/bindings", ""), 404, notFound("Host"))
		if got := names(h, "/v1/bindings"); len(got) != 4 {
			h.Errorf("all: %v", got)
		}
		h.must(200, "PUT", "/v1/service-types/s1", `{"hosts":["host2","host1"]}`)
		if got := names(h, "/v1/service-types/s1/hosts/host1/bindings"); len(got) != 2 {
			h.Errorf("back: %v", got)
		}
	})
}

// testBindingRefusals is upstream's table of refused requests about bindings.
func testBindingRefusals(h *harness) {
	h.open()
	h.fixture()
	s1, s2 := h.bindingFixture()
	body := func(name, value string) string { // without the field if there is no value
		var fields []string
		for _, f := range [][2]string{{"service_uuid", s1}, {"host", "host1"}, {"auth_identifier", "fresh"}, {"unique_key", "k"}, {"auth_type", "x509"}} {
			if f[0] == name {
				f[1] = value
			}
			if f[1] != "" {
				fields = append(fields, fmt.Sprintf("%q:%q", f[0], f[1]))
			}
		}
		return "{" + strings.Join(fields, ",") + "}"
	}
	const b1, list = "/v1/bindings/b1", "/v1/service-types/s1/hosts/host1/bindings"
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"C43_service_uuid", "POST", b1, body("service_uuid", ""), 422, empty("binding", "service_uuid")},
		{"C43_host", "POST", b1, body("host", ""), 422, empty("binding", "host")},
		{"C43_auth_identifier", "POST", b1, body("auth_identifier", ""), 422, empty("binding", "auth_identifier")},
		{"C43_unique_key", "POST", b1, body("unique_key", ""), 422, empty("binding", "unique_key")},
		{"C43_auth_type", "POST", b1, body("auth_type", ""), 422, empty("binding", "auth_type")},
		{"C43_null", "POST", b1, "null", 422, empty("binding", "service_uuid")},
		{"C44_service_type", "POST", b1, body("service_uuid", "unknown"), 404, notFound("Service-type")},
		{"C44_host", "POST", b1, body("host", "unknown"), 404, notFound("Host")},
		{"auth_type_unknown", "POST", b1, body("auth_type", "basic"), 422, unsupported("Auth type: basic|[x509 oidc]")},
		{"auth_type_not_of_the_service_type", "POST", "/v1/bindings/n", strings.Replace(strings.Replace(body("auth_type", "oidc"), s1, s2, 1), "host1", "host3", 1), 422,
			unsupported("Auth type: oidc|[x509]")},
		{"C45_auth_identifier", "POST", b1, body("auth_identifier", "test_dn_1"), 409, conflict("binding", "auth_identifier", "test_dn_1")},
		{"C45_name", "POST", b1, body("", ""), 409, conflict("binding", "name", "b1")},
		{"C46_unknown", "GET", list + "?authID=unknown_dn", "", 404, notFound("Binding")},
		{"C46_service_type", "GET", "/v1/service-types/unknown/hosts/host1/bindings", "", 404, notFound("Service-type")},
		{"C46_host", "GET", "/v1/service-types/s1/hosts/unknown/bindings?authID=x", "", 404, notFound("Host")},
		{"C48_auth_identifier", "PUT", b1, `{"auth_identifier":"test_dn_2"}`, 409, conflict("binding", "auth_identifier", "test_dn_2")},
		{"C48_name", "PUT", b1, `{"name":"b4"}`, 409, conflict("binding", "name", "b4")},
		{"C48_host", "PUT", b1, `{"host":"unknown"}`, 404, notFound("Host")},
		{"C48_service_type", "PUT", b1, `{"service_uuid":"unknown"}`, 404, notFound("Service-type")},
		// Upstream checks for a second one only if the identifier itself changes (specs/auth-methods 4.7).
		{"move_onto_another", "PUT", b1, fmt.Sprintf(`{"service_uuid":%q,"host":"host3"}`, s2), 409, conflict("binding", "auth_identifier", "test_dn_1")},
		{"PUT_empty_name", "PUT", b1, `{"name":""}`, 422, empty("binding", "name")},
		{"PUT_empty_unique_key", "PUT", b1, `{"unique_key":""}`, 422, empty("binding", "unique_key")},
		{"PUT_unknown_before_body", "PUT", "/v1/bindings/unknown", "{", 404, notFound("Binding")},
		{"PUT_malformed", "PUT", b1, "{", 400, badJSON("unexpected EOF")},
		{"POST_malformed_before_anything", "POST", b1, "", 400, badJSON("EOF")},
		{"POST_wrong_type", "POST", b1, `{"host":1}`, 400, badJSON("json: cannot unmarshal number into field host of type string")},
		{"GET_unknown", "GET", "/v1/bindings/unknown", "", 404, notFound("Binding")},
		{"DELETE_unknown", "DELETE", "/v1/bindings/unknown", "", 404, notFound("Binding")},
		{"POST_without_name", "POST", "/v1/bindings", body("", ""), 405, envelope(405, "METHOD NOT ALLOWED", "Method not allowed")},
		{"control_character", "POST", "/v1/bindings/n", strings.Replace(body("", ""), "fresh", `fre\nsh`, 1), 422,
			invalidData("auth_identifier", "Control characters are not allowed")},
	}
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
