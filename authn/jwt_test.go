package authn_test

import (
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// TestAttackHeader holds the attacks on a token's header and signature.
func TestAttackHeader(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	unsigned := func(alg string) func(*testing.T, *rig) string {
		return func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.Header("alg", alg), authntest.Signature(""))
		}
	}
	public := func(name string) func(*testing.T, *rig) string {
		return func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.SignedBy(r.attacker), authntest.Header(name, r.attacker.JWK))
		}
	}
	remote := func(name string, value func(r *rig) any) func(*testing.T, *rig) string {
		return func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.SignedBy(r.attacker), authntest.Header(name, value(r)))
		}
	}
	r.run(t, []attack{
		{name: "J1_alg_none", token: unsigned("none")},
		{name: "J1_alg_None", token: unsigned("None")},
		{name: "J1_alg_nOnE", token: unsigned("nOnE")},
		{name: "J1_alg_empty", token: unsigned("")},
		{name: "J1_alg_missing", token: header("alg", nil)},
		{name: "J1_alg_number", token: header("alg", 1)},
		{name: "J1_alg_right_signature_empty", token: unsigned("ES256")},
		{name: "J3_alg_not_on_list", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.SignedBy(authntest.NewKey(t, "ES384", "key-1")))
		}},
		{name: "J3_alg_of_other_family", token: header("alg", "EdDSA")},
		{name: "J3_alg_other_case", token: header("alg", "es256")},
		{name: "J4_jwk", token: public("jwk")},
		{name: "J4_jku", token: remote("jku", func(r *rig) any { return r.trap.URL + "/jwks" })},
		{name: "J4_x5u", token: remote("x5u", func(r *rig) any { return r.trap.URL + "/cert" })},
		{name: "J4_x5c", token: remote("x5c", func(*rig) any { return []string{"MIIB"} })},
		{name: "J5_kid_path", token: header("kid", "../../../etc/passwd")},
		{name: "J5_kid_sql", token: header("kid", "' OR 1=1 --")},
		{name: "J5_kid_nul", token: header("kid", "key-1\x00")},
		{name: "J5_kid_long", token: header("kid", strings.Repeat("k", 8<<10))},
		{name: "J5_kid_64KiB", token: header("kid", strings.Repeat("k", 64<<10))},
		{name: "J5_kid_number", token: header("kid", 1)},
		{name: "J5_kid_empty", token: header("kid", "")},
		{name: "J5_kid_missing", token: header("kid", nil)},
		{name: "J6_crit_known_name", token: header("crit", []string{"exp"})},
		{name: "J6_crit_empty", token: header("crit", []string{})},
		{name: "J6_crit_unknown", token: header("crit", []string{"http://example.com/x"})},
		{name: "J6_b64_false", token: header("b64", false)},
		{name: "J6_b64_true", token: header("b64", true)},
		{name: "J13_typ_logout", token: header("typ", "logout+jwt")},
		{name: "J13_typ_secevent", token: header("typ", "secevent+jwt")},
		{name: "J13_typ_dpop", token: header("typ", "dpop+jwt")},
		{name: "J13_typ_empty", token: header("typ", "")},
		{name: "J13_typ_number", token: header("typ", 7)},
		{name: "J15_duplicate_alg", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.RawHeader(`{"alg":"none","kid":"key-1","alg":"ES256"}`))
		}},
		{name: "J15_duplicate_alg_escaped", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.RawHeader(`{"\u0061lg":"ES256","kid":"key-1","alg":"ES256"}`))
		}},
		{name: "J15_header_by_case", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.RawHeader(`{"ALG":"ES256","KID":"key-1"}`))
		}},
		{name: "J22_signature_of_other_key", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, map[string]any{"sub": "LEAK"}, authntest.SignedBy(r.attacker))
		}},
		{name: "J22_unverified_claims_not_in_error", token: header("typ", "LEAK+jwt")},
		{name: "signature_altered", token: func(t *testing.T, r *rig) string {
			good := r.idp.Token(t, nil)
			return good[:len(good)-8] + "AAAAAAAA"
		}},
		{name: "payload_altered", token: func(t *testing.T, r *rig) string {
			part := strings.Split(r.idp.Token(t, nil), ".")
			evil := strings.Split(r.idp.Token(t, map[string]any{"sub": "admin"}), ".")
			return part[0] + "." + evil[1] + "." + part[2]
		}},
	})
}

