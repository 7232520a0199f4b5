package authmethods

import (
	"net/url"
	"strings"
	"testing"
)

func TestTemplateFill(t *testing.T) {
	t.Parallel()
	const authority = "ext.corp:8443"
	tests := []struct{ name, template, identifier, key, want string }{
		{"plain", "/v1/users:byUUID/{{identifier}}", "u-1", "", "/v1/users:byUUID/u-1"},
		{"query_kept", "/api/v2/admin/users:byID/{{identifier}}?export=flat", "u", "", "/api/v2/admin/users:byID/u?export=flat"},
		{"everywhere", "/{{identifier}}/{{identifier}}?a={{identifier}}&key={{access_key}}&b={{access_key}}x", "i", "k", "/i/i?a=i&key=k&b=kx"},
		{"key_in_path", "/{{access_key}}/u", "", "a/b", "/a%2Fb/u"},
		{"path_traversal", "/v1/{{identifier}}/x", "../x", "", "/v1/%2E%2E%2Fx/x"},
		{"backslash_traversal", "/v1/{{identifier}}/x", `..\x`, "", "/v1/%2E%2E%5Cx/x"},
		{"leaves_segment", "/v1/{{identifier}}", "a/b?c#d", "", "/v1/a%2Fb%3Fc%23d"},
		{"leaves_parameter", "/v1?u={{identifier}}", "1&admin=1;x=2+3 4%", "", "/v1?u=1%26admin%3D1%3Bx%3D2%2B3%204%25"},
		{"verb", "/v1/users/{{identifier}}", "bob:delete", "", "/v1/users/bob%3Adelete"},
		{"encoded_already", "/v1/{{identifier}}", "%2e%2e%2f", "", "/v1/%252e%252e%252f"},
		{"CRLF", "/v1/{{identifier}}", "a b\r\nX: y", "", "/v1/a%20b%0D%0AX%3A%20y"},
		{"not_ascii", "/v1/{{identifier}}", "Attikí", "", "/v1/Attik%C3%AD"},
		{"dots_inside", "/v1/{{identifier}}", "a.b..c", "", "/v1/a.b..c"},
		{"H12_nothing_is_expanded", "/v1/{{identifier}}?k={{access_key}}", "{{access_key}}{env.HOME}", "{{identifier}}",
			"/v1/%7B%7Baccess_key%7D%7D%7Benv.HOME%7D?k=%7B%7Bidentifier%7D%7D"},
		{"literal_escapes_stay", "/a%2Fb/{{identifier}}?x=%20", "i", "", "/a%2Fb/i?x=%20"},
		{"authority_lookalike", "//evil.test/{{identifier}}", "i", "", "//evil.test/i"},
		{"userinfo_lookalike", "/@evil.test/{{identifier}}", "i", "", "/@evil.test/i"},
		{"dot_segment", "/v1/{{identifier}}", "..", "", ""},
		{"single_dot", "/v1/{{identifier}}/x", ".", "", ""},
		{"dot_segment_by_two", "/v1/{{identifier}}{{access_key}}", ".", ".", ""},
		{"dot_segment_by_literal", "/v1/.{{identifier}}", ".", "", ""},
		{"dots_in_query", "/v1?u={{identifier}}", "..", "", "/v1?u=%2E%2E"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tpl, err := parseTemplate(tt.template)
			if err != nil {
				t.Fatal(err)
			}
			u, err := tpl.url(authority, tt.identifier, tt.key)
			if tt.want == "" {
				if err == nil {
					t.Fatalf("made %s", u)
				}
				return
			}
			if err != nil || u.String() != "https://"+authority+tt.want || u.Host != authority {
				t.Fatalf("got %v, %v; want %s", u, err, tt.want)
			}
		})
	}
}

func TestTemplateRefused(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"P14_index":                 "/{{1}}",
		"P14_nested":                "/{{access_{{identifier}}key}}",
		"P14_braces_left":           "/{{identifier}}}}",
		"P14_braces_open":           "/{{identifier}}/{{",
		"P14_spaces":                "/{{ identifier }}",
		"authority_host":            "{{identifier}}.evil.test/",
		"authority_userinfo":        "@{{identifier}}/",
		"authority_port":            "{{identifier}}/",
		"authority_colon":           ":{{identifier}}@evil.test/",
		"no_slash":                  "v1/{{identifier}}",
		"query_only":                "?u={{identifier}}",
		"other_scheme":              "http://evil.test/{{identifier}}",
		"fragment":                  "/v1#{{identifier}}",
		"half_escape":               "/v1/%{{identifier}}2F",
		"half_escape_one_digit":     "/v1/%2{{identifier}}",
		"half_escape_in_query":      "/v1?x=%{{identifier}}",
		"broken_escape":             "/v1/%zz",
		"dot_segment":               "/v1/../{{identifier}}",
		"encoded_dot_segment":       "/v1/%2e%2E/{{identifier}}",
		"characters_no_URL_has":     "/v1/{a}/{{identifier}}",
		"backslash":                 `/v1\{{identifier}}`,
		"encoded_slash_beside_hole": `/v1/"{{identifier}}`,
	} {
		if _, err := parseTemplate(path); err == nil {
			t.Errorf("%s: %s was taken", name, path)
		}
	}
}

// FuzzTemplate holds that whatever is filled in leaves neither its segment nor its parameter, and never
// reaches the authority.
func FuzzTemplate(f *testing.F) {
	f.Add("/v1/users:byUUID/{{identifier}}?key={{access_key}}", "../x", "a/b?c#d&e=f")
	f.Add("//a@b:1/{{identifier}}", "\r\n%2f", ";")
	f.Add("/a%2Fb{{access_key}}/.{{identifier}}?{{identifier}}=1", ".", `\..\`)
	f.Fuzz(func(t *testing.T, path, identifier, key string) {
		tpl, err := parseTemplate(path)
		if err != nil || path == "" {
			return
		}
		plain, err := tpl.url("ext.corp:1", "x", "x")
		if err != nil {
			t.Fatalf("%q parses and cannot be filled in: %v", path, err)
		}
		u, err := tpl.url("ext.corp:1", identifier, key)
		if err != nil {
			return
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Host != "ext.corp:1" || again.User != nil || again.Scheme != "https" || again.Fragment != "" {
			t.Fatalf("%q with %q, %q makes %q, %v", path, identifier, key, u, err)
		}
		for what, pair := range map[string][2]string{
			"/": {plain.EscapedPath(), again.EscapedPath()}, "&": {plain.RawQuery, again.RawQuery}, "=": {plain.RawQuery, again.RawQuery},
			";": {plain.String(), again.String()}, "#": {plain.String(), again.String()}, "?": {plain.String(), again.String()},
		} {
			if strings.Count(pair[0], what) != strings.Count(pair[1], what) {
				t.Fatalf("%q with %q, %q makes %q: another number of %q", path, identifier, key, u, what)
			}
		}
		for segment := range strings.SplitSeq(again.EscapedPath(), "/") {
			if s, err := url.PathUnescape(segment); err != nil || s == "." || s == ".." {
				t.Fatalf("%q with %q, %q makes %q", path, identifier, key, u)
			}
		}
	})
}
