package admintest

import (
	"fmt"
	"slices"
)

func testLists(h *harness) {
	h.with("C16_in_order_of_creation", func(h *harness) {
		h.must(201, "POST", "/v1/service-types/s1/authm", `{"host":"host2","port":1,"access_key":"k"}`)
		var hosts []string
		for _, m := range h.list("/v1/authm", "auth_methods") {
			hosts = append(hosts, m["host"].(string))
		}
		if !slices.Equal(hosts, []string{"host1", "host3", "host2"}) {
			h.Errorf("hosts %v", hosts)
		}
	})
	for path, want := range map[string]string{"/v1/authm": "auth_methods", "/v1/service-types": "service_types", "/v1/services": "service_types"} {
		h.run("C17_C37_empty"+path, func(h *harness) {
			h.wants(path, h.do("GET", path, ""), 200, fmt.Sprintf("{\n %q: []\n}", want))
		})
	}
	h.with("C37", func(h *harness) {
		if list := h.list("/v1/service-types", "service_types"); len(list) != 2 {
			h.Errorf("list %v", list)
		}
	})
}
