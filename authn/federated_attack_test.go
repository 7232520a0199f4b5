package authn_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn/authntest"
)

// TestFederatedAttacks: the attacks of group J on tokens of an issuer that accepts any audience and every
// algorithm, the widest there is. What m2m accepts on purpose is in TestFederatedVerify.
func TestFederatedAttacks(t *testing.T) {
	t.Parallel()
	f := newFederation(t, "ES256")
	f.Discovery("id_token_signing_alg_values_supported",
		[]string{"none", "HS256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
	other := newFederation(t, "ES256")
	r := &rig{idp: f.IdP, other: other.IdP, attacker: authntest.NewKey(t, "ES256", "key-1"), trap: newTrap(t)}
	f.pass(t, f.Token(t, nil))
	other.pass(t, other.Token(t, nil)) // J12: the same kid in both
	byAttacker := func(name string, value any) func(*testing.T, *rig) string {
		return func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.SignedBy(r.attacker), authntest.Header(name, value))
		}
	}
	payload := func(format string) func(*testing.T, *rig) string {
		return func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.RawPayload(strings.NewReplacer("ISS", r.idp.URL, "EXP", "4102444800").Replace(format)))
		}
	}
	hmacBy := func(secret []byte) func(*testing.T, *rig) string {
		return func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.SignedBy(authntest.HMACKey(secret, "key-1")))
		}
	}
	der, err := x509.MarshalPKIXPublicKey(f.SigningKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []attack{
		{name: "J1_nOnE", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.Header("alg", "nOnE"), authntest.Signature(""))
		}},
		{name: "J1_alg_missing", token: header("alg", nil)},
		{name: "J1_alg_number", token: header("alg", 1)},
		{name: "J1_signature_empty", token: func(t *testing.T, r *rig) string { return r.idp.Token(t, nil, authntest.Signature("")) }},
		{name: "J2_public_key_as_secret", token: hmacBy(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))},
		{name: "J2_key_set_as_secret", token: hmacBy(f.JWKS())},
		{name: "J2_empty_secret", token: hmacBy(nil)},
		{name: "J3_alg_of_other_family", token: header("alg", "EdDSA")},
		{name: "J3_alg_other_case", token: header("alg", "es256")},
		{name: "J3_listed_but_not_the_keys", token: header("alg", "ES384")},
		{name: "J4_jwk", token: byAttacker("jwk", r.attacker.JWK)},
		{name: "J4_jku", token: byAttacker("jku", r.trap.URL)},
		{name: "J4_x5u", token: byAttacker("x5u", r.trap.URL)},
		{name: "J5_kid_path", token: header("kid", "../../../etc/passwd")},
		{name: "J5_kid_long", token: header("kid", strings.Repeat("k", 8<<10))},
		{name: "J5_kid_number", token: header("kid", 1)},
		{name: "J5_kid_empty", token: header("kid", "")},
		{name: "J5_kid_missing_and_forged", token: byAttacker("kid", nil)},
		{name: "J6_crit", token: header("crit", []string{"exp"})},
		{name: "J6_b64_false", token: header("b64", false)},
		{name: "J7_exp_null", token: payload(`{"iss":"ISS","exp":null}`)},
		{name: "J7_exp_1e30", token: payload(`{"iss":"ISS","exp":1e30}`)},
		{name: "J7_exp_1e400", token: payload(`{"iss":"ISS","exp":1e400}`)},
		{name: "J7_exp_text_1e400", token: payload(`{"iss":"ISS","exp":"1e400"}`)},
		{name: "J7_exp_text_hexadecimal", token: payload(`{"iss":"ISS","exp":"0x1p32"}`)},
		{name: "J7_exp_text_infinite", token: payload(`{"iss":"ISS","exp":"inf"}`)},
		{name: "J7_exp_text_space", token: payload(`{"iss":"ISS","exp":" EXP"}`)},
		{name: "J7_exp_text_underscore", token: payload(`{"iss":"ISS","exp":"4_102_444_800"}`)},
		{name: "J7_exp_negative", token: payload(`{"iss":"ISS","exp":-1}`)},
		{name: "J7_exp_year_9999", token: payload(`{"iss":"ISS","exp":253402300799}`)},
		{name: "J7_exp_word", token: claim("exp", "tomorrow")},
		{name: "J9_aud_list_with_number", token: claim("aud", []any{"a", 1})},
		{name: "J10_other_case", token: claim("iss", strings.Replace(f.URL, "https", "HTTPS", 1))},
		{name: "J10_http", token: claim("iss", strings.Replace(f.URL, "https", "http", 1))},
		{name: "J10_userinfo", token: claim("iss", f.URL+"@evil.example")},
		{name: "J10_lookalike", token: claim("iss", strings.Replace(f.URL, ".", "\u2024", 1))},
		{name: "J11_key_of_other_issuer", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.SignedBy(r.other.SigningKey()))
		}},
		{name: "J13_logout_token", token: header("typ", "logout+jwt")},
		{name: "J13_events", token: claim("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}})},
		{name: "J13_dpop_proof", token: header("typ", "dpop+jwt")},
		{name: "J15_duplicate_sub", token: payload(`{"iss":"ISS","sub":"a","sub":"admin","exp":EXP}`)},
		{name: "J15_duplicate_escaped", token: payload(`{"iss":"ISS","sub":"a","\u0073ub":"admin","exp":EXP}`)},
		{name: "J15_duplicate_nested", token: payload(`{"iss":"ISS","x":{"y":"a","y":"b"},"exp":EXP}`)},
		{name: "J15_duplicate_alg", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, nil, authntest.RawHeader(`{"alg":"none","kid":"key-1","alg":"ES256"}`))
		}},
		{name: "J15_names_by_case", token: payload(`{"ISS":"ISS","EXP":EXP}`)},
		{name: "J17_one_MiB", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, map[string]any{"x": strings.Repeat("x", 1<<20)})
		}},
		{name: "J17_deep_nesting", token: payload(`{"iss":"ISS","exp":EXP,"x":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + `}`)},
		{name: "J17_5000_dots", token: func(*testing.T, *rig) string { return strings.Repeat(".", 5000) }},
		{name: "J17_jwe", token: func(*testing.T, *rig) string {
			return b64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"zip":"DEF"}`) + ".a.a.a.a"
		}},
		{name: "J19_line_break", token: func(t *testing.T, r *rig) string { return r.idp.Token(t, nil) + "\n" }},
		{name: "J19_bearer_prefix", token: func(t *testing.T, r *rig) string { return "Bearer " + r.idp.Token(t, nil) }},
		{name: "J24_bound_to_a_key", token: claim("cnf", map[string]any{"jkt": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"})},
		{name: "M4_bound_to_a_certificate", token: claim("cnf", map[string]any{"x5t#S256": b64(string(make([]byte, sha256.Size)))})},
		{name: "J22_subject", token: func(t *testing.T, r *rig) string {
			return r.idp.Token(t, map[string]any{"sub": "LEAK"}, authntest.SignedBy(r.attacker))
		}},
		{name: "J22_issuer", token: claim("iss", "https://LEAK.example")},
		{name: "J22_algorithm", token: header("alg", "LEAK")},
		{name: "J22_typ", token: header("typ", "LEAK")},
		{name: "J22_kid", token: header("kid", "LEAK")},
		{name: "sub_control_character", token: claim("sub", "a\r\nX-Admin: 1")},
		{name: "sub_number", token: claim("sub", 5)},
		{name: "payload_altered", token: func(t *testing.T, r *rig) string {
			part := strings.Split(r.idp.Token(t, nil), ".")
			evil := strings.Split(r.idp.Token(t, map[string]any{"sub": "admin"}), ".")
			return part[0] + "." + evil[1] + "." + part[2]
		}},
		{name: "signature_trailing_bits", token: func(t *testing.T, r *rig) string {
			token := r.idp.Token(t, nil)
			const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			last := strings.IndexByte(digits, token[len(token)-1])
			return token[:len(token)-1] + digits[last|1:last|1+1]
		}},
	} {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			token := a.token(t, r)
			text := f.refuse(t, token)
			if len(text) > 1000 {
				t.Errorf("the text has %d bytes", len(text))
			}
			_, err := f.fed.Verify(t.Context(), token)
			if strings.Contains(err.Error(), "LEAK") || strings.Contains(err.Error(), r.idp.URL) {
				t.Errorf("J22: the error %q repeats part of the token", err)
			}
			if n := r.trap.connections.Load(); n != 0 {
				t.Errorf("%d connections to an address only the token names", n)
			}
		})
	}
	t.Run("J22_text_is_bounded_and_printable", func(t *testing.T) {
		t.Parallel()
		g := &federation{IdP: f.IdP, fed: f.with(t, audiences("a"))}
		text := g.refuse(t, g.Token(t, map[string]any{"aud": []string{strings.Repeat("x", 5000), "a\u202eb"}}))
		if len(text) > 1000 || strings.Contains(text, "\u202e") {
			t.Errorf("got text %q", text)
		}
		text = g.refuse(t, g.Token(t, map[string]any{"iss": strings.Repeat("x", 5000)}))
		if len(text) > 1000 {
			t.Errorf("got %d bytes of text", len(text))
		}
	})
}

// TestFederatedUnusableKeys: as TestUnusableKeys, which has every kind (specs J21).
func TestFederatedUnusableKeys(t *testing.T) {
	t.Parallel()
	f := newFederation(t, "ES256")
	k := authntest.HMACKey([]byte("a secret everybody can read here"), "oct")
	f.Publish(k)
	enc := authntest.NewKey(t, "ES256", "enc")
	enc.JWK["use"] = "enc"
	f.Publish(enc)
	f.pass(t, f.Token(t, nil))
	f.refuse(t, f.Token(t, nil, authntest.SignedBy(k)))
	f.refuse(t, f.Token(t, nil, authntest.SignedBy(enc)))
	if keys := f.fed.Status().Keys; len(keys) != 1 || keys[0].KeyID != "key-1" {
		t.Errorf("got keys %v, want key-1 only", keys)
	}
}
