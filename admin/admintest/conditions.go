package admintest

import (
	"strconv"
	"strings"
	"sync"
)

func preconditionFailed() string {
	return envelope(412, "PRECONDITION FAILED", "The object is not at a revision that the request asks for")
}

// object is a kind of object, as the cases about conditions need it. They run for each kind.
type object struct {
	path, list string // where the fixture's object is, and the list of its kind
	change     string // a body that changes it
}

func objects() map[string]object {
	return map[string]object{
		"service_type": {"/v1/service-types/s1", "/v1/service-types", `{"hosts":["host1","host9"]}`},
		"method":       {"/v1/service-types/s1/hosts/host1/authm", "/v1/authm", `{"port":7}`},
		"binding":      {"/v1/bindings/b1", "/v1/bindings", `{"unique_key":"k7"}`},
	}
}

// current returns the ETag of the object at path.
func (h *harness) current(path string) string {
	h.Helper()
	got := h.do("GET", path, "")
	tag := got.header.Get("ETag")
	n, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64)
	if got.status != 200 || err != nil || n <= 0 || tag != `"`+strconv.FormatInt(n, 10)+`"` {
		h.Fatalf("GET %s: status %d, ETag %s: %v", path, got.status, tag, err)
	}
	return tag
}

// testConditions is A6, RFC 9110 section 13.
func testConditions(h *harness) {
	with := func(name string, test func(*harness)) {
		h.with(name, func(h *harness) {
			h.bindingFixture()
			test(h)
		})
	}
	for kind, o := range objects() {
		with("A6_etag_follows_"+kind, func(h *harness) {
			first := h.current(o.path)
			if head := h.do("HEAD", o.path, ""); head.header.Get("ETag") != first || head.body != "" {
				h.Errorf("HEAD: ETag %s, want %s", head.header.Get("ETag"), first)
			}
			put := h.do("PUT", o.path, o.change)
			if tag := put.header.Get("ETag"); put.status != 200 || tag == first || tag != h.current(o.path) {
				h.Errorf("PUT: %d, ETag %s, before %s, now %s", put.status, tag, first, h.current(o.path))
			}
			if tag := h.do("GET", o.list, "").header.Get("ETag"); tag != "" {
				h.Errorf("a list has the ETag %s", tag)
			}
			if tag := h.do("DELETE", o.path, "").header.Get("ETag"); tag != "" {
				h.Errorf("a deletion has the ETag %s", tag)
			}
		})
		with("A6_stale_"+kind, func(h *harness) {
			stale := h.current(o.path)
			h.must(200, "PUT", o.path, o.change)
			before := h.state()
			for _, method := range []string{"PUT", "DELETE", "GET"} {
				h.wants(method, h.do(method, o.path, o.change, "If-Match", stale), 412, preconditionFailed())
			}
			if h.state() != before {
				h.Error("the store changed")
			}
			h.must(200, "PUT", o.path, o.change, "If-Match", h.current(o.path))
			h.must(204, "DELETE", o.path, "", "If-Match", h.current(o.path))
			h.must(404, "PUT", o.path, o.change, "If-Match", stale)
		})
		with("A6_one_of_20_parallel_"+kind, func(h *harness) {
			tag := h.current(o.path)
			codes := h.parallel(20, func(int) answer { return h.do("PUT", o.path, o.change, "If-Match", tag) })
			if codes[200] != 1 || codes[412] != 19 {
				h.Errorf("codes %v", codes)
			}
		})
		with("A6_delete_against_put_"+kind, func(h *harness) {
			tag := h.current(o.path)
			methods := []string{"PUT", "DELETE"}
			codes := h.parallel(2, func(i int) answer { return h.do(methods[i], o.path, o.change, "If-Match", tag) })
			if codes[200]+codes[204] != 1 || codes[412]+codes[404] != 1 {
				h.Errorf("codes %v", codes)
			}
		})
	}
	h.with("If-Match", testIfMatch)
	h.with("If-None-Match", testIfNoneMatch)
	h.with("order_of_checks", testConditionOrder)
	h.with("creation", func(h *harness) {
		got := h.do("POST", "/v1/service-types/s1/authm", `{"host":"host2","port":1,"access_key":"k"}`)
		if tag := h.current("/v1/service-types/s1/hosts/host2/authm"); got.status != 201 || got.header.Get("ETag") != tag {
			h.Errorf("POST: %d, ETag %s, now %s", got.status, got.header.Get("ETag"), tag)
		}
		got = h.do("POST", "/v1/service-types", `{"name":"n","hosts":["h"],"auth_types":["x509"],"auth_method":"api-key","type":"ams"}`, "If-None-Match", "*")
		if tag := h.current("/v1/service-types/n"); got.status != 201 || got.header.Get("ETag") != tag {
			h.Errorf("POST: %d, ETag %s, now %s", got.status, got.header.Get("ETag"), tag)
		}
	})
	h.with("PUT_without_host", func(h *harness) {
		const one, sole = "/v1/service-types/s1/hosts/host1/authm", "/v1/service-types/s1/authm"
		stale := h.current(one)
		h.must(200, "PUT", sole, `{"port":5}`, "If-Match", stale)
		h.wants("stale", h.do("PUT", sole, `{"port":6}`, "If-Match", stale), 412, preconditionFailed())
		h.wants("stale, named", h.do("PUT", sole, `{"port":6,"host":"host1"}`, "If-Match", stale), 412, preconditionFailed())
	})
}

