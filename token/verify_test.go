package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/authgate/authgate/token"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, alg := range token.Algs() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			c := newClock()
			k := replica(t, memory(t), c, func(cfg *token.Config) { cfg.Alg = alg })
			expiry := c.now().Add(time.Hour)
			raw := mintClaims(t, k, token.Claims{
				Subject: "s", Audience: []string{"a", "b"}, ID: "id-1", Name: "n", Expiry: expiry,
				Extra: map[string]json.RawMessage{"claims": json.RawMessage(`{"sub":["x"]}`)},
			})
			got, err := k.Verify(t.Context(), raw)
			if err != nil {
				t.Fatal(err)
			}
			if got.Issuer != issuer || got.Subject != "s" || got.ID != "id-1" || got.Name != "n" || fmt.Sprint(got.Audience) != "[a b]" ||
				!got.Expiry.Equal(expiry) || !got.IssuedAt.Equal(c.now()) || string(got.Extra["claims"]) != `{"sub":["x"]}` || len(got.Extra) != 1 {
				t.Errorf("got %+v", got)
			}
			if again := mint(t, k, c); again == mint(t, k, c) {
				t.Error("two tokens are equal")
			}
			// Whoever knows the published key set can verify them too.
			if err := verifyByJWKS(t, k, raw); err != nil {
				t.Errorf("by the key set: %v", err)
			}
		})
	}
}

func TestMintRefuses(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := replica(t, memory(t), c)
	for name, claims := range map[string]token.Claims{
		"J7_no_expiry":    {},
		"X7_expired":      {Expiry: c.now()},
		"X7_too_long":     {Expiry: c.now().Add(24*time.Hour + time.Second)},
		"registered_name": {Expiry: c.now().Add(time.Minute), Extra: map[string]json.RawMessage{"exp": json.RawMessage("1")}},
		"J17_too_deep":    {Expiry: c.now().Add(time.Minute), Extra: map[string]json.RawMessage{"x": json.RawMessage(strings.Repeat("[", 20) + strings.Repeat("]", 20))}},
		"J17_too_large":   {Expiry: c.now().Add(time.Minute), Subject: strings.Repeat("x", 16<<10)},
		"J15_duplicate":   {Expiry: c.now().Add(time.Minute), Extra: map[string]json.RawMessage{"x": json.RawMessage(`{"a":1,"a":2}`)}},
		"no_JSON":         {Expiry: c.now().Add(time.Minute), Extra: map[string]json.RawMessage{"x": json.RawMessage("{")}},
	} {
		if raw, err := k.Mint(t.Context(), claims); err == nil || !raw.Empty() {
			t.Errorf("%s: minted", name)
		}
	}
}

// TestVerifyRefuses forges with all the means of somebody who knows everything but the keys, and of some
// who have one.
func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := replica(t, memory(t), c)
	raw := mint(t, k, c)
	kid := list(t, k)[0].ID
	parts := strings.Split(raw, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := c.now().Unix()
	good := fmt.Sprintf(`{"iss":%q,"jti":"x","iat":%d,"exp":%d,"aud":"config-1"}`, issuer, now, now+3600)
	header := func(more string) string { return `{"alg":"ES256","kid":"` + kid + `","typ":"JWT"` + more + `}` }
	forge := func(head, payload string) string {
		signed := b64([]byte(head)) + "." + b64([]byte(payload))
		signature, err := jwt.SigningMethodES256.Sign(signed, stranger)
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + b64(signature)
	}
	hmac := func(key any) string {
		signed := b64([]byte(strings.Replace(header(""), "ES256", "HS256", 1))) + "." + parts[1]
		signature, err := jwt.SigningMethodHS256.Sign(signed, key)
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + b64(signature)
	}
	jwks, err := k.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		raw  string
		want error
	}{
		"J1_none":               {b64([]byte(strings.Replace(header(""), "ES256", "none", 1))) + "." + parts[1] + ".", token.ErrInvalid},
		"J2_HS256_with_key_set": {hmac(jwks), token.ErrInvalid},
		"J2_HS256_with_nothing": {hmac([]byte{}), token.ErrInvalid},
		"J3_other_algorithm":    {b64([]byte(strings.Replace(header(""), "ES256", "EdDSA", 1))) + "." + parts[1] + "." + parts[2], token.ErrInvalid},
		"J4_key_in_header":      {forge(header(`,"jwk":{"kty":"EC"}`), good), token.ErrInvalid},
		"J5_unknown_kid":        {forge(strings.Replace(header(""), kid, "ag-0123456789abcdef", 1), good), token.ErrInvalid},
		"J5_strange_kid":        {forge(strings.Replace(header(""), kid, "../../etc/passwd", 1), good), token.ErrNotOurs},
		"J5_no_kid":             {forge(`{"alg":"ES256","typ":"JWT"}`, good), token.ErrNotOurs},
		"J6_crit":               {forge(header(`,"crit":["exp"]`), good), token.ErrInvalid},
		"J10_issuer_with_slash": {forge(header(""), strings.Replace(good, issuer, issuer+"/", 1)), token.ErrNotOurs},
		"J11_other_issuer":      {forge(header(""), strings.Replace(good, issuer, "https://other.example", 1)), token.ErrNotOurs},
		"J13_at_jwt":            {forge(strings.Replace(header(""), `"JWT"`, `"at+jwt"`, 1), good), token.ErrInvalid},
		"J15_duplicate_claim":   {forge(header(""), strings.Replace(good, `"jti"`, `"sub":"a","sub":"b","jti"`, 1)), token.ErrInvalid},
		"J15_duplicate_issuer":  {forge(header(""), `{"iss":"x",`+good[1:]), token.ErrInvalid},
		"J15_duplicate_header":  {forge(header(`,"alg":"none"`), good), token.ErrNotOurs},
		"J17_large":             {raw + strings.Repeat("A", 16<<10), token.ErrNotOurs},
		"J17_dots":              {strings.Repeat(".", 5000), token.ErrNotOurs},
		"stranger_s_signature":  {forge(header(""), good), token.ErrInvalid},
		"signature_of_another":  {parts[0] + "." + b64([]byte(good)) + "." + parts[2], token.ErrInvalid},
		"no_signature":          {parts[0] + "." + parts[1] + ".", token.ErrInvalid},
		"line_break":            {raw[:10] + "\n" + raw[10:], token.ErrNotOurs},
		"padded":                {parts[0] + "." + parts[1] + "=." + parts[2], token.ErrNotOurs},
		"opaque":                {"sha256~abc", token.ErrNotOurs},
		"empty":                 {"", token.ErrNotOurs},
		"expired_to_the_second": {mintClaims(t, k, token.Claims{Expiry: c.now().Add(time.Second)}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := k.Verify(t.Context(), tt.raw)
			if !errors.Is(err, tt.want) || (err == nil) != (got != nil) {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "config-1") {
				t.Errorf("the error holds a claim: %v", err)
			}
		})
	}
	t.Run("J7_J8_no_leeway", func(t *testing.T) {
		c := newClock()
		k := replica(t, memory(t), c)
		raw := mintClaims(t, k, token.Claims{NotBefore: c.now().Add(time.Minute), Expiry: c.now().Add(2 * time.Minute)})
		for _, step := range []struct {
			wait time.Duration
			ok   bool
		}{{0, false}, {time.Minute - 1, false}, {1, true}, {time.Minute - 1, true}, {1, false}} {
			c.advance(step.wait)
			if _, err := k.Verify(t.Context(), raw); (err == nil) != step.ok {
				t.Errorf("at %v: %v", c.now(), err)
			}
		}
	})
}
