package admin_test

import (
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/secret"
)

var (
	uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

// fixed replaces what the server makes up.
func fixed(text string) string {
	return timePattern.ReplaceAllString(uuidPattern.ReplaceAllString(text, "UUID"), "TIME")
}

// TestAnswers pins the bytes of successful answers.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const types = "/v1/service-types"
	const s1Method = "{\n \"service_uuid\": \"UUID\",\n \"port\": 9000,\n \"host\": \"host1\",\n \"type\": \"api-key\",\n \"uuid\": \"UUID\",\n \"created_on\": \"TIME\",\n \"access_key\": \"access_key\"\n}"
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"C01", "POST", types + "/s1/authm", `{"access_key":"key1","host":"host2","port":9000}`, 201,
			strings.NewReplacer("host1", "host2", `"access_key": "access_key"`, `"access_key": "key1"`).Replace(s1Method)},
		{"C02", "POST", types + "/s2/authm", `{"headers":{"x-b":"2","X-a":"1"},"host":"host4","port":9000}`, 201,
			"{\n \"service_uuid\": \"UUID\",\n \"port\": 9000,\n \"host\": \"host4\",\n \"type\": \"headers\",\n \"uuid\": \"UUID\",\n" +
				" \"created_on\": \"TIME\",\n \"headers\": {\n  \"X-a\": \"1\",\n  \"x-b\": \"2\"\n }\n}"},
		{"C03", "POST", types + "/s1/authm",
			`{"access_key":"key1","host":"host2","port":9000,"path":"/some/other/{{identifier}}?key={{access_key}}","retrieval_field":"some_token"}`, 201,
			"{\n \"service_uuid\": \"UUID\",\n \"port\": 9000,\n \"host\": \"host2\",\n \"type\": \"api-key\",\n \"uuid\": \"UUID\",\n \"created_on\": \"TIME\",\n" +
				" \"path\": \"/some/other/{{identifier}}?key={{access_key}}\",\n \"retrieval_field\": \"some_token\",\n \"access_key\": \"key1\"\n}"},
		{"C12", "GET", types + "/s1/hosts/host1/authm", "", 200, s1Method},
		{"D1_older_prefix", "GET", "/v1/services/s1/hosts/host1/authm", "", 200, s1Method},
		{"C20", "PUT", types + "/s1/hosts/host1/authm", `{"uuid":"x","type":"headers","created_on":"y","updated_on":"z","nobody":1}`, 200,
			strings.Replace(s1Method, "\"TIME\",\n", "\"TIME\",\n \"updated_on\": \"TIME\",\n", 1)},
		{"null_changes_nothing", "PUT", types + "/s1/hosts/host1/authm", "null trailing text", 200,
			strings.Replace(s1Method, "\"TIME\",\n", "\"TIME\",\n \"updated_on\": \"TIME\",\n", 1)},
		{"null_scalars_change_nothing", "PUT", types + "/s1/hosts/host1/authm", `{"port":null,"host":null,"access_key":null,"service_uuid":null}`, 200,
			strings.Replace(s1Method, "\"TIME\",\n", "\"TIME\",\n \"updated_on\": \"TIME\",\n", 1)},
		{"C26", "POST", types,
			`{"name":"service1","hosts":["127.0.0.1"],"auth_types":["x509","oidc"],"auth_method":"api-key","type":"ams","retrieval_field":"token"}`, 201,
			"{\n \"name\": \"service1\",\n \"hosts\": [\n  \"127.0.0.1\"\n ],\n \"auth_types\": [\n  \"x509\",\n  \"oidc\"\n ],\n \"auth_method\": \"api-key\",\n" +
				" \"uuid\": \"UUID\",\n \"created_on\": \"TIME\",\n \"type\": \"ams\"\n}"},
		{"C27", "POST", types, `{"NAME":"web-api-devel","hosts":["h"],"auth_types":["x509"],"auth_method":"headers","type":"web-api"}`, 201,
			"{\n \"name\": \"web-api-devel\",\n \"hosts\": [\n  \"h\"\n ],\n \"auth_types\": [\n  \"x509\"\n ],\n \"auth_method\": \"headers\",\n" +
				" \"uuid\": \"UUID\",\n \"created_on\": \"TIME\",\n \"type\": \"web-api\"\n}"},
		{"C36", "GET", types + "/s2", "", 200,
			"{\n \"name\": \"s2\",\n \"hosts\": [\n  \"host3\",\n  \"host4\"\n ],\n \"auth_types\": [\n  \"x509\"\n ],\n \"auth_method\": \"headers\",\n" +
				" \"uuid\": \"UUID\",\n \"created_on\": \"TIME\",\n \"type\": \"web-api\"\n}"},
		{"C38", "PUT", types + "/s2", `{"name":"updated_name","type":"ams","uuid":"x"}`, 200,
			"{\n \"name\": \"updated_name\",\n \"hosts\": [\n  \"host3\",\n  \"host4\"\n ],\n \"auth_types\": [\n  \"x509\"\n ],\n \"auth_method\": \"headers\",\n" +
				" \"uuid\": \"UUID\",\n \"created_on\": \"TIME\",\n \"updated_on\": \"TIME\",\n \"type\": \"web-api\"\n}"},
		{"C18", "DELETE", types + "/s1/hosts/host1/authm", "", 204, ""},
		{"C41", "DELETE", types + "/s1", "", 204, ""},
		{"healthz", "GET", "/healthz", "", 200, "{\n \"status\": \"ok\"\n}"},
		{"readyz", "GET", "/readyz", "", 200, "{\n \"status\": \"ok\"\n}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := fixture(t).do(tt.method, tt.path, tt.body)
			if got := fixed(w.Body.String()); w.Code != tt.status || got != tt.want {
				t.Errorf("got %d %s\nwant %d %s", w.Code, got, tt.status, tt.want)
			}
			if tt.status != 204 {
				wantHeaders(t, w.Result())
			}
		})
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	hosts := func(list any) []string {
		var found []string
		for _, m := range list.([]any) {
			found = append(found, m.(map[string]any)["host"].(string))
		}
		return found
	}
	t.Run("C16_in_order_of_creation", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		r.must(201, "POST", "/v1/service-types/s1/authm", `{"host":"host2","port":1,"access_key":"k"}`)
		if got := hosts(r.must(200, "GET", "/v1/authm", "")["auth_methods"]); !slices.Equal(got, []string{"host1", "host3", "host2"}) {
			t.Errorf("hosts %v", got)
		}
	})
	for path, want := range map[string]string{"/v1/authm": "auth_methods", "/v1/service-types": "service_types", "/v1/services": "service_types"} {
		t.Run("C17_C37_empty"+path, func(t *testing.T) {
			t.Parallel()
			w := newRig(t, authmethods.Declared{}).do("GET", path, "")
			if got := w.Body.String(); w.Code != 200 || got != fmt.Sprintf("{\n %q: []\n}", want) {
				t.Errorf("got %d %s", w.Code, got)
			}
		})
	}
	t.Run("C37", func(t *testing.T) {
		t.Parallel()
		if list := fixture(t).must(200, "GET", "/v1/service-types", "")["service_types"].([]any); len(list) != 2 {
			t.Errorf("list %v", list)
		}
	})
	t.Run("D5_broken_record_is_left_out", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		kvs, _, err := r.mem.List(t.Context(), "auth-methods/r/")
		if err != nil || len(kvs) != 2 {
			t.Fatal(kvs, err)
		}
		r.overwrite(kvs[0].Key, "no record access_key key-1")
		if list := r.must(200, "GET", "/v1/authm", "")["auth_methods"].([]any); len(list) != 1 {
			t.Errorf("list %v", list)
		}
		if r.logs.FilterMessage("stored record cannot be read").Len() != 1 {
			t.Error("nobody was told")
		}
		r.wantNoSecrets()
	})
}

