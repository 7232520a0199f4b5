package openapitest_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/admin/openapitest"
)

const things = `{
 "openapi": "3.1.1", "info": {"title": "things", "version": "1"},
 "paths": {
  "/v1/things": {"get": {"responses": {"200": {"$ref": "#/components/responses/List"}}}},
  "/v1/things/{thing}": {
   "get": {"responses": {
    "200": {
     "description": "it",
     "headers": {"ETag": {"required": true, "schema": {"type": "string", "pattern": "^\"[0-9]+\"$"}}, "Retry-After": {"schema": {"type": "integer"}}},
     "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}, "example": {"name": "a"}}}
    },
    "304": {"description": "same"}
   }},
   "delete": {"responses": {"204": {"description": "gone"}}}
  },
  "/v1/things/special": {"get": {"responses": {"202": {"description": "literal"}}}},
  "/v1/things/{thing}:act": {"get": {"responses": {"203": {"description": "suffix"}}}},
  "/v1/things/{thing}/{part}": {"get": {"responses": {"205": {"description": "part"}}}},
  "/v1/{kind}/all/x": {"get": {"responses": {"206": {"description": "later literal"}}}},
  "/v1/things/{thing}/x": {"get": {"responses": {"207": {"description": "earlier literal"}}}}
 },
 "x-unknown-path": {"responses": {"404": {"description": "nothing"}}},
 "x-unknown-method": {"responses": {"405": {"description": "no", "headers": {"Allow": {"required": true, "schema": {"type": "string"}}}}}},
 "components": {
  "responses": {"List": {"description": "all", "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}}}}},
  "schemas": {"Thing": {"type": "object", "required": ["name"], "additionalProperties": false, "properties": {"name": {"type": "string"}, "when": {"type": "string", "format": "date-time"}}}}
 }
}`

