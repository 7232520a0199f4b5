package authn_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// FuzzToken: no text panics, passes without a right signature, or gets an error without an outcome.
func FuzzToken(f *testing.F) {
	idp := authntest.New(f, authntest.WithAlg("EdDSA"))
	s := newIssuers(f, newIssuer(f, idp))
	good := idp.Token(f, nil)
	mustPass(f, s, good)
	for _, seed := range []string{
		good, good + "\n", good + ".", good[:len(good)-1], "", ".", "..", "a.b.c", "sha256~x",
		b64(`{"alg":"none"}`) + "." + b64(`{"iss":"`+idp.URL+`"}`) + ".",
		b64(`{"alg":"EdDSA","kid":"key-1","crit":["exp"]}`) + "." + strings.SplitN(good, ".", 2)[1],
		b64(`{"alg":"EdDSA","alg":"none","kid":"key-1"}`) + "." + strings.SplitN(good, ".", 2)[1],
		strings.Repeat("a", 20000), b64(strings.Repeat("[", 100)) + ".e30.YQ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, err := s.Authenticate(t.Context(), bearer(token))
		if err == nil && (p == nil || token != good) {
			t.Fatalf("token %q passed", token)
		}
		if err != nil && !errors.Is(err, authn.ErrRejected) && !errors.Is(err, authn.ErrNotMine) {
			t.Fatalf("got %v, want rejected or not mine", err)
		}
	})
}

// FuzzClaims signs any payload: what passes must be what encoding/json reads from it, too.
func FuzzClaims(f *testing.F) {
	idp := authntest.New(f, authntest.WithAlg("EdDSA"))
	s, err := authn.NewIssuers([]*authn.Issuer{newIssuer(f, idp)}, nil)
	if err != nil {
		f.Fatal(err)
	}
	valid, err := json.Marshal(idp.Claims(map[string]any{"roles": []string{"a"}, "x": map[string]any{"y": 1.5, "z": []any{true, "t"}}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(valid))
	for _, extra := range []string{
		`"sub":"admin"`, `"\u0073ub":"admin"`, `"a.b":1,"a":{"b":2}`, `"a":{"":{"":[{},[],null]}}`, `"esc":"\ud834\udd1e\"\\\/\b"`,
		`"email":"a@b","email_verified":true`, `"exp":1e400`, `"nbf":"1"`, `"aud":[]`, ` "sp" : [ 1 , 2 ] `, `"n":-0.0e-1`,
	} {
		f.Add(strings.TrimSuffix(string(valid), "}") + "," + extra + "}")
	}
	f.Fuzz(func(t *testing.T, payload string) {
		p, err := s.Authenticate(t.Context(), bearer(idp.Token(t, nil, authntest.RawPayload(payload))))
		if err != nil {
			return
		}
		var claims map[string]any
		if err := json.Unmarshal([]byte(payload), &claims); err != nil {
			t.Fatalf("payload %q passed, which is no JSON: %v", payload, err)
		}
		if p.ID != claims["sub"] || p.Issuer != claims["iss"] || !utf8.ValidString(p.ID) {
			t.Fatalf("payload %q: got subject %q of %q", payload, p.ID, p.Issuer)
		}
		again := map[string][]string{}
		for name, values := range p.Attrs.All() {
			again[name] = slices.Collect(values)
		}
		if authn.NewAttrs(again) != p.Attrs {
			t.Fatalf("payload %q: the claims are packed otherwise than by NewAttrs", payload)
		}
		for name, want := range claims {
			switch want := want.(type) {
			case string:
				if name != "email" && p.Attrs.First(name) != want {
					t.Fatalf("payload %q: claim %q is %q, want %q", payload, name, p.Attrs.First(name), want)
				}
			case bool:
				if got := p.Attrs.First(name) == "true"; got != want {
					t.Fatalf("payload %q: claim %q is %q, want %t", payload, name, p.Attrs.First(name), want)
				}
			}
		}
	})
}

// knownKeys are the public keys printed in RFC 7517 appendix A.1 and RFC 8037 appendix A.2.
const knownKeys = `{"keys":[
{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"ec"},
{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"rsa"},
{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","key_ops":["verify"],"kid":"ed"}]}`

// FuzzJWKS: no key set panics, and none without a usable key is taken.
func FuzzJWKS(f *testing.F) {
	all := []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"}
	if kids, err := authn.ParseJWKS([]byte(knownKeys), all); err != nil || len(kids) != 3 {
		f.Fatalf("got keys %q and %v, want three", kids, err)
	}
	for _, seed := range []string{
		knownKeys, `{}`, `{"keys":[]}`, `{"keys":[{}]}`, `{"keys":null}`, `[]`, `null`, `{"keys":[{"kty":"oct","kid":"a","k":"AA"}]}`,
		`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQ"}]}`, `{"keys":[{"kty":"EC","kid":"a","crv":"P-256","x":"AA","y":"AA"}]}`,
		`{"keys":[{"kty":"OKP","kid":"a","crv":"Ed25519","x":""}]}`, `{"keys":[{"kty":"EC","kid":"a","crv":"P-521","x":5}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kids, err := authn.ParseJWKS(data, all)
		if err != nil {
			return
		}
		if len(kids) == 0 || slices.Contains(kids, "") || !json.Valid(data) {
			t.Fatalf("set %q was taken with keys %q", data, kids)
		}
		slices.Sort(kids)
		if len(slices.Compact(kids)) != len(kids) {
			t.Fatalf("set %q: one kid twice in %q", data, kids)
		}
	})
}