// TestAttackIssuer holds the attacks on who a token says it is from.
func TestAttackIssuer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	iss := func(change func(url string) string) func(*testing.T, *rig) string {
		return func(t *testing.T, r *rig) string { return r.idp.Token(t, map[string]any{"iss": change(r.idp.URL)}) }
	}
	r.run(t, []attack{
		{name: "J10_iss_other_case", token: iss(func(u string) string { return strings.Replace(u, "http", "HTTP", 1) }), want: authn.ErrNotMine},
		{name: "J10_iss_trailing_slash", token: iss(func(u string) string { return u + "/" }), want: authn.ErrNotMine},
		{name: "J10_iss_other_scheme", token: iss(func(u string) string { return strings.Replace(u, "http", "https", 1) }), want: authn.ErrNotMine},
		{name: "J10_iss_userinfo", token: iss(func(u string) string { return u + "@evil.example" }), want: authn.ErrNotMine},
		{name: "J10_iss_lookalike", token: iss(func(u string) string { return strings.Replace(u, ".", "\u2024", 1) }), want: authn.ErrNotMine},
		{name: "J10_iss_space", token: iss(func(u string) string { return u + " " }), want: authn.ErrNotMine},
		{name: "J10_iss_list", token: claim("iss", []string{"x"}), want: authn.ErrNotMine},
		{name: "J10_iss_missing", token: claim("iss", nil), want: authn.ErrNotMine},
		{name: "J11_key_of_other_issuer", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.SignedBy(r.other.SigningKey()))
		}},
		{name: "J11_key_of_other_issuer_reversed", token: func(t *testing.T, r *rig) string {
			return r.other.Token(t, nil, authntest.SignedBy(r.idp.SigningKey()))
		}},
		{name: "K8_unknown_issuer", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, map[string]any{"iss": r.trap.URL})
		}, want: authn.ErrNotMine},
	})
	t.Run("J12_same_kid_each_for_its_own", func(t *testing.T) {
		t.Parallel()
		if a, b := r.idp.SigningKey().ID, r.other.SigningKey().ID; a != b {
			t.Fatalf("kids %q and %q differ, so this proves nothing", a, b)
		}
		if p := mustPass(t, r.issuers, r.idp.Token(t, nil)); p.Issuer != r.idp.URL {
			t.Errorf("got issuer %q, want %q", p.Issuer, r.idp.URL)
		}
		if p := mustPass(t, r.issuers, r.other.Token(t, nil)); p.Issuer != r.other.URL {
			t.Errorf("got issuer %q, want %q", p.Issuer, r.other.URL)
		}
	})
}