// TestUpdates follows what changes and what does not.
func TestUpdates(t *testing.T) {
	t.Parallel()
	const h1, h3 = "/v1/service-types/s1/hosts/host1/authm", "/v1/service-types/s2/hosts/host3/authm"
	t.Run("C04_path_decides_service_type", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		s1 := r.must(200, "GET", "/v1/service-types/s1", "")["uuid"]
		got := r.must(201, "POST", "/v1/service-types/s1/authm", `{"access_key":"key1","host":"host3","port":9000,"service_uuid":"uuid2","type":"headers","updated_on":"x"}`)
		if got["service_uuid"] != s1 || got["type"] != "api-key" || got["updated_on"] != nil {
			t.Errorf("got %v", got)
		}
	})
	t.Run("C20_identity_is_kept", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		before := r.must(200, "GET", h1, "")
		after := r.must(200, "PUT", h1, `{"port":8080,"access_key":"key2"}`)
		for _, field := range []string{"uuid", "created_on", "service_uuid", "host", "type"} {
			if before[field] != after[field] {
				t.Errorf("%s: %v, then %v", field, before[field], after[field])
			}
		}
		if after["port"] != 8080.0 || after["access_key"] != "key2" || !reflect.DeepEqual(r.must(200, "GET", h1, ""), after) {
			t.Errorf("after: %v", after)
		}
	})
	t.Run("C35", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		got := r.must(200, "PUT", h1, `{"access_key":"key1","retrieval_field":"some_token","port":9000}`)
		if got["updated_on"] == nil || got["access_key"] != "key1" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("headers_are_replaced_as_a_whole", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		got := r.must(200, "PUT", h3, `{"headers":{"x-new":"1"}}`)
		if !reflect.DeepEqual(got["headers"], map[string]any{"x-new": "1"}) || got["updated_on"] == nil {
			t.Errorf("got %v", got)
		}
		if got := r.must(200, "PUT", h3, `{"port":1}`); !reflect.DeepEqual(got["headers"], map[string]any{"x-new": "1"}) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("host_moves", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		r.must(200, "PUT", h1, `{"host":"host2"}`)
		if w := r.do("GET", h1, ""); w.Body.String() != notFound("Auth method") {
			t.Errorf("old path: %s", w.Body)
		}
		r.must(200, "GET", "/v1/service-types/s1/hosts/host2/authm", "")
	})
	t.Run("host_removed_and_back", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		r.must(200, "PUT", "/v1/service-types/s1", `{"hosts":["host2"]}`)
		if w := r.do("GET", h1, ""); w.Body.String() != notFound("Host") {
			t.Errorf("got %s", w.Body)
		}
		if list := r.must(200, "GET", "/v1/authm", "")["auth_methods"].([]any); len(list) != 2 {
			t.Errorf("list %v", list)
		}
		r.must(200, "PUT", "/v1/service-types/s1", `{"hosts":["host2","host1"]}`)
		r.must(200, "GET", h1, "")
	})
	t.Run("D2_PUT_without_host", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		const path = "/v1/service-types/s1/authm"
		if got := r.must(200, "PUT", path, `{"port":8080}`); got["host"] != "host1" || got["port"] != 8080.0 {
			t.Errorf("the only one: %v", got)
		}
		r.must(201, "POST", path, `{"host":"host2","port":1,"access_key":"k"}`)
		if w := r.do("PUT", path, `{"port":1}`); w.Code != 422 || w.Body.String() != empty("auth method", "host") {
			t.Errorf("two: %d %s", w.Code, w.Body)
		}
		if got := r.must(200, "PUT", path, `{"port":2,"host":"host2"}`); got["host"] != "host2" || got["port"] != 2.0 {
			t.Errorf("named: %v", got)
		}
		for body, want := range map[string]string{`{"host":"host3"}`: notFound("Auth method"), `{"host":"x"}`: notFound("Host"), `{`: badJSON("unexpected EOF")} {
			if w := r.do("PUT", path, body); w.Body.String() != want {
				t.Errorf("%s: %s", body, w.Body)
			}
		}
		if w := r.do("PUT", "/v1/services/unknown/authm", `{`); w.Body.String() != notFound("Service-type") {
			t.Errorf("unknown: %s", w.Body)
		}
		r.must(204, "DELETE", "/v1/service-types/s2/hosts/host3/authm", "")
		if w := r.do("PUT", "/v1/service-types/s2/authm", `{}`); w.Body.String() != notFound("Auth method") {
			t.Errorf("none: %s", w.Body)
		}
	})
	t.Run("D3_singular", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		if got := r.must(200, "PUT", "/v1/service-type/s1", `{"hosts":["host1"]}`); len(got["hosts"].([]any)) != 1 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("rename_moves_everything", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		r.must(200, "PUT", "/v1/service-types/s1", `{"name":"a b%c"}`)
		r.must(404, "GET", h1, "")
		r.must(200, "GET", "/v1/service-types/a%20b%25c/hosts/host1/authm", "")
	})
	t.Run("delete_cascades", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		r.must(204, "DELETE", "/v1/services/s1", "")
		if list := r.must(200, "GET", "/v1/authm", "")["auth_methods"].([]any); len(list) != 1 {
			t.Errorf("list %v", list)
		}
	})
	t.Run("parallel_creates", func(t *testing.T) {
		t.Parallel()
		r := fixture(t)
		codes := make([]int, 20)
		var done sync.WaitGroup
		for i := range codes {
			done.Go(func() {
				codes[i] = r.do("POST", "/v1/service-types/s1/authm", `{"host":"host2","port":1,"access_key":"k"}`).Code
			})
		}
		done.Wait()
		slices.Sort(codes)
		if want := append([]int{201}, slices.Repeat([]int{409}, 19)...); !slices.Equal(codes, want) {
			t.Errorf("codes %v", codes)
		}
	})
}

