package admintest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// route is one method of one path of the fixture.
type route struct{ method, path string }

// guarded are all routes that need the key (specs A3).
func guarded() []route {
	routes := []route{
		{"GET", "/v1/authm"}, {"HEAD", "/v1/authm"}, {"PUT", "/v1/service-type/s1"},
		{"GET", "/v1/bindings"}, {"POST", "/v1/bindings/b1"}, {"GET", "/v1/bindings/b1"}, {"PUT", "/v1/bindings/b1"},
		{"DELETE", "/v1/bindings/b1"}, {"GET", "/v1/audit"},
	}
	for _, types := range []string{"/v1/service-types", "/v1/services"} {
		routes = append(routes, []route{
			{"POST", types}, {"GET", types}, {"GET", types + "/s1"}, {"PUT", types + "/s1"}, {"DELETE", types + "/s1"},
			{"POST", types + "/s1/authm"}, {"PUT", types + "/s1/authm"}, {"GET", types + "/s1/hosts/host1/authm"},
			{"GET", types + "/s1/hosts/host1/bindings"}, {"PUT", types + "/s1/hosts/host1/authm"}, {"DELETE", types + "/s1/hosts/host1/authm"},
		}...)
	}
	return routes
}

// described returns every route that /openapi.json describes, on objects of the fixture, without the
// public ones.
func (h *harness) described() (routes []route) {
	h.Helper()
	names := strings.NewReplacer("{service}", "s1", "{host}", "host1", "{binding}", "b1")
	left := public()
	for path, item := range h.must(200, "GET", "/openapi.json", "")["paths"].(map[string]any) {
		path = names.Replace(path)
		if strings.Contains(path, "{") {
			h.Errorf("%s: no value for a parameter", path)
		}
		if i := slices.Index(left, path); i >= 0 {
			left = slices.Delete(left, i, i+1)
			continue
		}
		if strings.HasSuffix(path, ":authx509") { // asks for a certificate instead
			continue
		}
		for method := range item.(map[string]any) {
			if method = strings.ToUpper(method); method != "PARAMETERS" {
				routes = append(routes, route{method, path})
			}
		}
	}
	if len(left) > 0 {
		h.Errorf("public paths that are not described: %v", left)
	}
	return routes
}

// testKeys is A3: no route but the public ones answers without the key.
func testKeys(h *harness) {
	h.open()
	h.fixture()
	before := h.state()
	routes := h.described()
	for _, r := range guarded() {
		if r.method != "HEAD" && !slices.Contains(routes, r) {
			h.Errorf("%v is not described", r)
		}
	}
	routes = append(routes, guarded()...)
	credentials := map[string][]string{
		"none": nil, "wrong_bearer": {"Authorization", "Bearer not-" + h.Key}, "wrong_key": {"?", "key=not-" + h.Key},
	}
	for _, route := range routes {
		for name, credential := range credentials {
			path, headers := route.path, credential
			if name == "wrong_key" {
				path, headers = path+"?"+credential[1], nil
			}
			got := h.raw(route.method, path, "{", headers...)
			want := wrongCredentials()
			if route.method == "HEAD" {
				want = ""
			}
			h.wants("A3 "+route.method+" "+path+" "+name, got, 401, want)
			if got.header.Get("WWW-Authenticate") == "" {
				h.Errorf("%s %s: no challenge", route.method, path)
			}
		}
	}
	if h.state() != before {
		h.Error("the store changed")
	}
}

func testCredentials(h *harness) {
	h.open()
	h.fixture()
	key := h.Key
	bearer := "Bearer " + key
	tests := []struct {
		name, query string
		headers     []string
		status      int
	}{
		{"query", "key=" + key, nil, 200},
		{"first_query_value_counts", "key=" + key + "&key=bad", nil, 200},
		{"first_query_value_counts_reverse", "key=bad&key=" + key, nil, 401},
		{"query_name_is_case_sensitive", "KEY=" + key, nil, 401},
		{"query_encoded", fmt.Sprintf("k%%65y=%%%02x%s", key[0], key[1:]), nil, 200},
		{"query_empty", "key=", nil, 401},
		{"query_empty_first", "key=&key=" + key, nil, 401},
		{"query_prefix", "key=" + key[:len(key)-1], nil, 401},
		{"query_longer", "key=" + key + "x", nil, 401},
		{"query_other_case", "key=" + strings.ToUpper(key), nil, 401},
		{"query_among_others", "a=b&key=" + key + "&c=d", nil, 200},
		{"query_broken_escape", "key=%zz&key=" + key, nil, 200}, // as upstream reads it: the broken pair is none
		{"bearer", "", []string{"Authorization", bearer}, 200},
		{"J19_bearer_lower_case", "", []string{"Authorization", "bearer " + key}, 200},
		{"J19_bearer_double_space", "", []string{"Authorization", "Bearer  " + key}, 401},
		{"J19_bearer_tab", "", []string{"Authorization", "Bearer\t" + key}, 401},
		{"J19_bearer_comma", "", []string{"Authorization", bearer + ","}, 401},
		{"bearer_wrong", "", []string{"Authorization", "Bearer nekot"}, 401},
		{"bearer_empty", "", []string{"Authorization", "Bearer "}, 401},
		{"basic", "", []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))}, 401},
		{"api_key_header_is_no_credential", "", []string{"X-Api-Key", key}, 401},
		{"J18_same_twice", "key=" + key, []string{"Authorization", bearer}, 200},
		{"J18_two_that_differ", "key=" + key, []string{"Authorization", "Bearer other"}, 400},
		{"J18_two_that_differ_reverse", "key=other", []string{"Authorization", bearer}, 400},
		{"J18_two_authorization_lines", "", []string{"Authorization", bearer, "Authorization", bearer}, 400},
	}
	for _, tt := range tests {
		h.sub(tt.name, func(h *harness) {
			if got := h.raw("GET", "/v1/authm?"+tt.query, "", tt.headers...); got.status != tt.status {
				h.Errorf("status %d, want %d; %s", got.status, tt.status, got.body)
			}
		})
	}
}
