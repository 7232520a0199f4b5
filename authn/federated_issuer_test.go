package authn_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/authgate/authgate/authn"
)

// plain is a token of two JSON texts that nobody has signed.
func plain(header, payload string) string { return b64(header) + "." + b64(payload) + ".c2ln" }

// TestUnverifiedIssuer has the texts of m2m 3.1, which are golang-jwt's.
func TestUnverifiedIssuer(t *testing.T) {
	t.Parallel()
	const (
		head      = `{"alg":"RS256","kid":"k"}`
		malformed = "ID token could not be parsed: token is malformed: "
		segments  = malformed + "token contains an invalid number of segments"
	)
	good := plain(head, `{"iss":"test"}`)
	for _, tt := range []struct {
		name, token, iss, want string
	}{
		{"43_HS256", plain(`{"alg":"HS256"}`, `{"iss":"test"}`), "test", ""},
		{"alg_none", plain(`{"alg":"none"}`, `{"iss":"test"}`), "test", ""},
		{"alg_unknown", plain(`{"alg":"XYZ"}`, `{"iss":"test"}`), "test", ""},
		{"alg_absent", plain(`{}`, `{"iss":"test"}`), "test", ""},
		{"expired", plain(head, `{"iss":"test","exp":1,"nbf":99999999999}`), "test", ""},
		{"exp_numeric_text", plain(head, `{"iss":"test","exp":"123"}`), "test", ""},
		{"aud_list", plain(head, `{"iss":"test","aud":["a","b"]}`), "test", ""},
		{"aud_empty_list", plain(head, `{"iss":"test","aud":[]}`), "test", ""},
		{"nulls", plain(head, `{"iss":"test","aud":null,"exp":null,"sub":null}`), "test", ""},
		{"escaped", plain(head, `{"iss":"te\u0073t"}`), "test", ""},
		{"empty", "", "", segments},
		{"44_one_segment", "notavalidtoken", "", segments},
		{"two_segments", "a.b", "", segments},
		{"four_segments", good + ".x", "", segments},
		{"J17_5000_dots", strings.Repeat(".", 5000), "", segments},
		{"45_header_no_json", "invalid.jwt.token", "", malformed + "could not JSON decode header: invalid character '\\u008a' looking for beginning of value"},
		{"J19_bearer_prefix", "Bearer " + good, "", malformed + "could not base64 decode header: illegal base64 data at input byte 6"},
		{"padded_header", b64(head) + "==." + b64(`{}`) + ".a", "", malformed + "could not base64 decode header: illegal base64 data at input byte 34"},
		{"padded_claim", b64(head) + "." + b64(`{"iss":"test"}`) + "=.a", "", malformed + "could not base64 decode claim: illegal base64 data at input byte 19"},
		{"padded_signature", good + "==", "", malformed + "could not base64 decode signature: illegal base64 data at input byte 4"},
		{"header_list", plain(`[]`, `{}`), "", malformed + "could not JSON decode header: json: cannot unmarshal array into Go value of type map[string]interface {}"},
		{"claim_list", plain(head, `[]`), "", malformed + "could not JSON decode claim: json: cannot unmarshal array into Go value of type jwt.RegisteredClaims"},
		{"claim_cut", plain(head, `{"iss":"te`), "", malformed + "could not JSON decode claim: unexpected end of JSON input"},
		{"iss_number", plain(head, `{"iss":5}`), "", malformed + "could not JSON decode claim: json: cannot unmarshal number into Go struct field RegisteredClaims.iss of type string"},
		{"aud_number", plain(head, `{"iss":"test","aud":5}`), "", malformed + "could not JSON decode claim: invalid type for claim"},
		{"exp_word", plain(head, `{"iss":"test","exp":"LEAK"}`), "", malformed + "could not JSON decode claim: could not parse NumericData: json: invalid number literal"},
		{"iss_missing", plain(head, `{}`), "", "empty issuer found in ID token"},
		{"iss_empty", plain(head, `{"iss":""}`), "", "empty issuer found in ID token"},
		{"iss_null", plain(head, `{"iss":null}`), "", "empty issuer found in ID token"},
		// What golang-jwt would read, and two readers could read in two ways.
		{"J15_duplicate_iss", plain(head, `{"iss":"a","iss":"test"}`), "", malformed + "duplicate member"},
		{"J15_duplicate_alg", plain(`{"alg":"none","alg":"RS256"}`, `{"iss":"test"}`), "", malformed + "duplicate member"},
		{"J15_duplicate_nested", plain(head, `{"iss":"test","x":{"y":1,"y":2}}`), "", malformed + "duplicate member"},
		{"J15_names_by_case", plain(head, `{"ISS":"test"}`), "", "empty issuer found in ID token"},
		{"J17_too_large", plain(head, `{"iss":"`+strings.Repeat("LEAK", 1<<18)+`"}`), "", malformed + "token is larger than 16384 bytes"},
		{"J17_deep_nesting", plain(head, `{"iss":"test","x":`+strings.Repeat("[", 4000)+strings.Repeat("]", 4000)+`}`), "", malformed + "nested too deeply"},
		{"J19_line_break", good[:8] + "\n" + good[8:], "", malformed + "a line break in the token"},
		{"J22_syntax_error", plain(head, `{"iss":"test" LEAK}`), "", malformed + "could not JSON decode claim: invalid character 'L' after object key:value pair"},
		{"J7_J22_exp_out_of_range", plain(head, `{"iss":"test","exp":1e999}`), "", malformed + "could not JSON decode claim: could not convert json number value to float: strconv.ParseFloat"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			iss, err := authn.UnverifiedIssuer(tt.token)
			if tt.want == "" {
				if err != nil || iss != tt.iss {
					t.Fatalf("got %q, %v, want %q", iss, err, tt.iss)
				}
				return
			}
			if iss != "" || !errors.Is(err, authn.ErrRejected) || err.Error() != tt.want {
				t.Fatalf("got %q and error\n%v, want\n%v", iss, err, tt.want)
			}
			if strings.Contains(err.Error(), "LEAK") || len(err.Error()) > 1000 {
				t.Errorf("J22: the error %q repeats part of the token", err)
			}
		})
	}
}

