package admintest

import "strings"

// testCreates: of 20 parallel creations of one thing, one succeeds, for every kind and every unique value.
func testCreates(h *harness) {
	h.with("parallel_creates_of_a_method", func(h *harness) {
		h.oneOf20(func(i int) answer {
			return h.do("POST", "/v1/service-types/s1/authm", `{"host":"host2","port":1,"access_key":"k"}`)
		})
	})
	h.with("parallel_creates_of_a_service_type", func(h *harness) {
		h.oneOf20(func(i int) answer {
			return h.do("POST", "/v1/service-types", `{"name":"n","hosts":["h"],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`)
		})
	})
	h.with("parallel_creates_of_a_binding_name", func(h *harness) {
		s1, _ := h.bindingFixture()
		h.oneOf20(func(i int) answer {
			return h.do("POST", "/v1/bindings/new", bindingBody(s1, "host1", "dn"+strings.Repeat("x", i), "k"))
		})
	})
	h.with("C47_parallel_creates_of_a_binding_identity", func(h *harness) {
		s1, _ := h.bindingFixture()
		h.oneOf20(func(i int) answer {
			return h.do("POST", "/v1/bindings/n"+strings.Repeat("x", i), bindingBody(s1, "host1", "one", "k"))
		})
	})
}

func (h *harness) oneOf20(request func(i int) answer) {
	h.Helper()
	if codes := h.parallel(20, request); codes[201] != 1 || codes[409] != 19 {
		h.Errorf("codes %v", codes)
	}
}
