package admin_test

import (
	"strings"
	"testing"

	"github.com/authgate/authgate/admin/openapitest"
	"github.com/authgate/authgate/authmethods"
)

// TestOpenAPIIsStrict: an answer with a member that its schema has not, or without one that it demands,
// is found out. So a change of an answer that the document does not follow fails the suite.
func TestOpenAPIIsStrict(t *testing.T) {
	t.Parallel()
	text := newRig(t, authmethods.Declared{}).raw("GET", "/openapi.json", "").Body.String()
	tests := []struct{ name, path, old, replacement string }{
		{"service_type", "/v1/service-types/s1", `"auth_types":{`, `"auth_type_s":{`},
		{"service_type_in_list", "/v1/services", `"required":["name","hosts"`, `"required":["nobody","hosts"`},
		{"auth_method", "/v1/service-types/s1/hosts/host1/authm", `"access_key":{"description":"Only of type api-key"`, `"access_ke_y":{"description":""`},
		{"header_value", "/v1/service-types/s2/hosts/host3/authm", `"additionalProperties":{"type":"string"}`, `"additionalProperties":{"type":"integer"}`},
		{"binding", "/v1/bindings/b1", `"unique_key":{"description":"What the service`, `"unique_ke_y":{"description":"What the service`},
		{"audit", "/v1/audit", `"remote":{`, `"re_mote":{`},
		{"version", "/v1/version", `"golang":{`, `"go":{`},
		{"error", "/v1/service-types/nobody", `"required":["message","code","status"]`, `"required":["message","code","status","trace"]`},
		{"error_of_unknown_path", "/v2", `"const":"NOT FOUND"`, `"const":"NOWHERE"`},
		{"header", "/v1/authm", `"const":"no-store"`, `"const":"public"`},
		{"etag", "/v1/service-types/s1", `"pattern":"^\"[1-9][0-9]*\"$"`, `"pattern":"^[0-9]*$"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// What no longer fits an example is found before any answer is.
			changed := strings.ReplaceAll(strings.ReplaceAll(text, tt.old, tt.replacement), `"example":`, `"x-example":`)
			right, err := openapitest.New([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			wrong, err := openapitest.New([]byte(changed))
			if err != nil {
				t.Fatal(err)
			}
			w := sweepFixture(t).do("GET", tt.path, "")
			if err := right.Check("GET", tt.path, w.Code, w.Header(), w.Body.Bytes()); err != nil {
				t.Error(err)
			}
			if wrong.Check("GET", tt.path, w.Code, w.Header(), w.Body.Bytes()) == nil {
				t.Error("nobody noticed")
			}
		})
	}
}
