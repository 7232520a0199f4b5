package admintest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// entries returns what the audit log holds of the objects whose id or name has the part, newest first.
func (h *harness) entries(query, part string) (found []map[string]any) {
	h.Helper()
	for _, e := range h.list("/v1/audit?limit=1000"+query, "audit") {
		if strings.Contains(e["id"].(string)+" "+e["name"].(string), part) {
			found = append(found, e)
		}
	}
	return found
}

// testAuditLog is A12: every write, accepted or refused, can be asked for afterwards, without values.
func testAuditLog(h *harness) {
	h.open()
	h.fixture()
	s1, _ := h.bindingFixture()
	uuid := h.must(201, "POST", "/v1/bindings/a12", bindingBody(s1, "host2", "dn-value-a12", "key-value-a12"))["uuid"].(string)
	h.must(200, "PUT", "/v1/bindings/a12", `{"unique_key":"key-value-a12-b"}`)
	h.must(422, "PUT", "/v1/bindings/a12", `{"unique_key":""}`)
	h.must(412, "DELETE", "/v1/bindings/a12", "", "If-Match", `"1"`)
	h.raw("DELETE", "/v1/bindings/a12?key=wrong-value-a12", "")
	h.must(403, "DELETE", "/v1/bindings/a12", "", "Sec-Fetch-Site", "cross-site")
	h.must(204, "DELETE", "/v1/bindings/a12", "")
	h.must(404, "DELETE", "/v1/service-types/s1/hosts/host9/authm", "")

	h.sub("A12_entries", func(h *harness) {
		var got []string
		for _, e := range h.entries("", uuid) {
			got = append(got, line(e))
		}
		want := []string{"delete binding accepted 204 admin_key", "update binding accepted 200 admin_key", "create binding accepted 201 admin_key"}
		if !slices.Equal(got, want) {
			h.Errorf("got %q, want %q", got, want)
		}
		for _, e := range h.entries("", uuid) {
			if e["revision"] == 0.0 || e["remote"] == "" || e["remote"] == nil {
				h.Errorf("entry %v", e)
			}
			if at, err := time.Parse(time.RFC3339, e["time"].(string)); err != nil || time.Since(at) > time.Hour {
				h.Errorf("time %v: %v", e["time"], err)
			}
		}
	})
	h.sub("A12_refused", func(h *harness) {
		var got []string
		for _, e := range h.entries("&outcome=refused", "a12") {
			got = append(got, line(e))
		}
		want := []string{"delete binding refused 412 admin_key", "update binding refused 422 admin_key"}
		if !slices.Equal(got, want) {
			h.Errorf("got %q, want %q", got, want)
		}
		if got := h.entries("&outcome=refused&kind=auth+method", "s1/host9"); len(got) != 1 || line(got[0]) != "delete auth method refused 404 admin_key" {
			h.Errorf("got %v", got)
		}
	})
	h.sub("A12_unknown_callers", func(h *harness) {
		all := h.list("/v1/audit?limit=1000&outcome=refused", "audit")
		if !slices.ContainsFunc(all, func(e map[string]any) bool { return e["caller"] == "" && e["id"] == "" && e["name"] == "" }) {
			h.Errorf("none of a caller without the key in %v", all)
		}
	})
	h.sub("A12_no_values", func(h *harness) {
		text := h.do("GET", "/v1/audit?limit=1000", "").body
		for _, value := range []string{"value-a12", h.Key, "access_key\": \"", "key-1"} {
			if strings.Contains(text, value) {
				h.Errorf("the audit log holds %q", value)
			}
		}
	})
	h.sub("limit", func(h *harness) {
		if got := h.list("/v1/audit?limit=2", "audit"); len(got) != 2 {
			h.Errorf("got %v", got)
		}
		if got := h.list("/v1/audit?since="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "audit"); len(got) != 0 {
			h.Errorf("got %v", got)
		}
	})
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=-1": "limit", "limit=x": "limit", "limit=1001": "limit", "since=yesterday": "since", "kind=nothing": "kind", "outcome=maybe": "outcome",
	} {
		h.sub("refuses_"+query, func(h *harness) {
			got := h.do("GET", "/v1/audit?"+query, "")
			if got.status != 422 || !strings.Contains(got.body, "Field: "+field+" contains invalid data.") {
				h.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

func line(e map[string]any) string {
	return fmt.Sprint(e["verb"], " ", e["kind"], " ", e["outcome"], " ", e["status"], " ", e["caller"])
}
