package authn

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestParseCredential(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		target        string
		authorization []string
		scheme, token string
		want          error
	}{
		{name: "none"},
		{name: "bearer", authorization: []string{"Bearer a.b.c"}, scheme: "bearer", token: "a.b.c"},
		{name: "J19_lower", authorization: []string{"bearer a.b.c"}, scheme: "bearer", token: "a.b.c"},
		{name: "J19_upper", authorization: []string{"BEARER a.b.c"}, scheme: "bearer", token: "a.b.c"},
		{name: "J19_tab", authorization: []string{"Bearer\ta.b.c"}, want: ErrRejected},
		{name: "J19_double_space", authorization: []string{"Bearer  a.b.c"}, want: ErrRejected},
		{name: "J19_trailing_comma", authorization: []string{"Bearer a.b.c,"}, want: ErrRejected},
		{name: "J19_trailing_space", authorization: []string{"Bearer a.b.c "}, want: ErrRejected},
		{name: "J19_newline", authorization: []string{"Bearer a.b\n.c"}, want: ErrRejected},
		{name: "J19_no_token", authorization: []string{"Bearer"}, want: ErrRejected},
		{name: "J19_empty_token", authorization: []string{"Bearer "}, want: ErrRejected},
		{name: "J19_empty", authorization: []string{""}, want: ErrRejected},
		{name: "J19_non_ascii", authorization: []string{"Bearer \xe9"}, want: ErrRejected},
		{name: "J18_two_lines", authorization: []string{"Bearer a", "Bearer b"}, want: ErrAmbiguous},
		{name: "J18_two_equal_lines", authorization: []string{"Bearer a", "Bearer a"}, want: ErrAmbiguous},
		{name: "J18_list", authorization: []string{"Bearer a, Bearer b"}, want: ErrAmbiguous},
		{name: "J18_header_and_query", target: "/?access_token=x", authorization: []string{"Bearer a"}, want: ErrAmbiguous},
		{name: "J18_header_and_encoded_query", target: "/?x=1&access%5Ftoken=x", authorization: []string{"Bearer a"}, want: ErrAmbiguous},
		{name: "J20_query_only", target: "/?access_token=x"},
		{name: "basic", authorization: []string{"Basic dXNlcjpwYXNz"}, scheme: "basic", token: "dXNlcjpwYXNz"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			target := tc.target
			if target == "" {
				target = "/"
			}
			r := httptest.NewRequest("GET", target, nil)
			if tc.authorization != nil {
				r.Header["Authorization"] = tc.authorization
			}
			c, err := ParseCredential(r)
			if !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			if c.Scheme != tc.scheme || c.Token.Reveal() != tc.token {
				t.Errorf("got scheme %q token %q, want %q %q", c.Scheme, c.Token.Reveal(), tc.scheme, tc.token)
			}
			for _, a := range tc.authorization {
				if err != nil && len(a) > 9 && strings.Contains(err.Error(), a) {
					t.Errorf("the error holds the credential: %v", err)
				}
			}
		})
	}
}