// parallel runs n requests at once and counts the statuses.
func (h *harness) parallel(n int, request func(i int) answer) map[int]int {
	codes := map[int]int{}
	var mu sync.Mutex
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			got := request(i)
			mu.Lock()
			defer mu.Unlock()
			codes[got.status]++
		})
	}
	done.Wait()
	return codes
}

// testIfMatch: which values of If-Match let a change pass.
func testIfMatch(h *harness) {
	const path = "/v1/service-types/s2"
	for _, tt := range []struct {
		name   string
		values []string // TAG is the current tag, N its number
		status int
	}{
		{"current", []string{"TAG"}, 200},
		{"star", []string{"*"}, 200},
		{"star_with_spaces", []string{" * "}, 200},
		{"list", []string{`"x", TAG`}, 200},
		{"list_without_spaces", []string{`"x",TAG,"y"`}, 200},
		{"list_with_empty_elements", []string{`, ,TAG,`}, 200},
		{"two_lines", []string{`"x"`, "TAG"}, 200},
		{"tag_with_a_comma", []string{`"a,b", TAG`}, 200},
		{"other", []string{`"1"`}, 412},
		{"no_number", []string{`"abc"`}, 412},
		{"empty_tag", []string{`""`}, 412},
		{"weak", []string{`W/TAG`}, 412},
		{"weak_and_other", []string{`W/TAG, "1"`}, 412},
		{"leading_zero", []string{`"0N"`}, 412},
		{"plus", []string{`"+N"`}, 412},
		{"negative", []string{`"-N"`}, 412},
		{"zero", []string{`"0"`}, 412},
		{"beyond_int64", []string{`"99999999999999999999"`}, 412},
		{"empty", []string{""}, 400},
		{"only_commas", []string{",,"}, 400},
		{"unquoted", []string{"N"}, 400},
		{"half_quoted", []string{`"N`}, 400},
		{"lower_case_weak", []string{`w/TAG`}, 400},
		{"star_in_a_list", []string{`*, TAG`}, 400},
		{"list_without_comma", []string{`TAG TAG`}, 400},
		{"space_in_tag", []string{`"1 2"`}, 400},
		{"malformed_after_current", []string{`TAG, x`}, 400},
	} {
		h.sub(tt.name, func(h *harness) {
			tag := h.current(path)
			var headers []string
			for _, v := range tt.values {
				headers = append(headers, "If-Match", strings.ReplaceAll(strings.ReplaceAll(v, "TAG", tag), "N", strings.Trim(tag, `"`)))
			}
			got := h.do("PUT", path, "{}", headers...)
			switch {
			case got.status != tt.status:
				h.Errorf("%q: status %d, want %d; %s", headers, got.status, tt.status, got.body)
			case tt.status == 412:
				h.wants("answer", got, 412, preconditionFailed())
			case tt.status == 400:
				h.wants("answer", got, 400, envelope(400, "BAD REQUEST", "If-Match or If-None-Match is malformed"))
			}
		})
	}
}

