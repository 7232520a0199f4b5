package caddymodule_test

import (
	"net/http"
	"testing"

	"github.com/authgate/authgate/authn/authntest"
)

// testCredentials is about how callers present tokens (specs J18 to J20, and J1 and J11 from outside).
func testCredentials(t *testing.T, r *rig) {
	token := r.users["user"]
	// What Caddy itself logs of a request, its URL and most headers, is not ours to hide: tokens in wrong
	// places are other ones, so that the log can be searched for the real ones.
	misplaced := r.idp.Token(t, map[string]any{"sub": "misplaced"})
	for _, c := range []struct {
		name   string
		line   string
		head   []string
		status int
	}{
		{name: "J18_two_lines", head: []string{"Authorization: Bearer " + token, "Authorization: Bearer " + token}, status: 400},
		{name: "J18_two_lines_other_case", head: []string{"authorization: Bearer " + token, "AUTHORIZATION: Basic YTpi"}, status: 400},
		{name: "J18_list", head: []string{"Authorization: Bearer " + token + ", Bearer " + token}, status: 400},
		{name: "J18_list_without_space", head: []string{"Authorization: Bearer " + token + ",Bearer x"}, status: 400},
		{name: "J18_header_and_query", line: "GET /?access_token=" + misplaced, head: []string{"Authorization: Bearer " + token}, status: 400},
		{name: "J18_header_and_encoded_query", line: "GET /?access%5ftoken=x", head: []string{"Authorization: Bearer " + token}, status: 400},
		{name: "J19_lower_case", head: []string{"Authorization: bearer " + token}, status: 200},
		{name: "J19_upper_case", head: []string{"Authorization: BEARER " + token}, status: 200},
		{name: "J19_tab", head: []string{"Authorization: Bearer\t" + token}, status: 401},
		{name: "J19_two_spaces", head: []string{"Authorization: Bearer  " + token}, status: 401},
		{name: "J19_trailing_comma", head: []string{"Authorization: Bearer " + token + ","}, status: 401},
		{name: "J19_inner_space", head: []string{"Authorization: Bearer " + token[:20] + " " + token[20:]}, status: 401},
		{name: "J19_quotes", head: []string{`Authorization: Bearer "` + token + `"`}, status: 401},
		{name: "J19_no_scheme", head: []string{"Authorization: " + token}, status: 401},
		{name: "J19_empty", head: []string{"Authorization:"}, status: 401},
		{name: "J19_only_scheme", head: []string{"Authorization: Bearer"}, status: 401},
		{name: "J19_folded_line", head: []string{"Authorization: Bearer " + token[:20] + "\r\n " + token[20:]}, status: 401},
		{name: "J19_other_scheme", head: []string{"Authorization: Basic YTpi"}, status: 401},
		{name: "J20_query_only", line: "GET /?access_token=" + misplaced, status: 401},
		{name: "J20_cookie_only", head: []string{"Cookie: access_token=" + token + "; token=" + token}, status: 401},
		{name: "other_header_only", head: []string{"X-Auth-Token: " + misplaced, "Proxy-Authorization: Bearer " + token}, status: 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := r.call(t, call{Line: c.line, Host: "plain.test", Head: c.head})
			if c.status == http.StatusOK {
				out.passed(t).sees(t, "Authorization", "")
				return
			}
			if c.status == http.StatusUnauthorized && out.status == http.StatusBadRequest {
				out.status = http.StatusUnauthorized // the server itself may refuse the form
			}
			out.refused(t, c.status)
		})
	}
	forger := authntest.NewKey(t, "ES256", r.idp.SigningKey().ID)
	claims := map[string]any{"sub": unverified, "roles": []string{unverified}, unverified: unverified}
	for name, bad := range map[string]string{
		"J22_forged":       r.idp.Token(t, claims, authntest.SignedBy(forger)),
		"J22_unknown_kid":  r.idp.Token(t, claims, authntest.Header("kid", unverified)),
		"J22_strange_iss":  r.idp.Token(t, map[string]any{"iss": "https://" + unverified, "sub": unverified}),
		"J22_expired":      r.idp.Token(t, map[string]any{"sub": unverified, "exp": 1}),
		"J1_alg_none":      "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
		"J11_other_issuer": r.other.Token(t, map[string]any{"iss": r.idp.URL}),
		"J9_other_aud":     r.idp.Token(t, map[string]any{"aud": "https://elsewhere"}),
		"J7_no_exp":        r.idp.Token(t, map[string]any{"exp": nil}),
		"K8_unknown_iss":   r.idp.Token(t, map[string]any{"iss": "https://unknown.test"}),
		"J10_slash":        r.idp.Token(t, map[string]any{"iss": r.idp.URL + "/"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.call(t, call{Host: "plain.test", Token: bad}).refused(t, 401)
		})
	}
	t.Run("J20_query_token_is_not_forwarded", func(t *testing.T) {
		t.Parallel()
		for q, want := range map[string]string{
			"access_token=" + misplaced:   "/x",
			"access%5Ftoken=" + misplaced: "/x",
			"a=1&access_token=x&b=2":      "/x?a=1&b=2",
			"a=1;access_token=x":          "/x?a=1",
			"ACCESS_TOKEN=kept":           "/x?ACCESS_TOKEN=kept",
		} {
			w := r.call(t, call{Line: "GET /x?" + q, Host: "anon.test"}).passed(t)
			if w.path() != want {
				t.Errorf("%s: forwarded %s, want %s", q, w.path(), want)
			}
		}
	})
}

// testTokenCache is about tokens that were verified on another route (specs C1).
func testTokenCache(t *testing.T, r *rig) {
	t.Run("C1_issuer_of_another_route", func(t *testing.T) {
		t.Parallel()
		for range 3 { // cold, and with the token in the cache
			r.as(t, "user", call{Host: "main.test"}).passed(t)
			r.as(t, "user", call{Host: "other.test"}).refused(t, 401)
			r.as(t, "other", call{Host: "main.test"}).refused(t, 401)
			r.as(t, "other", call{Host: "other.test"}).passed(t)
			r.as(t, "user", call{Host: "roles.test"}).refused(t, 403)
		}
	})
}