// FuzzUnverifiedIssuer: what golang-jwt calls malformed is malformed here, and what passes here has the issuer
// it reads there.
func FuzzUnverifiedIssuer(f *testing.F) {
	for _, payload := range []string{`{"iss":"a"}`, `{"iss":5}`, `{"exp":"x"}`, `{"exp":"1"}`, `{"aud":[1]}`, `{"iss":"a","ISS":"b"}`, `{"iss":"a","nbf":1e999}`, ` {"iat":-1} `} {
		f.Add(`{"alg":"RS256"}`, payload, "c2ln")
	}
	f.Fuzz(func(t *testing.T, header, payload, signature string) {
		token := b64(header) + "." + b64(payload) + "." + signature
		iss, err := authn.UnverifiedIssuer(token)
		if (iss == "") != (err != nil) {
			t.Fatalf("got issuer %q and error %v", iss, err)
		}
		var claims jwt.RegisteredClaims
		_, _, theirs := jwt.NewParser().ParseUnverified(token, &claims)
		// It takes EXP for exp; we do not (specs J15).
		folds := strings.ContainsFunc(payload, func(r rune) bool { return r >= 0x80 || r == '\\' || r >= 'A' && r <= 'Z' })
		if errors.Is(theirs, jwt.ErrTokenMalformed) && err == nil && !folds {
			t.Errorf("header %q, payload %q: got no error, golang-jwt says %v", header, payload, theirs)
		}
		if err == nil && theirs == nil && !strings.Contains(strings.ToLower(payload), "\"iss\"") {
			t.Errorf("payload %q: got issuer %q from nowhere", payload, iss)
		}
	})
}
