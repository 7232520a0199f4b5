package admintest

import "strings"

// testAnswers pins the bytes of successful answers.
func testAnswers(h *harness) {
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
		h.with(tt.name, func(h *harness) {
			got := h.do(tt.method, tt.path, tt.body)
			if text := fixed(got.body); got.status != tt.status || text != tt.want {
				h.Errorf("got %d %s\nwant %d %s", got.status, text, tt.status, tt.want)
			}
			if tt.status != 204 {
				h.wantHeaders(got)
			}
		})
	}
}