// TestAttackClaims holds the attacks on the registered claims.
func TestAttackClaims(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	in := func(name string, d time.Duration) func(*testing.T, *rig) string {
		return func(t *testing.T, r *rig) string {
			return r.idp.Token(t, map[string]any{name: r.idp.Clock.Now().Add(d).Unix()})
		}
	}
	payload := func(format string) func(*testing.T, *rig) string {
		return func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.RawPayload(strings.NewReplacer(
				"ISS", r.idp.URL, "AUD", authntest.Audience, "EXP", "4102444800").Replace(format)))
		}
	}
	mustPass(t, r.issuers, payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":EXP}`)(t, r))
	r.run(t, []attack{
		{name: "J7_exp_missing", token: claim("exp", nil)},
		{name: "J7_exp_null", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":null}`)},
		{name: "J7_exp_text", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":"EXP"}`)},
		{name: "J7_exp_1e400", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":1e400}`)},
		{name: "J7_exp_1e30", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":1e30}`)},
		{name: "J7_exp_negative", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":-1}`)},
		{name: "J7_exp_negative_float", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":-4102444800.5}`)},
		{name: "J7_exp_year_9999", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":253402300799}`)},
		{name: "J7_exp_year_10000", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":253402300800}`)},
		{name: "J7_exp_int64_overflow", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":9223372036854775808}`)},
		{name: "J7_exp_list", token: claim("exp", []int{4102444800})},
		{name: "J7_exp_true", token: claim("exp", true)},
		{name: "J7_exp_past_the_leeway", token: in("exp", -authn.DefaultLeeway)},
		{name: "J8_nbf_beyond_leeway", token: in("nbf", authn.DefaultLeeway+time.Second)},
		{name: "J8_iat_beyond_leeway", token: in("iat", authn.DefaultLeeway+time.Second)},
		{name: "J8_nbf_text", token: claim("nbf", "1")},
		{name: "J8_iat_text", token: claim("iat", "1")},
		{name: "J9_aud_missing", token: claim("aud", nil)},
		{name: "J9_aud_empty_list", token: claim("aud", []string{})},
		{name: "J9_aud_empty_text", token: claim("aud", "")},
		{name: "J9_aud_list_of_empty", token: claim("aud", []string{""})},
		{name: "J9_aud_null", token: payload(`{"iss":"ISS","aud":null,"sub":"a","exp":EXP}`)},
		{name: "J9_aud_other", token: claim("aud", "https://other.example")},
		{name: "J9_aud_other_case", token: claim("aud", strings.ToUpper(authntest.Audience))},
		{name: "J9_aud_prefix", token: claim("aud", authntest.Audience+".evil.example")},
		{name: "J9_aud_object", token: claim("aud", map[string]string{"0": authntest.Audience})},
		{name: "J9_aud_list_with_number", token: claim("aud", []any{authntest.Audience, 1})},
		{name: "J13_nonce", token: claim("nonce", "n-0S6_WzA2Mj")},
		{name: "J13_events", token: claim("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}})},
		{name: "J14_azp_other", token: claim2("aud", []string{authntest.Audience, "app"}, "azp", "evil")},
		{name: "J14_azp_number", token: claim2("aud", []string{authntest.Audience, "app"}, "azp", 5)},
		{name: "J15_duplicate_sub", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","sub":"admin","exp":EXP}`)},
		{name: "J15_duplicate_sub_escaped", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","\u0073ub":"admin","exp":EXP}`)},
		{name: "J15_duplicate_iss", token: payload(`{"iss":"https://other.example","iss":"ISS","aud":"AUD","sub":"a","exp":EXP}`)},
		{name: "J15_duplicate_nested", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":EXP,"x":{"y":1,"y":2}}`)},
		{name: "J15_names_by_case", token: payload(`{"iss":"ISS","AUD":"AUD","SUB":"a","EXP":EXP}`)},
		{name: "J15_same_dotted_name", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":EXP,"a":{"b":1},"a.b":2}`)},
		{name: "J17_deep_nesting", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a","exp":EXP,"x":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + `}`)},
		{name: "sub_missing", token: claim("sub", nil)},
		{name: "sub_empty", token: claim("sub", "")},
		{name: "sub_number", token: claim("sub", 5)},
		{name: "sub_control_character", token: claim("sub", "a\r\nX-Admin: 1")},
		{name: "sub_c1_control_character", token: claim("sub", "a\u0085b")},
		{name: "sub_half_surrogate", token: payload(`{"iss":"ISS","aud":"AUD","sub":"a\ud800","exp":EXP}`)},
		{name: "sub_too_long", token: claim("sub", strings.Repeat("s", 1025))},
		{name: "H13_many_values", token: claim("groups", make([]int, 1001))},
		{name: "H13_names_blown_up", token: claim("x", nestedNames())},
	})
}

func claim2(n1 string, v1 any, n2 string, v2 any) func(*testing.T, *rig) string {
	return func(t *testing.T, r *rig) string { return r.idp.Token(t, map[string]any{n1: v1, n2: v2}) }
}

// nestedNames is an object whose dotted names are far longer than its text.
func nestedNames() any {
	leaves := map[string]any{}
	for n := range 200 {
		leaves[string(rune('A'+n%26))+strings.Repeat("x", n/26)] = 1
	}
	return map[string]any{strings.Repeat("n", 4000): leaves}
}

// TestAttackShape holds the attacks on the form of the token as a whole (specs J17).
func TestAttackShape(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	text := func(s string) func(*testing.T, *rig) string {
		return func(*testing.T, *rig) string { return s }
	}
	r.run(t, []attack{
		{name: "J17_one_MiB", token: text(strings.Repeat("a", 1<<20))},
		{name: "J17_one_MiB_of_a_jwt", token: text(b64(`{"alg":"ES256","kid":"key-1"}`) + "." + strings.Repeat("a", 1<<20) + ".a")},
		{name: "J17_5000_dots", token: text(strings.Repeat(".", 5000)), want: authn.ErrNotMine},
		{name: "J17_jwe_with_huge_p2c", token: text(b64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"zip":"DEF"}`) + ".a.a.a.a"), want: authn.ErrNotMine},
		{name: "J17_zip_is_ignored", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.Header("zip", "DEF"), authntest.SignedBy(r.attacker))
		}},
		{name: "J17_deep_header", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.RawHeader(`{"alg":"ES256","kid":"key-1","x":`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000)+`}`))
		}},
		{name: "opaque_token", token: text("sha256~abcdef"), want: authn.ErrNotMine},
		{name: "opaque_token_with_two_dots", token: text("a_.b_.c!"), want: authn.ErrNotMine},
		{name: "empty_parts", token: text(".."), want: authn.ErrNotMine},
		{name: "header_no_object", token: text(b64(`[]`) + "." + b64(`{}`) + ".a_"), want: authn.ErrNotMine},
		{name: "payload_no_object", token: text(b64(`{}`) + "." + b64(`"x"`) + ".YQ"), want: authn.ErrNotMine},
		{name: "not_utf8", token: text(b64("{\"alg\":\"\xff\"}") + "." + b64(`{}`) + ".YQ"), want: authn.ErrNotMine},
		{name: "padded", token: func(t *testing.T, r *rig) string { return r.idp.Token(t, nil) + "==" }, want: authn.ErrNotMine},
		{name: "J19_line_break", token: func(t *testing.T, r *rig) string { return r.idp.Token(t, nil) + "\n" }},
		{name: "J19_carriage_return", token: func(t *testing.T, r *rig) string {
			return strings.Replace(r.idp.Token(t, nil), ".", ".\r\n\r\n", 1)
		}},
		{name: "trailing_bits", token: func(t *testing.T, r *rig) string {
			// 64 bytes end in a character of which only two bits count: a second text of one signature.
			token := r.idp.Token(t, nil)
			const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			last := strings.IndexByte(digits, token[len(token)-1])
			return token[:len(token)-1] + digits[last|1:last|1+1]
		}, want: authn.ErrNotMine},
	})
}