func validator(t *testing.T, doc string) *openapitest.Validator {
	t.Helper()
	if err := openapitest.CheckDocument([]byte(doc)); err != nil {
		t.Fatal(err)
	}
	v, err := openapitest.New([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const one = `{"name":"a"}`
	etag := []string{"ETag", `"1"`}
	tests := []struct {
		name, method, path string
		status             int
		headers            []string
		body               string
		wrong              string // empty: right
	}{
		{"right", "GET", "/v1/things/a", 200, etag, one, ""},
		{"query_is_no_part_of_the_path", "GET", "/v1/things/a?key=s3cr3t", 200, etag, one, ""},
		{"charset", "GET", "/v1/things/a", 200, append([]string{"Content-Type", "application/json; charset=UTF-8"}, etag...), one, ""},
		{"transport_headers", "GET", "/v1/things/a", 200, append([]string{"Server", "Caddy", "Date", "today"}, etag...), one, ""},
		{"head", "HEAD", "/v1/things/a", 200, etag, "", ""},
		{"optional_header", "GET", "/v1/things/a", 200, append([]string{"Retry-After", "3"}, etag...), one, ""},
		{"empty_answer", "GET", "/v1/things/a", 304, nil, "", ""},
		{"response_by_reference", "GET", "/v1/things", 200, nil, "[" + one + "]", ""},
		{"literal_wins", "GET", "/v1/things/special", 202, nil, "", ""},
		{"suffix_wins", "GET", "/v1/things/a:b:act", 203, nil, "", ""},
		{"suffix_alone_is_a_name", "GET", "/v1/things/:act", 304, nil, "", ""},
		{"first_literal_wins", "GET", "/v1/things/all/x", 207, nil, "", ""},
		{"encoded_letter", "GET", "/v1/%74hings/%61", 304, nil, "", ""},
		{"encoded_slash_is_no_part_of_a_name", "GET", "/v1/things/a%2Fb", 404, nil, "", ""},
		{"dot_segment", "GET", "/v1/things/..", 404, nil, "", ""},
		{"encoded_dot_segment", "GET", "/v1/things/%2e", 404, nil, "", ""},
		{"unknown_path", "GET", "/v2", 404, nil, "", ""},
		{"unknown_path_trailing_slash", "GET", "/v1/things/", 404, nil, "", ""},
		{"unknown_path_star", "OPTIONS", "*", 404, nil, "", ""},
		{"unknown_method", "PATCH", "/v1/things/a", 405, []string{"Allow", "GET"}, "", ""},

		{"undocumented_status", "GET", "/v1/things/a", 500, nil, "", "no answer 500"},
		{"undocumented_status_of_unknown_path", "GET", "/v2", 405, nil, "", "no answer 405"},
		{"undocumented_status_of_unknown_method", "PATCH", "/v1/things", 404, nil, "", "no answer 404"},
		{"lower_case_method", "get", "/v1/things", 200, nil, "[]", "no answer 200"},
		{"missing_header", "GET", "/v1/things/a", 200, nil, one, "header Etag is missing"},
		{"missing_header_head", "HEAD", "/v1/things/a", 200, nil, "", "header Etag is missing"},
		{"wrong_header", "GET", "/v1/things/a", 200, []string{"ETag", "1"}, one, "header Etag"},
		{"wrong_number", "GET", "/v1/things/a", 200, append([]string{"Retry-After", "soon"}, etag...), one, "header Retry-After"},
		{"header_twice", "GET", "/v1/things/a", 200, append([]string{"ETag", `"2"`}, etag...), one, "2 values"},
		{"undocumented_header", "GET", "/v1/things/a", 200, append([]string{"Set-Cookie", "a=b"}, etag...), one, "header Set-Cookie is not documented"},
		{"wrong_media_type", "GET", "/v1/things/a", 200, append([]string{"Content-Type", "text/plain"}, etag...), one, "text/plain"},
		{"wrong_charset", "GET", "/v1/things/a", 200, append([]string{"Content-Type", "application/json; charset=latin1"}, etag...), one, "Content-Type"},
		{"no_media_type", "GET", "/v1/things/a", 200, append([]string{"Content-Type", ""}, etag...), one, "Content-Type"},
		{"missing_member", "GET", "/v1/things/a", 200, etag, `{}`, "missing property 'name'"},
		{"additional_member", "GET", "/v1/things/a", 200, etag, `{"name":"a","secret":"b"}`, "additional properties 'secret'"},
		{"wrong_type", "GET", "/v1/things/a", 200, etag, `{"name":1}`, "got number, want string"},
		{"wrong_format", "GET", "/v1/things/a", 200, etag, `{"name":"a","when":"now"}`, "not valid date-time"},
		{"member_twice", "GET", "/v1/things/a", 200, etag, `{"name":"a","name":"b"}`, "duplicate"},
		{"no_json", "GET", "/v1/things/a", 200, etag, `{`, "body"},
		{"two_values", "GET", "/v1/things/a", 200, etag, one + one, "body"},
		{"no_body", "GET", "/v1/things/a", 200, etag, "", "body"},
		{"body_of_head", "HEAD", "/v1/things/a", 200, etag, one, "HEAD has a body"},
		{"body_of_empty_answer", "DELETE", "/v1/things/a", 204, nil, "x", "a body is not documented"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{"Content-Type": {"application/json"}}
			for i := 0; i < len(tt.headers); i += 2 {
				if tt.headers[i] == "Content-Type" {
					h.Del("Content-Type")
				}
				h.Add(tt.headers[i], tt.headers[i+1])
			}
			err := validator(t, things).Check(tt.method, tt.path, tt.status, h, []byte(tt.body))
			switch {
			case tt.wrong == "" && err != nil:
				t.Error(err)
			case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
				t.Errorf("got %v, want %q", err, tt.wrong)
			case err != nil && strings.Contains(err.Error(), "s3cr3t"):
				t.Error("the query is in the error")
			}
		})
	}
}

func TestExercised(t *testing.T) {
	t.Parallel()
	v := validator(t, things)
	all := []string{
		"DELETE /v1/things/{thing} 204", "GET /v1/things 200", "GET /v1/things/special 202", "GET /v1/things/{thing} 200",
		"GET /v1/things/{thing} 304", "GET /v1/things/{thing}/x 207", "GET /v1/things/{thing}/{part} 205",
		"GET /v1/things/{thing}:act 203", "GET /v1/{kind}/all/x 206", "x-unknown-method 405", "x-unknown-path 404",
	}
	if got := v.Unexercised(); !slices.Equal(got, all) || len(v.Exercised()) != 0 {
		t.Errorf("before: %q", got)
	}
	resp := &http.Response{StatusCode: 204, Header: http.Header{}, Body: http.NoBody}
	if err := v.CheckResponse("DELETE", "/v1/things/a", resp); err != nil {
		t.Error(err)
	}
	if got := v.Exercised(); !slices.Equal(got, all[:1]) || !slices.Equal(v.Unexercised(), all[1:]) {
		t.Errorf("after: %q", got)
	}
}

// TestCheckResponse: the body can still be read by others.
func TestCheckResponse(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.WriteString(`[{"name":"a"}]`)
	resp := w.Result()
	if err := validator(t, things).CheckResponse("GET", "/v1/things", resp); err != nil {
		t.Error(err)
	}
	var left bytes.Buffer
	if _, err := left.ReadFrom(resp.Body); err != nil || left.String() != `[{"name":"a"}]` {
		t.Errorf("left %q, %v", left.String(), err)
	}
}

// TestBadDocuments: what is wrong with a document is found when it is read.
func TestBadDocuments(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, old, replacement string }{
		{"no_json", `{`, `[`},
		{"reference_leads_nowhere", `#/components/responses/List`, `#/components/responses/Nobody`},
		{"reference_leaves_the_document", `#/components/responses/List`, `https://example.com/list.json`},
		{"schema_leads_nowhere", `{"$ref": "#/components/schemas/Thing"}, "example"`, `{"$ref": "#/components/schemas/Nobody"}, "example"`},
		{"schema_is_none", `"required": ["name"]`, `"required": "name"`},
		{"schema_reference_leaves_the_document", `{"type": "string"}, "when"`, `{"$ref": "file:///etc/passwd"}, "when"`},
		{"example_does_not_fit", `"example": {"name": "a"}`, `"example": {"name": 1}`},
		{"status_range", `"204"`, `"2XX"`},
		{"member_twice", `"info": {`, `"openapi": "3.1.1", "info": {`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := strings.Replace(things, tt.old, tt.replacement, 1)
			if doc == things {
				t.Fatal("nothing replaced")
			}
			if _, err := openapitest.New([]byte(doc)); err == nil {
				t.Error("accepted")
			}
		})
	}
	for name, doc := range map[string]string{
		"no_version": strings.Replace(things, `"openapi": "3.1.1",`, "", 1),
		"other":      strings.Replace(things, "3.1.1", "3.0.3", 1),
		"operation":  strings.Replace(things, `"get": {`, `"fetch": {`, 1),
		"no_json":    "{",
	} {
		if err := openapitest.CheckDocument([]byte(doc)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