// TestDeclared: objects of the Caddyfile are shown with their origin and cannot be changed.
func TestDeclared(t *testing.T) {
	t.Parallel()
	r := newRig(t, authmethods.Declared{
		ServiceTypes: []authmethods.ServiceType{{
			Name: "ams", Hosts: []string{"h"}, AuthTypes: []string{"x509"}, AuthMethod: authmethods.KindAPIKey, Type: "ams",
		}},
		Methods: []authmethods.DeclaredMethod{{
			ServiceType: "ams", Method: authmethods.Method{Host: "h", Port: 1, AccessKey: secret.New("k")},
		}},
	})
	for _, path := range []string{"/v1/service-types/ams", "/v1/service-types/ams/hosts/h/authm"} {
		if got := r.must(200, "GET", path, ""); got["origin"] != "Caddyfile" {
			t.Errorf("%s: %v", path, got)
		}
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			w := r.do(method, path, "{}")
			what := "service-type object ams"
			if strings.HasSuffix(path, "authm") {
				what = "Auth method object ams h"
			}
			if want := envelope("409", "CONFLICT", what+" is declared in the Caddyfile and cannot be changed here"); w.Code != 409 || w.Body.String() != want {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
	if at, err := time.Parse(time.RFC3339, r.must(200, "GET", "/v1/service-types/ams", "")["created_on"].(string)); err != nil || at.IsZero() {
		t.Errorf("created_on: %v, %v", at, err)
	}
}
