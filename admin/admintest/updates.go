package admintest

import "reflect"

// testUpdates follows what changes and what does not.
func testUpdates(h *harness) {
	const h1, h3 = "/v1/service-types/s1/hosts/host1/authm", "/v1/service-types/s2/hosts/host3/authm"
	h.with("C04_path_decides_service_type", func(h *harness) {
		s1 := h.must(200, "GET", "/v1/service-types/s1", "")["uuid"]
		got := h.must(201, "POST", "/v1/service-types/s1/authm", `{"access_key":"key1","host":"host3","port":9000,"service_uuid":"uuid2","type":"headers","updated_on":"x"}`)
		if got["service_uuid"] != s1 || got["type"] != "api-key" || got["updated_on"] != nil {
			h.Errorf("got %v", got)
		}
	})
	h.with("C20_identity_is_kept", func(h *harness) {
		before := h.must(200, "GET", h1, "")
		after := h.must(200, "PUT", h1, `{"port":8080,"access_key":"key2"}`)
		for _, field := range []string{"uuid", "created_on", "service_uuid", "host", "type"} {
			if before[field] != after[field] {
				h.Errorf("%s: %v, then %v", field, before[field], after[field])
			}
		}
		if after["port"] != 8080.0 || after["access_key"] != "key2" || !reflect.DeepEqual(h.must(200, "GET", h1, ""), after) {
			h.Errorf("after: %v", after)
		}
	})
	h.with("C35", func(h *harness) {
		got := h.must(200, "PUT", h1, `{"access_key":"key1","retrieval_field":"some_token","port":9000}`)
		if got["updated_on"] == nil || got["access_key"] != "key1" {
			h.Errorf("got %v", got)
		}
	})
	h.with("headers_are_replaced_as_a_whole", func(h *harness) {
		got := h.must(200, "PUT", h3, `{"headers":{"x-new":"1"}}`)
		if !reflect.DeepEqual(got["headers"], map[string]any{"x-new": "1"}) || got["updated_on"] == nil {
			h.Errorf("got %v", got)
		}
		if got := h.must(200, "PUT", h3, `{"port":1}`); !reflect.DeepEqual(got["headers"], map[string]any{"x-new": "1"}) {
			h.Errorf("got %v", got)
		}
	})
	h.with("host_moves", func(h *harness) {
		h.must(200, "PUT", h1, `{"host":"host2"}`)
		if w := h.do("GET", h1, ""); w.body != notFound("Auth method") {
			h.Errorf("old path: %s", w.body)
		}
		h.must(200, "GET", "/v1/service-types/s1/hosts/host2/authm", "")
	})
	h.with("host_removed_and_back", func(h *harness) {
		h.must(200, "PUT", "/v1/service-types/s1", `{"hosts":["host2"]}`)
		if w := h.do("GET", h1, ""); w.body != notFound("Host") {
			h.Errorf("got %s", w.body)
		}
		if list := h.must(200, "GET", "/v1/authm", "")["auth_methods"].([]any); len(list) != 2 {
			h.Errorf("list %v", list)
		}
		h.must(200, "PUT", "/v1/service-types/s1", `{"hosts":["host2","host1"]}`)
		h.must(200, "GET", h1, "")
	})
	h.with("D2_PUT_without_host", func(h *harness) {
		const path = "/v1/service-types/s1/authm"
		if got := h.must(200, "PUT", path, `{"port":8080}`); got["host"] != "host1" || got["port"] != 8080.0 {
			h.Errorf("the only one: %v", got)
		}
		h.must(201, "POST", path, `{"host":"host2","port":1,"access_key":"k"}`)
		if w := h.do("PUT", path, `{"port":1}`); w.status != 422 || w.body != empty("auth method", "host") {
			h.Errorf("two: %d %s", w.status, w.body)
		}
		if got := h.must(200, "PUT", path, `{"port":2,"host":"host2"}`); got["host"] != "host2" || got["port"] != 2.0 {
			h.Errorf("named: %v", got)
		}
		for body, want := range map[string]string{`{"host":"host3"}`: notFound("Auth method"), `{"host":"x"}`: notFound("Host"), `{`: badJSON("unexpected EOF")} {
			if w := h.do("PUT", path, body); w.body != want {
				h.Errorf("%s: %s", body, w.body)
			}
		}
		if w := h.do("PUT", "/v1/services/unknown/authm", `{`); w.body != notFound("Service-type") {
			h.Errorf("unknown: %s", w.body)
		}
		h.must(204, "DELETE", "/v1/service-types/s2/hosts/host3/authm", "")
		if w := h.do("PUT", "/v1/service-types/s2/authm", `{}`); w.body != notFound("Auth method") {
			h.Errorf("none: %s", w.body)
		}
	})
	h.with("D3_singular", func(h *harness) {
		if got := h.must(200, "PUT", "/v1/service-type/s1", `{"hosts":["host1"]}`); len(got["hosts"].([]any)) != 1 {
			h.Errorf("got %v", got)
		}
	})
	h.with("rename_moves_everything", func(h *harness) {
		h.must(200, "PUT", "/v1/service-types/s1", `{"name":"a b%c"}`)
		h.must(404, "GET", h1, "")
		h.must(200, "GET", "/v1/service-types/a%20b%25c/hosts/host1/authm", "")
	})
	h.with("delete_cascades", func(h *harness) {
		h.must(204, "DELETE", "/v1/services/s1", "")
		if list := h.must(200, "GET", "/v1/authm", "")["auth_methods"].([]any); len(list) != 1 {
			h.Errorf("list %v", list)
		}
	})
}
