package token_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/token"
)

// TestSignedClaims: even under a signature of ours only claims as Mint writes them count.
func TestSignedClaims(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := memory(t)
	k := replica(t, s, c)
	mint(t, k, c)
	key := storedKeys(t, s)[0]
	now := c.now().Unix()
	base := fmt.Sprintf(`"iss":%q,"jti":"x","iat":%d`, issuer, now)
	exp := fmt.Sprintf(`,"exp":%d`, now+60)
	for name, tt := range map[string]struct {
		payload string
		want    error // nil: valid
	}{
		"minimal":                {base + exp, nil},
		"aud_list":               {base + exp + `,"aud":["a","b"]`, nil},
		"escaped_text":           {base + exp + `,"sub":"a\u0062\n"`, nil},
		"J7_no_exp":              {base, token.ErrInvalid},
		"J7_exp_text":            {base + fmt.Sprintf(`,"exp":"%d"`, now+60), token.ErrInvalid},
		"J7_exp_float":           {base + fmt.Sprintf(`,"exp":%d.5`, now+60), token.ErrInvalid},
		"J7_exp_1e400":           {base + `,"exp":1e400`, token.ErrInvalid},
		"J7_exp_negative":        {base + `,"exp":-1`, token.ErrInvalid},
		"J7_exp_zero":            {base + `,"exp":0`, token.ErrInvalid},
		"J7_exp_null":            {base + `,"exp":null`, token.ErrInvalid},
		"J7_exp_year_9999":       {base + `,"exp":253370764800`, token.ErrInvalid},
		"J7_exp_overflow":        {base + `,"exp":99999999999999999999999999`, token.ErrInvalid},
		"J7_no_iat":              {fmt.Sprintf(`"iss":%q,"jti":"x"`, issuer) + exp, token.ErrInvalid},
		"J7_expired":             {base + fmt.Sprintf(`,"exp":%d`, now), token.ErrInvalid},
		"J8_nbf_ahead":           {base + exp + fmt.Sprintf(`,"nbf":%d`, now+1), token.ErrInvalid},
		"J8_nbf_now":             {base + exp + fmt.Sprintf(`,"nbf":%d`, now), nil},
		"J8_iat_ahead":           {fmt.Sprintf(`"iss":%q,"jti":"x","iat":%d`, issuer, now+61) + exp, token.ErrInvalid},
		"J8_iat_of_a_fast_clock": {fmt.Sprintf(`"iss":%q,"jti":"x","iat":%d`, issuer, now+60) + exp, nil},
		"J9_aud_empty_list":      {base + exp + `,"aud":[]`, token.ErrInvalid},
		"J9_aud_empty":           {base + exp + `,"aud":""`, token.ErrInvalid},
		"J9_aud_number":          {base + exp + `,"aud":7`, token.ErrInvalid},
		"J9_aud_mixed":           {base + exp + `,"aud":["a",7]`, token.ErrInvalid},
		"J9_aud_null":            {base + exp + `,"aud":null`, token.ErrInvalid},
		"J10_iss_slash":          {strings.Replace(base, issuer, issuer+"/", 1) + exp, token.ErrNotOurs},
		"J10_iss_case":           {strings.Replace(base, issuer, "HTTPS://gate.example", 1) + exp, token.ErrNotOurs},
		"J10_iss_name_case":      {strings.Replace(base, "iss", "ISS", 1) + exp, token.ErrInvalid},
		"J15_two_subjects":       {base + exp + `,"sub":"a","sub":"admin"`, token.ErrInvalid},
		"J15_two_deep_inside":    {base + exp + `,"x":{"a":[{"b":1,"b":2}]}`, token.ErrInvalid},
		"J17_deep":               {base + exp + `,"x":` + strings.Repeat("[", 50) + strings.Repeat("]", 50), token.ErrInvalid},
		"J23_no_jti":             {fmt.Sprintf(`"iss":%q,"iat":%d`, issuer, now) + exp, token.ErrInvalid},
		"jti_number":             {fmt.Sprintf(`"iss":%q,"jti":7,"iat":%d`, issuer, now) + exp, token.ErrInvalid},
		"sub_object":             {base + exp + `,"sub":{}`, token.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := k.Verify(t.Context(), key.sign(t, key.header(), "{"+tt.payload+"}"))
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || (got == nil) != (tt.want != nil) {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
	for name, payload := range map[string]string{"array": "[]", "null": "null", "text": `"x"`, "nothing": ""} {
		if _, err := k.Verify(t.Context(), key.sign(t, key.header(), payload)); err == nil {
			t.Errorf("claims that are %s: taken", name)
		}
	}
}

// TestSignedHeaders: a header that Mint does not write is refused, whatever it says and whoever signed it.
func TestSignedHeaders(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := memory(t)
	k := replica(t, s, c)
	mint(t, k, c)
	key := storedKeys(t, s)[0]
	claims := payload(c.now())
	if _, err := k.Verify(t.Context(), key.sign(t, key.header(), claims)); err != nil {
		t.Fatal(err)
	}
	with := func(more string) string { return strings.TrimSuffix(key.header(), "}") + more + "}" }
	for name, header := range map[string]string{
		"J1_none":             strings.Replace(key.header(), "ES256", "none", 1),
		"J1_nOnE":             strings.Replace(key.header(), "ES256", "nOnE", 1),
		"J3_ES384":            strings.Replace(key.header(), "ES256", "ES384", 1),
		"J4_jwk":              with(`,"jwk":{"kty":"EC"}`),
		"J4_jku":              with(`,"jku":"http://127.0.0.1:1/keys"`),
		"J4_x5u":              with(`,"x5u":"http://127.0.0.1:1/keys"`),
		"J4_x5c":              with(`,"x5c":["AA=="]`),
		"J5_kid_number":       `{"alg":"ES256","kid":7,"typ":"JWT"}`,
		"J5_kid_list":         `{"alg":"ES256","kid":["` + key.ID + `"],"typ":"JWT"}`,
		"J5_kid_NUL":          strings.Replace(key.header(), key.ID, key.ID+`\u0000`, 1),
		"J5_kid_upper_case":   strings.Replace(key.header(), key.ID, strings.ToUpper(key.ID), 1),
		"J6_crit":             with(`,"crit":["exp"]`),
		"J6_crit_empty":       with(`,"crit":[]`),
		"J6_b64":              with(`,"b64":false`),
		"J13_at_jwt":          strings.Replace(key.header(), `"JWT"`, `"at+jwt"`, 1),
		"J13_logout":          strings.Replace(key.header(), `"JWT"`, `"logout+jwt"`, 1),
		"J15_two_algs":        with(`,"alg":"none"`),
		"J17_zip":             with(`,"zip":"DEF"`),
		"J17_p2c":             with(`,"p2c":2000000000`),
		"white_space":         " " + key.header(),
		"members_of_any_case": strings.Replace(key.header(), `"alg"`, `"ALG"`, 1),
	} {
		if _, err := k.Verify(t.Context(), key.sign(t, header, claims)); !errors.Is(err, token.ErrInvalid) && !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJ12_SameKid: another issuer that calls its key as we call ours is none of our business.
func TestJ12_SameKid(t *testing.T) {
	t.Parallel()
	c := newClock()
	s, theirs := memory(t), memory(t)
	k := replica(t, s, c)
	mint(t, k, c)
	mint(t, replica(t, theirs, c, func(cfg *token.Config) { cfg.Issuer = "https://other.example" }), c)
	key := storedKeys(t, theirs)[0]
	key.ID = storedKeys(t, s)[0].ID
	for payload, want := range map[string]error{
		payload(c.now()): token.ErrInvalid,
		strings.Replace(payload(c.now()), issuer, "https://other.example", 1):                                                    token.ErrNotOurs,
		strings.Replace(payload(c.now()), `{"iss":"`+issuer+`"`, `{"iss":"https://other.example","act":{"iss":"`+issuer+`"}`, 1): token.ErrNotOurs,
	} {
		if _, err := k.Verify(t.Context(), key.sign(t, key.header(), payload)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", payload, err, want)
		}
	}
}

// TestRetiredKey: a token of a key that has retired is refused even if it says that it lives on.
func TestRetiredKey(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := memory(t)
	k := replica(t, s, c)
	mint(t, k, c)
	key := storedKeys(t, s)[0]
	if _, err := k.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	long := fmt.Sprintf(`{"iss":%q,"jti":"x","iat":%d,"exp":%d}`, issuer, c.now().Unix(), c.now().Add(1000*time.Hour).Unix())
	raw := key.sign(t, key.header(), long)
	for _, step := range []struct {
		wait time.Duration
		want error
	}{{0, nil}, {time.Minute + 25*time.Hour - 1, nil}, {1, token.ErrInvalid}} {
		c.advance(step.wait)
		if _, err := k.Verify(t.Context(), raw); !errors.Is(err, step.want) {
			t.Errorf("after %v: %v, want %v", step.wait, err, step.want)
		}
		if err := k.CheckKey(t.Context(), key.ID); !errors.Is(err, step.want) {
			t.Errorf("CheckKey after %v: %v, want %v", step.wait, err, step.want)
		}
	}
}

// FuzzVerify: no text makes Verify panic, repeat what it was given, or let in what it should not.
func FuzzVerify(f *testing.F) {
	c := newClock()
	s := memory(f)
	k := replica(f, s, c)
	raw := mint(f, k, c)
	key := storedKeys(f, s)[0]
	f.Add(raw)
	f.Add(key.sign(f, key.header(), payload(c.now())))
	f.Add(key.sign(f, key.header(), `{"iss":"https://gate.example","exp":1e9,"aud":[{}]}`))
	f.Add(key.sign(f, `{"kid":"ag-0000000000000000"}`, payload(c.now())))
	f.Add("..")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := k.Verify(t.Context(), text)
		switch {
		case (err == nil) != (got != nil):
			t.Fatalf("got %v, %v", got, err)
		case err == nil && got.Issuer != issuer:
			t.Fatalf("took %q", text)
		case err != nil && !errors.Is(err, token.ErrInvalid) && !errors.Is(err, token.ErrNotOurs):
			t.Fatalf("got %v", err)
		}
	})
}

// FuzzSignedClaims does the same for what follows a good signature.
func FuzzSignedClaims(f *testing.F) {
	c := newClock()
	s := memory(f)
	k := replica(f, s, c)
	mint(f, k, c)
	key := storedKeys(f, s)[0]
	f.Add(payload(c.now()))
	f.Add(`{"iss":"https://gate.example","jti":"\u0041","iat":1,"exp":4102444800,"aud":["a","\n"],"x":null}`)
	f.Add(`{"iss":"","jti":"","exp":0}`)
	f.Fuzz(func(t *testing.T, claims string) {
		head := base64.RawURLEncoding.EncodeToString([]byte(key.header()))
		raw := key.sign(t, key.header(), claims)
		if !strings.HasPrefix(raw, head+".") || len(raw) > 16<<10 {
			return
		}
		got, err := k.Verify(t.Context(), raw)
		if err != nil {
			return
		}
		var want struct {
			Iss string
			Exp int64
		}
		if json.Unmarshal([]byte(claims), &want) != nil || got.Issuer != issuer || !got.Expiry.After(c.now()) || got.ID == "" {
			t.Fatalf("took %q as %+v", claims, got)
		}
	})
}