func testIfNoneMatch(h *harness) {
	const path = "/v1/service-types/s2"
	for _, tt := range []struct {
		name, method, value string
		status              int
	}{
		{"current", "GET", "TAG", 304},
		{"current_HEAD", "HEAD", "TAG", 304},
		{"weak", "GET", "W/TAG", 304},
		{"list", "GET", `"x", W/TAG`, 304},
		{"star", "GET", "*", 304},
		{"other", "GET", `"1"`, 200},
		{"malformed", "GET", `x`, 400},
		{"PUT_star", "PUT", "*", 412},
		{"PUT_current", "PUT", "TAG", 412},
		{"PUT_weak", "PUT", "W/TAG", 412},
		{"DELETE_star", "DELETE", "*", 412},
		{"DELETE_current", "DELETE", "TAG", 412},
		{"PUT_other", "PUT", `"1"`, 200},
		{"DELETE_other", "DELETE", `"1"`, 204},
	} {
		h.sub(tt.name, func(h *harness) {
			tag := h.current(path)
			got := h.do(tt.method, path, "{}", "If-None-Match", strings.ReplaceAll(tt.value, "TAG", tag))
			if got.status != tt.status {
				h.Errorf("status %d, want %d; %s", got.status, tt.status, got.body)
			}
			if tt.status == 304 && (got.header.Get("ETag") != tag || got.body != "" || got.header.Get("Cache-Control") != "no-store") {
				h.Errorf("304 with %v and %q", got.header, got.body)
			}
		})
	}
	h.sub("lists_ignore_it", func(h *harness) {
		for _, name := range []string{"If-Match", "If-None-Match"} {
			h.must(200, "GET", "/v1/authm", "", name, `"1"`)
			h.must(200, "GET", "/v1/service-types", "", name, "*")
		}
	})
}

// testConditionOrder: 401, 400 for malformed conditions, 404, 412, and only then the body.
func testConditionOrder(h *harness) {
	const path = "/v1/service-types/s1/hosts/host1/authm"
	h.wants("401 first", h.raw("PUT", path, "{", "If-Match", "x"), 401, wrongCredentials())
	h.wants("malformed before 404", h.do("PUT", "/v1/service-types/unknown", "{", "If-Match", "x"), 400,
		envelope(400, "BAD REQUEST", "If-Match or If-None-Match is malformed"))
	h.wants("404 before 412", h.do("PUT", "/v1/service-types/unknown", "{", "If-Match", `"1"`), 404, notFound("Service-type"))
	h.wants("404 before 412, star", h.do("DELETE", "/v1/service-types/s1/hosts/host2/authm", "", "If-Match", "*"), 404, notFound("Auth method"))
	h.wants("412 before 400", h.do("PUT", path, "{", "If-Match", `"1"`), 412, preconditionFailed())
	h.wants("412 before 422", h.do("PUT", path, `{"port":0}`, "If-Match", `"1"`), 412, preconditionFailed())
	h.wants("400 after 412", h.do("PUT", path, "{", "If-Match", h.current(path)), 400, badJSON("unexpected EOF"))
	h.wants("If-Match before If-None-Match", h.do("GET", path, "", "If-Match", `"1"`, "If-None-Match", h.current(path)), 412, preconditionFailed())
}
